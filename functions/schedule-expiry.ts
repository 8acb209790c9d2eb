/**
 * A booking was written: send its timer if it is near. Invoked with batches of the table's stream that hold only
 * records whose new image is PENDING.
 *
 * A record that can never be processed is put into the dead-letter queue and is done; only what may go away fails a record,
 * because Lambda repeats a failed record and everything after it.
 */
import type { DynamoDBBatchResponse, DynamoDBRecord, DynamoDBStreamEvent } from 'aws-lambda';
import { UnprocessableError } from './adapters/permanent-error.ts';
import { COUNTS, METRICS } from './contract.ts';
import { adoptionOf, decideOnWrite, type ScheduledTimer, type SeenBooking } from './core/expiry-decisions.ts';
import type { TimerSettings } from './core/hold-time.ts';
import type { Adoption } from './core/moves.ts';
import type { BookingAdopter, Clock, DeadLetterBox, TimerTransport } from './core/ports.ts';
import { DoneRecords, failedRecords } from './runtime/batch.ts';
import { type RecordFailure, settleFailures } from './runtime/record-failures.ts';
import type { Telemetry } from './runtime/telemetry.ts';
import { type Item, seenBooking } from './table/item.ts';
import { keyText } from './table/key-text.ts';
import type { TableShape } from './table/shape.ts';

export interface ScheduleExpiryPorts {
  readonly store: BookingAdopter;
  readonly queue: TimerTransport;
  readonly deadLetters: DeadLetterBox;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  /** What the table looks like. */
  readonly shape: TableShape;
  readonly shardCount: number;
  readonly settings: TimerSettings;
}

/** Something to be done for a booking, and the record that asks for it. */
interface Due<T> {
  readonly what: T;
  readonly record: DynamoDBRecord;
}

interface Plan {
  readonly timers: ReadonlyMap<string, Due<readonly ScheduledTimer[]>>;
  readonly adoptions: ReadonlyMap<string, Due<Adoption>>;
  readonly farBookings: readonly string[];
  readonly misunderstood: readonly RecordFailure[];
}

/** The bookings for which something was done, and what could not be. */
interface Result {
  readonly done: readonly string[];
  readonly failures: readonly RecordFailure[];
}

export const createHandler = (ports: ScheduleExpiryPorts) => {
  const done = new DoneRecords();
  return async (event: DynamoDBStreamEvent): Promise<DynamoDBBatchResponse> => {
    const nowMs = ports.clock();
    const newRecords = event.Records.filter((record) => !done.has(record));
    const { timers, adoptions, farBookings, misunderstood } = plan(newRecords, nowMs, ports);
    const [sending, adopting] = await Promise.all([send(timers, ports), adopt(adoptions, nowMs, ports)]);
    logScheduled({ scheduled: sending.done, adopted: adopting.done, leftToSweep: farBookings }, ports.telemetry);
    const failures = [...misunderstood, ...sending.failures, ...adopting.failures];
    const failed = await settleFailures(failures, ports, COUNTS.failed);
    ports.telemetry.flush();
    done.note(event.Records, failed);
    return failedRecords(failed);
  };
};

const plan = (
  records: readonly DynamoDBRecord[],
  nowMs: number,
  { telemetry, shape, shardCount, settings }: ScheduleExpiryPorts,
): Plan => {
  // Only the last change of a booking counts: the timers of its earlier changes in this batch are not needed.
  const timers = new Map<string, Due<readonly ScheduledTimer[]>>();
  const adoptions = new Map<string, Due<Adoption>>();
  const farBookings: string[] = [];
  const misunderstood: RecordFailure[] = [];
  for (const record of records) {
    const bookingId = keyText(shape, imageOf(record.dynamodb?.NewImage) ?? {});
    try {
      const seen = pendingBooking(shape, record.dynamodb?.NewImage);
      if (seen === undefined || bookingId === undefined) continue;
      const before = pendingBooking(shape, record.dynamodb?.OldImage)?.booking;
      const decision = decideOnWrite(seen, before, nowMs, shardCount, settings);
      if (decision.kind === 'invalid-deadline') {
        telemetry.count(METRICS.invalidDeadline);
        telemetry.error('booking has no valid deadline: nobody will expire it', { bookingId, reason: decision.reason });
        continue;
      }
      if (decision.kind === 'leave-to-sweep') {
        timers.delete(bookingId);
        farBookings.push(bookingId);
      }
      const due = [decision.scheduled, decision.notice].filter((timer) => timer !== undefined);
      if (due.length > 0) timers.set(bookingId, { what: due, record });
      if (decision.adoption) adoptions.set(bookingId, { what: decision.adoption, record });
    } catch (error) {
      const permanent = new UnprocessableError(String(error), { cause: error });
      misunderstood.push({ record, bookingId, problem: 'record not understood', error: permanent });
    }
  }
  return { timers, adoptions, farBookings, misunderstood };
};

/** The filter lets no image through that is not PENDING, but the one before the write may be anything. */
const pendingBooking = (shape: TableShape, image: unknown): SeenBooking | undefined => {
  const seen = seenBooking(shape, imageOf(image));
  return seen?.booking.status === 'PENDING' ? seen : undefined;
};

/** Lambda's own type of an image differs from the SDK's in binary values only, and here nothing is binary. */
const imageOf = (image: unknown): Item | undefined => image as Item | undefined;

const send = async (timers: Plan['timers'], { queue }: ScheduleExpiryPorts): Promise<Result> => {
  const unsent = await queue.send([...timers.values()].flatMap(({ what }) => what));
  const errors = new Map(unsent.map(({ scheduled, error }) => [scheduled.timer.bookingId, error]));
  return {
    done: [...timers.keys()].filter((bookingId) => !errors.has(bookingId)),
    failures: Array.from(timers)
      .filter(([bookingId]) => errors.has(bookingId))
      .map(([bookingId, { record }]) => ({
        record,
        bookingId,
        problem: 'timer not sent',
        error: errors.get(bookingId),
      })),
  };
};

const adopt = async (
  adoptions: Plan['adoptions'],
  nowMs: number,
  { store, shardCount, settings }: ScheduleExpiryPorts,
): Promise<Result> => {
  const outcomes = await store.adopt(
    Array.from(adoptions.values(), ({ what }) => what),
    (found) => adoptionOf(found, nowMs, shardCount, settings),
  );
  const done: string[] = [];
  const failures: RecordFailure[] = [];
  for (const [bookingId, { record }] of adoptions) {
    const outcome = outcomes.get(bookingId);
    if (outcome?.kind === 'adopted') done.push(bookingId);
    if (outcome?.kind === 'failed')
      failures.push({ record, bookingId, problem: 'booking not put into the index', error: outcome.error });
  }
  return { done, failures };
};

const logScheduled = (what: Readonly<Record<string, readonly string[]>>, telemetry: Telemetry): void => {
  const { scheduled = [], adopted = [], leftToSweep = [] } = what;
  if (scheduled.length > 0) telemetry.count(COUNTS.scheduled, scheduled.length);
  if (adopted.length > 0) telemetry.count(COUNTS.adopted, adopted.length);
  if (leftToSweep.length > 0) telemetry.count(COUNTS.leftToSweep, leftToSweep.length);
  if (scheduled.length + adopted.length + leftToSweep.length > 0) {
    telemetry.info('bookings scheduled', {
      scheduled,
      ...(adopted.length > 0 && { adopted }),
      ...(leftToSweep.length > 0 && { leftToSweep }),
    });
  }
};
