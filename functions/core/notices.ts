/**
 * Notices: `BookingExpiring` some time before a deadline. A notice is a timer of its own kind in the timer queue. It is sent
 * when its time is near, by what sends the timer of the deadline too: the stream's reader, or a sweep. When it comes, the
 * booking is read and decides: only one that is still PENDING with that very deadline, and whose hold is long enough, is told
 * of. So a notice too many does no harm but a repetition, which has the same id.
 */
import type { Booking } from './booking-status.ts';
import type { ExpiryTimer, ScheduledTimer } from './expiry-timer.ts';
import { claimsToBeNear, isReached, MAX_SQS_DELAY_SECONDS, SECOND_MS, type TimerSettings } from './hold-time.ts';

/** A hold must be this many times as long as its notice comes before its end. */
const HOLD_FACTOR = 2;
/** A notice that comes so little too early, ms, is published at once: SQS counts in seconds. */
const EARLY_TOLERANCE_MS = SECOND_MS;

/** A hold as far as its notice depends on it. */
export interface NoticedHold {
  readonly bookingId: string;
  readonly expiresAtMs: number;
  readonly holdStartedAtMs?: number;
}

/**
 * Whether a hold is long enough for a notice. One that does not say when it started is taken to have started when it was seen
 * first.
 *
 * @param seenAtMs when it was seen first, if that is known, epoch ms
 */
const isLongEnough = (
  { expiresAtMs, holdStartedAtMs }: NoticedHold,
  noticeBeforeMs: number,
  seenAtMs?: number,
): boolean => {
  const startedAtMs = holdStartedAtMs ?? seenAtMs;
  return startedAtMs === undefined || expiresAtMs - startedAtMs >= HOLD_FACTOR * noticeBeforeMs;
};

/** When the notice of a deadline is due, epoch ms. */
export const noticeAtMs = (expiresAtMs: number, noticeBeforeMs: number): number => expiresAtMs - noticeBeforeMs;

/** The notice of a hold that was written now, if it is to be sent now: a later one is left to the sweep. */
export const noticeOnWrite = (
  hold: NoticedHold,
  nowMs: number,
  settings: TimerSettings,
): ScheduledTimer | undefined => {
  const { noticeBeforeMs } = settings;
  if (noticeBeforeMs === undefined || hold.expiresAtMs <= nowMs) return undefined;
  if (!isLongEnough(hold, noticeBeforeMs, nowMs)) return undefined;
  return isReached(noticeAtMs(hold.expiresAtMs, noticeBeforeMs), nowMs, settings)
    ? noticeOf(hold, nowMs, noticeBeforeMs)
    : undefined;
};

/**
 * The notice of a hold that comes near, if it is to be sent: not where it certainly was sent when the hold started.
 *
 * @param anew whether nothing is certain about earlier versions: after a deployment
 */
export const noticeOnSweep = (
  hold: NoticedHold,
  nowMs: number,
  { noticeBeforeMs }: TimerSettings,
  anew: boolean,
): ScheduledTimer | undefined => {
  if (noticeBeforeMs === undefined || hold.expiresAtMs <= nowMs || !isLongEnough(hold, noticeBeforeMs))
    return undefined;
  const { holdStartedAtMs } = hold;
  const wasSent =
    holdStartedAtMs !== undefined &&
    holdStartedAtMs <= nowMs &&
    claimsToBeNear(noticeAtMs(hold.expiresAtMs, noticeBeforeMs), holdStartedAtMs);
  return wasSent && !anew ? undefined : noticeOf(hold, nowMs, noticeBeforeMs);
};

const noticeOf = ({ bookingId, expiresAtMs }: NoticedHold, nowMs: number, noticeBeforeMs: number): ScheduledTimer => ({
  timer: { bookingId, expiresAtMs, kind: 'notice' },
  delaySeconds: noticeDelaySeconds(expiresAtMs, nowMs, noticeBeforeMs),
});

/** Whole seconds until a notice is due, rounded up: nobody waits for the rest. Always within 0 to 900, what SQS takes. */
export const noticeDelaySeconds = (expiresAtMs: number, nowMs: number, noticeBeforeMs: number): number =>
  Math.min(
    MAX_SQS_DELAY_SECONDS,
    Math.max(0, Math.ceil((noticeAtMs(expiresAtMs, noticeBeforeMs) - nowMs) / SECOND_MS)),
  );

/** What is to be done about the timer of a notice that came. */
export type NoticeDecision =
  | { readonly kind: 'look' }
  | { readonly kind: 'send-again'; readonly scheduled: ScheduledTimer }
  /** Its deadline has passed, or notices have been switched off since it was sent. */
  | { readonly kind: 'not-needed' };

export const decideOnNotice = (
  timer: ExpiryTimer,
  nowMs: number,
  noticeBeforeMs: number | undefined,
): NoticeDecision => {
  if (noticeBeforeMs === undefined || timer.expiresAtMs <= nowMs) return { kind: 'not-needed' };
  if (noticeAtMs(timer.expiresAtMs, noticeBeforeMs) - nowMs <= EARLY_TOLERANCE_MS) return { kind: 'look' };
  return { kind: 'send-again', scheduled: noticeOf(timer, nowMs, noticeBeforeMs) };
};

/**
 * Whether a booking is told of, as a consistent read shows it.
 *
 * @param found undefined if there is no such booking
 */
export const isToBeNoticed = (
  timer: ExpiryTimer,
  found: Booking | undefined,
  nowMs: number,
  noticeBeforeMs: number,
): found is Booking =>
  found?.status === 'PENDING' &&
  found.expiresAtMs === timer.expiresAtMs &&
  found.expiresAtMs > nowMs &&
  isLongEnough({ ...found, expiresAtMs: found.expiresAtMs }, noticeBeforeMs);
