/** Entry point of the schedule-expiry Lambda: DynamoDB stream → timers. */
import { BookingStore } from './adapters/booking-store.ts';
import { DeadLetters } from './adapters/dead-letters.ts';
import { DynamoDbTable } from './adapters/dynamodb-table.ts';
import { TimerSender } from './adapters/timer-sender.ts';
import { METRICS_OF } from './contract.ts';
import { queueClient, tableClient } from './runtime/clients.ts';
import { systemClock } from './runtime/clock.ts';
import {
  bookingsTableFromEnvironment,
  deadLetterQueueUrlFromEnvironment,
  shardCountFromEnvironment,
  timerQueueUrlFromEnvironment,
  timerSettingsFromEnvironment,
} from './runtime/environment.ts';
import { lambdaTelemetry } from './runtime/telemetry.ts';
import { createHandler } from './schedule-expiry.ts';

const shardCount = shardCountFromEnvironment();
const sqs = queueClient();

export const handler = createHandler({
  store: new BookingStore(new DynamoDbTable(tableClient(), bookingsTableFromEnvironment()), shardCount),
  queue: new TimerSender(sqs, timerQueueUrlFromEnvironment()),
  deadLetters: new DeadLetters(sqs, deadLetterQueueUrlFromEnvironment()),
  clock: systemClock,
  telemetry: lambdaTelemetry('schedule-expiry', METRICS_OF.scheduleExpiry),
  shardCount,
  settings: timerSettingsFromEnvironment(),
});
