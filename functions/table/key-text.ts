/** The key of an item as one text: what logs, timers and the choice of a shard call the item by. */
import { plainDecimal } from '../core/decimal.ts';
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

const textOf = (
  { name, type }: KeyAttribute,
  item: Readonly<Record<string, StoredValue | undefined>>,
): string | undefined => {
  const value = Object.hasOwn(item, name) ? item[name] : undefined;
  if (type === 'S') return value?.S;
  return value?.N === undefined ? undefined : plainDecimal(value.N);
};
