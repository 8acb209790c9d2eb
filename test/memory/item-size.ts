/** How large an item is, by AWS's rules (Amazon DynamoDB Developer Guide, item sizes). */
import type { AttributeValue } from '@aws-sdk/client-dynamodb';

/** Most bytes of an item (Amazon DynamoDB Developer Guide, Quotas). */
export const MAX_ITEM_BYTES = 409_600;

/** Bytes of an item: its names and its values. */
export const itemBytes = (item: Readonly<Record<string, AttributeValue>>): number =>
  Object.entries(item)
    // The SDK may lose the value of an attribute that is named __proto__.
    .filter(([, value]) => value !== undefined)
    .reduce((sum, [name, value]) => sum + Buffer.byteLength(name) + valueBytes(value), 0);

const valueBytes = (value: AttributeValue): number => {
  if (value.S !== undefined) return Buffer.byteLength(value.S);
  if (value.N !== undefined) return numberBytes(value.N);
  if (value.B !== undefined) return value.B.length;
  if (value.BOOL !== undefined || value.NULL !== undefined) return 1;
  if (value.SS !== undefined) return value.SS.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  if (value.NS !== undefined) return value.NS.reduce((sum, number) => sum + numberBytes(number), 0);
  if (value.BS !== undefined) return value.BS.reduce((sum, { length }) => sum + length, 0);
  if (value.L !== undefined) return 3 + value.L.reduce((sum, each) => sum + 1 + valueBytes(each), 0);
  return (
    3 +
    Object.entries(value.M ?? {}).reduce((sum, [name, each]) => sum + 1 + Buffer.byteLength(name) + valueBytes(each), 0)
  );
};

/** One byte, and one for every two significant digits; a sign takes one more. */
const numberBytes = (number: string): number => {
  const [mantissa = ''] = number.split(/e/i);
  const significant = mantissa.replace(/[-+.]/g, '').replace(/^0+|0+$/g, '');
  return 1 + Math.ceil(significant.length / 2) + (number.startsWith('-') ? 1 : 0);
};

/** What an UpdateItem counts beside the item: for itself, for each attribute that it sets, and for each that it removes. */
const UPDATE_BYTES = 3;
const SET_BYTES = 19;
const REMOVE_BYTES = 2;

/**
 * What an UpdateItem counts: the item after it without its key, and what it does. It takes what is within MAX_ITEM_BYTES by
 * this count and by that of `itemBytes`, so of an item with a short key less than PutItem does. A statement counts as PutItem
 * does. AWS says nothing of it; the authors of the embedded engine have measured it of DynamoDB.
 *
 * @param sets how many attributes it sets
 * @param removes how many it removes, whether they are there or not
 */
export const updateBytes = (
  after: Readonly<Record<string, AttributeValue>>,
  keyNames: readonly string[],
  sets: number,
  removes: number,
): number => {
  const others = Object.fromEntries(Object.entries(after).filter(([name]) => !keyNames.includes(name)));
  return itemBytes(others) + UPDATE_BYTES + SET_BYTES * sets + REMOVE_BYTES * removes;
};
