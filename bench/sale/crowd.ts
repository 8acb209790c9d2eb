/** A crowd that buys: each buyer wants one slot, holds it, and pays or does not. What they were answered is kept, all of it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { BusyError, type Counter } from './counter.ts';

export interface Sale {
  readonly buyers: number;
  readonly slots: number;
  /** The buyers come evenly over this time. */
  readonly seconds: number;
  readonly holdMs: number;
  /** Share of those who got a hold and do not pay, 0 to 1. */
  readonly unpaidShare: number;
  /** How many wait for one slot at the most: who finds as many waiting leaves, as a shop's page lets it. @default - any */
  readonly waitersAtMost?: number;
  /** Begins the id of each booking and slot. */
  readonly prefix: string;
}

/** A slot that a buyer was given. Times are epoch ms by the buyers' clock. */
export interface Hold {
  readonly bookingId: string;
  readonly slotId: string;
  /** When the buyer asked for the last time: to the store, the clock that its claim went by. */
  readonly askedAtMs: number;
  readonly answeredAtMs: number;
  readonly untilMs: number;
  end: 'unpaid' | 'confirmed' | 'too-late' | 'gave-up';
}

export interface CrowdResult {
  readonly holds: readonly Hold[];
  /** Slot and time of each refusal that named one: its buyer waits until then. In the form of `waitOf`. */
  readonly waits: ReadonlySet<string>;
  /** Buyers whose slot was sold to somebody else. */
  readonly soldOut: number;
  /** Answers that said 503. Their buyers asked again. */
  readonly busy: number;
  /** Buyers who heard nothing but 503, would have to wait for more than a minute in all, or found too many waiting. */
  readonly gaveUp: number;
  /** Buyers who were refused at first and waited. */
  readonly waited: number;
  /** How long answers took, ms: those that gave a slot, and those that refused one. */
  readonly heldAfterMs: readonly number[];
  readonly refusedAfterMs: readonly number[];
}

/** What the API says with 503 (functions/api/problem.ts). */
const RETRY_AFTER_MS = 1_000;
const MAX_TRIES = 10;
/** Nobody waits for longer. It ends the sale on a machine that does not keep up with it. */
const LONGEST_WAIT_MS = 60_000;

export const waitOf = (slotId: string, untilMs: number): string => `${untilMs} ${slotId}`;
export const slotIdOf = ({ prefix }: Pick<Sale, 'prefix'>, number: number): string => `${prefix}slot/${number}`;

/**
 * Plays a sale. A buyer who is refused with a time asks again at that very millisecond, and so on until it holds the slot or
 * hears that it is sold.
 *
 * @throws whatever the counter throws
 */
export const playCrowd = async (sale: Sale, counter: Counter): Promise<CrowdResult> => {
  const { waitersAtMost = Number.POSITIVE_INFINITY } = sale;
  const holds: Hold[] = [];
  const waits = new Set<string>();
  const heldAfterMs: number[] = [];
  const refusedAfterMs: number[] = [];
  const waiting = new Map<string, number>();
  const sums = { soldOut: 0, busy: 0, gaveUp: 0, waited: 0 };

  /** Asks, and again as the answer 503 says; undefined if it is that for too long. */
  const patiently = async <T>(ask: () => Promise<T>): Promise<T | undefined> => {
    for (let tries = 0; tries < MAX_TRIES; tries += 1) {
      try {
        return await ask();
      } catch (error) {
        if (!(error instanceof BusyError)) throw error;
        sums.busy += 1;
        await sleep(RETRY_AFTER_MS);
      }
    }
    return undefined;
  };

  const pay = async (hold: Hold): Promise<void> => {
    // Well before the deadline, as who pays at all does.
    await sleep((0.1 + 0.6 * Math.random()) * sale.holdMs);
    hold.end = (await patiently(() => counter.pay(hold.bookingId))) ?? 'gave-up';
  };

  const buy = async (number: number): Promise<void> => {
    const bookingId = `${sale.prefix}${number}`;
    const slotId = slotIdOf(sale, Math.floor(Math.random() * sale.slots));
    const cameAt = performance.now();
    for (let isFirst = true; ; isFirst = false) {
      let askedAtMs = Number.NaN;
      const startedAt = performance.now();
      const answer = await patiently(() => {
        askedAtMs = Date.now();
        return counter.hold(bookingId, slotId, sale.holdMs);
      });
      const answeredAtMs = Date.now();
      const tookMs = performance.now() - startedAt;
      if (answer === undefined) {
        sums.gaveUp += 1;
        return;
      }
      if (answer.kind === 'held') {
        heldAfterMs.push(tookMs);
        const hold: Hold = { bookingId, slotId, askedAtMs, answeredAtMs, untilMs: answer.untilMs, end: 'unpaid' };
        holds.push(hold);
        return Math.random() < sale.unpaidShare ? undefined : pay(hold);
      }
      refusedAfterMs.push(tookMs);
      if (answer.untilMs === undefined) {
        sums.soldOut += 1;
        return;
      }
      if (isFirst) sums.waited += 1;
      const waitMs = Math.max(0, answer.untilMs - Date.now());
      const others = waiting.get(slotId) ?? 0;
      if (performance.now() - cameAt + waitMs > LONGEST_WAIT_MS || others >= waitersAtMost) {
        sums.gaveUp += 1;
        return;
      }
      waits.add(waitOf(slotId, answer.untilMs));
      waiting.set(slotId, others + 1);
      await untilTime(answer.untilMs);
      waiting.set(slotId, (waiting.get(slotId) ?? 1) - 1);
    }
  };

  const stories: Promise<void>[] = [];
  const startedAt = performance.now();
  for (let number = 0; number < sale.buyers; number += 1) {
    const aheadMs = startedAt + (number * sale.seconds * 1_000) / sale.buyers - performance.now();
    if (aheadMs > 1) await sleep(aheadMs);
    stories.push(buy(number));
  }
  await Promise.all(stories);
  return { holds, waits, ...sums, heldAfterMs, refusedAfterMs };
};

/** A timer may fire a millisecond early. */
const untilTime = async (atMs: number): Promise<void> => {
  for (let leftMs = atMs - Date.now(); leftMs > 0; leftMs = atMs - Date.now()) await sleep(leftMs);
};
