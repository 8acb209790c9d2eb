/** Entry point of the schedule-expiry Lambda: DynamoDB stream → timers. */
import { BookingStore } from './adapters/booking-store.ts';
import { TimerQueue } from './adapters/timer-queue.ts';
import { METRICS_OF } from './contract.ts';
import { documentClient, queueClient } from './runtime/clients.ts';
import { systemClock } from './runtime/clock.ts';
import {
  bookingsTableFromEnvironment,
  shardCountFromEnvironment,
  timerQueueUrlFromEnvironment,
  timerSettingsFromEnvironment,
} from './runtime/environment.ts';
import { lambdaTelemetry } from './runtime/telemetry.ts';
import { createHandler } from './schedule-expiry.ts';

const shardCount = shardCountFromEnvironment();

export const handler = createHandler({
  store: new BookingStore(documentClient(), bookingsTableFromEnvironment(), shardCount),
  queue: new TimerQueue(queueClient(), timerQueueUrlFromEnvironment()),
  clock: systemClock,
  telemetry: lambdaTelemetry('schedule-expiry', METRICS_OF.scheduleExpiry),
  shardCount,
  settings: timerSettingsFromEnvironment(),
});
