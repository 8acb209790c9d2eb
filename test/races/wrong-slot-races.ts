/** Races that cannot have happened, each beside one that can, and that differs from it in one answer. */
import type { Call, Heard } from '../slot-histories/explain.ts';
import type { Act } from '../slot-histories/truth.ts';

/** One after the other: at so many ms, somebody did this and was told that. */
type Said = readonly [atMs: number, act: Act, told: Heard];

const inOrder = (...said: readonly Said[]): Call[] =>
  said.map(([atMs, act, told], index) => ({
    act,
    told,
    fromMs: atMs,
    byMs: atMs,
    calledAt: 2 * index,
    answeredAt: 2 * index + 1,
  }));

/** All at once, by the same clock. */
const atOnce = (...said: readonly Said[]): Call[] =>
  inOrder(...said).map((call) => ({ ...call, calledAt: 0, answeredAt: 100 }));

const UNTIL_MS = 1_000;
const claim = (id: string, slotIds = ['seat-1'], expiresAtMs = UNTIL_MS): Act => ({
  do: 'create',
  id,
  slotIds,
  expiresAtMs,
});
const confirm = (id: string, revives = false): Act => ({ do: 'confirm', id, revives });
const cancel = (id: string): Act => ({ do: 'cancel', id });
const read = (id: string): Act => ({ do: 'read', id });
const lookUp = (slotId = 'seat-1'): Act => ({ do: 'look-up', slotId });
const is = (kind: Heard['kind'], status: string, expiresAtMs = UNTIL_MS): Heard => ({ kind, status, expiresAtMs });
const TAKEN: Heard = { kind: 'slots-taken', slotIds: ['seat-1'] };
const slot = (state: string, owner?: string, untilMs?: number): Heard => ({
  kind: 'slot',
  state,
  ...(owner !== undefined && { owner }),
  ...(untilMs !== undefined && { untilMs }),
});

const held = (id: string, atMs = 0): Said => [
  atMs,
  claim(id, ['seat-1'], atMs + UNTIL_MS),
  is('created', 'PENDING', atMs + UNTIL_MS),
];
const paid = (id: string, atMs: number, untilMs = UNTIL_MS): Said => [
  atMs,
  confirm(id),
  is('moved', 'CONFIRMED', untilMs),
];

export interface RightAndWrong {
  readonly name: string;
  readonly right: readonly Call[];
  readonly wrong: readonly Call[];
}

const pair = (
  name: string,
  before: readonly Said[],
  right: Said,
  wrong: Said,
  ...after: readonly Said[]
): RightAndWrong => ({
  name,
  right: inOrder(...before, right, ...after),
  wrong: inOrder(...before, wrong, ...after),
});

export const RIGHT_AND_WRONG: readonly RightAndWrong[] = [
  {
    name: 'a slot that is sold twice',
    right: inOrder(
      held('ann'),
      paid('ann', 500),
      [600, cancel('ann'), is('moved', 'CANCELLED')],
      held('bob', 700),
      paid('bob', 800, 1_700),
    ),
    wrong: inOrder(held('ann'), paid('ann', 500), held('bob', 700), paid('bob', 800, 1_700)),
  },
  {
    name: 'two that get one slot at once',
    right: atOnce(held('ann'), [0, claim('bob'), TAKEN]),
    wrong: atOnce(held('ann'), held('bob')),
  },
  pair(
    'a stale read of a booking',
    [held('ann'), paid('ann', 500)],
    [600, read('ann'), is('found', 'CONFIRMED')],
    [600, read('ann'), is('found', 'PENDING')],
  ),
  pair(
    'a stale look at a slot',
    [held('ann'), paid('ann', 500)],
    [600, lookUp(), slot('TAKEN', 'ann')],
    [600, lookUp(), slot('HELD', 'ann', UNTIL_MS)],
  ),
  pair(
    'a payment that is taken after it was refused for good',
    [
      held('ann'),
      [1_000, read('ann'), is('found', 'EXPIRED')],
      held('bob', 1_000),
      [1_001, confirm('ann', true), TAKEN],
      [1_002, cancel('bob'), is('moved', 'CANCELLED', 2_000)],
    ],
    [1_003, confirm('ann', true), TAKEN],
    [1_003, confirm('ann', true), is('moved', 'CONFIRMED')],
  ),
  pair(
    'a revival of slots that another has',
    [held('ann'), held('bob', 1_000)],
    [1_001, confirm('ann', true), TAKEN],
    [1_001, confirm('ann', true), is('moved', 'CONFIRMED')],
  ),
  pair(
    'a revival that is refused although its slots are free',
    [held('ann')],
    [1_001, confirm('ann', true), is('moved', 'CONFIRMED')],
    [1_001, confirm('ann', true), TAKEN],
  ),
  pair(
    'a lapsed hold that is still refused at its millisecond',
    [held('ann')],
    [1_000, claim('bob', ['seat-1'], 2_000), is('created', 'PENDING', 2_000)],
    [1_000, claim('bob', ['seat-1'], 2_000), TAKEN],
  ),
  pair(
    'a hold that is given to another a millisecond early',
    [held('ann')],
    [999, claim('bob', ['seat-1'], 2_000), TAKEN],
    [999, claim('bob', ['seat-1'], 2_000), is('created', 'PENDING', 2_000)],
  ),
  pair(
    'a payment after the booking was said to be EXPIRED',
    [held('ann'), [1_000, read('ann'), is('found', 'EXPIRED')]],
    [1_001, confirm('ann'), is('refused', 'EXPIRED')],
    [999, confirm('ann'), is('moved', 'CONFIRMED')],
  ),
  pair(
    'a booking that gets half of its slots',
    [[0, claim('ann', ['seat-1', 'seat-2']), is('created', 'PENDING')]],
    [1, lookUp('seat-2'), slot('HELD', 'ann', UNTIL_MS)],
    [1, lookUp('seat-2'), slot('FREE')],
  ),
  pair(
    'a slot that is not given back',
    [held('ann'), paid('ann', 1), [2, cancel('ann'), is('moved', 'CANCELLED')]],
    [3, lookUp(), slot('FREE')],
    [3, lookUp(), slot('TAKEN', 'ann')],
  ),
  pair(
    'an extension that holds the booking and not its slot',
    [held('ann'), [1, { do: 'extend', id: 'ann', expiresAtMs: 5_000 }, is('moved', 'PENDING', 5_000)]],
    [1_000, claim('bob', ['seat-1'], 2_000), TAKEN],
    [1_000, claim('bob', ['seat-1'], 2_000), is('created', 'PENDING', 2_000)],
  ),
  pair(
    'a creation that is refused and leaves a slot behind',
    [held('ann'), [1, claim('bob', ['seat-1', 'seat-2']), TAKEN]],
    [2, lookUp('seat-2'), slot('FREE')],
    [2, lookUp('seat-2'), slot('HELD', 'bob', UNTIL_MS)],
  ),
];
