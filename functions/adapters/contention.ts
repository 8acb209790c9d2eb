/** Tries again what others were in the way of, as long as there is time. */
import { ContentionError } from '../api/ports.ts';

/** How long and how others are waited for. */
export interface Patience {
  /** No try begins later than this, ms after the first. */
  readonly limitMs: number;
  readonly pause: (ms: number) => Promise<void>;
  /** Time that has passed since some moment, ms. It only grows. */
  readonly elapsed: () => number;
  /** 0 to 1. */
  readonly random: () => number;
}

/** A request to the API has 29 seconds, and one try may take 6 of them. */
export const USUAL_PATIENCE: Patience = {
  limitMs: 4_000,
  pause: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  elapsed: () => performance.now(),
  random: Math.random,
};

const FIRST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 400;

/**
 * Tries until nobody is in the way. Pauses are of random length, up to a limit that doubles: those who met do not meet again.
 *
 * @param attempt makes one try; `undefined` says that somebody was in the way
 * @param nowMs the clock at the first try, epoch ms. Later tries are told how late it is by then
 * @throws ContentionError when the time is over
 */
export const whenNotBusy = async <T>(
  attempt: (nowMs: number) => Promise<T | undefined>,
  nowMs: number,
  { limitMs, pause, elapsed, random }: Patience,
): Promise<T> => {
  const startedAt = elapsed();
  for (let tries = 0; ; tries += 1) {
    const passedMs = Math.floor(elapsed() - startedAt);
    const answer = await attempt(nowMs + passedMs);
    if (answer !== undefined) return answer;
    const pauseMs = Math.min(FIRST_PAUSE_MS * 2 ** tries, LONGEST_PAUSE_MS) * random();
    if (elapsed() - startedAt + pauseMs > limitMs) {
      throw new ContentionError(`others were in the way of ${tries + 1} tries in ${limitMs} ms`);
    }
    await pause(pauseMs);
  }
};
