/** The small worlds that are searched, each with what may happen and go wrong in it. */
import { DAY_MS, MINUTE_MS, SECOND_MS } from '../../functions/core/hold-time.ts';
import { shardOf } from '../../functions/core/pending-shard.ts';
import type { Version } from './processes.ts';
import {
  FAULTS,
  FAULTS_OF_REQUESTS,
  FAULTS_OF_STREAM,
  FAULTS_OF_SWEEPS,
  FAULTS_OF_TIMERS,
  type SmallWorld,
} from './small-world.ts';

/** A world, and how many faults one schedule of it has at the most: in a test run, and in the long form. */
export interface SearchedWorld {
  readonly small: SmallWorld;
  readonly faults: { readonly short: number; readonly long: number };
}

/** What a test run has time for: everything that is new comes in the first moment. */
export const shortForm = ({ small }: SearchedWorld): SmallWorld => ({ ...small, newThingsForMs: 0 });

const version = (name: string, shardCount: number, sweepMinutes: number): Version => ({
  name,
  shardCount,
  settings: { timerLeadMs: SECOND_MS, sweepIntervalMs: sweepMinutes * MINUTE_MS },
});

/** One shard, and a sweep every five minutes. */
const USUAL = version('the version', 1, 5);

/** A booking's id with a shard that only the larger of two counts has. */
const inShardBeyond = (fewer: number, more: number): string => {
  const ids = Array.from({ length: 100 }, (_, number) => `far-${number}`);
  return ids.find((id) => shardOf(id, more) >= fewer) ?? 'far';
};
const FAR_SHARD = inShardBeyond(2, 4);

/** @param short most faults in a test run @param long most faults in the long form */
const world = (short: number, long: number, small: SmallWorld): SearchedWorld => ({ small, faults: { short, long } });

export const WORLDS: readonly SearchedWorld[] = [
  world(1, 1, {
    name: 'a payment at the deadline',
    version: USUAL,
    actions: [
      { do: 'create', id: 'near', holdMs: MINUTE_MS },
      { do: 'confirm', id: 'near' },
      { do: 'read', id: 'near' },
    ],
    faults: [...FAULTS_OF_REQUESTS, ...FAULTS_OF_TIMERS],
    firstSweepAfterMs: 2 * MINUTE_MS,
    forMs: 3 * MINUTE_MS,
  }),
  world(0, 1, {
    name: 'two customers of one booking',
    version: USUAL,
    actions: [
      { do: 'put', id: 'near', holdMs: MINUTE_MS, isBare: false },
      { do: 'confirm', id: 'near' },
      { do: 'cancel', id: 'near' },
    ],
    faults: [...FAULTS_OF_REQUESTS, 'index lags'],
    firstSweepAfterMs: 2 * MINUTE_MS,
    forMs: 3 * MINUTE_MS,
  }),
  world(0, 0, {
    name: 'a hold that is extended',
    version: USUAL,
    actions: [
      { do: 'create', id: 'near', holdMs: MINUTE_MS },
      { do: 'extend', id: 'near', holdMs: 20 * MINUTE_MS },
      { do: 'extend', id: 'near', holdMs: 2 * MINUTE_MS },
    ],
    faults: [...FAULTS_OF_REQUESTS, 'timer twice', 'index lags', 'records again'],
    newThingsForMs: 5 * MINUTE_MS,
    forMs: 26 * MINUTE_MS,
  }),
  world(0, 1, {
    name: 'near and far',
    version: USUAL,
    actions: [
      { do: 'put', id: 'near', holdMs: 2 * MINUTE_MS, isBare: true },
      { do: 'put', id: 'far', holdMs: 17 * MINUTE_MS, isBare: true },
    ],
    faults: FAULTS,
    newThingsForMs: 5 * MINUTE_MS,
    forMs: 23 * MINUTE_MS,
  }),
  world(0, 1, {
    name: 'the same deadline again',
    version: USUAL,
    actions: [
      { do: 'put', id: 'far', holdMs: 20 * MINUTE_MS, isBare: false },
      { do: 'put again', id: 'far' },
      { do: 'foreign confirm', id: 'far' },
    ],
    faults: [...FAULTS_OF_TIMERS, ...FAULTS_OF_STREAM, ...FAULTS_OF_SWEEPS],
    newThingsForMs: 5 * MINUTE_MS,
    forMs: 26 * MINUTE_MS,
  }),
  world(0, 0, {
    name: 'more shards, and back',
    version: version('two shards', 2, 5),
    nextVersion: version('four shards', 4, 5),
    actions: [{ do: 'put', id: FAR_SHARD, holdMs: 20 * MINUTE_MS, isBare: false }],
    faults: FAULTS,
    newThingsForMs: 5 * MINUTE_MS,
    forMs: 26 * MINUTE_MS,
  }),
  world(0, 0, {
    name: 'rarer sweeps, and back',
    version: version('a sweep every 5 minutes', 1, 5),
    nextVersion: version('a sweep every hour', 1, 60),
    actions: [{ do: 'put', id: 'far', holdMs: 65 * MINUTE_MS, isBare: false }],
    faults: FAULTS,
    newThingsForMs: 5 * MINUTE_MS,
    forMs: 75 * MINUTE_MS,
  }),
  world(0, 0, {
    name: 'more frequent sweeps, and back',
    version: version('a sweep every hour', 1, 60),
    nextVersion: version('a sweep every 5 minutes', 1, 5),
    actions: [{ do: 'put', id: 'far', holdMs: 20 * MINUTE_MS, isBare: false }],
    faults: FAULTS,
    firstSweepAfterMs: MINUTE_MS,
    newThingsForMs: 5 * MINUTE_MS,
    forMs: 27 * MINUTE_MS,
  }),
  world(0, 0, {
    name: 'a sweep whose clock is a week ahead',
    version: USUAL,
    actions: [
      { do: 'sweep', clockAheadMs: 7 * DAY_MS },
      { do: 'put', id: 'far', holdMs: 20 * MINUTE_MS, isBare: false },
    ],
    faults: FAULTS,
    newThingsForMs: 5 * MINUTE_MS,
    forMs: 26 * MINUTE_MS,
  }),
  world(0, 1, {
    name: 'a command whose clock is ahead',
    version: USUAL,
    actions: [
      { do: 'put', id: 'near', holdMs: MINUTE_MS, isBare: true },
      { do: 'command', clockAheadMs: 10 * SECOND_MS, wholeTable: true },
      { do: 'read', id: 'near' },
    ],
    faults: FAULTS,
    firstSweepAfterMs: 2 * MINUTE_MS,
    forMs: 3 * MINUTE_MS,
  }),
  world(0, 1, {
    name: 'a timer that the queue never takes',
    version: USUAL,
    actions: [
      { do: 'put', id: 'far-unsendable', holdMs: 18 * MINUTE_MS, isBare: false },
      { do: 'put', id: 'far', holdMs: 18 * MINUTE_MS + SECOND_MS, isBare: false },
    ],
    unsendable: ['far-unsendable'],
    faults: FAULTS,
    newThingsForMs: 5 * MINUTE_MS,
    forMs: 26 * MINUTE_MS,
  }),
];
