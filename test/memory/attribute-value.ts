/** Attribute values as DynamoDB takes, keeps and compares them. */
import { isDeepStrictEqual } from 'node:util';
import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { compareDecimals, plainDecimal } from '../../functions/core/decimal.ts';
import type { Item } from '../../functions/table/item.ts';

/** Thrown for what DynamoDB refuses to take, under the name that it gives such errors. */
export class ValidationException extends Error {
  override readonly name = 'ValidationException';
  /** As the SDK marks the answers of a service. */
  readonly $metadata = { httpStatusCode: 400, attempts: 1 };
}

/** Most significant digits of a number, and the exponents of the largest and smallest (same guide, data types). */
const MAX_DIGITS = 38;
const MAX_EXPONENT = 125;
const MIN_EXPONENT = -130;

/**
 * A value as DynamoDB keeps it: numbers in their shortest form, sets without an order.
 *
 * @throws ValidationException if it takes no such value
 */
export const kept = (value: AttributeValue): AttributeValue => {
  if (value.N !== undefined) return { N: keptNumber(value.N) };
  if (value.NS !== undefined) return { NS: keptSet(value.NS.map(keptNumber)) };
  if (value.SS !== undefined) return { SS: keptSet(value.SS) };
  if (value.BS !== undefined) return { BS: keptSet(value.BS) };
  if (value.L !== undefined) return { L: value.L.map(kept) };
  if (value.M !== undefined) return { M: keptItem(value.M) };
  return value;
};

/** All attributes of an item as DynamoDB keeps them. */
export const keptItem = (item: Item): Record<string, AttributeValue> =>
  Object.fromEntries(Object.entries(item).map(([name, value]) => [name, kept(value)]));

const keptNumber = (text: string): string => {
  const plain = plainDecimal(text);
  if (plain === undefined) throw new ValidationException(`cannot be converted to a numeric value: ${text}`);
  const { significant, exponent } = scaleOf(plain);
  if (significant > MAX_DIGITS) throw new ValidationException(`more than ${MAX_DIGITS} significant digits: ${text}`);
  if (significant > 0 && exponent > MAX_EXPONENT) throw new ValidationException(`number overflow: ${text}`);
  if (significant > 0 && exponent < MIN_EXPONENT) throw new ValidationException(`number underflow: ${text}`);
  return plain;
};

/** How many digits of a plain number say something, and the power of ten of the first of them. */
const scaleOf = (plain: string): { readonly significant: number; readonly exponent: number } => {
  const [whole = '', fraction = ''] = plain.replace('-', '').split('.');
  const digits = (whole + fraction).replace(/^0+/, '');
  return {
    significant: digits.replace(/0+$/, '').length,
    exponent: digits.length - fraction.length - 1,
  };
};

const keptSet = <T extends string | Uint8Array>(members: readonly T[]): T[] => {
  if (members.length === 0) throw new ValidationException('a set may not be empty');
  if (new Set(members.map(String)).size < members.length) {
    throw new ValidationException('a set may not hold anything twice');
  }
  return [...members].sort((one, other) => (String(one) < String(other) ? -1 : 1));
};

/** Whether two kept values are the same. Values of different types never are. */
export const isSame = (one: AttributeValue | undefined, other: AttributeValue | undefined): boolean => {
  if (one?.S !== undefined) return one.S === other?.S;
  if (one?.N !== undefined) return one.N === other?.N;
  // The SDK's values may have members that are undefined, and any prototype.
  return isDeepStrictEqual(structuredClone(one), structuredClone(other));
};

/** Whether two kept items are the same. */
export const isSameItem = (one: Item, other: Item): boolean => {
  const names = Object.keys(one);
  return names.length === Object.keys(other).length && names.every((name) => isSame(one[name], other[name]));
};

/** Below zero if a number is smaller than another, above if larger, zero if they are the same; exact to the last digit. */
export const compareNumbers = (one: string, other: string): number => {
  if (one === other) return 0;
  // So many digits a JavaScript number holds exactly.
  if (one.length <= 15 && other.length <= 15) return Number(one) - Number(other);
  return compareDecimals(one, other);
};

/** Some attributes of an item: those that it has. */
export const only = (item: Item, names: readonly string[]): Item =>
  Object.fromEntries(names.flatMap((name) => (item[name] === undefined ? [] : [[name, item[name]]])));
