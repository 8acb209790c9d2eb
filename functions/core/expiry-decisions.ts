/** Three pure answers: a booking was written, a timer came, a read told something. What follows is done elsewhere. */
import type { Adoption, BookingSnapshot, ExpireOutcome } from './booking-status.ts';
import type { ExpiryTimer } from './expiry-timer.ts';
import {
  isNear,
  longestWaitMs,
  nearReachMs,
  readDeadline,
  type TimerSettings,
  timerDelaySeconds,
} from './hold-time.ts';
import { isValidShard, shardOf } from './pending-shard.ts';

/** A PENDING booking as a stream record shows it: of what a foreign writer wrote, only the key is certain. */
export interface WrittenBooking {
  readonly bookingId: string;
  readonly expiresAtMs: number | undefined;
  readonly holdStartedAtMs: number | undefined;
  readonly pendingShard: number | undefined;
}

/** A timer and the delay with which it is to be sent. */
export interface ScheduledTimer {
  readonly timer: ExpiryTimer;
  readonly delaySeconds: number;
}

/** What is to be done about a PENDING booking that was written. */
export type WriteDecision =
  | { readonly kind: 'invalid-deadline'; readonly reason: string }
  | {
      /** schedule: send its timer now. leave-to-sweep: it is far. unchanged: its timer was sent before. */
      readonly kind: 'schedule' | 'leave-to-sweep' | 'unchanged';
      readonly scheduled?: ScheduledTimer;
      readonly adoption?: Adoption;
    };

/**
 * Decides about a booking that is PENDING after a write.
 *
 * @param booking the booking after the write
 * @param previousExpiresAtMs its deadline before the write, if it was PENDING then too
 * @param nowMs the clock, epoch ms
 * @param shardCount number of shards of the index
 */
export const decideOnWrite = (
  booking: WrittenBooking,
  previousExpiresAtMs: number | undefined,
  nowMs: number,
  shardCount: number,
  settings: TimerSettings,
): WriteDecision => {
  const deadline = readDeadline(booking.expiresAtMs);
  if (!deadline.valid) return { kind: 'invalid-deadline', reason: deadline.reason };
  const { bookingId } = booking;
  const { expiresAtMs } = deadline;

  const near = isNear(expiresAtMs, nowMs, settings);
  const adoption = adoptionOf(booking, near, nowMs, shardCount, settings);
  const alsoAdopt = adoption && { adoption };
  if (previousExpiresAtMs === booking.expiresAtMs) return { kind: 'unchanged', ...alsoAdopt };
  if (!near) return { kind: 'leave-to-sweep', ...alsoAdopt };
  const delaySeconds = timerDelaySeconds(expiresAtMs, nowMs, settings.timerLeadMs);
  return { kind: 'schedule', scheduled: { timer: { bookingId, expiresAtMs }, delaySeconds }, ...alsoAdopt };
};

/**
 * A booking needs adoption if it is in no shard that a sweep looks into, or if it is far but claims a near hold (a
 * writer whose clock is ahead): then the sweep would believe that its timer has been sent.
 */
const adoptionOf = (
  { bookingId, expiresAtMs = 0, holdStartedAtMs, pendingShard }: WrittenBooking,
  near: boolean,
  nowMs: number,
  shardCount: number,
  settings: TimerSettings,
): Adoption | undefined => {
  const claimsNear = holdStartedAtMs !== undefined && expiresAtMs - holdStartedAtMs <= nearReachMs(settings);
  const misleads = claimsNear && !near;
  if (isValidShard(pendingShard, shardCount) && !misleads) return undefined;
  return {
    bookingId,
    seenExpiresAtMs: expiresAtMs,
    pendingShard: shardOf(bookingId, shardCount),
    holdStartedAtMs: misleads ? nowMs : (holdStartedAtMs ?? nowMs),
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
 * What an eventually consistent read proves about a timer, if anything. A settled status never goes back to PENDING,
 * and a deadline later than the timer's was set by an extension that made its own timer. Anything else, a booking not
 * found included, proves nothing: the conditional write decides.
 */
export const provenBySnapshot = (
  timer: ExpiryTimer,
  snapshot: BookingSnapshot | undefined,
): ExpireOutcome | undefined => {
  if (snapshot === undefined) return undefined;
  if (snapshot.status === 'EXPIRED') return { kind: 'already-expired' };
  if (snapshot.status !== 'PENDING') return { kind: 'settled', status: snapshot.status };
  const deadline = readDeadline(snapshot.expiresAtMs);
  if (!deadline.valid || deadline.expiresAtMs <= timer.expiresAtMs) return undefined;
  return { kind: 'extended', expiresAtMs: deadline.expiresAtMs };
};
