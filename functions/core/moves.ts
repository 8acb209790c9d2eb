/**
 * Every write that a booking may meet, as data: what is set, what is removed, on what condition.
 *
 *   PENDING ──confirm, before the deadline──▶ CONFIRMED ──cancel──▶ CANCELLED
 *      │ ├────cancel, before the deadline──────────────────────────────▲
 *      │ └────extend, before the deadline──▶ PENDING with a new deadline
 *      └──────expire, from the deadline on──▶ EXPIRED
 *
 * Nothing else is legal, and nothing leads back to PENDING. Each move is one write whose condition holds the whole rule,
 * so that no order of customers, timers, duplicates and sweeps can break it. `nowMs` is the clock of whoever makes the
 * move, read just before the write: DynamoDB has no clock in its conditions.
 *
 * Every condition also names what the move saw. So a write that arrives again, seconds late, after its repetition was
 * carried out and the booking has moved on, changes nothing.
 */
import type { ExpiredBy } from './booking-status.ts';
import { EARLIEST_DEADLINE_MS } from './hold-time.ts';
import { MAX_SHARDS } from './pending-shard.ts';

/**
 * A value exactly as the table has it, whoever wrote it: a number of 38 digits, or another type than expected. Its form is
 * the table's own affair.
 */
export interface AsStored {
  readonly stored: object;
}
export type Value = string | number | AsStored;

/** One part of a condition; all parts of a condition must hold. Numbers compare as numbers, text as text. */
export type Clause =
  | { readonly attribute: string; readonly is: 'equal'; readonly value: Value }
  | { readonly attribute: string; readonly is: 'above'; readonly value: number }
  | { readonly attribute: string; readonly is: 'between'; readonly from: number; readonly through: number }
  | { readonly attribute: string; readonly is: 'absent' };

/** A conditional write of one item. It never creates the item: of one that does not exist, the condition fails. */
export interface ConditionalWrite {
  readonly set: Readonly<Record<string, Value>>;
  readonly remove: readonly string[];
  readonly condition: readonly Clause[];
}

export const isPending: Clause = { attribute: 'status', is: 'equal', value: 'PENDING' };
const holdStillRuns = (nowMs: number): Clause => ({ attribute: 'expiresAtMs', is: 'above', value: nowMs });
/** The lower bound keeps a deadline in seconds, which is always below now, from being taken for a lapsed one. */
const holdHasLapsed = (nowMs: number): Clause => ({
  attribute: 'expiresAtMs',
  is: 'between',
  from: EARLIEST_DEADLINE_MS,
  through: nowMs,
});
const isAsSeen = (attribute: string, seen: AsStored | undefined): Clause =>
  seen === undefined ? { attribute, is: 'absent' } : { attribute, is: 'equal', value: seen };

/** PENDING → CONFIRMED: it was paid. */
export const confirmMove = (nowMs: number): ConditionalWrite => ({
  set: { status: 'CONFIRMED', confirmedAtMs: nowMs },
  remove: ['pendingShard'],
  condition: [isPending, holdStillRuns(nowMs)],
});

/** PENDING → CANCELLED. */
export const cancelMove = (nowMs: number): ConditionalWrite => ({
  set: { status: 'CANCELLED', cancelledAtMs: nowMs },
  remove: ['pendingShard'],
  condition: [isPending, holdStillRuns(nowMs)],
});

/**
 * CONFIRMED → CANCELLED. A write of its own, on condition of the very payment that was seen: a cancellation that was sent
 * while the booking was PENDING, and arrives late, cannot undo a payment.
 *
 * @param seenConfirmedAtMs the booking's `confirmedAtMs` as stored; undefined if it has none
 */
export const cancelConfirmedMove = (nowMs: number, seenConfirmedAtMs: AsStored | undefined): ConditionalWrite => ({
  set: { status: 'CANCELLED', cancelledAtMs: nowMs },
  remove: ['pendingShard'],
  condition: [{ attribute: 'status', is: 'equal', value: 'CONFIRMED' }, isAsSeen('confirmedAtMs', seenConfirmedAtMs)],
});

/** What an extension saw of the hold that it extends, exactly as stored. */
export interface SeenHold {
  readonly expiresAtMs: AsStored | undefined;
  readonly holdStartedAtMs: AsStored | undefined;
}

/**
 * A new deadline for a PENDING booking, on condition of the hold that was seen: a late duplicate of an extension finds
 * the hold that a newer one made. The start of the hold is a part of it, because a deadline may come back.
 */
export const extendMove = (
  expiresAtMs: number,
  pendingShard: number,
  seen: SeenHold,
  nowMs: number,
): ConditionalWrite => ({
  set: { expiresAtMs, holdStartedAtMs: nowMs, pendingShard },
  remove: [],
  condition: [
    isPending,
    holdStillRuns(nowMs),
    isAsSeen('expiresAtMs', seen.expiresAtMs),
    isAsSeen('holdStartedAtMs', seen.holdStartedAtMs),
  ],
});

/** PENDING → EXPIRED. */
export const expireMove = (nowMs: number, expiredBy: ExpiredBy): ConditionalWrite => ({
  set: { status: 'EXPIRED', expiredAtMs: nowMs, expiredBy },
  remove: ['pendingShard'],
  condition: [isPending, holdHasLapsed(nowMs)],
});

/**
 * PENDING → EXPIRED for an item that is so large that it takes no attribute more. The two words have the same length, so
 * that the write fits wherever the item does. When it expired is told by the stream's record alone.
 */
export const expireWithoutTraceMove = (nowMs: number): ConditionalWrite => ({
  set: { status: 'EXPIRED' },
  remove: ['pendingShard'],
  condition: [isPending, holdHasLapsed(nowMs)],
});

/** The attributes that make a sweep find a booking whose writer left them out, or had them wrong. */
export interface Adoption {
  readonly bookingId: string;
  /** The deadline that was seen, exactly as stored. If it has changed since, the newer record speaks for the booking. */
  readonly seenExpiresAtMs: AsStored;
  readonly pendingShard: number;
  /** Absent where the start that the item has is right. */
  readonly holdStartedAtMs?: number;
}

/** Puts a PENDING booking into the index. */
export const adoptMove = ({ seenExpiresAtMs, pendingShard, holdStartedAtMs }: Adoption): ConditionalWrite => ({
  set: { pendingShard, ...(holdStartedAtMs !== undefined && { holdStartedAtMs }) },
  remove: [],
  condition: [isPending, { attribute: 'expiresAtMs', is: 'equal', value: seenExpiresAtMs }],
});

/**
 * Takes an item out of the index that a foreign writer settled without doing so, or whose status is none.
 *
 * @param seenStatus its status as it was seen, which is not PENDING; undefined if it has none
 */
export const leaveIndexMove = (seenStatus: AsStored | undefined): ConditionalWrite => ({
  set: {},
  remove: ['pendingShard'],
  condition: [
    isAsSeen('status', seenStatus),
    { attribute: 'pendingShard', is: 'between', from: 0, through: MAX_SHARDS },
  ],
});

/**
 * Notes how far sweeps have scheduled, unless another sweep has done so since it was read: that one's note is as true. So
 * it may move back, where what was noted is void, and no late duplicate of an older note undoes a newer one.
 *
 * @param seen what was noted before, as stored; undefined if nothing was
 */
export const moveScheduledThrough = (seen: AsStored | undefined, scheduledThroughMs: number): ConditionalWrite => ({
  set: { scheduledThroughMs },
  remove: [],
  condition: [isAsSeen('scheduledThroughMs', seen)],
});

/** How far a patrol has come, as it is noted. */
export interface PatrolNote {
  readonly revision: number;
  /** Absent at the beginning of the table. */
  readonly cursor: AsStored | undefined;
  readonly isWhole: number;
  readonly givenUp: number;
}

/** Notes how far a patrol has come, unless another patrol has since the last note was read. */
export const notePatrol = (seenRevision: AsStored | undefined, note: PatrolNote): ConditionalWrite => {
  const { revision, cursor, isWhole, givenUp } = note;
  return {
    set: { revision, isWhole, givenUp, ...(cursor && { cursor }) },
    remove: cursor === undefined ? ['cursor'] : [],
    condition: [isAsSeen('revision', seenRevision)],
  };
};
