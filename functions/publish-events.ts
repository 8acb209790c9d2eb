/**
 * A booking's status changed: tell the event bus. Invoked with batches of the table's stream, so that an event is sent for
 * exactly the changes that were committed, whoever committed them.
 */
import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { unmarshall } from '@aws-sdk/util-dynamodb';
import type { DynamoDBBatchResponse, DynamoDBRecord, DynamoDBStreamEvent } from 'aws-lambda';
import { UNMARSHALL } from './adapters/booking-store.ts';
import type { EventBus } from './adapters/event-bus.ts';
import { iso } from './api/booking-json.ts';
import { METRICS } from './contract.ts';
import { type BookingEvent, type ChangedBooking, eventOf } from './core/booking-events.ts';
import type { BookingStatus } from './core/booking-status.ts';
import { failedRecords } from './runtime/batch.ts';
import type { Telemetry } from './runtime/telemetry.ts';

export interface PublishEventsPorts {
  readonly bus: Pick<EventBus, 'publish'>;
  readonly telemetry: Telemetry;
}

export const createHandler =
  ({ bus, telemetry }: PublishEventsPorts) =>
  async (streamEvent: DynamoDBStreamEvent): Promise<DynamoDBBatchResponse> => {
    const sequenceNumbers = new Map<BookingEvent, string>();
    for (const { dynamodb } of streamEvent.Records) {
      const event = eventOfChange(dynamodb);
      if (event) sequenceNumbers.set(event, dynamodb?.SequenceNumber ?? '');
    }
    const unpublished = await bus.publish([...sequenceNumbers.keys()]);
    const published = sequenceNumbers.size - unpublished.length;
    if (published > 0) {
      const failed = new Set(unpublished.map(({ event }) => event));
      const told = [...sequenceNumbers.keys()].filter((event) => !failed.has(event));
      telemetry.count(METRICS.published, published);
      telemetry.info('events published', { eventIds: told.map(({ detail }) => detail.eventId) });
    }
    for (const { event, error } of unpublished) {
      telemetry.count(METRICS.publishFailed);
      telemetry.error('event not published', { eventId: event.detail.eventId, error });
    }
    telemetry.flush();
    return failedRecords(unpublished.map(({ event }) => sequenceNumbers.get(event) ?? ''));
  };

const eventOfChange = (change: DynamoDBRecord['dynamodb']): BookingEvent | undefined => {
  if (change?.NewImage === undefined) return undefined;
  const booking = unmarshall(change.NewImage as Record<string, AttributeValue>, UNMARSHALL) as ChangedBooking;
  const before = change.OldImage?.status?.S as BookingStatus | undefined;
  return eventOf(booking, before, (change.ApproximateCreationDateTime ?? 0) * 1_000, iso);
};
