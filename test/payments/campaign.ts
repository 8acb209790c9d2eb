/** Many histories, one seed each, until a promise is broken; and the simplest history that still breaks it. */
import { AnswersOfStore } from './answers-of-store.ts';
import { Choices, simplified } from './choices.ts';
import { History } from './history.ts';
import { BrokenPromiseError } from './promises.ts';
import type { AnswerMaker } from './service.ts';
import { EndlessError } from './turns.ts';

/** What has become of all payments, by names. */
export type Counts = Record<string, number>;

export interface Failure {
  readonly seed: number;
  readonly error: Error;
  /** What was left to chance in it. */
  readonly choices: readonly number[];
}

export interface Campaign {
  readonly counts: Counts;
  /** Histories that were played. */
  readonly played: number;
  readonly failure?: Failure;
}

/** Plays the histories of `runs` seeds, from one on. @param onPlayed hears of the count after each */
export const playSeeds = async (
  seed: number,
  runs: number,
  { Answers = AnswersOfStore, onPlayed }: { Answers?: AnswerMaker; onPlayed?: (played: number) => void } = {},
): Promise<Campaign> => {
  const counts: Counts = {};
  for (let played = 0; played < runs; played += 1) {
    const choices = Choices.random(seed + played);
    try {
      for (const [name, count] of Object.entries(await new History({ choices, Answers }).play())) {
        counts[name] = (counts[name] ?? 0) + count;
      }
    } catch (error) {
      const failure = { seed: seed + played, error: asError(error), choices: choices.taken };
      return { counts, played: played + 1, failure };
    }
    onPlayed?.(played + 1);
  }
  return { counts, played: runs };
};

/** Plays a history again by its choices, and tells each step. @returns what it ended with, if it was no good end */
export const tellAgain = async (
  given: readonly number[],
  tell?: (line: string) => void,
): Promise<Error | undefined> => {
  try {
    await new History({ choices: Choices.again(given), Answers: AnswersOfStore, tell }).play();
    return undefined;
  } catch (error) {
    return asError(error);
  }
};

/** Most histories that are played to find a simpler one. */
const MOST_TRIES = 4_000;

/** The simplest choices that are found to end in a failure of the same kind. */
export const simplestOf = ({ choices, error }: Failure): Promise<readonly number[]> =>
  simplified(choices, async (list) => isAlike(await tellAgain(list), error), MOST_TRIES);

/** The same promise, whichever booking it is about; or the same error. */
const isAlike = (found: Error | undefined, error: Error): boolean =>
  found?.name === error.name && withoutNumbers(found.message) === withoutNumbers(error.message);
const withoutNumbers = (text: string): string => text.replaceAll(/booking-\d|seat-\w/g, '…');

const asError = (error: unknown): Error => (error instanceof Error ? error : new Error(String(error)));

/** Every payment must come to rest: going round in circles is a broken promise too. */
export const isBrokenPromise = (error: Error): boolean =>
  error instanceof BrokenPromiseError || error instanceof EndlessError;
