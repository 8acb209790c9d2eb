/** What has room for its expiry. An item without stays PENDING in the table, and is reported EXPIRED. */
import { attributeOf, type Item } from '../../functions/table/item.ts';
import { hasOwnIndexKey } from '../../functions/table/shape.ts';
import { itemBytes, MAX_ITEM_BYTES, updateBytes } from '../memory/item-size.ts';
import type { TableOfAMake } from '../support/five-tables.ts';
import { isOurs } from './owner.ts';

/** Whether an expiry fits into an item that changes nothing of it but what it must. */
export const hasRoomToExpire = (make: TableOfAMake, item: Item): boolean => {
  const { key, status, attributes, onExpire } = make.shape;
  const set = {
    [status.attribute]: { S: status.expired },
    ...Object.fromEntries(Object.entries(onExpire.set).map(([name, value]) => [name, attributeOf(value)])),
  };
  const removed = [
    attributes.pendingShard,
    ...(hasOwnIndexKey(make.shape) ? [attributes.expiresAtMs] : []),
    // Items of others may be held again.
    ...(isOurs(make) ? [] : [attributes.holdStartedAtMs]),
    ...onExpire.remove,
  ];
  const kept = Object.fromEntries(Object.entries(item).filter(([name]) => !removed.includes(name)));
  const after = { ...kept, ...set };
  // The embedded engine takes no statement that removes several attributes. Then it is an update that must fit.
  const isUpdate = removed.length > 1;
  const keyNames = [key.partition.name, ...(key.sort ? [key.sort.name] : [])];
  const countedBytes = isUpdate ? updateBytes(after, keyNames, Object.keys(set).length, removed.length) : 0;
  return Math.max(itemBytes(after), countedBytes) <= MAX_ITEM_BYTES;
};
