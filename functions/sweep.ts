/** Every 5 minutes: expire what the timers missed, schedule what came near. A failure is reported, never hidden. */
import type { Context } from 'aws-lambda';
import { METRICS } from './contract.ts';
import { OVERDUE_AFTER_MS, type TimerSettings } from './core/hold-time.ts';
import { SWEEP_STARTED, type SweepPorts, type SweepReport, sweep, sweepFinished } from './core/sweep.ts';
import type { Telemetry } from './runtime/telemetry.ts';

/** Time that a sweep leaves itself to end: its last round trips, retries included, and its report. */
const TIME_TO_END_MS = 10_000;

export interface SweepHandlerPorts extends SweepPorts {
  readonly telemetry: Telemetry;
  readonly settings: TimerSettings;
}

/** What the Lambda answers whoever invoked it. */
export interface SweepAnswer {
  readonly expired: number;
  readonly scheduled: number;
  readonly remaining: boolean;
}

/** @throws Error after the sweep has done what it could, if anything failed: so that the invocation counts as failed */
export const createHandler =
  ({ telemetry, settings, ...ports }: SweepHandlerPorts) =>
  async (_event: unknown, context: Pick<Context, 'getRemainingTimeInMillis'>): Promise<SweepAnswer> => {
    telemetry.info(SWEEP_STARTED);
    const report = await sweep(ports, {
      overdueAfterMs: OVERDUE_AFTER_MS,
      settings,
      mayContinue: () => context.getRemainingTimeInMillis() > TIME_TO_END_MS,
    });
    tell(report, telemetry);
    if (report.errors.length > 0)
      throw new AggregateError(report.errors, `the sweep met ${report.errors.length} error(s)`);
    const { expired, scheduled, remaining } = report;
    return { expired, scheduled, remaining };
  };

const tell = (report: SweepReport, telemetry: Telemetry): void => {
  const { expired, scheduled, remaining, overdueFound, lagsMs, errors, unprocessable, warnings } = report;
  for (const warning of warnings) telemetry.warn(warning);
  for (const error of errors) telemetry.error('sweep failed in part', { error });
  for (const { bookingId, error } of unprocessable)
    telemetry.error('booking cannot be swept, and never can be', { bookingId, error });
  telemetry.info(sweepFinished(expired), { expired, scheduled, overdueFound, remaining });
  telemetry.count(METRICS.expiredBySweep, expired);
  telemetry.count(METRICS.overdueFound, overdueFound);
  telemetry.count(METRICS.scheduled, scheduled);
  telemetry.count(METRICS.unprocessable, unprocessable.length);
  telemetry.count(METRICS.failed, errors.length);
  telemetry.count(METRICS.sweepUnfinished, remaining ? 1 : 0);
  for (const lagMs of lagsMs) telemetry.lag(lagMs);
  telemetry.flush();
};
