/** Entry point of the expire-booking Lambda: timers → conditional writes. */
import { BookingStore } from './adapters/booking-store.ts';
import { TimerQueue } from './adapters/timer-queue.ts';
import { METRICS_OF } from './contract.ts';
import { createHandler } from './expire-booking.ts';
import { documentClient, queueClient } from './runtime/clients.ts';
import { systemClock, waitUntil } from './runtime/clock.ts';
import {
  bookingsTableFromEnvironment,
  shardCountFromEnvironment,
  timerQueueUrlFromEnvironment,
  timerSettingsFromEnvironment,
} from './runtime/environment.ts';
import { lambdaTelemetry } from './runtime/telemetry.ts';

export const handler = createHandler({
  store: new BookingStore(documentClient(), bookingsTableFromEnvironment(), shardCountFromEnvironment()),
  queue: new TimerQueue(queueClient(), timerQueueUrlFromEnvironment()),
  clock: systemClock,
  waitUntil,
  telemetry: lambdaTelemetry('expire-booking', METRICS_OF.expireBooking),
  timerLeadMs: timerSettingsFromEnvironment().timerLeadMs,
});
