/**
 * A booking's status changed: publish it on the event bus. Invoked with batches of the table's stream, so that an event is sent for
 * exactly the changes that were committed, by any writer.
 */
import type { DynamoDBBatchResponse, DynamoDBRecord, DynamoDBStreamEvent } from 'aws-lambda';
import { UnprocessableError } from './adapters/permanent-error.ts';
import { COUNTS } from './contract.ts';
import { type BookingEvent, eventOf } from './core/booking-events.ts';
import type { DeadLetterBox, EventPublisher } from './core/ports.ts';
import { DoneRecords, failedRecords } from './runtime/batch.ts';
import { iso } from './runtime/clock.ts';
import { type RecordFailure, settleFailures } from './runtime/record-failures.ts';
import type { Telemetry } from './runtime/telemetry.ts';
import { type Item, readBooking, readStatus } from './table/item.ts';
import { keyText } from './table/key-text.ts';
import { isBookingsTable, mayBeHeldAgain, type TableShape } from './table/shape.ts';

export interface PublishEventsPorts {
  readonly bus: EventPublisher;
  readonly deadLetters: DeadLetterBox;
  readonly telemetry: Telemetry;
  /** What the table looks like. */
  readonly shape: TableShape;
}

export const createHandler = (ports: PublishEventsPorts) => {
  const { bus, telemetry, shape } = ports;
  const hasSlots = isBookingsTable(shape);
  const done = new DoneRecords();
  return async ({ Records }: DynamoDBStreamEvent): Promise<DynamoDBBatchResponse> => {
    const records = new Map<BookingEvent, DynamoDBRecord>();
    const failures: RecordFailure[] = [];
    for (const record of Records.filter((each) => !done.has(each))) {
      try {
        const event = eventOfChange(shape, hasSlots, record.dynamodb);
        if (event) records.set(event, record);
      } catch (error) {
        const bookingId = keyText(shape, (record.dynamodb?.NewImage ?? {}) as Item);
        const permanent = new UnprocessableError(String(error), { cause: error });
        failures.push({ record, bookingId, problem: 'record not understood', error: permanent });
      }
    }
    const unpublished = new Map((await bus.publish([...records.keys()])).map(({ event, error }) => [event, error]));
    const published: string[] = [];
    for (const [event, record] of records) {
      const { eventId, bookingId } = event.detail;
      if (!unpublished.has(event)) published.push(eventId);
      else
        failures.push({ record, bookingId, problem: `event ${eventId} not published`, error: unpublished.get(event) });
    }
    if (published.length > 0) {
      telemetry.count(COUNTS.published, published.length);
      telemetry.info('events published', { eventIds: published });
    }
    const failed = await settleFailures(failures, ports, COUNTS.publishFailed);
    telemetry.flush();
    done.note(Records, failed);
    return failedRecords(failed);
  };
};

/** @param hasSlots whether what an item says of slots is ours. In another table it is its owner's, and nobody asked to hear of it */
const eventOfChange = (
  shape: TableShape,
  hasSlots: boolean,
  change: DynamoDBRecord['dynamodb'],
): BookingEvent | undefined => {
  // Lambda's own type of an image differs from the SDK's in binary values only, which both are read as Base64.
  const [before, after] = [change?.OldImage as Item | undefined, change?.NewImage as Item | undefined];
  const read = readBooking(shape, after);
  if (read === undefined) return undefined;
  const { slotIds: _, revivedAtMs: __, ...others } = read;
  const booking = hasSlots ? read : others;
  const statusBefore = before && (readStatus(shape, before) ?? '');
  if (booking.status === 'EXPIRED' && !isExpiry(shape, statusBefore, before, after)) return undefined;
  // An owner may have the deadline removed with the expiry: what lapsed is the hold of before.
  const expiresAtMs = booking.expiresAtMs ?? readBooking(shape, before)?.expiresAtMs;
  const told = expiresAtMs === undefined ? booking : { ...booking, expiresAtMs };
  return eventOf(told, statusBefore, Math.round((change?.ApproximateCreationDateTime ?? 0) * 1_000), iso);
};

/**
 * Whether an item became what a lapsed one becomes because its hold lapsed. An owner's word for that may be one that others
 * give it too, such as `available`: then the service's own mark decides.
 */
const isExpiry = (shape: TableShape, statusBefore: string | undefined, before?: Item, after?: Item): boolean => {
  if (!mayBeHeldAgain(shape)) return true;
  const { expiredAtMs } = shape.attributes;
  return (
    statusBefore === 'PENDING' &&
    after?.[expiredAtMs] !== undefined &&
    after[expiredAtMs].N !== before?.[expiredAtMs]?.N
  );
};
