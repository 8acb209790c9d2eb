/**
 * Looks for an order of what somebody did, at once with others, that explains all that they were told (after Wing and Gong:
 * take any call that no other call had been answered before, and go on).
 */
import { isDeepStrictEqual } from 'node:util';
import { type Act, done, lapsedOwners, mark, type State, type Told } from './truth.ts';

/** What somebody was told, as far as it was said: what is absent was not. */
export interface Heard {
  /** settled: moved or unchanged. HTTP does not say which. */
  readonly kind: Told['kind'] | 'settled';
  readonly status?: string;
  readonly expiresAtMs?: number;
  /** All slots that refused it, or one of them. */
  readonly slotIds?: readonly string[];
  readonly slotId?: string;
  readonly state?: string;
  readonly owner?: string;
  readonly untilMs?: number;
}

export interface Call {
  readonly act: Act;
  /** The clock of whoever does it, when it began and when it ended, epoch ms. */
  readonly fromMs: number;
  readonly byMs: number;
  /** Undefined where nobody heard an answer: then it took effect, or half of it, or nothing. */
  readonly told: Heard | undefined;
  /** When it was called and answered, in the order of one clock for all. Infinity for an answer that never came. */
  readonly calledAt: number;
  readonly answeredAt: number;
  /**
   * unknowing: it may have taken effect without knowing, so that it asked once more and was answered as a repetition is.
   * knowing: an answer was lost, and it takes what it finds to be as it wanted it for its own work, though another may have
   * done the very same in the same millisecond.
   */
  readonly repeats?: 'unknowing' | 'knowing' | undefined;
}

export interface Explanation {
  /** What there is after it; anything if absent. */
  readonly after?: State;
}

/** What is left to explain: of each call nothing, all, or that it only has to note which slots it saw to be another booking's. */
type Left = readonly ('done' | 'open' | { readonly lost: readonly string[]; readonly status: string })[];

/**
 * @param before what there was
 * @returns whether there is such an order
 */
export const isExplained = (before: State, calls: readonly Call[], { after }: Explanation = {}): boolean => {
  const dead = new Set<string>();
  const search = (state: State, left: Left): boolean => {
    if (left.every((each) => each === 'done') && (after === undefined || isSameState(state, after))) return true;
    const key = keyOf(state, left);
    if (dead.has(key)) return false;
    const open = calls.flatMap((call, index) => (left[index] === 'done' ? [] : [{ call, index }]));
    const firstAnswer = Math.min(...open.map(({ call }) => call.answeredAt));
    const isFound = open
      .filter(({ call }) => call.calledAt <= firstAnswer)
      .some(({ call, index }) =>
        nextOf(state, call, left[index] ?? 'done', after).some(([next, rest]) => search(next, left.with(index, rest))),
      );
    if (!isFound) dead.add(key);
    return isFound;
  };
  return search(
    before,
    calls.map(() => 'open' as const),
  );
};

/** Everything that a call may do next, and what is left of it then. */
const nextOf = (
  state: State,
  call: Call,
  left: Left[number],
  after: State | undefined,
): readonly (readonly [State, Left[number]])[] => {
  if (left === 'done') return [];
  const { act, told } = call;
  const id = 'id' in act ? act.id : undefined;
  const booking = id === undefined ? undefined : state.bookings[id];
  if (typeof left === 'object') {
    // It notes what it saw, unless the booking has changed since: then it looks again.
    const isAsSeen = booking?.status === left.status && booking.lost === undefined;
    const lost = isAsSeen && booking ? noted(state, id ?? '', { ...booking, lost: left.lost }) : undefined;
    return lost ? [[lost, 'done']] : [[state, 'open']];
  }
  const nexts: (readonly [State, Left[number]])[] = [];
  for (const nowMs of clocksOf(state, call)) {
    const [answer, next] = done(state, act, nowMs);
    if (call.repeats === 'unknowing' && stateText(next) !== stateText(state)) nexts.push([next, 'open']);
    if (told === undefined || isAnswer(told, answer, call.repeats === 'knowing')) {
      nexts.push([next, 'done']);
      // A refusal of a payment is noted a moment after the slots were seen. By then they may be free.
      if (act.do === 'confirm' && answer.kind === 'slots-taken' && booking && booking.lost === undefined) {
        const status = next.bookings[act.id]?.status ?? '';
        nexts.push([mark(state, act.id, nowMs), { lost: answer.slotIds, status }]);
        nexts.push([state, { lost: answer.slotIds, status: booking.status }]);
      }
    }
    // What has lapsed may be marked a moment before the rest.
    for (const each of [...(id === undefined ? [] : [id]), ...lapsedOwners(state, act, nowMs)]) {
      const next = mark(state, each, nowMs);
      if (next.bookings[each]?.status !== state.bookings[each]?.status) nexts.push([next, 'open']);
    }
  }
  if (told !== undefined) return nexts;
  nexts.push([state, 'done']);
  // Of a payment whose answer nobody heard, it may be all that is there to be seen that it was refused.
  const lost = id === undefined ? undefined : after?.bookings[id]?.lost;
  if (act.do === 'confirm' && id !== undefined && lost && booking && booking.lost === undefined) {
    if (['PENDING', 'EXPIRED'].includes(booking.status)) nexts.push([noted(state, id, { ...booking, lost }), 'done']);
  }
  return nexts;
};

const OWN = { exists: 'created', unchanged: 'moved' } as const;

const isAnswer = (told: Heard, answer: Told, mayTakeForOwn: boolean): boolean => {
  const { kind, slotId, ...said } = told;
  const own = answer.kind === 'exists' || answer.kind === 'unchanged' ? OWN[answer.kind] : answer.kind;
  const isKind = kind === answer.kind || (mayTakeForOwn && kind === own) || (kind === 'settled' && own === 'moved');
  const isOneOf = slotId === undefined || (answer.kind === 'slots-taken' && answer.slotIds.includes(slotId));
  return (
    isKind &&
    isOneOf &&
    Object.entries(said).every(([name, value]) => isDeepStrictEqual(value, Reflect.get(answer, name)))
  );
};

/**
 * A creation that others were in the way of looks at its slots, one after the other: each that refused it did so at a moment
 * of its own.
 */
export const lookedAt = (call: Call): readonly Call[] => {
  const { act, told } = call;
  if (act.do !== 'create' || told?.kind !== 'slots-taken' || told.slotIds === undefined) return [call];
  return told.slotIds.map((slotId) => ({ ...call, told: { kind: 'slots-taken', slotId } }));
};

const noted = (state: State, id: string, booking: State['bookings'][string]): State => ({
  ...state,
  bookings: { ...state.bookings, [id]: booking },
});

/** The clock of a call can have been at any of these, where it makes a difference. */
const clocksOf = ({ bookings, slots }: State, { fromMs, byMs }: Call): number[] => {
  const limits = [
    ...Object.values(bookings).map(({ expiresAtMs }) => expiresAtMs),
    ...Object.values(slots).map(({ untilMs }) => untilMs ?? 0),
  ];
  return [...new Set([fromMs, ...limits.filter((ms) => ms > fromMs && ms <= byMs), byMs])];
};

const isSameState = (one: State, other: State): boolean => stateText(one) === stateText(other);

const sorted = <T>(all: Readonly<Record<string, T>>): [string, T][] =>
  Object.entries(all).sort(([a], [b]) => (a < b ? -1 : 1));

export const stateText = ({ bookings, slots }: State): string =>
  JSON.stringify([
    sorted(bookings).map(([id, { status, expiresAtMs, slotIds, lost }]) => [id, status, expiresAtMs, slotIds, lost]),
    sorted(slots).map(([id, { owner, untilMs }]) => [id, owner, untilMs]),
  ]);

const keyOf = (state: State, left: Left): string => stateText(state) + JSON.stringify(left);
