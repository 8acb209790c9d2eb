/** A ladder of rates: which is the highest that a system sustains, and what kept it from the next. */

/** Lag up to which a rate counts as sustained: p99 in ms, at the acknowledgement. */
export const SUSTAINED_P99_MS = 50;
/** How often a rate is tried: a system that makes room for more load may have done so by the second time. */
const TRIES = 2;
/** A producer that is further behind than this did not put on the rate that is named. */
const PRODUCER_BEHIND_MS = 1_000;
/** The same for every system. */
export const RATES: readonly number[] = [50, 100, 200, 300, 400, 500, 600, 800, 1_000, 1_500, 2_000, 3_000];

/** What is asked of one step. */
export interface Rung {
  readonly rate: number;
  readonly p99Ms: number;
  readonly missed: number;
  readonly producerBehindMs: number;
}

/** Why a system was not measured at more: its lag, the program that creates bookings, or the end of the list. */
export type Limit = 'lag' | 'producer' | 'end of the list';

export interface Climbed<R extends Rung> {
  readonly rungs: readonly R[];
  /** The highest that was sustained; absent if none was. */
  readonly highest: R | undefined;
  readonly limit: Limit;
}

export const keptUp = ({ producerBehindMs }: Rung): boolean => producerBehindMs <= PRODUCER_BEHIND_MS;

const isSustained = (rung: Rung): boolean => keptUp(rung) && rung.missed === 0 && rung.p99Ms <= SUSTAINED_P99_MS;

/** Measures rate after rate until one is not sustained twice, or the list ends. */
export const climb = async <R extends Rung>(
  rates: readonly number[],
  measure: (rate: number, tries: number) => Promise<R>,
): Promise<Climbed<R>> => {
  const rungs: R[] = [];
  for (const rate of rates) {
    let sustained = false;
    for (let tries = 0; tries < TRIES && !sustained; tries += 1) {
      const rung = await measure(rate, tries);
      rungs.push(rung);
      sustained = isSustained(rung);
    }
    if (!sustained) break;
  }
  return climbed(rungs);
};

/** What a ladder came to. */
export const climbed = <R extends Rung>(rungs: readonly R[]): Climbed<R> => {
  const highest = rungs.findLast(isSustained);
  const next = rungs[rungs.findLastIndex(isSustained) + 1];
  const limit = next === undefined ? 'end of the list' : keptUp(next) ? 'lag' : 'producer';
  return { rungs, highest, limit };
};
