/** Entry point of the schedule-expiry Lambda: DynamoDB stream → timers. */
import { DeadLetters } from './adapters/dead-letters.ts';
import { DynamoDbTable } from './adapters/dynamodb-table.ts';
import { HeldItems } from './adapters/held-items.ts';
import { TimerSender } from './adapters/timer-sender.ts';
import { METRICS_OF } from './contract.ts';
import { queueClient, tableClient } from './runtime/clients.ts';
import { systemClock } from './runtime/clock.ts';
import {
  bookingsTableFromEnvironment,
  deadLetterQueueUrlFromEnvironment,
  shardCountFromEnvironment,
  tableShapeFromEnvironment,
  timerQueueUrlFromEnvironment,
  timerSettingsFromEnvironment,
} from './runtime/environment.ts';
import { lambdaTelemetry } from './runtime/telemetry.ts';
import { createHandler } from './schedule-expiry.ts';

const shape = tableShapeFromEnvironment();
const sqs = queueClient();

export const handler = createHandler({
  store: new HeldItems(new DynamoDbTable(tableClient(), bookingsTableFromEnvironment()), shape),
  queue: new TimerSender(sqs, timerQueueUrlFromEnvironment()),
  deadLetters: new DeadLetters(sqs, deadLetterQueueUrlFromEnvironment()),
  clock: systemClock,
  telemetry: lambdaTelemetry('schedule-expiry', METRICS_OF.scheduleExpiry),
  shape,
  shardCount: shardCountFromEnvironment(),
  settings: timerSettingsFromEnvironment(),
});
