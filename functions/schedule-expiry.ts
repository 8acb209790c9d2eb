/**
 * A booking was written: send its timer if it is near. Invoked with batches of the table's stream that hold only
 * records whose new image is PENDING.
 */
import type { DynamoDBBatchResponse, DynamoDBRecord, DynamoDBStreamEvent } from 'aws-lambda';
import type { BookingStore } from './adapters/booking-store.ts';
import type { TimerQueue } from './adapters/timer-queue.ts';
import { METRICS } from './contract.ts';
import type { Adoption } from './core/booking-status.ts';
import { decideOnWrite, type ScheduledTimer, type WrittenBooking } from './core/expiry-decisions.ts';
import type { TimerSettings } from './core/hold-time.ts';
import { failedRecords } from './runtime/batch.ts';
import type { Clock } from './runtime/clock.ts';
import type { Telemetry } from './runtime/telemetry.ts';

export interface ScheduleExpiryPorts {
  readonly store: Pick<BookingStore, 'adopt'>;
  readonly queue: Pick<TimerQueue, 'send'>;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  readonly shardCount: number;
  readonly settings: TimerSettings;
}

type Image = NonNullable<NonNullable<DynamoDBRecord['dynamodb']>['NewImage']>;

/** Something to be done for a booking, and the record that is to be repeated if it fails. */
interface Due<T> {
  readonly what: T;
  readonly sequenceNumber: string;
}

export const createHandler =
  ({ store, queue, clock, telemetry, shardCount, settings }: ScheduleExpiryPorts) =>
  async (event: DynamoDBStreamEvent): Promise<DynamoDBBatchResponse> => {
    const nowMs = clock();
    // The last word about a booking counts: its earlier timers of this batch would come for nothing.
    const timers = new Map<string, Due<ScheduledTimer>>();
    const adoptions = new Map<string, Due<Adoption>>();
    const farBookings: string[] = [];

    for (const { dynamodb: change } of event.Records) {
      const { NewImage, OldImage, SequenceNumber: sequenceNumber = '' } = change ?? {};
      const booking = writtenBooking(NewImage);
      if (booking === undefined) continue;
      const before = writtenBooking(OldImage);
      const decision = decideOnWrite(booking, before?.expiresAtMs, nowMs, shardCount, settings);
      const { bookingId } = booking;
      if (decision.kind === 'invalid-deadline') {
        telemetry.count(METRICS.invalidDeadline);
        telemetry.error('booking has no valid deadline: nobody will expire it', { bookingId, reason: decision.reason });
        continue;
      }
      if (decision.kind === 'leave-to-sweep') {
        timers.delete(bookingId);
        farBookings.push(bookingId);
      }
      if (decision.scheduled) timers.set(bookingId, { what: decision.scheduled, sequenceNumber });
      if (decision.adoption) adoptions.set(bookingId, { what: decision.adoption, sequenceNumber });
    }

    const failed: string[] = [];
    const report = (message: string, bookingId: string, sequenceNumber: string, error: Error | undefined) => {
      telemetry.count(METRICS.failed);
      telemetry.error(message, { bookingId, error });
      failed.push(sequenceNumber);
    };
    const [unsent, unadopted] = await Promise.all([
      queue.send(Array.from(timers.values(), ({ what }) => what)),
      store.adopt(Array.from(adoptions.values(), ({ what }) => what)),
    ]);
    for (const { scheduled, error } of unsent) {
      const { bookingId } = scheduled.timer;
      report('timer not sent', bookingId, timers.get(bookingId)?.sequenceNumber ?? '', error);
    }
    for (const [bookingId, error] of unadopted) {
      report('booking not put into the index', bookingId, adoptions.get(bookingId)?.sequenceNumber ?? '', error);
    }

    const scheduled = timers.size - unsent.length;
    const adopted = adoptions.size - unadopted.size;
    if (scheduled > 0) telemetry.count(METRICS.scheduled, scheduled);
    if (adopted > 0) telemetry.count(METRICS.adopted, adopted);
    if (farBookings.length > 0) telemetry.count(METRICS.leftToSweep, farBookings.length);
    if (scheduled + adopted + farBookings.length > 0) {
      telemetry.info('bookings scheduled', {
        scheduled: [...timers.keys()],
        ...(adopted > 0 && { adopted: [...adoptions.keys()] }),
        ...(farBookings.length > 0 && { leftToSweep: farBookings }),
      });
    }
    telemetry.flush();
    return failedRecords(failed);
  };

/** The PENDING booking of an image; undefined where there is none. The filter lets no other new image through. */
const writtenBooking = (image: Image | undefined): WrittenBooking | undefined => {
  if (image?.status?.S !== 'PENDING' || image.bookingId?.S === undefined) return undefined;
  return {
    bookingId: image.bookingId.S,
    expiresAtMs: numberOf(image.expiresAtMs),
    holdStartedAtMs: numberOf(image.holdStartedAtMs),
    pendingShard: numberOf(image.pendingShard),
  };
};

/** The number of an attribute; NaN for one of another type, so that a deadline written as text is reported as such. */
const numberOf = (attribute: Image[string] | undefined): number | undefined => {
  if (attribute === undefined) return undefined;
  return attribute.N === undefined ? Number.NaN : Number(attribute.N);
};
