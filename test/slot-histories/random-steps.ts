/** Random histories of slots, which shrink step by step and print as sentences. */
import fc from 'fast-check';
import { DAY_MS, MINUTE_MS } from '../../functions/core/hold-time.ts';
import type { TryFault } from '../support/unreliable-requests.ts';
import { type Deed, type Doing, type Fault, IDS, SLOTS, type Step, sentence } from './steps.ts';

const HOUR_MS = 60 * MINUTE_MS;
const id = fc.constantFrom(...IDS);
const slotId = fc.constantFrom(...SLOTS);
const holdMs = fc.oneof(
  { weight: 5, arbitrary: fc.integer({ min: 1_000, max: 9_000 }) },
  { weight: 1, arbitrary: fc.constantFrom(MINUTE_MS, 15 * MINUTE_MS, 2 * DAY_MS) },
);
const slotIds = fc.oneof(
  { weight: 8, arbitrary: fc.uniqueArray(slotId, { minLength: 1, maxLength: 2 }) },
  { weight: 1, arbitrary: fc.constantFrom([...SLOTS], [...SLOTS].reverse(), []) },
);

const deed: fc.Arbitrary<Deed> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('create' as const), id, holdMs, slotIds }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('confirm' as const), id, revives: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('extend' as const), id, holdMs }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('cancel' as const), id }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('read' as const, 'expire' as const), id }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('look-up' as const), slotId }) },
);

const fault: fc.Arbitrary<Fault | undefined> = fc.oneof(
  { weight: 8, arbitrary: fc.constant(undefined) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('crash' as const), atRequest: fc.nat(4), carriedOut: fc.boolean() }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('network' as const),
      befalls: fc.constantFrom<TryFault[]>('answer-lost', 'held-back', 'held-back', 'repeated', 'request-lost'),
      afterTries: fc.nat(3),
      times: fc.constantFrom(1, 1, 2, 3),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('busy' as const),
      times: fc.constantFrom(1, 1, 2, 3, 1_000),
      carriedOut: fc.boolean(),
    }),
  },
);

/** Clocks that are wrong by moments, by hours, by more than a week. */
const wrongMs = fc.oneof(
  { weight: 3, arbitrary: fc.constant(0) },
  { weight: 2, arbitrary: fc.integer({ min: -6_000, max: 6_000 }) },
  { weight: 1, arbitrary: fc.constantFrom(-5 * HOUR_MS, 5 * HOUR_MS, -9 * DAY_MS, 9 * DAY_MS) },
);

/** Around the deadline, and when the items of slots have been purged. */
const aroundDeadline = fc.constantFrom(-1, 0, 1, -500, 500, HOUR_MS, 7 * DAY_MS, 8 * DAY_MS);

const alone = (doing: Doing): Step => ({ is: 'done', doings: [doing], turns: [0] });

const stepOf = (offMs: fc.Arbitrary<number>): fc.Arbitrary<Step> => {
  const doing = fc.record({ deed, fault, offMs });
  return fc.oneof(
    { weight: 14, arbitrary: doing.map(alone) },
    {
      weight: 5,
      arbitrary: fc.record({
        is: fc.constant('done' as const),
        doings: fc.array(doing, { minLength: 2, maxLength: 3 }),
        turns: fc.array(fc.nat(2), { minLength: 1, maxLength: 8 }),
      }),
    },
    {
      weight: 1,
      arbitrary: fc
        .record({ do: fc.constant('delete' as const), id })
        .chain((gone) => fc.record({ deed: fc.constant(gone), fault, offMs }))
        .map(alone),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        is: fc.constant('time-passes' as const),
        ms: fc.constantFrom(1, 700, 3_000, MINUTE_MS, HOUR_MS),
      }),
    },
    {
      weight: 5,
      arbitrary: fc.record({ is: fc.constant('time-goes-to-deadline' as const), id, offsetMs: aroundDeadline }),
    },
    { weight: 3, arbitrary: fc.constant({ is: 'late-requests-land' as const }) },
    { weight: 1, arbitrary: fc.constant({ is: 'slots-are-purged' as const }) },
  );
};

/** What rarely comes together by chance: a hold that lapses, somebody else who wants its slots, and a late payment. */
const sceneOf = (offMs: fc.Arbitrary<number>): fc.Arbitrary<Step[]> => {
  const doingOf = (what: fc.Arbitrary<Deed>): fc.Arbitrary<Step> => fc.record({ deed: what, fault, offMs }).map(alone);
  return fc
    .record({ first: id, next: id, slotIds, holdMs, offsetMs: aroundDeadline })
    .chain(({ first, next, offsetMs, ...claim }) =>
      fc.tuple(
        doingOf(fc.constant({ do: 'create', id: first, ...claim })),
        fc.constant<Step>({ is: 'time-goes-to-deadline', id: first, offsetMs }),
        fc.oneof(
          doingOf(fc.constant({ do: 'create', id: next, ...claim })),
          doingOf(fc.constantFrom<Deed>({ do: 'read', id: first }, { do: 'expire', id: first })),
        ),
        doingOf(
          fc.constantFrom<Deed>(
            { do: 'confirm', id: first, revives: true },
            { do: 'confirm', id: first, revives: false },
            { do: 'cancel', id: first },
            { do: 'extend', id: first, holdMs: claim.holdMs },
            { do: 'confirm', id: next, revives: true },
          ),
        ),
      ),
    );
};

/** A slot that a clock ahead takes from whoever holds it, and gives back when that one has been told. */
const theftScene: fc.Arbitrary<Step[]> = fc
  .record({ first: id, next: id, slotIds, holdMs, revives: fc.boolean() })
  .map(({ first, next, revives, ...claim }) => {
    const by = (deed: Deed, offMs = 0) => alone({ deed, fault: undefined, offMs });
    return [
      by({ do: 'create', id: first, ...claim }),
      by({ do: 'create', id: next, ...claim }, 5 * HOUR_MS),
      by({ do: 'confirm', id: first, revives }),
      by({ do: 'cancel', id: next }),
      by({ do: 'confirm', id: first, revives }),
    ];
  });

const historiesBy = (
  maxParts: number,
  offMs: fc.Arbitrary<number>,
  ...scenes: readonly fc.Arbitrary<Step[]>[]
): fc.Arbitrary<Step[]> =>
  fc
    .array(
      fc.oneof(
        { weight: 8, arbitrary: stepOf(offMs).map((step) => [step]) },
        { weight: 1, arbitrary: fc.oneof(sceneOf(offMs), ...scenes) },
      ),
      { minLength: 1, maxLength: maxParts, size: 'max' },
    )
    .map((parts) => parts.flat());

const told = (step: Step): Step => Object.assign({ ...step }, { [fc.toStringMethod]: () => sentence(step) });

/**
 * Half of them have right clocks only.
 *
 * @param maxParts steps or scenes of one history at the most
 */
export const slotHistories = (maxParts: number): fc.Arbitrary<Step[]> =>
  fc
    .oneof(historiesBy(maxParts, fc.constant(0)), historiesBy(maxParts, wrongMs, theftScene))
    .map((steps) => steps.map(told));
