/** Entry point of the sweep Lambda: EventBridge Scheduler → overdue and near bookings. */
import { BookingStore } from './adapters/booking-store.ts';
import { sweepScheduling } from './adapters/sweep-scheduling.ts';
import { METRICS_OF } from './contract.ts';
import { documentClient, queueClient } from './runtime/clients.ts';
import { systemClock } from './runtime/clock.ts';
import {
  bookingsTableFromEnvironment,
  shardCountFromEnvironment,
  sweepStateTableFromEnvironment,
  timerQueueUrlFromEnvironment,
  timerSettingsFromEnvironment,
} from './runtime/environment.ts';
import { lambdaTelemetry } from './runtime/telemetry.ts';
import { createHandler } from './sweep.ts';

const client = documentClient();
const shardCount = shardCountFromEnvironment();

export const handler = createHandler({
  store: new BookingStore(client, bookingsTableFromEnvironment(), shardCount),
  scheduling: sweepScheduling(client, queueClient(), sweepStateTableFromEnvironment(), timerQueueUrlFromEnvironment()),
  clock: systemClock,
  telemetry: lambdaTelemetry('sweep', METRICS_OF.sweep),
  shardCount,
  settings: timerSettingsFromEnvironment(),
});
