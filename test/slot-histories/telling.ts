/** Answers of the store as the truth has them. */
import type { CreateOutcome, DeleteOutcome } from '../../functions/api/ports.ts';
import { type Booking, effectiveStatus, type MoveOutcome } from '../../functions/core/booking-status.ts';
import { effectiveSlotState, type Slot } from '../../functions/core/slots.ts';
import type { Told } from './truth.ts';

type OfBooking = Extract<Told, { status: string }>['kind'];

export const tellBooking = (kind: OfBooking, booking: Booking, nowMs: number): Told => ({
  kind,
  status: effectiveStatus(booking, nowMs),
  expiresAtMs: booking.expiresAtMs ?? 0,
});

export const tellCreated = (outcome: CreateOutcome, nowMs: number): Told => {
  if (outcome.kind === 'slots-taken') return tellTaken(outcome.slots);
  if (outcome.booking === undefined) throw new Error('an item of another kind');
  return tellBooking(outcome.kind, outcome.booking, nowMs);
};

export const tellMoved = (outcome: MoveOutcome): Told => {
  switch (outcome.kind) {
    case 'missing':
      return { kind: 'missing' };
    case 'slots-taken':
      return tellTaken(outcome.slots);
    case 'refused':
      return { kind: 'refused', status: outcome.found, expiresAtMs: outcome.booking.expiresAtMs ?? 0 };
    case 'too-long':
      throw new Error('there is no longest hold');
    default:
      return tellBooking(outcome.kind, outcome.booking, Number.NEGATIVE_INFINITY);
  }
};

const tellTaken = (slots: readonly { readonly slotId: string }[]): Told => ({
  kind: 'slots-taken',
  slotIds: slots.map(({ slotId }) => slotId),
});

export const tellDeleted = (outcome: DeleteOutcome, nowMs: number): Told =>
  outcome.kind === 'refused' ? tellBooking('refused', outcome.booking, nowMs) : { kind: outcome.kind };

export const tellSlot = ([slot = { slotId: '' }]: readonly Slot[], nowMs: number): Told => {
  const state = effectiveSlotState(slot, nowMs);
  if (state === 'FREE') return { kind: 'slot', state };
  const { bookingId = '', heldUntilMs } = slot;
  return { kind: 'slot', state, owner: bookingId, ...(heldUntilMs !== undefined && { untilMs: heldUntilMs }) };
};
