/** Entry point of the expire-booking Lambda: timers → conditional writes. */
import { BookingStore } from './adapters/booking-store.ts';
import { DeadLetters } from './adapters/dead-letters.ts';
import { DynamoDbTable } from './adapters/dynamodb-table.ts';
import { TimerSender } from './adapters/timer-sender.ts';
import { METRICS_OF } from './contract.ts';
import { createHandler } from './expire-booking.ts';
import { queueClient, tableClient } from './runtime/clients.ts';
import { systemClock, waitUntil } from './runtime/clock.ts';
import {
  bookingsTableFromEnvironment,
  deadLetterQueueUrlFromEnvironment,
  shardCountFromEnvironment,
  timerQueueUrlFromEnvironment,
  timerSettingsFromEnvironment,
} from './runtime/environment.ts';
import { lambdaTelemetry } from './runtime/telemetry.ts';

const sqs = queueClient();

export const handler = createHandler({
  store: new BookingStore(
    new DynamoDbTable(tableClient(), bookingsTableFromEnvironment()),
    shardCountFromEnvironment(),
  ),
  queue: new TimerSender(sqs, timerQueueUrlFromEnvironment()),
  deadLetters: new DeadLetters(sqs, deadLetterQueueUrlFromEnvironment()),
  clock: systemClock,
  waitUntil,
  telemetry: lambdaTelemetry('expire-booking', METRICS_OF.expireBooking),
  timerLeadMs: timerSettingsFromEnvironment().timerLeadMs,
});
