/** What may be set, whether by an app's context or by a construct's props. */
import { SAME_MOMENT_MS as USUAL_SAME_MOMENT_MS } from '../functions/core/hold-time.ts';

export interface Limit {
  readonly min: number;
  readonly max: number;
  readonly default: number;
}

/**
 * Whole minutes between two sweeps. At most 180: a timer is sent again every 15 minutes while its deadline is further away than
 * one delay reaches, and Lambda's recursive-loop detection stops a chain of about 16 (AWS Lambda Developer Guide, recursive
 * loops).
 */
export const SWEEP_INTERVAL_MINUTES: Limit = { min: 1, max: 180, default: 5 };

/** How long before its deadline a timer should arrive, in whole ms. */
export const TIMER_LEAD_MS: Limit = { min: 0, max: 10_000, default: 1_000 };

/** How close together deadlines are that are written in one round trip, at the last of them, in whole ms. */
export const SAME_MOMENT_MS: Limit = { min: 0, max: 1_000, default: USUAL_SAME_MOMENT_MS };

/** Shards of the index that bookings wait in. */
export const SHARD_COUNT: Limit = { min: 1, max: 200, default: 10 };

/**
 * How long before a deadline its notice may be published, in whole seconds. At most three hours: a timer is sent again every 15
 * minutes where it comes too early, and Lambda stops a chain of about 16 (AWS Lambda Developer Guide, recursive loops).
 */
export const NOTICE_BEFORE_SECONDS: Omit<Limit, 'default'> = { min: 10, max: 10_800 };

/**
 * Provisioned pollers of the timer queue: how many stand ready, and how many there may be (AWS Lambda Developer Guide,
 * "Configuring scaling behavior for SQS event source mappings"). The defaults are AWS's, for the one of the two that is not given.
 */
export const TIMER_POLLERS_MIN: Limit = { min: 2, max: 200, default: 2 };
export const TIMER_POLLERS_MAX: Limit = { min: 2, max: 2_000, default: 200 };

/** Pollers that are provisioned, both numbers known. */
export interface TimerPollers {
  readonly min: number;
  readonly max: number;
}

/** Thrown at synth for a setting that is not allowed. The message says what is allowed and what was received. */
export class InvalidSettingError extends Error {
  override readonly name = 'InvalidSettingError';
}

export const isWithin = (value: unknown, { min, max }: Pick<Limit, 'min' | 'max'>): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max;
