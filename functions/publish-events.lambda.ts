/** Entry point of the publish-events Lambda: DynamoDB stream → EventBridge bus. */
import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { DeadLetters } from './adapters/dead-letters.ts';
import { EventBus } from './adapters/event-bus.ts';
import { METRICS_OF } from './contract.ts';
import { createHandler } from './publish-events.ts';
import { PATIENCE, queueClient } from './runtime/clients.ts';
import {
  deadLetterQueueUrlFromEnvironment,
  eventBusFromEnvironment,
  tableShapeFromEnvironment,
} from './runtime/environment.ts';
import { lambdaTelemetry } from './runtime/telemetry.ts';

export const handler = createHandler({
  bus: new EventBus(new EventBridgeClient(PATIENCE), eventBusFromEnvironment()),
  deadLetters: new DeadLetters(queueClient(), deadLetterQueueUrlFromEnvironment()),
  telemetry: lambdaTelemetry('publish-events', METRICS_OF.publishEvents),
  shape: tableShapeFromEnvironment(),
});
