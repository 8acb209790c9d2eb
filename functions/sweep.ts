/**
 * Every 5 minutes: expire what the timers missed, schedule what came near, and look for what is in no index. A failure is
 * reported, never hidden.
 */
import type { Context } from 'aws-lambda';
import { COUNTS, METRICS, type SweepRequested } from './contract.ts';
import { OVERDUE_AFTER_MS, type TimerSettings } from './core/hold-time.ts';
import { type LeftOutPorts, type LeftOutReport, nothingLeftOut, type PatrolState, patrol } from './core/left-out.ts';
import type { BookingAdopter, PendingItems } from './core/ports.ts';
import { MAX_LAGS, SWEEP_STARTED, type SweepPorts, type SweepReport, sweep, sweepFinished } from './core/sweep.ts';
import type { Telemetry } from './runtime/telemetry.ts';
import type { Item } from './table/item.ts';

/** Time that a sweep leaves itself to end: its last round trips, retries included, and its report. */
const TIME_TO_END_MS = 10_000;

/** What was noted of the last patrol. */
export interface PatrolNote {
  readonly state: PatrolState<Item>;
  /** Notes how far the next one came, unless another patrol has noted something since this was read. */
  note(state: PatrolState<Item>): Promise<void>;
}

/** What one patrol leaves for the next. */
export interface PatrolLog {
  read(): Promise<PatrolNote>;
  /** Records that schedule-expiry gave up, as far as nobody has removed their descriptions. */
  countGivenUp(): Promise<number>;
}

export interface SweepHandlerPorts extends SweepPorts {
  readonly store: SweepPorts['store'] & BookingAdopter & PendingItems<Item>;
  readonly notes: PatrolLog;
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
    const swept = await sweep(ports, { overdueAfterMs: OVERDUE_AFTER_MS, settings, anew, mayContinue });
    const done = together(swept, mayContinue() ? await look(ports, mayContinue) : NOT_LOOKED);
    logSweep(done, telemetry);
    const { expired, scheduled, adopted, remaining, errors } = done;
    if (errors.length > 0) throw new AggregateError(errors, `the sweep met ${errors.length} error(s)`);
    return { expired, scheduled, adopted, remaining };
  };

type Looked = LeftOutReport & { readonly remaining: boolean };
const NOT_LOOKED: Looked = { ...nothingLeftOut(), remaining: true };

const look = async (ports: SweepHandlerPorts, mayContinue: () => boolean): Promise<Looked> => {
  const { store, scheduling, notes, telemetry } = ports;
  try {
    const [{ state, note }, givenUp] = await Promise.all([notes.read(), notes.countGivenUp()]);
    const leftOut: LeftOutPorts<Item> = { ...ports, table: store, ...(scheduling && { queue: scheduling }) };
    const done = await patrol(leftOut, state, givenUp, mayContinue);
    const unnoted = await note(done.state).then(() => [], asErrors('could not note how far the patrol has come'));
    if (done.state.isWhole) telemetry.warn('the whole table is being looked at for bookings that are in no index');
    return { ...done.report, errors: [...done.report.errors, ...unnoted], remaining: done.state.isWhole };
  } catch (error) {
    return { ...NOT_LOOKED, errors: asErrors('could not look for bookings that are in no index')(error) };
  }
};

const asErrors =
  (what: string) =>
  (cause: unknown): Error[] => [new Error(what, { cause })];

/** What a sweep of the index and a look at the table did, as one. */
const together = (swept: SweepReport, looked: Looked) => {
  const errors = [...swept.errors, ...looked.errors];
  return {
    ...swept,
    expired: swept.expired + looked.expired,
    overdueFound: swept.overdueFound + looked.expired,
    leftOut: looked.found,
    adopted: looked.adopted,
    remaining: swept.remaining || looked.remaining || errors.length > 0,
    lagsMs: [...swept.lagsMs, ...looked.lagsMs].slice(0, MAX_LAGS),
    errors,
    unprocessable: [...swept.unprocessable, ...looked.unprocessable],
  };
};

const logSweep = (done: ReturnType<typeof together>, telemetry: Telemetry): void => {
  const { expired, scheduled, overdueFound, leftOut, adopted, remaining, lagsMs, errors, unprocessable } = done;
  for (const warning of done.warnings) telemetry.warn(warning);
  for (const error of errors) telemetry.error('sweep failed in part', { error });
  for (const { bookingId, error } of unprocessable)
    telemetry.error('booking cannot be swept, and never can be', { bookingId, error });
  telemetry.info(sweepFinished(expired), {
    expired,
    scheduled,
    overdueFound,
    remaining,
    ...(leftOut > 0 && { leftOut, adopted }),
  });
  telemetry.count(COUNTS.expiredBySweep, expired);
  telemetry.count(METRICS.overdueFound, overdueFound);
  telemetry.count(COUNTS.scheduled, scheduled);
  telemetry.count(COUNTS.adopted, adopted);
  telemetry.count(METRICS.unprocessable, unprocessable.length);
  telemetry.count(COUNTS.failed, errors.length);
  telemetry.count(METRICS.sweepUnfinished, remaining ? 1 : 0);
  for (const lagMs of lagsMs) telemetry.lag(lagMs);
  telemetry.flush();
};
