/** Entry point of the send-webhooks Lambda: queue of events → the customer's application. */
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { DeadLetters } from './adapters/dead-letters.ts';
import { WebhookPost } from './adapters/webhook-post.ts';
import { tryOfMessage, WebhookQueues } from './adapters/webhook-queues.ts';
import { webhookSecrets } from './adapters/webhook-secrets.ts';
import { METRICS_OF } from './contract.ts';
import { PATIENCE, queueClient } from './runtime/clients.ts';
import { systemClock } from './runtime/clock.ts';
import {
  deadLetterQueueUrlFromEnvironment,
  webhookQueueUrlFromEnvironment,
  webhookRetryQueueUrlFromEnvironment,
  webhookSecretFromEnvironment,
  webhookUrlFromEnvironment,
} from './runtime/environment.ts';
import { lambdaTelemetry } from './runtime/telemetry.ts';
import { createHandler } from './send-webhooks.ts';

const sqs = queueClient();
const queues = new WebhookQueues(sqs, webhookQueueUrlFromEnvironment(), webhookRetryQueueUrlFromEnvironment());

export const handler = createHandler({
  poster: new WebhookPost({
    url: webhookUrlFromEnvironment(),
    secrets: webhookSecrets(new SecretsManagerClient(PATIENCE), webhookSecretFromEnvironment(), systemClock),
    clock: systemClock,
  }),
  queue: {
    tryOf: tryOfMessage,
    tryAgain: (message, next, nowMs) => queues.tryAgain(message, next, nowMs),
    putBack: (message, seconds) => queues.putBack(message, seconds),
  },
  deadLetters: new DeadLetters(sqs, deadLetterQueueUrlFromEnvironment()),
  clock: systemClock,
  telemetry: lambdaTelemetry('send-webhooks', METRICS_OF.sendWebhooks),
});
