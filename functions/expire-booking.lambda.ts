/** Entry point of the expire-booking Lambda: timers → conditional writes. */
import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { DeadLetters } from './adapters/dead-letters.ts';
import { DynamoDbTable } from './adapters/dynamodb-table.ts';
import { EventBus } from './adapters/event-bus.ts';
import { HeldItems } from './adapters/held-items.ts';
import { TimerSender } from './adapters/timer-sender.ts';
import { METRICS_OF } from './contract.ts';
import { createHandler } from './expire-booking.ts';
import { PATIENCE, queueClient, tableClient } from './runtime/clients.ts';
import { systemClock, waitUntil } from './runtime/clock.ts';
import {
  bookingsTableFromEnvironment,
  deadLetterQueueUrlFromEnvironment,
  eventBusFromEnvironment,
  sameMomentMsFromEnvironment,
  tableShapeFromEnvironment,
  timerQueueUrlFromEnvironment,
  timerSettingsFromEnvironment,
} from './runtime/environment.ts';
import { lambdaTelemetry } from './runtime/telemetry.ts';

const sqs = queueClient();

const shape = tableShapeFromEnvironment();
const store = new HeldItems(new DynamoDbTable(tableClient(), bookingsTableFromEnvironment()), shape);
const { timerLeadMs, noticeBeforeMs } = timerSettingsFromEnvironment();

export const handler = createHandler({
  store,
  queue: new TimerSender(sqs, timerQueueUrlFromEnvironment()),
  deadLetters: new DeadLetters(sqs, deadLetterQueueUrlFromEnvironment()),
  clock: systemClock,
  waitUntil,
  telemetry: lambdaTelemetry('expire-booking', METRICS_OF.expireBooking),
  timerLeadMs,
  sameMomentMs: sameMomentMsFromEnvironment(),
  notices:
    noticeBeforeMs === undefined
      ? undefined
      : { store, bus: new EventBus(new EventBridgeClient(PATIENCE), eventBusFromEnvironment()), noticeBeforeMs },
  shape,
});
