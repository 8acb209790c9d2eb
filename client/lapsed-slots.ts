/**
 * Slots whose hold has lapsed. They are free, but for one thing: a program that knows nothing of slots may have extended or settled
 * the booking, and left its slots as they were. So their booking is asked first, and marked if nobody has done that yet: then no
 * payment that is still on its way can land any more.
 */
import type { Booking } from '../functions/core/booking-status.ts';
import { effectiveSlotState, type Slot, slotByOwner } from '../functions/core/slots.ts';
import { BOOKINGS_SHAPE, SLOT_ATTRIBUTES } from '../functions/table/shape.ts';
import { isAsSeenFree, isOwnHold, type SlotCondition } from '../functions/table/slot-items.ts';
import { InvalidMoveError } from './input.ts';
import { deadlineIn, statusOf } from './reading.ts';
import { slotIdsIn } from './slot-ids.ts';
import { slotFrom } from './slot-reading.ts';
import { SlotsTakenError } from './slots-refusal.ts';
import { type Attributes, shown, storedIn } from './values.ts';

/** A slot whose hold has lapsed, and the booking that held it, both as they were read. */
export interface LapsedSlot {
  /** The slot's item. */
  readonly slot: Attributes;
  /** The booking that it names, read after it, consistently, and marked as EXPIRED if it was PENDING. @default - it is gone */
  readonly owner?: Attributes | undefined;
}

/** A booking as its slots see it; undefined if it is gone. */
export const ownerFrom = (item: Attributes | undefined): Booking | undefined => {
  const bookingId = item && storedIn(item, BOOKINGS_SHAPE.key.partition.name)?.S;
  const status = item && statusOf(BOOKINGS_SHAPE, item);
  if (item === undefined || bookingId === undefined || status === undefined) return undefined;
  const deadline = deadlineIn(BOOKINGS_SHAPE, item);
  const slotIds = slotIdsIn(item);
  return {
    bookingId,
    status,
    ...(deadline.valid && { expiresAtMs: deadline.expiresAtMs }),
    ...(slotIds && { slotIds }),
  };
};

/** Whether there was a hold of a slot, which is over. */
export const isLapsed = (slot: Slot, nowMs: number): boolean =>
  slot.state !== undefined && effectiveSlotState(slot, nowMs) === 'FREE';

/**
 * On what condition each slot may be claimed: nobody has it, or it is this booking's own, or it is exactly as it was when its hold
 * had lapsed and its booking had no more to say.
 *
 * @throws SlotsTakenError if one is another booking's; InvalidMoveError for what cannot be
 */
export const claimConditions = (
  move: string,
  slotIds: readonly string[],
  owner: string,
  lapsed: readonly LapsedSlot[],
  nowMs: number,
): ((slotId: string) => SlotCondition) => {
  if (!Array.isArray(lapsed)) throw new InvalidMoveError(`${move}: lapsed must be a list, got ${shown(lapsed)}`);
  const byId = new Map<string, SlotCondition>();
  const taken: Slot[] = [];
  for (const [index, each] of lapsed.entries()) {
    const where = `${move}: lapsed[${index}]`;
    const slot = slotOf(where, each?.slot, slotIds);
    const found = ownerFrom(each.owner);
    if (each.owner !== undefined && found?.bookingId !== slot.bookingId) {
      throw new InvalidMoveError(
        `${where}.owner must be the booking ${shown(slot.bookingId)}, got ${shown(each.owner)}`,
      );
    }
    const now = isLapsed(slot, nowMs) ? slotByOwner(slot, found, nowMs) : slot;
    if (effectiveSlotState(now, nowMs) !== 'FREE') taken.push(now);
    else if (found?.status === 'PENDING' && found.slotIds?.includes(slot.slotId)) {
      throw new InvalidMoveError(`${where}.owner must be marked as EXPIRED first, by expire, got PENDING`);
    }
    byId.set(slot.slotId, isAsSeenFree(storedSlot(each.slot)));
  }
  if (taken.length > 0) throw new SlotsTakenError(move, taken);
  return (slotId) => byId.get(slotId) ?? [...isAsSeenFree(undefined), ...isOwnHold(owner)];
};

const slotOf = (where: string, item: unknown, slotIds: readonly string[]): Slot => {
  const isItem = typeof item === 'object' && item !== null && !Array.isArray(item);
  const slotId = isItem ? storedIn(item as Attributes, SLOT_ATTRIBUTES.slotId)?.S : undefined;
  if (slotId !== undefined && slotIds.includes(slotId)) return slotFrom(slotId, item as Attributes);
  throw new InvalidMoveError(
    `${where}.slot must be the item of a slot that is wanted (${slotIds.join(', ')}), got ${shown(item)}`,
  );
};

/** What conditions compare with, in the form of the DynamoDB API. */
const storedSlot = (item: Attributes) =>
  Object.fromEntries(Object.values(SLOT_ATTRIBUTES).map((name) => [name, storedIn(item, name)]));
