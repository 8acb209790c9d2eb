/** What happens beyond one machine: the service's own code over simulated SQS, Lambda and DynamoDB. */
import { MINUTE_MS, SECOND_MS } from '../../functions/core/hold-time.ts';
import { ASSUMPTIONS, type Assumptions } from './assumptions.ts';
import { type CoincidingLoad, steady } from './loads.ts';
import type { Scenario } from './play.ts';

const HOUR_MS = 60 * MINUTE_MS;

/** Bookings that are written within a minute, and all lapse within one second, a minute after the last was written. */
const sale = (bookings: number): CoincidingLoad => ({
  kind: 'coinciding',
  bookings,
  writtenOverMs: MINUTE_MS,
  firstDeadlineAfterMs: 2 * MINUTE_MS,
  lapseOverMs: SECOND_MS,
});

/** As many as may stand ready, and as many as there may be (`lib/limits.ts`). */
const READY = { min: 200, max: 2_000 };
const GROWN = { ...READY, atFirst: 2_000 };
/** A table and an index with warm throughput for a million expiries in five seconds. */
const WARMED: Partial<Assumptions> = { tablePartitions: 250 };

export const SCENARIOS: readonly Scenario[] = [
  { name: '100,000 lapse in one second', load: sale(100_000), forMs: 10 * MINUTE_MS },
  { name: '100,000 in one second, 40 shards', shardCount: 40, load: sale(100_000), forMs: 10 * MINUTE_MS },
  {
    name: '100,000 in one second, 40 shards, 200 pollers',
    shardCount: 40,
    pollers: READY,
    load: sale(100_000),
    forMs: 10 * MINUTE_MS,
  },
  {
    name: '1,000,000 in one second, 200 shards',
    shardCount: 200,
    assumptions: WARMED,
    load: sale(1_000_000),
    forMs: 10 * MINUTE_MS,
  },
  {
    name: '1,000,000 in one second, 200 shards, 200 pollers',
    shardCount: 200,
    pollers: READY,
    assumptions: WARMED,
    load: sale(1_000_000),
    forMs: 10 * MINUTE_MS,
  },
  {
    name: '1,000,000 in one second, 200 shards, 2,000 pollers',
    shardCount: 200,
    pollers: GROWN,
    assumptions: WARMED,
    load: sale(1_000_000),
    forMs: 10 * MINUTE_MS,
  },
  {
    name: '10,000 a second, steady',
    shardCount: 40,
    load: steady(10_000, 15 * SECOND_MS, 5 * MINUTE_MS),
    forMs: 10 * MINUTE_MS,
  },
  {
    name: '10,000 a second, concurrency grown already',
    shardCount: 40,
    assumptions: { concurrencyAtFirst: 1_250 },
    load: steady(10_000, 15 * SECOND_MS, 5 * MINUTE_MS),
    forMs: 10 * MINUTE_MS,
  },
  {
    name: '10,000 a second, 200 pollers',
    shardCount: 40,
    pollers: READY,
    load: steady(10_000, 15 * SECOND_MS, 5 * MINUTE_MS),
    forMs: 10 * MINUTE_MS,
  },
  {
    name: '20 a second, no timer delivered for two hours',
    pollerDown: { fromMs: 20 * MINUTE_MS, untilMs: 20 * MINUTE_MS + 2 * HOUR_MS },
    load: steady(20, 3 * HOUR_MS, 15 * MINUTE_MS),
    forMs: 4 * HOUR_MS,
  },
  {
    name: '20 a second, 24-hour holds, three sweeps missed',
    sweepsDown: { fromMs: 24 * HOUR_MS, untilMs: 24 * HOUR_MS + 15 * MINUTE_MS },
    load: steady(20, HOUR_MS, 24 * HOUR_MS),
    forMs: 26 * HOUR_MS,
  },
  {
    name: '500 a second into one shard',
    hotShard: 0,
    load: steady(500, 2 * MINUTE_MS, 5 * MINUTE_MS),
    forMs: 15 * MINUTE_MS,
  },
  {
    name: '2,000 a second into one shard',
    hotShard: 0,
    load: steady(2_000, MINUTE_MS, 5 * MINUTE_MS),
    forMs: 15 * MINUTE_MS,
  },
];

/** The lead of timers, at a load that keeps few Lambdas busy. */
export const LEADS: readonly (Scenario & { readonly timerLeadMs: number; readonly delivery: string })[] = [
  0, 100, 250, 500, 1_000, 2_000,
].flatMap((timerLeadMs) =>
  (
    [
      ['as assumed', {}],
      ['delivery late by 300 ms on average', { deliveryJitterMs: 300 }],
    ] as const
  ).map(([delivery, assumptions]) => ({
    name: `timerLead ${timerLeadMs} ms, ${delivery}`,
    delivery,
    timerLeadMs,
    assumptions,
    load: steady(50, 2 * MINUTE_MS, 5 * MINUTE_MS),
    forMs: 10 * MINUTE_MS,
  })),
);

/** Each assumption that is no figure of AWS's, better and worse than assumed, and some that are. */
const DOUBTS: readonly (readonly [name: string, Partial<Assumptions>])[] = [
  ['as assumed', {}],
  ['delivery late by 0 ms', { deliveryJitterMs: 0 }],
  ['delivery late by 300 ms on average', { deliveryJitterMs: 300 }],
  ['delivery late by 1,000 ms on average', { deliveryJitterMs: 1_000 }],
  ['7 timers a poll', { timersPerPoll: 7 }],
  ['5 timers a poll', { timersPerPoll: 5 }],
  ['2 timers a poll', { timersPerPoll: 2 }],
  ['cold start 200 ms', { coldStartMs: 200 }],
  ['cold start 3,000 ms', { coldStartMs: 3_000 }],
  ['round trip 3 ms', { roundTripMs: 3 }],
  ['round trip 20 ms', { roundTripMs: 20 }],
  ['a tenth of the environments at once', { environmentsAtOnce: 100, environmentsPerSecond: 10 }],
  ['10 shards by a hash on 100 partitions', { indexPartitions: 100 }],
  ['10 shards by a hash on 20 partitions', { indexPartitions: 20 }],
  ['10 shards by a hash on 10 partitions', { indexPartitions: 10 }],
  ['table of 5 partitions', { tablePartitions: 5 }],
];

/**
 * How the result moves with each assumption: a twentieth of the million, with a twentieth of its pollers and shards, so that all
 * of it can be set as it is.
 */
export const DOUBTFUL: readonly Scenario[] = DOUBTS.map(([name, assumptions]) => ({
  name,
  shardCount: 10,
  pollers: { min: 100, max: 100 },
  assumptions: { ...ASSUMPTIONS, tablePartitions: 13, ...assumptions },
  load: sale(50_000),
  forMs: 10 * MINUTE_MS,
}));
