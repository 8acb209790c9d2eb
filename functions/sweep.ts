/**
 * Every 5 minutes: expire what the timers missed, schedule what came near, and look for what is in no index. A failure is
 * reported, never hidden.
 */
import type { Context } from 'aws-lambda';
import type { PatrolNotes } from './adapters/patrol-notes.ts';
import { COUNTS, METRICS, type SweepRequested } from './contract.ts';
import { OVERDUE_AFTER_MS, type TimerSettings } from './core/hold-time.ts';
import { type LeftOutPorts, type LeftOutReport, patrol } from './core/left-out.ts';
import { SWEEP_STARTED, type SweepPorts, type SweepReport, sweep, sweepFinished } from './core/sweep.ts';
import type { Telemetry } from './runtime/telemetry.ts';
import type { Item } from './table/item.ts';

/** Time that a sweep leaves itself to end: its last round trips, retries included, and its report. */
const TIME_TO_END_MS = 10_000;

export interface SweepHandlerPorts extends SweepPorts {
  readonly store: SweepPorts['store'] & LeftOutPorts<Item>['store'] & LeftOutPorts<Item>['table'];
  readonly notes: Pick<PatrolNotes, 'read' | 'countGivenUp'>;
  readonly telemetry: Telemetry;
  readonly shardCount: number;
  readonly settings: TimerSettings;
}

/** What the Lambda answers whoever invoked it. */
export interface SweepAnswer {
  readonly expired: number;
  readonly scheduled: number;
  readonly adopted: number;
  readonly remaining: boolean;
}

/** @throws Error after the sweep has done what it could, if anything failed: so that the invocation counts as failed */
export const createHandler =
  (ports: SweepHandlerPorts) =>
  async (event: SweepRequested, context: Pick<Context, 'getRemainingTimeInMillis'>): Promise<SweepAnswer> => {
    const { telemetry, settings } = ports;
    telemetry.info(SWEEP_STARTED);
    const mayContinue = () => context.getRemainingTimeInMillis() > TIME_TO_END_MS;
    const anew = event.isDeployment === true;
    const report = await sweep(ports, { overdueAfterMs: OVERDUE_AFTER_MS, settings, anew, mayContinue });
    const leftOut = mayContinue() ? await look(ports, mayContinue) : NOT_LOOKED;
    tell(report, leftOut, telemetry);
    const errors = [...report.errors, ...leftOut.errors];
    if (errors.length > 0) throw new AggregateError(errors, `the sweep met ${errors.length} error(s)`);
    return {
      expired: report.expired + leftOut.expired,
      scheduled: report.scheduled,
      adopted: leftOut.adopted,
      remaining: report.remaining || leftOut.remaining,
    };
  };

type Looked = LeftOutReport & { readonly remaining: boolean };
const NOT_LOOKED: Looked = {
  found: 0,
  expired: 0,
  adopted: 0,
  lagsMs: [],
  errors: [],
  unprocessable: [],
  remaining: false,
};

const look = async (ports: SweepHandlerPorts, mayContinue: () => boolean): Promise<Looked> => {
  const { store, scheduling, notes, telemetry } = ports;
  try {
    const [{ state, note }, givenUp] = await Promise.all([notes.read(), notes.countGivenUp()]);
    const leftOut: LeftOutPorts<Item> = { ...ports, table: store, ...(scheduling && { send: scheduling.send }) };
    const done = await patrol(leftOut, state, givenUp, mayContinue);
    await note(done.state);
    if (done.state.isWhole) telemetry.warn('the whole table is being looked at for bookings that are in no index');
    return { ...done.report, remaining: done.state.isWhole };
  } catch (error) {
    return { ...NOT_LOOKED, errors: [new Error('could not look for bookings that are in no index', { cause: error })] };
  }
};

const tell = (report: SweepReport, leftOut: Looked, telemetry: Telemetry): void => {
  const { scheduled, overdueFound, warnings } = report;
  const expired = report.expired + leftOut.expired;
  const remaining = report.remaining || leftOut.remaining;
  const unprocessable = [...report.unprocessable, ...leftOut.unprocessable];
  const errors = [...report.errors, ...leftOut.errors];
  for (const warning of warnings) telemetry.warn(warning);
  for (const error of errors) telemetry.error('sweep failed in part', { error });
  for (const { bookingId, error } of unprocessable)
    telemetry.error('booking cannot be swept, and never can be', { bookingId, error });
  telemetry.info(sweepFinished(expired), {
    expired,
    scheduled,
    overdueFound,
    remaining,
    ...(leftOut.found > 0 && { leftOut: leftOut.found, adopted: leftOut.adopted }),
  });
  telemetry.count(COUNTS.expiredBySweep, expired);
  telemetry.count(METRICS.overdueFound, overdueFound + leftOut.expired);
  telemetry.count(COUNTS.scheduled, scheduled);
  telemetry.count(COUNTS.adopted, leftOut.adopted);
  telemetry.count(METRICS.unprocessable, unprocessable.length);
  telemetry.count(COUNTS.failed, errors.length);
  telemetry.count(METRICS.sweepUnfinished, remaining ? 1 : 0);
  for (const lagMs of [...report.lagsMs, ...leftOut.lagsMs]) telemetry.lag(lagMs);
  telemetry.flush();
};
