/** What can happen in a history: random steps, each a sentence when a failure is told. */
import fc from 'fast-check';
import type { TryFault } from '../support/unreliable-requests.ts';
import { type StrangeItem, strangeItem, tellItem } from './strangers.ts';

/** What goes wrong during a step. */
export type Fault =
  /** The process ends at its n-th request from here on, which was carried out or not. */
  | { readonly kind: 'crash'; readonly atRequest: number; readonly carriedOut: boolean }
  /** DynamoDB throttles these statements of every batch, and these entries of every send fail. */
  | { readonly kind: 'half-fails'; readonly odd: boolean }
  /** The next n requests fail with their retries. */
  | { readonly kind: 'outage'; readonly requests: number }
  /** The network does this to so many tries of requests, after the first few. */
  | {
      readonly kind: 'network';
      readonly befalls: TryFault;
      readonly afterTries: number;
      readonly times: number;
      /** Tries of this operation only. */
      readonly only?: string;
    };

export type What =
  | { readonly do: 'create' | 'extend'; readonly id: string; readonly holdMs: number }
  | { readonly do: 'confirm' | 'cancel'; readonly id: string }
  | { readonly do: 'foreign-create' | 'foreign-extend'; readonly id: string; readonly holdMs: number }
  | { readonly do: 'stranger-writes'; readonly id: string; readonly item: StrangeItem }
  /** Without a status it is the deadline that is changed. */
  | {
      readonly do: 'stranger-changes';
      readonly id: string;
      readonly status: string | undefined;
      readonly holdMs: number;
    }
  | { readonly do: 'late-requests-land' }
  | { readonly do: 'foreign-confirm' | 'foreign-delete'; readonly id: string }
  | { readonly do: 'time-passes'; readonly ms: number }
  | { readonly do: 'time-goes-to-deadline'; readonly id: string; readonly offsetMs: number }
  | { readonly do: 'stream'; readonly records: number; readonly again: number; readonly to: 'timers' | 'events' }
  | { readonly do: 'deliver'; readonly picks: readonly number[]; readonly twice: boolean }
  | { readonly do: 'lose'; readonly pick: number }
  | { readonly do: 'sweep'; readonly atOnce: number };

export interface Step {
  readonly what: What;
  readonly fault: Fault | undefined;
}

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
/** The last has what SQS and the embedded engine take amiss, and is long, because the engine miscounts short keys. */
const STRANGE_ID = 'zoë \u{1f600} \ufffe\uffff with a name that is as long as forty letters';
export const IDS = ['ann', 'bob', STRANGE_ID];
/** Mostly one booking: what befalls it comes together more often. */
const id = fc.constantFrom('ann', 'ann', 'ann', 'bob', STRANGE_ID);
/** Around every limit: the shortest, what one delay reaches, the sweep's horizon, far. */
const holdMs = fc.oneof(
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

const what: fc.Arbitrary<What> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('create' as const), id, holdMs }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('extend' as const), id, holdMs }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('confirm' as const, 'cancel' as const), id }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constantFrom('foreign-create' as const, 'foreign-extend' as const), id, holdMs }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('stranger-writes' as const),
      id: fc.constantFrom('ann', STRANGE_ID),
      item: strangeItem,
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
  { weight: 2, arbitrary: fc.constant({ do: 'late-requests-land' as const }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constantFrom('foreign-confirm' as const, 'foreign-delete' as const), id }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('time-passes' as const), ms: passing }) },
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constant('time-goes-to-deadline' as const), id, offsetMs: aroundDeadline }),
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
      picks: fc.oneof(fc.constant([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]), fc.array(fc.nat(5), { minLength: 1, maxLength: 4 })),
      twice: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('lose' as const), pick: fc.nat(9) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('sweep' as const), atOnce: fc.constantFrom(1, 1, 2) }) },
);

const fault: fc.Arbitrary<Fault | undefined> = fc.oneof(
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

const sentence = ({ what: step, fault: wrong }: Step): string => {
  const tell = (): string => {
    switch (step.do) {
      case 'create':
        return `${step.id} is created with a hold of ${step.holdMs} ms`;
      case 'extend':
        return `${step.id} is extended by ${step.holdMs} ms from now`;
      case 'confirm':
        return `${step.id} is confirmed`;
      case 'cancel':
        return `${step.id} is cancelled`;
      case 'foreign-create':
        return `a foreign program writes ${step.id}, with nothing but a deadline in ${step.holdMs} ms`;
      case 'foreign-extend':
        return `a foreign program moves the deadline of ${step.id} to ${step.holdMs} ms from now`;
      case 'stranger-writes':
        return `a stranger writes ${step.id} ${tellItem(step.item)}`;
      case 'stranger-changes':
        return step.status === undefined
          ? `a stranger moves the deadline of ${step.id} to ${step.holdMs} ms from now, whatever it is`
          : `a stranger sets ${step.id} to ${step.status}, whatever it is`;
      case 'late-requests-land':
        return 'what was held back arrives';
      case 'foreign-confirm':
        return `a foreign program confirms ${step.id} and leaves it in the index`;
      case 'foreign-delete':
        return `a foreign program deletes ${step.id}`;
      case 'time-passes':
        return `${step.ms} ms pass`;
      case 'time-goes-to-deadline':
        return `time goes on to ${step.offsetMs} ms after the deadline of ${step.id}`;
      case 'stream':
        return `${step.records} stream record(s) reach ${step.to === 'timers' ? 'schedule-expiry' : 'publish-events'}, ${step.again} of before again`;
      case 'deliver':
        return `timers ${step.picks.join(', ')} are delivered${step.twice ? ', and will be again' : ''}`;
      case 'lose':
        return `timer ${step.pick} is lost`;
      case 'sweep':
        return step.atOnce === 1 ? 'a sweep runs' : 'two sweeps run at once';
    }
  };
  const tellFault = (): string => {
    switch (wrong?.kind) {
      case 'crash':
        return `, and crashes at request ${wrong.atRequest + 1}, which was ${wrong.carriedOut ? '' : 'not '}carried out`;
      case 'half-fails':
        return `, while ${wrong.odd ? 'odd' : 'even'} parts of each batch fail`;
      case 'outage':
        return `, while ${wrong.requests} request(s) fail`;
      case 'network':
        return `, while ${wrong.times} tries${wrong.only ? ` of ${wrong.only}` : ''} after the first ${wrong.afterTries} are each ${wrong.befalls}`;
      default:
        return '';
    }
  };
  return `\n  ${tell()}${tellFault()}`;
};

const plain = (step: What): Step => ({ what: step, fault: undefined });
const kept = (steps: readonly Step[], keep: readonly number[]): Step[] => steps.filter((_, index) => keep[index] !== 0);
/** A zero leaves a step out: so the steps that a failure does not need go away when it shrinks. */
const keep = fc.array(fc.nat(20), { minLength: 6, maxLength: 6 });

/** A request that is held back or unheard, while the booking that it was meant for moves on. */
const heldBack: fc.Arbitrary<Step[]> = fc
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
      { what: move(first, holds[0]), fault: { kind: 'network', befalls, afterTries, times } },
      plain({ do: 'time-passes', ms: 700 }),
      plain(move(second, holds[1])),
      plain({ do: 'late-requests-land' }),
    ];
    return kept(steps, keeping);
  });

/** An expiry, by timer or by sweep, whose requests and answers are lost. */
const unheard: fc.Arbitrary<Step[]> = fc
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
      plain({ do: 'stream', records: 8, again: 0, to: 'timers' }),
      plain({ do: 'time-goes-to-deadline', id: one, offsetMs: bySweep ? 31_000 : -500 }),
      {
        what: bySweep ? { do: 'sweep', atOnce: 1 } : { do: 'deliver', picks: [0, 1, 2, 3, 4, 5], twice: false },
        fault,
      },
    ];
    return kept(steps, keeping);
  });

/** An item that has no room left, and its neighbour in the stream. */
const fullItem: fc.Arbitrary<Step[]> = fc
  .record({
    item: strangeItem,
    bytesLeft: fc.integer({ min: 0, max: 60 }),
    holdMs: fc.integer({ min: 2_000, max: 86_400_000 }),
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
      plain({ do: 'foreign-create', id: 'bob', holdMs: 86_400_000 }),
      plain({ do: 'stream', records: 8, again: 0, to: 'timers' }),
      plain({ do: 'time-goes-to-deadline', id: STRANGE_ID, offsetMs: -500 }),
      plain({ do: 'deliver', picks: [0, 1, 2, 3], twice: false }),
    ];
    return kept(steps, keeping);
  });

/** What rarely comes together by chance: a timer that is under way while the booking that it was made for moves on. */
const overtaken: fc.Arbitrary<Step[]> = fc
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
      { do: 'stream', records: 8, again: 0, to: 'timers' },
      { do: 'time-goes-to-deadline', id: one, offsetMs: beforeFirst },
      { do: move, id: one, holdMs: second },
      { do: 'time-goes-to-deadline', id: one, offsetMs: beforeSecond },
      sweeps ? { do: 'sweep', atOnce: 1 } : { do: 'deliver', picks: [0, 1, 2, 3, 4, 5], twice: true },
    ];
    return kept(steps.map(plain), keeping);
  });

const told = (step: Step): Step => Object.assign(step, { [fc.toStringMethod]: () => sentence(step) });

/** Random histories, which shrink step by step and print as sentences. */
export const histories = (maxSteps: number): fc.Arbitrary<Step[]> =>
  fc
    .array(
      fc.oneof(
        { weight: 12, arbitrary: fc.record({ what, fault }).map((step) => [step]) },
        { weight: 2, arbitrary: fc.oneof(overtaken, overtaken, heldBack, heldBack, heldBack, unheard, fullItem) },
      ),
      { minLength: 1, maxLength: maxSteps },
    )
    .map((parts) => parts.flat().map(told));
