/** What rarely comes together by chance: a few steps in a row, any of which may be left out. */
import fc from 'fast-check';
import { DAY_MS, MINUTE_MS } from '../../functions/core/hold-time.ts';
import type { TableOfAMake } from '../support/five-tables.ts';
import type { TryFault } from '../support/unreliable-requests.ts';
import type { Fault } from './faults.ts';
import { isOurs } from './owner.ts';
import { holdMs, id, lagMs, offMs, settings } from './random-steps.ts';
import { plain, STRANGE_ID, type Step, type What } from './steps.ts';
import { type StrangeItem, strangeItemOf } from './strangers.ts';

type Scene = fc.Arbitrary<Step[]>;

const kept = (steps: readonly Step[], keep: readonly number[]): Step[] => steps.filter((_, index) => keep[index] !== 0);
/** A zero leaves a step out: so the steps that a failure does not need go away when it shrinks. */
const keep = fc.array(fc.nat(20), { minLength: 12, maxLength: 12 });

const allTimers = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
const handled = plain({ do: 'stream', records: 8, again: 0, to: 'timers' });
const goodSweep = plain({ do: 'sweep', by: 'schedule', atOnce: 1 });

/** A request that is held back or unheard, while the booking that it was meant for moves on. */
const heldBack: Scene = fc
  .record({
    id,
    hold: fc.integer({ min: 2_500, max: 9_000 }),
    first: fc.constantFrom('extend' as const, 'extend' as const, 'confirm' as const, 'cancel' as const),
    second: fc.constantFrom('extend' as const, 'extend' as const, 'confirm' as const, 'cancel' as const),
    holds: fc.tuple(fc.integer({ min: 2_500, max: 9_000 }), fc.integer({ min: 2_500, max: 90_000 })),
    befalls: fc.constantFrom<TryFault[]>('held-back', 'held-back', 'answer-lost', 'repeated'),
    // An extension looks at the booking first: that is a try too.
    afterTries: fc.nat(1),
    times: fc.constantFrom(1, 1, 2, 3),
    keep,
  })
  .map(({ id: one, hold, first, second, holds, befalls, afterTries, times, keep: keeping }) => {
    const move = (kind: typeof first, holdMs: number): What =>
      kind === 'extend' ? { do: kind, id: one, holdMs } : { do: kind, id: one };
    const steps: Step[] = [
      plain({ do: 'create', id: one, holdMs: hold }),
      { ...plain(move(first, holds[0])), fault: { kind: 'network', befalls, afterTries, times } },
      plain({ do: 'time-passes', ms: 700 }),
      plain(move(second, holds[1])),
      plain({ do: 'late-requests-land' }),
    ];
    return kept(steps, keeping);
  });

/** An expiry, by timer or by sweep, whose requests and answers are lost. */
const unheard: Scene = fc
  .record({
    id,
    bySweep: fc.boolean(),
    befalls: fc.constantFrom<TryFault[]>('answer-lost', 'answer-lost', 'repeated', 'held-back', 'request-lost'),
    times: fc.integer({ min: 1, max: 4 }),
    keep,
  })
  .map(({ id: one, bySweep, befalls, times, keep: keeping }) => {
    const fault: Fault = { kind: 'network', befalls, afterTries: 0, times, only: 'BatchExecuteStatement' };
    const steps: Step[] = [
      plain({ do: 'create', id: one, holdMs: 2_000 }),
      handled,
      plain({ do: 'time-goes-to-deadline', id: one, offsetMs: bySweep ? 31_000 : -500 }),
      {
        ...plain(bySweep ? goodSweep.what : { do: 'deliver', picks: [0, 1, 2, 3, 4, 5], twice: false }),
        fault,
      },
    ];
    return kept(steps, keeping);
  });

/** A timer comes while DynamoDB cannot be reached: it must come again. */
const triedAgain: Scene = fc
  .record({ id, requests: fc.integer({ min: 2, max: 6 }), keep })
  .map(({ id: one, requests, keep: keeping }) => {
    const delivered: What = { do: 'deliver', picks: [0, 1, 2, 3, 4, 5], twice: false };
    const steps: Step[] = [
      plain({ do: 'create', id: one, holdMs: 2_000 }),
      handled,
      plain({ do: 'time-goes-to-deadline', id: one, offsetMs: -500 }),
      { ...plain(delivered), fault: { kind: 'outage', requests } },
      plain(delivered),
    ];
    return kept(steps, keeping);
  });

/** An item that has no room left, and its neighbour in the stream. */
const fullItem = (make: TableOfAMake): Scene =>
  fc
    .record({
      item: strangeItemOf(make),
      bytesLeft: fc.integer({ min: 0, max: 60 }),
      holdMs: fc.integer({ min: 2_000, max: DAY_MS }),
      keep,
    })
    .map(({ item, bytesLeft, holdMs: hold, keep: keeping }) => {
      const { pendingShard: _, ...others } = item.others;
      const full: StrangeItem = {
        ...item,
        status: { S: 'PENDING' },
        deadline: { holdMs: hold, fraction: '' },
        others,
        bytesLeft,
      };
      const steps: Step[] = [
        plain({ do: 'stranger-writes', id: STRANGE_ID, item: full }),
        plain({ do: 'foreign-create', id: 'bob', holdMs: DAY_MS }),
        handled,
        plain({ do: 'time-goes-to-deadline', id: STRANGE_ID, offsetMs: -500 }),
        plain({ do: 'deliver', picks: [0, 1, 2, 3], twice: false }),
      ];
      return kept(steps, keeping);
    });

/** A timer that is under way while the booking that it was made for moves on. */
const overtaken: Scene = fc
  .record({
    id,
    first: fc.integer({ min: 2_500, max: 9_000 }),
    second: fc.integer({ min: 2_500, max: 9_000 }),
    move: fc.constantFrom('extend' as const, 'foreign-extend' as const),
    beforeFirst: fc.constantFrom(-1, -500, -2_000),
    beforeSecond: fc.constantFrom(-1, -500, -2_000, 0),
    sweeps: fc.boolean(),
    keep,
  })
  .map(({ id: one, first, second, move, beforeFirst, beforeSecond, sweeps, keep: keeping }): Step[] => {
    const steps: What[] = [
      { do: 'create', id: one, holdMs: first },
      handled.what,
      { do: 'time-goes-to-deadline', id: one, offsetMs: beforeFirst },
      { do: move, id: one, holdMs: second },
      { do: 'time-goes-to-deadline', id: one, offsetMs: beforeSecond },
      sweeps ? goodSweep.what : { do: 'deliver', picks: [0, 1, 2, 3, 4, 5], twice: true },
    ];
    return kept(steps.map(plain), keeping);
  });

/** Holds that some sweep must schedule, and some that are near. */
const anyHoldMs = fc.oneof(
  fc.integer({ min: 5_000, max: 14 * MINUTE_MS }),
  fc.integer({ min: 14 * MINUTE_MS, max: 17 * MINUTE_MS }),
  fc.integer({ min: 15 * MINUTE_MS, max: 90 * MINUTE_MS }),
);

/** A hold that begins in one of all the ways, most of them with a deadline that the booking had before. */
const begins = fc.constantFrom('create' as const, 'create' as const, 'foreign-create' as const);
const goesOn = fc.constantFrom('nothing' as const, 'nothing' as const, 'extend' as const, 'foreign-extend' as const);

/** Nothing fails, and the schedule goes on: its deadline comes, and its timer must have come. */
const onTime: Scene = fc
  .record({
    id,
    begins,
    first: anyHoldMs,
    goesOn,
    pauseMs: fc.integer({ min: 1, max: 14 * MINUTE_MS }),
    second: anyHoldMs,
    isSame: fc.boolean(),
    lagMs,
    keep,
  })
  .map(({ id: one, begins: begin, first, goesOn: then, pauseMs, second, isSame, lagMs: lag, keep: keeping }) => {
    const deadlineLater = isSame && first > pauseMs ? first - pauseMs : second;
    const steps: Step[] = [
      goodSweep,
      plain({ do: begin, id: one, holdMs: first }),
      handled,
      plain({ do: 'time-passes', ms: pauseMs, onSchedule: true, lagMs: lag }),
      ...(then === 'nothing' ? [] : [plain({ do: then, id: one, holdMs: deadlineLater })]),
      handled,
      plain({ do: 'time-goes-to-deadline', id: one, offsetMs: 0, onSchedule: true, lagMs: lag }),
    ];
    return kept(steps, keeping);
  });

/**
 * A far deadline with digits behind the point, and nothing else: what must be compared digit by digit, and be on time. Others
 * wait beside it, and sweeps are rare: no patrol that happens to meet it makes good what its record did not.
 */
const exact: Scene = fc
  .record({
    fraction: fc.constantFrom('.5', '.0000000000000000000000001', '.9999999999999999999999999'),
    holdMs: fc.integer({ min: 75 * MINUTE_MS, max: 300 * MINUTE_MS }),
    keep,
  })
  .map(({ fraction, holdMs: hold, keep: keeping }) => {
    const item: StrangeItem = {
      deadline: { holdMs: hold, fraction },
      status: { S: 'PENDING' },
      others: {},
      bytesLeft: undefined,
    };
    const steps: Step[] = [
      plain({ do: 'deploy', settings: { shardCount: 3, timerLeadMs: 1_000, sweepIntervalMs: 60 * MINUTE_MS } }),
      plain({ do: 'deployed' }),
      plain({ do: 'foreign-create', id: 'ann', holdMs: DAY_MS }),
      plain({ do: 'foreign-create', id: 'bob', holdMs: DAY_MS }),
      plain({ do: 'stranger-writes', id: STRANGE_ID, item }),
      handled,
      plain({ do: 'time-goes-to-deadline', id: STRANGE_ID, offsetMs: 0, onSchedule: true }),
    ];
    return kept(steps, keeping);
  });

/** A far booking comes near, and the sweep that must schedule it cannot; the next one can, in time. */
const unsent: Scene = fc
  .record({
    id,
    holdMs: fc.integer({ min: 18 * MINUTE_MS, max: 20 * MINUTE_MS }),
    fault: fc.oneof(
      fc.record({ kind: fc.constant('half-fails' as const), odd: fc.constantFrom(false, false, true) }),
      fc.record({ kind: fc.constant('crash' as const), atRequest: fc.nat(8), carriedOut: fc.boolean() }),
      fc.record({ kind: fc.constant('outage' as const), requests: fc.integer({ min: 1, max: 8 }) }),
    ),
    keep,
  })
  .map(({ id: one, holdMs: hold, fault, keep: keeping }) => {
    const steps: Step[] = [
      goodSweep,
      plain({ do: 'create', id: one, holdMs: hold }),
      handled,
      plain({ do: 'time-passes', ms: 7 * MINUTE_MS }),
      { ...goodSweep, fault },
      plain({ do: 'time-goes-to-deadline', id: one, offsetMs: 0, onSchedule: true }),
    ];
    return kept(steps, keeping);
  });

/** A far hold begins anew with the deadline that it had, and is near by its new start, before a sweep has got to it. */
const restarted: Scene = fc
  .record({
    id,
    begins,
    holdMs: fc.integer({ min: 15 * MINUTE_MS + 10_000, max: 18 * MINUTE_MS }),
    pauseMs: fc.integer({ min: 3 * MINUTE_MS, max: 5 * MINUTE_MS - 1 }),
    keep,
  })
  .map(({ id: one, begins: begin, holdMs: hold, pauseMs, keep: keeping }) => {
    const steps: Step[] = [
      goodSweep,
      plain({ do: begin, id: one, holdMs: hold }),
      handled,
      plain({ do: 'time-passes', ms: pauseMs }),
      plain({ do: 'stranger-restarts', id: one }),
      handled,
      plain({ do: 'time-goes-to-deadline', id: one, offsetMs: 0, onSchedule: true }),
    ];
    return kept(steps, keeping);
  });

/** An expiry of which the bus hears nothing at first: it cannot be reached, takes half, or is asked by a process that ends. */
const untold: Scene = fc
  .record({
    id,
    holdMs: fc.integer({ min: 2_000, max: 9_000 }),
    fault: fc.oneof(
      fc.record({ kind: fc.constant('outage' as const), requests: fc.integer({ min: 1, max: 6 }) }),
      fc.record({ kind: fc.constant('half-fails' as const), odd: fc.boolean() }),
      fc.record({ kind: fc.constant('crash' as const), atRequest: fc.constant(0), carriedOut: fc.boolean() }),
    ),
    keep,
  })
  .map(({ id: one, holdMs: hold, fault, keep: keeping }) => {
    const steps: Step[] = [
      plain({ do: 'create', id: one, holdMs: hold }),
      plain({ do: 'time-goes-to-deadline', id: one, offsetMs: 31_000 }),
      goodSweep,
      { ...plain({ do: 'stream', records: 8, again: 0, to: 'events' }), fault },
    ];
    return kept(steps, keeping);
  });

/** More details than an event may have, of a booking that expires like any other. */
const large: Scene = fc
  .record({
    id,
    detailsBytes: fc.integer({ min: 255_000, max: 390_000 }),
    holdMs: fc.integer({ min: 2_000, max: 9_000 }),
    keep,
  })
  .map(({ id: one, detailsBytes, holdMs: hold, keep: keeping }) => {
    const item: StrangeItem = {
      deadline: { holdMs: hold, fraction: '' },
      status: { S: 'PENDING' },
      others: {},
      bytesLeft: undefined,
      detailsBytes,
    };
    const steps: Step[] = [
      plain({ do: 'stranger-writes', id: one, item }),
      handled,
      plain({ do: 'time-goes-to-deadline', id: one, offsetMs: -500 }),
      plain({ do: 'deliver', picks: allTimers, twice: false }),
      plain({ do: 'stream', records: 8, again: 0, to: 'events' }),
    ];
    return kept(steps, keeping);
  });

/** Two versions run at once, write, schedule and sweep, until the deployment ends or is rolled back. */
const versions: Scene = fc
  .record({
    id,
    settings: fc.tuple(settings, settings),
    firsts: fc.array(
      fc.record({
        isOld: fc.boolean(),
        what: fc.oneof(
          fc.record({ do: begins, id, holdMs: anyHoldMs }),
          fc.constant(handled.what),
          fc.constant(goodSweep.what),
          fc.record({ do: fc.constant('time-passes' as const), ms: fc.integer({ min: 1, max: 3 * MINUTE_MS }) }),
        ),
      }),
      { minLength: 2, maxLength: 8 },
    ),
    end: fc.constantFrom('deployed' as const, 'rolled-back' as const),
    lagMs,
    keep,
  })
  .map(({ id: one, settings: [first, second], firsts, end, lagMs: lag, keep: keeping }) => {
    const steps: Step[] = [
      plain({ do: 'deploy', settings: first }),
      plain({ do: 'deployed' }),
      plain({ do: 'deploy', settings: second }),
      ...firsts.map(({ isOld, what }) => ({ ...plain(what as What), isOld })),
      plain({ do: end, lagMs: lag }),
      handled,
      plain({ do: 'time-goes-to-deadline', id: one, offsetMs: 0, onSchedule: true, lagMs: lag }),
    ];
    return kept(steps, keeping);
  });

/** A sweep's clock is wrong; the next one's is right, and what is written from then on is on time again. */
const wrongSweep: Scene = fc
  .record({
    id,
    off: fc.oneof(fc.constantFrom(7 * DAY_MS, -7 * DAY_MS), fc.integer({ min: -70 * MINUTE_MS, max: 70 * MINUTE_MS })),
    holdMs: fc.integer({ min: 15 * MINUTE_MS, max: 90 * MINUTE_MS }),
    begins,
    keep,
  })
  .map(({ id: one, off, holdMs: hold, begins: begin, keep: keeping }) => {
    const steps: Step[] = [
      goodSweep,
      { ...goodSweep, offMs: off },
      plain({ do: 'time-passes', ms: 5 * MINUTE_MS, onSchedule: true }),
      plain({ do: begin, id: one, holdMs: hold }),
      handled,
      plain({ do: 'time-goes-to-deadline', id: one, offsetMs: 0, onSchedule: true }),
    ];
    return kept(steps, keeping);
  });

/** Its timer is lost, a payment is on its way, and somebody is told what the booking is. */
const onItsWay: Scene = fc
  .record({
    id,
    holdMs: fc.integer({ min: 2_000, max: 9_000 }),
    beforeMs: fc.integer({ min: 1, max: 900 }),
    afterMs: fc.integer({ min: 0, max: 900 }),
    move: fc.constantFrom('confirm' as const, 'cancel' as const),
    asks: fc.constantFrom('read' as const, 'read' as const, 'confirm' as const, 'cancel' as const),
    offMs,
    keep,
  })
  .map(({ id: one, holdMs: hold, beforeMs, afterMs, move, asks, offMs: off, keep: keeping }) => {
    const steps: Step[] = [
      plain({ do: 'create', id: one, holdMs: hold }),
      plain({ do: 'time-goes-to-deadline', id: one, offsetMs: -beforeMs }),
      { ...plain({ do: move, id: one }), fault: { kind: 'network', befalls: 'held-back', afterTries: 0, times: 3 } },
      plain({ do: 'time-goes-to-deadline', id: one, offsetMs: afterMs }),
      { ...plain({ do: asks, id: one }), offMs: off },
      plain({ do: 'late-requests-land' }),
      plain({ do: 'read', id: one }),
    ];
    return kept(steps, keeping);
  });

/** A booking is deleted and its id used again, or a settled one is held again: its timer meets what was there before. */
const reborn: Scene = fc
  .record({
    id,
    holdMs: fc.tuple(fc.integer({ min: 2_000, max: 9_000 }), fc.integer({ min: 2_000, max: 9_000 })),
    settles: fc.constantFrom('confirm' as const, 'cancel' as const, 'foreign-confirm' as const),
    again: fc.constantFrom('foreign-delete' as const, 'foreign-delete' as const, 'stranger-changes' as const),
    lagMs: fc.integer({ min: 0, max: 2_000 }),
    keep,
  })
  .map(({ id: one, holdMs: [first, second], settles, again, lagMs: lag, keep: keeping }) => {
    const steps: Step[] = [
      plain({ do: 'create', id: one, holdMs: first }),
      plain({ do: settles, id: one }),
      plain({ do: 'time-passes', ms: 900 }),
      ...(again === 'foreign-delete'
        ? [plain({ do: again, id: one }), plain({ do: 'create', id: one, holdMs: second })]
        : [plain({ do: again, id: one, status: 'PENDING', holdMs: 0 })]),
      handled,
      plain({ do: 'time-goes-to-deadline', id: one, offsetMs: -700 }),
      plain({ do: 'deliver', picks: allTimers, twice: false, lagMs: lag }),
    ];
    return kept(steps, keeping);
  });

/** schedule-expiry fails every time, for a while or for longer than its records live; bookings of three attributes come. */
const neglected: Scene = fc
  .record({
    holds: fc.tuple(holdMs, holdMs),
    fails: fc.integer({ min: 1, max: 6 }),
    pauses: fc.tuple(fc.integer({ min: 1, max: 5 * MINUTE_MS }), fc.integer({ min: 1, max: DAY_MS })),
    givesUp: fc.boolean(),
    sweeps: fc.integer({ min: 0, max: 3 }),
    works: fc.boolean(),
    keep,
  })
  .map(({ holds, fails, pauses, givesUp, sweeps, works, keep: keeping }) => {
    const failing: Step = { ...handled, fault: { kind: 'outage', requests: fails } };
    const steps: Step[] = [
      plain({ do: 'foreign-create', id: 'ann', holdMs: holds[0] }),
      failing,
      plain({ do: 'time-passes', ms: pauses[0], onSchedule: true }),
      plain({ do: 'foreign-create', id: 'bob', holdMs: holds[1] }),
      failing,
      plain({ do: 'time-passes', ms: pauses[1] }),
      ...(givesUp ? [plain({ do: 'give-up', records: 8 })] : []),
      ...Array.from({ length: sweeps }, () => goodSweep),
      ...(works ? [handled] : []),
    ];
    return kept(steps, keeping);
  });

/** Paid, settled and expired after a moment to which the table is restored; then everything runs again. */
const restored: Scene = fc
  .record({
    id,
    holdMs: fc.tuple(anyHoldMs, anyHoldMs),
    settles: fc.constantFrom('confirm' as const, 'cancel' as const, 'extend' as const, 'foreign-delete' as const),
    offsetMs: fc.constantFrom(-1_000, 0, 31_000),
    back: fc.nat(5),
    state: fc.constantFrom('kept' as const, 'lost' as const, 'old' as const),
    keep,
  })
  .map(({ id: one, holdMs: [first, second], settles, offsetMs, back, state, keep: keeping }) => {
    const settle: What = settles === 'extend' ? { do: settles, id: one, holdMs: second } : { do: settles, id: one };
    const steps: Step[] = [
      plain({ do: 'create', id: one, holdMs: first }),
      handled,
      plain(settle),
      plain({ do: 'time-goes-to-deadline', id: one, offsetMs }),
      goodSweep,
      plain({ do: 'restore', back, state }),
      goodSweep,
      plain({ do: 'deliver', picks: allTimers, twice: false }),
      plain({ do: 'create', id: 'bob', holdMs: second }),
      handled,
      plain({ do: 'time-goes-to-deadline', id: 'bob', offsetMs: 0, onSchedule: true }),
    ];
    return kept(steps, keeping);
  });

/** What expired, or was given back, is held again, and timers of its earlier holds still come. */
const heldAgain: Scene = fc
  .record({
    id,
    begins,
    holds: fc.tuple(fc.integer({ min: 2_000, max: 9_000 }), fc.integer({ min: 2_000, max: 9_000 })),
    ends: fc.constantFrom('timer' as const, 'sweep' as const, 'nobody' as const, 'cancel' as const, 'release' as const),
    afterMs: fc.constantFrom(0, 1, 700, 31_000),
    isHandled: fc.boolean(),
    offsetMs: fc.constantFrom(-700, -1, 0, 31_000),
    keep,
  })
  .map(({ id: one, begins: begin, holds: [first, second], ends, afterMs, isHandled, offsetMs, keep: keeping }) => {
    const timers: What = { do: 'deliver', picks: allTimers, twice: true };
    const ending: What[] =
      ends === 'cancel' || ends === 'release'
        ? [{ do: ends, id: one }]
        : [
            { do: 'time-goes-to-deadline', id: one, offsetMs: ends === 'timer' ? -500 : afterMs },
            ...(ends === 'timer' ? [timers] : ends === 'sweep' ? [goodSweep.what] : []),
          ];
    const steps: What[] = [
      { do: begin, id: one, holdMs: first },
      handled.what,
      ...ending,
      { do: 'hold', id: one, holdMs: second, isCancelledFree: true },
      timers,
      ...(isHandled ? [handled.what] : []),
      { do: 'time-goes-to-deadline', id: one, offsetMs },
      timers,
      { do: 'stream', records: 8, again: 0, to: 'events' },
    ];
    return kept(steps.map(plain), keeping);
  });

/** An expiry whose request arrives once more, when the item has been held again. */
const lateExpiry: Scene = fc
  .record({
    id,
    holds: fc.tuple(fc.integer({ min: 2_000, max: 9_000 }), fc.integer({ min: 2_000, max: 90_000 })),
    bySweep: fc.boolean(),
    befalls: fc.constantFrom<TryFault[]>('held-back', 'repeated', 'answer-lost'),
    only: fc.constantFrom('UpdateItem', 'UpdateItem', 'BatchExecuteStatement'),
    keep,
  })
  .map(({ id: one, holds: [first, second], bySweep, befalls, only, keep: keeping }) => {
    const fault: Fault = { kind: 'network', befalls, afterTries: 0, times: 1, only };
    const expires: What = bySweep ? goodSweep.what : { do: 'deliver', picks: allTimers, twice: false };
    const steps: Step[] = [
      plain({ do: 'create', id: one, holdMs: first }),
      handled,
      plain({ do: 'time-goes-to-deadline', id: one, offsetMs: bySweep ? 31_000 : -500 }),
      { ...plain(expires), fault },
      plain({ do: 'hold', id: one, holdMs: second, isCancelledFree: false }),
      plain({ do: 'late-requests-land' }),
    ];
    return kept(steps, keeping);
  });

/** Its owner moves a deadline, or puts the whole item again, and whoever should hear of it may not. */
const movedByHand: Scene = fc
  .record({
    id,
    begins,
    holds: fc.tuple(anyHoldMs, fc.integer({ min: -5_000, max: 20 * MINUTE_MS })),
    act: fc.constantFrom('stranger-changes' as const, 'foreign-extend' as const, 'stranger-puts-again' as const),
    isHeard: fc.constantFrom('handled' as const, 'given up' as const, 'not yet' as const),
    sweeps: fc.nat(2),
    offsetMs: fc.constantFrom(-500, 0, 31_000),
    keep,
  })
  .map(({ id: one, begins: begin, holds: [first, second], act, isHeard, sweeps, offsetMs, keep: keeping }) => {
    const acts: Record<typeof act, What> = {
      'stranger-changes': { do: 'stranger-changes', id: one, status: undefined, holdMs: second },
      'foreign-extend': { do: 'foreign-extend', id: one, holdMs: Math.abs(second) + 1_000 },
      'stranger-puts-again': { do: 'stranger-puts-again', id: one },
    };
    const heard: Record<typeof isHeard, What[]> = {
      handled: [handled.what],
      'given up': [{ do: 'give-up', records: 8 }],
      'not yet': [],
    };
    const steps: What[] = [
      goodSweep.what,
      { do: begin, id: one, holdMs: first },
      handled.what,
      acts[act],
      ...heard[isHeard],
      { do: 'time-goes-to-deadline', id: one, offsetMs },
      { do: 'deliver', picks: allTimers, twice: false },
      ...Array.from({ length: sweeps }, () => goodSweep.what),
    ];
    return kept(steps.map(plain), keeping);
  });

/** Its owner moves a deadline far away while the schedule goes on: the new one is met in time, as the old one would be. */
const movedInTime: Scene = fc
  .record({
    id,
    begins,
    holds: fc.tuple(anyHoldMs, fc.integer({ min: 16 * MINUTE_MS, max: 90 * MINUTE_MS })),
    pauseMs: fc.integer({ min: 1, max: 5 * MINUTE_MS }),
    act: fc.constantFrom('stranger-changes' as const, 'foreign-extend' as const),
    keep,
  })
  .map(({ id: one, begins: begin, holds: [first, second], pauseMs, act, keep: keeping }) => {
    const steps: What[] = [
      goodSweep.what,
      { do: begin, id: one, holdMs: first },
      handled.what,
      { do: 'time-passes', ms: pauseMs, onSchedule: true },
      act === 'foreign-extend'
        ? { do: act, id: one, holdMs: second }
        : { do: act, id: one, status: undefined, holdMs: second },
      handled.what,
      { do: 'time-goes-to-deadline', id: one, offsetMs: 0, onSchedule: true },
    ];
    return kept(steps.map(plain), keeping);
  });

/** Its owner gives an item the word of an expired one by hand, once or many times, beside one that expires. */
const freedByHand: Scene = fc
  .record({ id, holdMs: fc.integer({ min: 2_000, max: 9_000 }), again: fc.boolean(), keep })
  .map(({ id: one, holdMs: hold, again, keep: keeping }) => {
    const frees: What = { do: 'stranger-changes', id: one, status: 'EXPIRED', holdMs: 0 };
    const expires: What[] = [
      { do: 'hold', id: one, holdMs: hold, isCancelledFree: true },
      { do: 'time-goes-to-deadline', id: one, offsetMs: 31_000 },
      goodSweep.what,
    ];
    const steps: What[] = [
      { do: 'create', id: one, holdMs: hold },
      handled.what,
      frees,
      ...(again ? expires : []),
      { do: 'stranger-changes', id: one, status: 'PENDING', holdMs: 0 },
      frees,
      { do: 'stream', records: 10, again: 0, to: 'events' },
    ];
    return kept(steps.map(plain), keeping);
  });

/** A strange item whose deadline comes: a timer for it, sweeps, and its record. */
const strangeAndDue = (make: TableOfAMake): Scene =>
  fc
    .record({
      item: strangeItemOf(make),
      holdMs: fc.integer({ min: 2_000, max: 9_000 }),
      offsetMs: fc.constantFrom(-500, 31_000),
      keep,
    })
    .map(({ item, holdMs: hold, offsetMs, keep: keeping }) => {
      const due: StrangeItem = {
        ...item,
        status: { S: 'PENDING' },
        deadline:
          item.deadline === 'none' || 'unusable' in item.deadline ? item.deadline : { ...item.deadline, holdMs: hold },
        bytesLeft: undefined,
        // One of another kind is where sweeps look, so that it can be touched.
        ...(item.kind && { copy: { offMs: 0 }, others: { ...item.others, pendingShard: { N: '0' } } }),
      };
      const steps: What[] = [
        { do: 'stranger-writes', id: 'ann', item: due },
        handled.what,
        { do: 'time-goes-to-deadline', id: 'ann', offsetMs },
        { do: 'deliver', picks: allTimers, twice: false },
        goodSweep.what,
        { do: 'hold', id: 'ann', holdMs: hold, isCancelledFree: false },
        { do: 'stream', records: 8, again: 0, to: 'events' },
      ];
      return kept(steps.map(plain), keeping);
    });

/** A scene of any kind. */
export const sceneOf = (make: TableOfAMake): Scene =>
  fc.oneof(...scenesOf(make), ...(isOurs(make) ? [] : ownersScenesOf(make)));

const ownersScenesOf = (make: TableOfAMake) => [
  { weight: 5, arbitrary: heldAgain },
  { weight: 2, arbitrary: lateExpiry },
  { weight: 4, arbitrary: movedByHand },
  { weight: 2, arbitrary: movedInTime },
  { weight: 2, arbitrary: freedByHand },
  { weight: 3, arbitrary: strangeAndDue(make) },
];

const scenesOf = (make: TableOfAMake) => [
  { weight: 2, arbitrary: overtaken },
  { weight: 3, arbitrary: heldBack },
  { weight: 1, arbitrary: unheard },
  { weight: 1, arbitrary: fullItem(make) },
  { weight: 2, arbitrary: onTime },
  { weight: 2, arbitrary: versions },
  { weight: 1, arbitrary: wrongSweep },
  { weight: 1, arbitrary: onItsWay },
  { weight: 1, arbitrary: reborn },
  { weight: 1, arbitrary: neglected },
  { weight: 1, arbitrary: restored },
  { weight: 1, arbitrary: triedAgain },
  { weight: 1, arbitrary: exact },
  { weight: 1, arbitrary: unsent },
  { weight: 1, arbitrary: restarted },
  { weight: 1, arbitrary: untold },
  { weight: 1, arbitrary: large },
];
