/** What buyers were answered, read afterwards: who had which slot when, and how soon a lapsed one was the next buyer's. */
import { type CrowdResult, type Hold, waitOf } from './crowd.ts';

export interface Handover {
  /** From the lapse until the buyer who got the slot asked for it, ms. Below 0: the request was on its way already. */
  readonly askedAfterMs: number;
  /** From the lapse until that buyer was told that it has it, ms. */
  readonly givenAfterMs: number;
}

export interface Handovers {
  /** Of each hold that lapsed while somebody waited for it, and that somebody got. */
  readonly handovers: readonly Handover[];
  /** Times at which a slot was given although it was still held. */
  readonly heldTwice: number;
  /** Times at which a slot was given although it was paid for. */
  readonly soldTwice: number;
}

/** @param holds of all slots, in any order */
export const readHandovers = ({ holds, waits }: Pick<CrowdResult, 'holds' | 'waits'>): Handovers => {
  const handovers: Handover[] = [];
  let heldTwice = 0;
  let soldTwice = 0;
  for (const ofSlot of Map.groupBy(holds, ({ slotId }) => slotId).values()) {
    // All are held equally long: their deadlines are in the order of their claims.
    ofSlot.sort((a, b) => a.untilMs - b.untilMs);
    for (const [index, next] of ofSlot.entries()) {
      const before: Hold | undefined = ofSlot[index - 1];
      if (before === undefined) continue;
      if (ofSlot.slice(0, index).some(({ end }) => end === 'confirmed')) soldTwice += 1;
      if (next.answeredAtMs < before.untilMs) heldTwice += 1;
      if (!waits.has(waitOf(next.slotId, before.untilMs))) continue;
      handovers.push({
        askedAfterMs: next.askedAtMs - before.untilMs,
        givenAfterMs: next.answeredAtMs - before.untilMs,
      });
    }
  }
  return { handovers, heldTwice, soldTwice };
};
