/**
 * Events came from the bus: post each to the customer's application. One that fails is put into the queue of those that are
 * tried again, and is done here; so the application, and any one event that it refuses, hold up nothing else.
 */
import type { SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda';
import { isPermanent } from './adapters/permanent-error.ts';
import { COUNTS, METRICS, type WebhookPing, type WebhookPingAnswer } from './contract.ts';
import type { Clock, DeadLetterBox } from './core/ports.ts';
import {
  afterTry,
  failureText,
  MalformedWebhookError,
  secondsUntilDue,
  type Try,
  type TryOutcome,
  type Webhook,
  webhookOf,
} from './core/webhook.ts';
import { failedMessages } from './runtime/batch.ts';
import { iso } from './runtime/clock.ts';
import type { Telemetry } from './runtime/telemetry.ts';

/** Posts a webhook to the application. */
export interface Poster {
  /**
   * Makes one try. An application that does not answer is an outcome, no error.
   *
   * @throws Error if the webhook cannot be signed
   */
  post(webhook: Webhook): Promise<TryOutcome>;
}

/** Where webhooks wait for another try. */
export interface RetryQueue {
  /** Which try a message asks for. */
  tryOf(message: SQSRecord): Try;
  /** Sends the message again, for its next try. @throws Error if the queue does not take it */
  tryAgain(message: SQSRecord, next: Try, nowMs: number): Promise<void>;
  /** Lets a message come again after some seconds, 1 to 43,200. @throws Error if it comes sooner, by the queue's own time */
  putBack(message: SQSRecord, seconds: number): Promise<void>;
}

export interface SendWebhooksPorts {
  readonly poster: Poster;
  readonly queue: RetryQueue;
  readonly deadLetters: DeadLetterBox;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
}

/** Longest pause before a message comes again that failed here and not at the application, seconds. */
const MAX_PUT_BACK_SECONDS = 900;

/** What became of a message: nothing is left to do, it comes again by itself, or it can never be sent. */
type MessageOutcome = 'done' | 'comes-again' | { readonly giveUp: string };

export const createHandler =
  (ports: SendWebhooksPorts) =>
  async (event: SQSEvent | WebhookPing): Promise<SQSBatchResponse | WebhookPingAnswer> => {
    if (!('Records' in event)) return ping(event, ports);
    const { deadLetters, telemetry } = ports;
    const outcomes = await Promise.all(
      event.Records.map(async (message) => ({ message, outcome: await send(message, ports) })),
    );
    const dead = outcomes.flatMap(({ message, outcome }) =>
      typeof outcome === 'object' ? [{ message, body: message.body, reason: outcome.giveUp }] : [],
    );
    const untaken = dead.length > 0 ? await deadLetters.put(dead) : [];
    if (untaken.length > 0)
      telemetry.error('not taken by the dead-letter queue: they come again', { of: untaken.length });
    telemetry.flush();
    const comeAgain = outcomes.filter(({ outcome }) => outcome === 'comes-again').map(({ message }) => message);
    return failedMessages([...comeAgain, ...untaken.map(({ message }) => message)]);
  };

/** Never throws: one message that cannot be sent must not bring the others of its batch again. */
const send = async (message: SQSRecord, ports: SendWebhooksPorts): Promise<MessageOutcome> => {
  const { queue, clock, telemetry } = ports;
  try {
    const webhook = webhookOf(message.body);
    const thisTry = queue.tryOf(message);
    const seconds = secondsUntilDue(thisTry, clock());
    if (seconds > 0) {
      await queue.putBack(message, seconds);
      return 'comes-again';
    }
    return await tryNow(message, webhook, thisTry, ports);
  } catch (error) {
    if (error instanceof MalformedWebhookError || isPermanent(error)) {
      telemetry.count(METRICS.unprocessable);
      telemetry.error('message can never be sent: it goes to the dead-letter queue', {
        messageId: message.messageId,
        error,
      });
      return { giveUp: String(error) };
    }
    telemetry.count(COUNTS.failed);
    telemetry.error('webhook not handled: it comes again', { messageId: message.messageId, error });
    // Sooner or later than by the queue's own time. If this fails too, it comes by that.
    await queue.putBack(message, pauseSeconds(message)).catch(() => undefined);
    return 'comes-again';
  }
};

const tryNow = async (
  message: SQSRecord,
  webhook: Webhook,
  thisTry: Try,
  { poster, queue, clock, telemetry }: SendWebhooksPorts,
): Promise<MessageOutcome> => {
  const startedAtMs = clock();
  const outcome = await poster.post(webhook);
  const endedAtMs = clock();
  const next = afterTry(thisTry, outcome, endedAtMs);
  const { webhookId, type } = webhook;
  const told = {
    webhookId,
    type,
    try: thisTry.number,
    durationMs: endedAtMs - startedAtMs,
    ...(outcome.kind === 'answered' ? { status: outcome.status } : { error: outcome.error }),
  };
  if (next.kind === 'delivered') {
    telemetry.count(COUNTS.webhooksDelivered);
    telemetry.info('webhook delivered', told);
    return 'done';
  }
  telemetry.count(COUNTS.webhookTriesFailed);
  if (next.kind === 'given-up') {
    telemetry.count(COUNTS.webhooksGivenUp);
    telemetry.error('webhook given up: it goes to the dead-letter queue', { ...told, reason: next.reason });
    return { giveUp: next.reason };
  }
  await queue.tryAgain(message, next.next, endedAtMs);
  telemetry.warn('webhook not delivered', { ...told, nextTryAt: iso(next.next.dueAtMs) });
  return 'done';
};

/** By how often the message was received: 5, 15, 45 s and so on. Ten times take more than an hour. */
const pauseSeconds = ({ attributes }: SQSRecord): number =>
  Math.min(MAX_PUT_BACK_SECONDS, 5 * 3 ** (Number(attributes.ApproximateReceiveCount) - 1));

/** One try of a webhook that means nothing, for an operator who asks. It waits in no queue, and is tried once. */
const ping = async (
  { pingId }: WebhookPing,
  { poster, clock, telemetry }: SendWebhooksPorts,
): Promise<WebhookPingAnswer> => {
  const startedAtMs = clock();
  const time = iso(startedAtMs);
  const webhook = webhookOf(
    JSON.stringify({ 'detail-type': 'Ping', time, detail: { version: 1, eventId: `ping:${pingId}:${time}` } }),
  );
  const { webhookId } = webhook;
  const outcome = await poster.post(webhook);
  const durationMs = clock() - startedAtMs;
  const isDelivered = afterTry({ number: 1, dueAtMs: 0 }, outcome, startedAtMs).kind === 'delivered';
  const answer = {
    delivered: isDelivered,
    webhookId,
    durationMs,
    ...(outcome.kind === 'answered' && { status: outcome.status }),
    ...(!isDelivered && { error: failureText(outcome) }),
  };
  telemetry.info('webhook tried because somebody asked', { type: 'Ping', ...answer });
  telemetry.flush();
  return answer;
};
