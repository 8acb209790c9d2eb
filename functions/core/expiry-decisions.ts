/** Three pure answers: a booking was written, a timer came, a read showed something. What follows is done elsewhere. */
import type { Booking, ExpireOutcome } from './booking-status.ts';
import type { ExpiryTimer, ScheduledTimer } from './expiry-timer.ts';
import { claimsToBeNear, isNear, longestWaitMs, type TimerSettings, timerDelaySeconds } from './hold-time.ts';
import type { Adoption, AsStored } from './moves.ts';
import { noticeOnWrite } from './notices.ts';
import { isCountedShard, shardOf } from './pending-shard.ts';

export type { ScheduledTimer } from './expiry-timer.ts';

/** A PENDING booking as an item or a stream's record shows it. */
export interface SeenBooking {
  readonly booking: Booking;
  /** Its deadline exactly as stored. */
  readonly seenDeadline: AsStored | undefined;
  /** The deadline under which the index has it, epoch ms; undefined if that makes no sense or is not there. */
  readonly indexedAtMs: number | undefined;
}

/** What is to be done about a PENDING booking that was written. */
export type WriteDecision =
  | { readonly kind: 'invalid-deadline'; readonly reason: string }
  | {
      /** schedule: send its timer now. leave-to-sweep: it is far. unchanged: its timer was sent before. */
      readonly kind: 'schedule' | 'leave-to-sweep' | 'unchanged';
      readonly scheduled?: ScheduledTimer;
      /** The timer of its notice, if that is to be sent now. */
      readonly notice?: ScheduledTimer;
      readonly adoption?: Adoption;
    };

/**
 * Decides about a booking that is PENDING after a write.
 *
 * @param seen the booking after the write
 * @param before the same booking before the write, if it was PENDING then too
 * @param nowMs the clock, epoch ms
 * @param shardCount number of shards of the index
 */
export const decideOnWrite = (
  seen: SeenBooking,
  before: Booking | undefined,
  nowMs: number,
  shardCount: number,
  settings: TimerSettings,
): WriteDecision => {
  const { bookingId, expiresAtMs, deadlineProblem } = seen.booking;
  if (expiresAtMs === undefined) return { kind: 'invalid-deadline', reason: deadlineProblem ?? 'it has no deadline' };

  const adoption = adoptionOf(seen, nowMs, shardCount, settings);
  const alsoAdopt = adoption && { adoption };
  if (before !== undefined && isSameHold(before, seen.booking, shardCount)) return { kind: 'unchanged', ...alsoAdopt };
  const notice = noticeOnWrite({ ...seen.booking, expiresAtMs }, nowMs, settings);
  const also = { ...(notice && { notice }), ...alsoAdopt };
  if (!isNear(expiresAtMs, nowMs, settings)) return { kind: 'leave-to-sweep', ...also };
  const delaySeconds = timerDelaySeconds(expiresAtMs, nowMs, settings.timerLeadMs);
  return { kind: 'schedule', scheduled: { timer: { bookingId, expiresAtMs }, delaySeconds }, ...also };
};

/**
 * Whether a change left the hold as it was, so that the timer of its deadline has been sent or is left to the sweep. A hold
 * that was set again, even to the same deadline, is a new one: a sweep believes that its timer was sent at its start. Only
 * an adoption, which adds start and shard together, was made when that timer was.
 */
const isSameHold = (before: Booking, after: Booking, shardCount: number): boolean => {
  if (before.expiresAtMs !== after.expiresAtMs) return false;
  const isAdoption =
    before.holdStartedAtMs === undefined &&
    !isCountedShard(before.pendingShard, shardCount) &&
    after.pendingShard === shardOf(after.bookingId, shardCount);
  return before.holdStartedAtMs === after.holdStartedAtMs || isAdoption;
};

/** Whether a hold has no start, or that of an earlier hold, which has expired. */
const lacksStart = ({ holdStartedAtMs, expiredAtMs }: Booking): boolean =>
  holdStartedAtMs === undefined || (expiredAtMs !== undefined && holdStartedAtMs <= expiredAtMs);

/**
 * What a PENDING booking lacks for a sweep to find it and to judge it rightly; undefined if nothing, or if its deadline is
 * none. It needs adoption if it is in no shard that a sweep looks into, if the index has it under another deadline, or if it
 * is far but claims a near hold (a writer whose clock is ahead): then the sweep would believe that its timer has been sent.
 */
export const adoptionOf = (
  { booking, seenDeadline, indexedAtMs }: SeenBooking,
  nowMs: number,
  shardCount: number,
  settings: TimerSettings,
): Adoption | undefined => {
  const { bookingId, expiresAtMs, holdStartedAtMs, pendingShard } = booking;
  if (expiresAtMs === undefined || seenDeadline === undefined) return undefined;
  const misleads = claimsToBeNear(expiresAtMs, holdStartedAtMs) && !isNear(expiresAtMs, nowMs, settings);
  const isIndexed = isCountedShard(pendingShard, shardCount) && indexedAtMs === expiresAtMs;
  if (isIndexed && !misleads) return undefined;
  return {
    bookingId,
    seenDeadline,
    pendingShard: shardOf(bookingId, shardCount),
    ...(indexedAtMs !== expiresAtMs && { indexedAtMs: expiresAtMs }),
    ...((misleads || lacksStart(booking)) && { holdStartedAtMs: nowMs }),
  };
};

/** What is to be done about a timer that came: wait for its deadline, or send it again because it is too early. */
export type TimerDecision =
  | { readonly kind: 'wait' }
  | { readonly kind: 'send-again'; readonly scheduled: ScheduledTimer };

export const decideOnTimer = (timer: ExpiryTimer, nowMs: number, timerLeadMs: number): TimerDecision => {
  if (timer.expiresAtMs - nowMs <= longestWaitMs(timerLeadMs)) return { kind: 'wait' };
  const delaySeconds = timerDelaySeconds(timer.expiresAtMs, nowMs, timerLeadMs);
  return { kind: 'send-again', scheduled: { timer, delaySeconds } };
};

/**
 * What a consistent read after a timer has come proves about it, if anything. A booking that is settled, or has a later
 * deadline, needs this timer no more: whatever makes it PENDING again, or its deadline an earlier one, is a change of its own
 * and makes its own timer. Anything else, a booking not found included, proves nothing: the conditional write decides.
 */
export const provenBySnapshot = (timer: ExpiryTimer, snapshot: Booking | undefined): ExpireOutcome | undefined => {
  if (snapshot === undefined) return undefined;
  const { status, expiresAtMs } = snapshot;
  if (status === 'EXPIRED') return { kind: 'already-expired' };
  if (status !== 'PENDING') return { kind: 'settled', status };
  return expiresAtMs !== undefined && expiresAtMs > timer.expiresAtMs ? { kind: 'extended', expiresAtMs } : undefined;
};
