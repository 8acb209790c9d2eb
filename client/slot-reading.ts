/** What items of the slots table say, to whoever reads them. */
import type { Booking } from '../functions/core/booking-status.ts';
import { type EffectiveSlotState, effectiveSlotState, type Slot, slotByOwner } from '../functions/core/slots.ts';
import { SLOT_ATTRIBUTES } from '../functions/table/shape.ts';
import { readSlot } from '../functions/table/slot-items.ts';
import { type Attributes, storedIn } from './values.ts';

/** A slot by a clock. */
export interface SlotState {
  readonly slotId: string;
  /** FREE: it can be claimed. HELD: until `heldUntilMs`. TAKEN: its booking is confirmed. */
  readonly state: EffectiveSlotState;
  /** The booking that has it; absent if it is FREE. */
  readonly bookingId?: string;
  /** When its hold lapses, epoch ms; HELD only. */
  readonly heldUntilMs?: number;
}

/** One slot from its item, in either form; undefined if there is none. */
export const slotFrom = (slotId: string, item: Attributes | undefined): Slot => {
  if (item === undefined) return readSlot(slotId, undefined);
  const stored = Object.values(SLOT_ATTRIBUTES).map((name) => [name, storedIn(item, name)] as const);
  return readSlot(slotId, Object.fromEntries(stored));
};

export const readSlots = (
  slotIds: readonly string[],
  items: readonly Attributes[],
  owners: readonly Booking[],
  nowMs: number,
): SlotState[] => {
  const byId = new Map(items.map((item) => [storedIn(item, SLOT_ATTRIBUTES.slotId)?.S, item]));
  return slotIds.map((slotId) => {
    const slot = slotFrom(slotId, byId.get(slotId));
    const hasLapsed = slot.state === 'HELD' && effectiveSlotState(slot, nowMs) === 'FREE';
    const owner = owners.find(({ bookingId }) => bookingId === slot.bookingId);
    return slotStateOf(hasLapsed ? slotByOwner(slot, owner, nowMs) : slot, nowMs);
  });
};

const slotStateOf = (slot: Slot, nowMs: number): SlotState => {
  const { slotId, bookingId, heldUntilMs } = slot;
  const state = effectiveSlotState(slot, nowMs);
  return {
    slotId,
    state,
    ...(state !== 'FREE' && bookingId !== undefined && { bookingId }),
    ...(state === 'HELD' && heldUntilMs !== undefined && { heldUntilMs }),
  };
};
