/** Entry point of the sweep Lambda: EventBridge Scheduler → overdue and near bookings. */
import { DynamoDbTable } from './adapters/dynamodb-table.ts';
import { HeldItems } from './adapters/held-items.ts';
import { PatrolNotes } from './adapters/patrol-notes.ts';
import { PendingIndex } from './adapters/pending-index.ts';
import { isPermanent } from './adapters/permanent-error.ts';
import { sweepScheduling } from './adapters/sweep-scheduling.ts';
import { TimerSender } from './adapters/timer-sender.ts';
import { METRICS_OF } from './contract.ts';
import { queueClient, tableClient } from './runtime/clients.ts';
import { systemClock } from './runtime/clock.ts';
import {
  bookingsTableFromEnvironment,
  givenUpQueueUrlFromEnvironment,
  shardCountFromEnvironment,
  sweepStateTableFromEnvironment,
  tableShapeFromEnvironment,
  timerQueueUrlFromEnvironment,
  timerSettingsFromEnvironment,
} from './runtime/environment.ts';
import { lambdaTelemetry } from './runtime/telemetry.ts';
import { createHandler } from './sweep.ts';

const client = tableClient();
const bookings = new DynamoDbTable(client, bookingsTableFromEnvironment());
const state = new DynamoDbTable(client, sweepStateTableFromEnvironment());
const shardCount = shardCountFromEnvironment();
const shape = tableShapeFromEnvironment();
const sqs = queueClient();

export const handler = createHandler({
  index: new PendingIndex(bookings, shape, shardCount),
  store: new HeldItems(bookings, shape),
  scheduling: sweepScheduling(new TimerSender(sqs, timerQueueUrlFromEnvironment()), state),
  clock: systemClock,
  isPermanent,
  notes: new PatrolNotes(state, sqs, givenUpQueueUrlFromEnvironment()),
  shardCount,
  telemetry: lambdaTelemetry('sweep', METRICS_OF.sweep),
  settings: timerSettingsFromEnvironment(),
});
