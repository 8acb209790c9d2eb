/** A new booking as an item of the bookings table. */
import type { NewBooking } from '../api/ports.ts';
import { type Item, type Json, jsonAttribute } from '../table/item.ts';
import { BOOKINGS_SHAPE, OWN_ATTRIBUTES } from '../table/shape.ts';

/**
 * @param expiresAtMs its deadline, epoch ms
 * @param shard of the index that it waits in
 * @param nowMs when it is created, and its hold starts, epoch ms
 */
export const newItem = (
  { bookingId, requestHash, customerId, details, slotIds = [] }: NewBooking,
  expiresAtMs: number,
  shard: number,
  nowMs: number,
): Item => {
  const { key, status, deadline, attributes } = BOOKINGS_SHAPE;
  return {
    [key.partition.name]: { S: bookingId },
    [status.attribute]: { S: 'PENDING' },
    [deadline.attribute]: { N: String(expiresAtMs) },
    [attributes.holdStartedAtMs]: { N: String(nowMs) },
    [attributes.pendingShard]: { N: String(shard) },
    [OWN_ATTRIBUTES.createdAtMs]: { N: String(nowMs) },
    ...(requestHash && { [OWN_ATTRIBUTES.requestHash]: { S: requestHash } }),
    ...(customerId !== undefined && {
      [OWN_ATTRIBUTES.listedFor]: { S: customerId },
      [OWN_ATTRIBUTES.listedAtMs]: { N: String(nowMs) },
    }),
    ...(slotIds.length > 0 && { [OWN_ATTRIBUTES.slotIds]: { L: slotIds.map((S) => ({ S })) } }),
    ...(details && { [OWN_ATTRIBUTES.details]: jsonAttribute(details as Json) }),
  };
};
