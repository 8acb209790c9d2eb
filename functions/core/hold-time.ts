/**
 * All arithmetic with holds, deadlines and delays. Epoch milliseconds throughout; seconds exist only at the SQS edge.
 */
import { wholePart } from './decimal.ts';

export const SECOND_MS = 1_000;
export const MINUTE_MS = 60 * SECOND_MS;
export const DAY_MS = 24 * 60 * MINUTE_MS;

/** Longest delay of one SQS message (Amazon SQS API Reference, SendMessage, `DelaySeconds`). */
export const MAX_SQS_DELAY_SECONDS = 900;

/** A number below this was written in seconds, not milliseconds: as milliseconds it is September 2001. */
export const EARLIEST_DEADLINE_MS = 1e12;
/** A number above this is no deadline in milliseconds (year 5138): microseconds, or a mistake. */
export const LATEST_DEADLINE_MS = 1e14;

/** Shortest hold that the service's own store accepts. */
export const MIN_HOLD_MS = SECOND_MS;
/** Longest hold that the service's own store accepts: a leap year. */
export const MAX_HOLD_MS = 366 * DAY_MS;

/**
 * What the scheduled sweep calls overdue. A timer that is merely slow has this long to do its work,
 * so that a booking which the sweep finds means a timer that was missed.
 */
export const OVERDUE_AFTER_MS = 30 * SECOND_MS;

/** How far ahead, beyond its own interval, a sweep schedules: one missed sweep of five minutes makes nothing late. */
const SCHEDULE_AHEAD_MS = 9 * MINUTE_MS;
/** How long a booking may take from its writer to the index before a sweep could overlook it. */
const INDEX_GRACE_MS = MINUTE_MS;
/** How far two sweeps that run at once may differ in what they call their horizon. */
const HORIZON_TOLERANCE_MS = 30 * SECOND_MS;
/** The longest hold whose timer every deployment sends at once, whatever its settings are. */
const CERTAINLY_NEAR_MS = MAX_SQS_DELAY_SECONDS * SECOND_MS;
/** How much earlier than its lead a timer may come and still be waited for. SQS delivers early at times. */
const EARLY_TOLERANCE_MS = 5 * SECOND_MS;

/**
 * Deadlines this close together are written in one round trip, at the last of them, unless the deployment says otherwise. It
 * adds at most this much to a lag; docs/architecture.md has the measurements.
 */
export const SAME_MOMENT_MS = 5;

/** The settings on which near, far and every delay depend. The same for all Lambdas of a stack. */
export interface TimerSettings {
  /** How long before its deadline a timer should arrive, in ms. */
  readonly timerLeadMs: number;
  /** Time between two sweeps, in ms. */
  readonly sweepIntervalMs: number;
  /** How long before a deadline its notice is published, in ms. @default - there are no notices */
  readonly noticeBeforeMs?: number | undefined;
}

/** How far ahead of now a sweep schedules far bookings: 14 minutes for a sweep every 5 minutes. */
export const comeNearHorizonMs = ({ sweepIntervalMs }: TimerSettings): number => sweepIntervalMs + SCHEDULE_AHEAD_MS;

/** Deadlines whose timers a sweep sends: from and through, epoch ms. Empty if from is later than through. */
export interface ComeNearWindow {
  readonly fromMs: number;
  readonly throughMs: number;
  /** Whether what earlier sweeps noted is void. */
  readonly isVoid: boolean;
}

/**
 * What a sweep schedules: everything between what earlier sweeps have scheduled and its own horizon. What they noted is
 * void if it lies beyond that horizon: a clock was wrong, or the interval was longer. Then the sweep starts at what is
 * overdue, because a timer too many does no harm and one too few does.
 */
export const comeNearWindow = (scheduledThroughMs: number, nowMs: number, settings: TimerSettings): ComeNearWindow => {
  const throughMs = nowMs + comeNearHorizonMs(settings);
  // What lapsed longer ago is expired by the sweep itself: it needs no timer any more.
  const earliestMs = nowMs - OVERDUE_AFTER_MS;
  const isVoid = scheduledThroughMs > throughMs + HORIZON_TOLERANCE_MS;
  return { fromMs: isVoid ? earliestMs : Math.max(scheduledThroughMs + 1, earliestMs), throughMs, isVoid };
};

/**
 * The longest hold that is near: its timer is sent at once. 900 s, what one SQS delay reaches, for sweeps up to 5
 * minutes apart; longer for rarer sweeps, because a far booking must be written before the sweep that schedules it.
 * A timer with more than 900 s to go is sent again on arrival.
 */
export const nearReachMs = (settings: TimerSettings): number =>
  Math.max(CERTAINLY_NEAR_MS, comeNearHorizonMs(settings) + INDEX_GRACE_MS);

/** Whether the timer of a booking is to be sent now. Otherwise a later sweep sends it. */
export const isNear = (expiresAtMs: number, nowMs: number, settings: TimerSettings): boolean =>
  isReached(expiresAtMs - settings.timerLeadMs, nowMs, settings);

/** Whether what is due at a time is to be sent now. Otherwise a later sweep sends it. */
export const isReached = (dueAtMs: number, nowMs: number, settings: TimerSettings): boolean =>
  dueAtMs <= nowMs + nearReachMs(settings);

/** Whether a hold says of itself that it is near under any settings: it lasts at most 900 s from its start. */
export const claimsToBeNear = (expiresAtMs: number, holdStartedAtMs: number | undefined): boolean =>
  holdStartedAtMs !== undefined && expiresAtMs - holdStartedAtMs <= CERTAINLY_NEAR_MS;

/**
 * Whether a sweep may leave out a booking because its timer was sent when its hold started. Only one whose hold certainly
 * was near then; whatever is unclear (no start, one after its deadline or in the future) gets a timer.
 */
export const hasTimerOfItsStart = (
  { expiresAtMs, holdStartedAtMs }: { readonly expiresAtMs: number; readonly holdStartedAtMs?: number },
  nowMs: number,
): boolean =>
  holdStartedAtMs !== undefined &&
  holdStartedAtMs <= nowMs &&
  holdStartedAtMs <= expiresAtMs &&
  claimsToBeNear(expiresAtMs, holdStartedAtMs);

/**
 * Whole seconds until a timer should arrive: the lead before the deadline, rounded down because expire-booking waits
 * for the rest. Always within 0 to 900, what SQS takes.
 */
export const timerDelaySeconds = (expiresAtMs: number, nowMs: number, timerLeadMs: number): number =>
  Math.min(MAX_SQS_DELAY_SECONDS, Math.max(0, Math.floor((expiresAtMs - timerLeadMs - nowMs) / SECOND_MS)));

/** The longest that expire-booking waits for a deadline: the lead, the rounding of a delay, and an early delivery. */
export const longestWaitMs = (timerLeadMs: number): number => timerLeadMs + SECOND_MS + EARLY_TOLERANCE_MS;

/** Result of reading a deadline that anyone may have written. */
export type DeadlineReading =
  | { readonly valid: true; readonly expiresAtMs: number }
  | { readonly valid: false; readonly reason: string };

/**
 * Reads a deadline out of a number that anyone may have written. Fractions of a millisecond are rounded up: never early.
 *
 * @param value the number, or its digits where it may have more of them than a JavaScript number holds; undefined where
 *   the item has none
 */
export const readDeadline = (value: number | string | undefined): DeadlineReading => {
  const refuse = (problem: string): DeadlineReading => ({
    valid: false,
    reason: `expiresAtMs must be epoch milliseconds from ${EARLIEST_DEADLINE_MS} to ${LATEST_DEADLINE_MS}, ${problem}`,
  });
  if (value === undefined) return refuse('got none');
  const text = String(value);
  const whole = wholePart(text);
  if (whole === undefined) return refuse(`got ${shortened(text)}`);
  const { floor, hasFraction } = whole;
  if (floor < EARLIEST_DEADLINE_MS) {
    const looksLikeSeconds = floor >= EARLIEST_DEADLINE_MS / 1_000;
    return refuse(`got ${shortened(text)}${looksLikeSeconds ? ', which looks like seconds' : ''}`);
  }
  // Exact where it matters: a double would round a fraction of 26 digits away, and a booking would be tried a moment
  // before its condition holds.
  const expiresAtMs = hasFraction ? floor + 1 : floor;
  if (expiresAtMs > LATEST_DEADLINE_MS) return refuse(`got ${shortened(text)}`);
  return { valid: true, expiresAtMs };
};

/**
 * A time of day that anyone may have written, epoch ms, rounded up; undefined if it makes no sense as one.
 *
 * @param value as for `readDeadline`
 */
export const readTimeMs = (value: number | string | undefined): number | undefined => {
  const reading = readDeadline(value);
  return reading.valid ? reading.expiresAtMs : undefined;
};

/** As it came, cut so that a number of a hundred digits does not fill a log line. */
const shortened = (text: string): string => (text.length > 60 ? `${text.slice(0, 60)}…` : text);

/** Thrown when a hold is shorter or longer than the service accepts, or no number of milliseconds. */
export class InvalidHoldError extends RangeError {
  override readonly name = 'InvalidHoldError';
  readonly holdMs: number;

  constructor(holdMs: number) {
    super(`a hold must be a whole number of milliseconds from ${MIN_HOLD_MS} to ${MAX_HOLD_MS}, got ${holdMs}`);
    this.holdMs = holdMs;
  }
}

/**
 * The deadline of a hold that starts now.
 *
 * @throws InvalidHoldError if the hold is not a whole number of ms from 1 second to 366 days
 */
export const deadlineOf = (holdMs: number, nowMs: number): number => {
  if (!Number.isSafeInteger(holdMs) || holdMs < MIN_HOLD_MS || holdMs > MAX_HOLD_MS) throw new InvalidHoldError(holdMs);
  return nowMs + holdMs;
};
