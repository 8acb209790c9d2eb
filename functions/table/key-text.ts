/** The key of an item as one text: what logs, timers, events and the choice of a shard call the item by. */
import { exactNumber, plainDecimal } from '../core/decimal.ts';
import type { StoredValue } from './deadline.ts';
import type { KeyAttribute, TableShape } from './shape.ts';

/**
 * A text that no other item of the table has. A partition key alone is its own text: text as it is, a number in plain
 * decimal digits. With a sort key it is a JSON array of both texts, without spaces: `["concert-7","A-12"]`.
 *
 * @param item an item, or its key, as the DynamoDB API has it
 * @returns undefined if an attribute of the key is missing, or of another type than the table's
 */
export const keyText = (
  { key }: Pick<TableShape, 'key'>,
  item: Readonly<Record<string, StoredValue | undefined>>,
): string | undefined => {
  const partition = textOf(key.partition, item);
  if (key.sort === undefined || partition === undefined) return partition;
  const sort = textOf(key.sort, item);
  return sort === undefined ? undefined : JSON.stringify([partition, sort]);
};

/** A key as the DynamoDB API takes it. */
export type Key = Readonly<Record<string, { readonly S: string } | { readonly N: string }>>;

/** Most bytes of a partition key's text and of a sort key's (Amazon DynamoDB Developer Guide, Quotas). */
const MAX_PARTITION_BYTES = 2_048;
const MAX_SORT_BYTES = 1_024;

/** The key whose text this is; undefined if it is none of this shape. */
export const keyOfText = ({ key: { partition, sort } }: TableShape, text: string): Key | undefined => {
  if (sort === undefined) return attributeOfText(partition, text, MAX_PARTITION_BYTES);
  const parts = parsed(text);
  if (!Array.isArray(parts) || parts.length !== 2) return undefined;
  const first = attributeOfText(partition, parts[0], MAX_PARTITION_BYTES);
  const second = attributeOfText(sort, parts[1], MAX_SORT_BYTES);
  return first && second && { ...first, ...second };
};

/** The names and plain values of an item's key; undefined where its text alone says as much. */
export const plainKey = (
  { key }: TableShape,
  item: Readonly<Record<string, StoredValue | undefined>>,
): Record<string, string | number> | undefined => {
  const { partition, sort } = key;
  if (sort === undefined && partition.type === 'S') return undefined;
  return Object.fromEntries(
    [partition, ...(sort ? [sort] : [])].map((attribute) => {
      const text = textOf(attribute, item) ?? '';
      // A number that JSON readers could not hold exactly is given as text.
      return [attribute.name, (attribute.type === 'N' ? exactNumber(text) : undefined) ?? text];
    }),
  );
};

const attributeOfText = ({ name, type }: KeyAttribute, text: unknown, maxBytes: number): Key | undefined => {
  if (typeof text !== 'string' || text === '') return undefined;
  if (type === 'S') return new TextEncoder().encode(text).length > maxBytes ? undefined : { [name]: { S: text } };
  const digits = plainDecimal(text);
  return digits === undefined ? undefined : { [name]: { N: digits } };
};

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

const textOf = (
  { name, type }: KeyAttribute,
  item: Readonly<Record<string, StoredValue | undefined>>,
): string | undefined => {
  const value = Object.hasOwn(item, name) ? item[name] : undefined;
  if (type === 'S') return value?.S;
  return value?.N === undefined ? undefined : plainDecimal(value.N);
};
