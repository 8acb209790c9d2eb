/** Tries again what others were in the way of. */
import { ContentionError } from '../api/ports.ts';

/** How others are waited for. */
export interface Waiting {
  readonly pause: (ms: number) => Promise<void>;
  /** 0 to 1. */
  readonly random: () => number;
}

/** How long and how others are waited for. */
export interface Patience extends Waiting {
  /** No try begins later than this, ms after the first. */
  readonly limitMs: number;
  /** Time that has passed since some moment, ms. It only grows. */
  readonly elapsed: () => number;
}

/** A request to the API has 29 seconds, and one try may take 6 of them. */
export const USUAL_PATIENCE: Patience = {
  limitMs: 4_000,
  pause: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  elapsed: () => performance.now(),
  random: Math.random,
};

/** How long the first pause and any pause is at the most, ms. */
export interface LongestPauses {
  readonly firstMs: number;
  readonly anyMs: number;
}

const USUAL_PAUSES: LongestPauses = { firstMs: 20, anyMs: 400 };

/**
 * Tries until there is an answer. Pauses are of random length, up to a limit that doubles: those who met do not meet again.
 *
 * @param attempt makes one try; `undefined` says that somebody was in the way
 * @param whyNoMore the error to end with after so many tries, where the next pause would take so many ms; `undefined` to go on
 * @throws what a try throws, at once; what `whyNoMore` gives
 */
export const untilAnswered = async <T extends NonNullable<unknown>>(
  attempt: () => Promise<T | undefined>,
  whyNoMore: (tries: number, pauseMs: number) => Error | undefined,
  { firstMs, anyMs }: LongestPauses,
  { pause, random }: Waiting,
): Promise<T> => {
  for (let tries = 1; ; tries += 1) {
    const answer = await attempt();
    if (answer !== undefined) return answer;
    const pauseMs = Math.min(firstMs * 2 ** (tries - 1), anyMs) * random();
    const end = whyNoMore(tries, pauseMs);
    if (end !== undefined) throw end;
    await pause(pauseMs);
  }
};

/**
 * Makes a move as soon as nobody is in its way.
 *
 * @param attempt makes one try; `undefined` says that somebody was in the way
 * @param nowMs the clock at the first try, epoch ms. Later tries are told how late it is by then
 * @throws ContentionError when the time is over
 */
export const whenNotBusy = async <T extends NonNullable<unknown>>(
  attempt: (nowMs: number) => Promise<T | undefined>,
  nowMs: number,
  patience: Patience,
): Promise<T> => {
  const { limitMs, elapsed } = patience;
  const startedAt = elapsed();
  const passedNow = () => elapsed() - startedAt;
  return untilAnswered(
    () => {
      const passedMs = Math.floor(passedNow());
      return attempt(nowMs + passedMs);
    },
    (tries, pauseMs) =>
      passedNow() + pauseMs > limitMs
        ? new ContentionError(`others were in the way of ${tries} tries in ${limitMs} ms`)
        : undefined,
    USUAL_PAUSES,
    patience,
  );
};
