/**
 * Values of attributes in the two forms that applications meet: plain, as the DocumentClient gives them, and as the DynamoDB
 * API has them (`{ S: 'reserved' }`), in stream records and in the items of errors. Items are read in either form.
 */
import { exactNumber, plainDecimal } from '../functions/core/decimal.ts';
import type { StoredValue } from '../functions/table/deadline.ts';

/** An item, or a part of one, in either form. */
export type Attributes = Readonly<Record<string, unknown>>;

const TYPES = new Set(['S', 'N', 'B', 'BOOL', 'NULL', 'M', 'L', 'SS', 'NS', 'BS']);

/** What the API has for an attribute; undefined if the item has none. What is neither text nor a number keeps its type alone. */
export const storedIn = (item: Attributes, name: string): StoredValue | undefined =>
  Object.hasOwn(item, name) ? storedOf(item[name]) : undefined;

const storedOf = (value: unknown): StoredValue | undefined => {
  switch (typeof value) {
    case 'undefined':
      return undefined;
    case 'string':
      return { S: value };
    case 'number':
    case 'bigint':
      return { N: String(value) };
    case 'boolean':
      return { BOOL: value } as StoredValue;
    case 'object':
      return value === null ? ({ NULL: true } as StoredValue) : storedObject(value);
    default:
      return { [typeof value]: true } as StoredValue;
  }
};

const storedObject = (value: object): StoredValue => {
  if (isWrappedNumber(value)) return value.toAttributeValue();
  if (isApiForm(value)) return value;
  return { [Array.isArray(value) ? 'L' : 'M']: true } as StoredValue;
};

/** A number that the DocumentClient has read with `wrapNumbers`: it has all its digits. */
const isWrappedNumber = (value: object): value is { toAttributeValue(): { readonly N: string } } =>
  'toAttributeValue' in value && typeof value.toAttributeValue === 'function';

const isApiForm = (value: object): value is StoredValue => {
  const [[type, inner] = [], ...others] = Object.entries(value).filter(([, each]) => each !== undefined);
  if (type === undefined || others.length > 0 || !TYPES.has(type)) return false;
  return (type !== 'S' && type !== 'N') || typeof inner === 'string';
};

/**
 * A text or a number as the DocumentClient takes it, for a condition of equality; undefined where it takes none that is
 * exactly this one: a number of more digits than JavaScript holds, and any other type.
 */
export const plainIn = (item: Attributes, name: string): unknown => {
  const value = Object.hasOwn(item, name) ? item[name] : undefined;
  if (typeof value !== 'object' || value === null) return typeof value === 'function' ? undefined : value;
  if (isWrappedNumber(value)) return value;
  const { S, N } = storedObject(value);
  return N === undefined ? S : exactNumber(N);
};

/**
 * A value in either form, plain as far as JSON goes: texts, numbers, truth values, null, and lists and maps of such. Undefined for
 * what holds anything else.
 */
export const plainOf = (value: unknown): unknown => {
  if (typeof value === 'function' || typeof value === 'undefined') return undefined;
  if (typeof value !== 'object' || value === null || isWrappedNumber(value)) return value;
  if (Array.isArray(value)) return listOf(value);
  if (!isApiForm(value)) return mapOf(value);
  const { S, N, BOOL, NULL, L, M } = value as StoredValue & Record<'BOOL' | 'NULL' | 'L' | 'M', unknown>;
  if (S !== undefined) return S;
  if (N !== undefined) return exactNumber(N);
  if (BOOL !== undefined) return BOOL;
  if (NULL !== undefined) return null;
  if (Array.isArray(L)) return listOf(L);
  return typeof M === 'object' && M !== null ? mapOf(M) : undefined;
};

const listOf = (values: readonly unknown[]): unknown[] | undefined => {
  const plain = values.map(plainOf);
  return plain.includes(undefined) ? undefined : plain;
};

const mapOf = (members: object): Record<string, unknown> | undefined => {
  // A set, bytes or a class of somebody’s own is no map.
  if (Object.getPrototypeOf(members) !== Object.prototype && Object.getPrototypeOf(members) !== null) return undefined;
  const plain = Object.entries(members).map(([name, value]) => [name, plainOf(value)] as const);
  return plain.some(([, value]) => value === undefined) ? undefined : Object.fromEntries(plain);
};

/** Whether an attribute of an item is a text, a number, a truth value or null that is the same as a plain one. */
export const isSame = (item: Attributes, name: string, plain: unknown): boolean => {
  const [found, wanted] = [storedIn(item, name), storedOf(plain)];
  return found !== undefined && wanted !== undefined && comparable(found) === comparable(wanted);
};

const comparable = (value: StoredValue): string =>
  JSON.stringify(value.N === undefined ? value : { N: plainDecimal(value.N) ?? value.N });

/** A value for a message, cut so that it does not fill a log line. */
export const shown = (value: unknown): string => {
  const text = JSON.stringify(value, (_, each) => (typeof each === 'bigint' ? String(each) : each)) ?? 'nothing';
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
};
