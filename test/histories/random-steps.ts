/** Random steps, each by itself. Those that rarely come together by chance are in scenes.ts. */
import fc from 'fast-check';
import { DAY_MS, MINUTE_MS } from '../../functions/core/hold-time.ts';
import type { TableOfAMake } from '../support/five-tables.ts';
import type { TryFault } from '../support/unreliable-requests.ts';
import type { Fault } from './faults.ts';
import { isOurs } from './owner.ts';
import type { Settings } from './process.ts';
import { MAX_LAG_MS, STRANGE_ID, type What } from './steps.ts';
import { strangeItemOf } from './strangers.ts';
import type { SweptBy } from './world.ts';

/** Mostly one booking: what befalls it comes together more often. */
export const id = fc.constantFrom('ann', 'ann', 'ann', 'bob', STRANGE_ID);
/** Around every limit: the shortest, what one delay reaches, the sweep's horizon, far. */
export const holdMs = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 1_000, max: 9_000 }) },
  { weight: 2, arbitrary: fc.integer({ min: 13 * MINUTE_MS, max: 17 * MINUTE_MS }) },
  { weight: 2, arbitrary: fc.integer({ min: 20 * MINUTE_MS, max: 2 * DAY_MS }) },
  { weight: 1, arbitrary: fc.constant(366 * DAY_MS) },
);
const passing = fc.oneof(
  fc.integer({ min: 1, max: 3_000 }),
  fc.integer({ min: 3_000, max: MINUTE_MS }),
  fc.constant(5 * MINUTE_MS),
  fc.integer({ min: MINUTE_MS, max: DAY_MS }),
);

/** Where it matters: at the deadline, when a timer comes, when a sweep calls it overdue, when a sweep schedules it. */
const aroundDeadline = fc.constantFrom(
  -1,
  0,
  1,
  -500,
  -2_000,
  -7_000,
  -20_000,
  29_999,
  30_000,
  31_000,
  -13 * MINUTE_MS,
);

/** How old what is not read consistently may be: most of it is new. */
export const lagMs = fc.oneof(
  { weight: 3, arbitrary: fc.constant(0) },
  { weight: 2, arbitrary: fc.integer({ min: 1, max: MAX_LAG_MS }) },
);
const onSchedule = fc.constantFrom(false, false, true);

/** What a deployment may be set to. */
export const settings: fc.Arbitrary<Settings> = fc.record({
  shardCount: fc.oneof(fc.constantFrom(3, 1, 200), fc.integer({ min: 1, max: 200 })),
  timerLeadMs: fc.constantFrom(1_000, 0, 5_000, 10_000),
  sweepIntervalMs: fc.constantFrom(5, 1, 10, 60, 180).map((minutes) => minutes * MINUTE_MS),
});

/** Clocks that are wrong by moments, by hours, by a week. */
export const offMs = fc.oneof(
  { weight: 30, arbitrary: fc.constant(0) },
  { weight: 2, arbitrary: fc.integer({ min: -5_000, max: 5_000 }) },
  { weight: 1, arbitrary: fc.integer({ min: -60 * MINUTE_MS, max: 60 * MINUTE_MS }) },
  { weight: 1, arbitrary: fc.constantFrom(7 * DAY_MS, -7 * DAY_MS, 6 * MINUTE_MS, 40_000) },
);

const ownersOnly: { weight: number; arbitrary: fc.Arbitrary<What> }[] = [
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constant('hold' as const), id, holdMs, isCancelledFree: fc.boolean() }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('release' as const), id }) },
];

/** @param make the table that it happens to */
export const whatOf = (make: TableOfAMake): fc.Arbitrary<What> =>
  fc.oneof(
    { weight: 4, arbitrary: fc.record({ do: fc.constant('create' as const), id, holdMs }) },
    { weight: 4, arbitrary: fc.record({ do: fc.constant('extend' as const), id, holdMs }) },
    {
      weight: 4,
      arbitrary: fc.record({ do: fc.constantFrom('confirm' as const, 'cancel' as const, 'read' as const), id }),
    },
    // Lists belong to our own API; where items are free again belongs to tables of others.
    ...(isOurs(make) ? [{ weight: 1, arbitrary: fc.record({ do: fc.constant('list' as const), lagMs }) }] : ownersOnly),
    {
      weight: 2,
      arbitrary: fc.record({ do: fc.constantFrom('foreign-create' as const, 'foreign-extend' as const), id, holdMs }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        do: fc.constant('stranger-writes' as const),
        id: fc.constantFrom('ann', STRANGE_ID),
        item: strangeItemOf(make),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        do: fc.constant('stranger-changes' as const),
        id,
        status: fc.constantFrom('PENDING', 'CONFIRMED', 'EXPIRED', undefined, undefined),
        holdMs: fc.oneof(holdMs, fc.integer({ min: -120_000, max: 0 })),
      }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('stranger-restarts' as const), id }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('stranger-puts-again' as const), id }) },
    { weight: 2, arbitrary: fc.constant({ do: 'late-requests-land' as const }) },
    {
      weight: 1,
      arbitrary: fc.record({ do: fc.constantFrom('foreign-confirm' as const, 'foreign-delete' as const), id }),
    },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('time-passes' as const), ms: passing, onSchedule, lagMs }) },
    {
      weight: 5,
      arbitrary: fc.record({
        do: fc.constant('time-goes-to-deadline' as const),
        id,
        offsetMs: aroundDeadline,
        onSchedule,
        lagMs,
      }),
    },
    {
      weight: 6,
      arbitrary: fc.record({
        do: fc.constant('stream' as const),
        records: fc.integer({ min: 1, max: 8 }),
        again: fc.oneof(
          { weight: 3, arbitrary: fc.constant(0) },
          { weight: 1, arbitrary: fc.integer({ min: 1, max: 3 }) },
        ),
        to: fc.constantFrom('timers' as const, 'timers' as const, 'events' as const),
      }),
    },
    {
      weight: 5,
      arbitrary: fc.record({
        do: fc.constant('deliver' as const),
        picks: fc.oneof(
          fc.constant([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]),
          fc.array(fc.nat(5), { minLength: 1, maxLength: 4 }),
        ),
        twice: fc.boolean(),
        lagMs,
      }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('lose' as const), pick: fc.nat(9) }) },
    {
      weight: 1,
      arbitrary: fc.record({ do: fc.constant('give-up' as const), records: fc.integer({ min: 1, max: 8 }) }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        do: fc.constant('sweep' as const),
        by: fc.constantFrom<SweptBy[]>('schedule', 'schedule', 'webhook', 'command'),
        atOnce: fc.constantFrom(1, 1, 2),
        lagMs,
      }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('deploy' as const), settings }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('deployed' as const, 'rolled-back' as const), lagMs }) },
    {
      weight: 1,
      arbitrary: fc.record({
        do: fc.constant('restore' as const),
        back: fc.nat(8),
        state: fc.constantFrom('kept' as const, 'lost' as const, 'old' as const),
      }),
    },
  );

export const fault: fc.Arbitrary<Fault | undefined> = fc.oneof(
  { weight: 6, arbitrary: fc.constant(undefined) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('crash' as const),
      atRequest: fc.nat(4),
      carriedOut: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('half-fails' as const), odd: fc.boolean() }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('outage' as const), requests: fc.integer({ min: 1, max: 6 }) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('network' as const),
      befalls: fc.constantFrom<TryFault[]>('answer-lost', 'held-back', 'held-back', 'repeated', 'request-lost'),
      afterTries: fc.nat(2),
      times: fc.constantFrom(1, 1, 2, 3),
    }),
  },
);
