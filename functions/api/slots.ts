/** Slots over HTTP: what they are, and why a booking cannot have them. */
import type { InferOutput } from 'valibot';
import type { TakenSlot } from '../core/booking-status.ts';
import type { Clock } from '../core/ports.ts';
import { effectiveSlotState, type Slot } from '../core/slots.ts';
import { iso } from '../runtime/clock.ts';
import type { SlotLookup } from './ports.ts';
import { Problem } from './problem.ts';
import { type ApiContext, parse, readJson, slotIdOf } from './request.ts';
import { slotLookupRequest, type slotResponse } from './schemas.ts';

interface SlotPorts {
  readonly slots: SlotLookup;
  readonly clock: Clock;
}

export const getSlot = async (context: ApiContext, { slots, clock }: SlotPorts): Promise<Response> => {
  const slotId = slotIdOf(context);
  const nowMs = clock();
  const [slot] = await slots.lookUp([slotId], nowMs);
  return context.json(slotJson(slot ?? { slotId }, nowMs));
};

export const lookUpSlots = async (context: ApiContext, { slots, clock }: SlotPorts): Promise<Response> => {
  const { slotIds } = parse(slotLookupRequest, await readJson(context));
  const nowMs = clock();
  const found = await slots.lookUp(slotIds, nowMs);
  return context.json({ asOf: iso(nowMs), slots: found.map((slot) => slotJson(slot, nowMs)) });
};

const slotJson = (slot: Slot, nowMs: number): InferOutput<typeof slotResponse> => {
  const { slotId, bookingId, heldUntilMs } = slot;
  const state = effectiveSlotState(slot, nowMs);
  if (state === 'FREE') return { slotId, state };
  return {
    slotId,
    state,
    ...(heldUntilMs !== undefined && { heldUntil: iso(heldUntilMs) }),
    ...(bookingId !== undefined && { bookingId }),
  };
};

/** The problem of a booking that cannot have slots. It names them, and until when they are held. */
export const slotsTaken = (slots: readonly TakenSlot[]): Problem =>
  new Problem('slotsTaken', `${slots.length} slot(s) are another booking’s`, {
    slots: slots.map(({ slotId, heldUntilMs }) => ({
      slotId,
      ...(heldUntilMs !== undefined && { heldUntil: iso(heldUntilMs) }),
    })),
  });
