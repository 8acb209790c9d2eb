/**
 * Slots: what can be booked once at a time, such as a seat at one performance. A slot has one owner, the booking that claims
 * it, and every move of that booking is conditional on it. So no two bookings have a slot at once, by whatever clocks.
 *
 * Nothing marks a slot when its hold lapses: it is free from that millisecond on because everybody reads it so. Where that
 * has come, its booking has the last word: another program may have extended or settled it, and left its slots as they were.
 */
import { type Booking, effectiveStatus } from './booking-status.ts';

/** Most slots of one booking. One transaction writes them and the booking. */
export const MAX_SLOTS = 50;
/** Longest id of a slot, in bytes of UTF-8. DynamoDB takes keys of 2,048 (Amazon DynamoDB Developer Guide, Quotas). */
export const MAX_SLOT_ID_BYTES = 512;
/** Most slots that are looked up at once: keys of one BatchGetItem (Amazon DynamoDB API Reference). */
export const MAX_LOOKUP = 100;

/** What is stored of a slot. HELD: until a time. TAKEN: its booking is confirmed. */
export const SLOT_STATES = ['HELD', 'TAKEN'] as const;
/** What a slot is to whoever wants it. */
export const EFFECTIVE_SLOT_STATES = ['FREE', ...SLOT_STATES] as const;
export type EffectiveSlotState = (typeof EFFECTIVE_SLOT_STATES)[number];

/** A slot as it was read. Anybody may have written the item: what makes no sense is left out. */
export interface Slot {
  readonly slotId: string;
  /** The booking that claims it; absent where no item is, and where its item does not say. */
  readonly bookingId?: string;
  /** As stored; absent where no item is. An item without a state that we know counts as TAKEN: nobody may claim it. */
  readonly state?: 'HELD' | 'TAKEN';
  /** When its hold lapses, epoch ms; absent for one that is TAKEN, and where its item does not say. */
  readonly heldUntilMs?: number;
}

/** What a slot is by a clock: FREE from the millisecond on at which its hold lapses. */
export const effectiveSlotState = ({ state, heldUntilMs }: Slot, nowMs: number): EffectiveSlotState => {
  if (state === undefined) return 'FREE';
  return state === 'HELD' && heldUntilMs !== undefined && heldUntilMs <= nowMs ? 'FREE' : state;
};

/**
 * A slot whose hold has lapsed, as the booking that it was of has it.
 *
 * @param owner the booking as it is now; undefined if there is none
 */
export const slotByOwner = (slot: Slot, owner: Booking | undefined, nowMs: number): Slot => {
  const { slotId, bookingId } = slot;
  const free = { slotId };
  if (bookingId === undefined || !owner?.slotIds?.includes(slotId)) return free;
  const status = effectiveStatus(owner, nowMs);
  if (status === 'EXPIRED' || status === 'CANCELLED') return free;
  if (status !== 'PENDING') return { slotId, bookingId, state: 'TAKEN' };
  return {
    slotId,
    bookingId,
    state: 'HELD',
    ...(owner.expiresAtMs !== undefined && { heldUntilMs: owner.expiresAtMs }),
  };
};
