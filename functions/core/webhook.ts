/**
 * A webhook: one event of the bus, as it is posted to the customer's application. What it holds, when it is tried again and
 * when it is given up. Its form is that of the Standard Webhooks specification (https://www.standardwebhooks.com).
 */
import { createHash } from 'node:crypto';
import { MAX_SQS_DELAY_SECONDS, MINUTE_MS, SECOND_MS } from './hold-time.ts';

const HOUR_MS = 60 * MINUTE_MS;

/** A receiver that has not answered by then has failed this try, in ms. */
export const ANSWER_WITHIN_MS = 10 * SECOND_MS;

/**
 * Pauses between two tries, in ms: after the first try, after the second, and so on. After the last one the webhook is given
 * up: some 22 hours after its event.
 */
export const PAUSES_MS: readonly number[] = [
  5 * SECOND_MS,
  30 * SECOND_MS,
  2 * MINUTE_MS,
  10 * MINUTE_MS,
  HOUR_MS,
  3 * HOUR_MS,
  6 * HOUR_MS,
  12 * HOUR_MS,
];

/** A webhook that comes so little too early is sent at once. SQS counts in seconds. */
const EARLY_TOLERANCE_MS = 2 * SECOND_MS;

/** An event of the bus, posted to an application. */
export interface Webhook {
  /** The same for every try, and for every delivery of the same event: receivers drop repetitions by it. */
  readonly webhookId: string;
  /** The event's `detail-type`. */
  readonly type: string;
  /** The body: the same bytes for every try. */
  readonly body: string;
}

/** Thrown for a message that holds no event. It is never sent; it ends in the dead-letter queue. */
export class MalformedWebhookError extends Error {
  override readonly name = 'MalformedWebhookError';
}

/**
 * Makes a webhook of an event as EventBridge hands it to a queue (Amazon EventBridge User Guide, Event structure).
 *
 * @param message the body of the message
 * @throws MalformedWebhookError if it is no event
 */
export const webhookOf = (message: string): Webhook => {
  const { id, time, detail, 'detail-type': type } = parseObject(message);
  if (typeof type !== 'string' || type === '') throw new MalformedWebhookError('an event must have a detail-type');
  if (typeof time !== 'string') throw new MalformedWebhookError('an event must have a time');
  if (!isObject(detail)) throw new MalformedWebhookError('an event must have a detail that is an object');
  // What others put on the same bus may have no such id: EventBridge's own is the same for all that come from one event.
  const eventId = typeof detail.eventId === 'string' ? detail.eventId : id;
  if (typeof eventId !== 'string') throw new MalformedWebhookError('an event must have an id');
  return { webhookId: webhookIdOf(eventId), type, body: JSON.stringify({ type, timestamp: time, data: detail }) };
};

/** An event's id may hold any character, and a header may not: so it is a hash, in letters that need no escaping. */
export const webhookIdOf = (eventId: string): string =>
  `evt_${createHash('sha256').update(eventId).digest('base64url').slice(0, 32)}`;

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const parseObject = (text: string): Record<string, unknown> => {
  try {
    const parsed: unknown = JSON.parse(text);
    if (isObject(parsed)) return parsed;
  } catch {
    // It is told below, with what is no JSON object.
  }
  throw new MalformedWebhookError('an event must be a JSON object');
};

/** Which try of a webhook this is, and when it is due. */
export interface Try {
  /** 1 for the first. */
  readonly number: number;
  /** Epoch ms. */
  readonly dueAtMs: number;
}

/** What became of one try. A try that has no answer has an error instead. */
export type TryOutcome =
  | { readonly kind: 'answered'; readonly status: number }
  | { readonly kind: 'failed'; readonly error: string };

/** What is to be done after a try. */
export type AfterTry =
  | { readonly kind: 'delivered' }
  | { readonly kind: 'try-again'; readonly next: Try }
  | { readonly kind: 'given-up'; readonly reason: string };

/** 410 Gone: the application wants no webhooks any more. */
const GONE = 410;

/** @param nowMs the clock after the try, epoch ms */
export const afterTry = ({ number }: Try, outcome: TryOutcome, nowMs: number): AfterTry => {
  if (outcome.kind === 'answered' && outcome.status >= 200 && outcome.status < 300) return { kind: 'delivered' };
  const failure = failureText(outcome);
  if (outcome.kind === 'answered' && outcome.status === GONE) return { kind: 'given-up', reason: failure };
  const pauseMs = PAUSES_MS[number - 1];
  if (pauseMs === undefined) return { kind: 'given-up', reason: `${failure}, at the last of ${number} tries` };
  return { kind: 'try-again', next: { number: number + 1, dueAtMs: nowMs + pauseMs } };
};

/** Why a try failed, in words. */
export const failureText = (outcome: TryOutcome): string => {
  if (outcome.kind === 'failed') return outcome.error;
  const { status } = outcome;
  if (status === GONE) return 'the receiver answered 410: it wants no webhooks any more';
  if (status >= 300 && status < 400) return `the receiver answered ${status}: redirects are not followed`;
  return `the receiver answered ${status}`;
};

/** Seconds for which a webhook that is not due yet is put back; 0 if it is to be sent now. */
export const secondsUntilDue = ({ dueAtMs }: Try, nowMs: number): number =>
  dueAtMs - nowMs <= EARLY_TOLERANCE_MS ? 0 : Math.ceil((dueAtMs - nowMs) / SECOND_MS);

/** The delay with which a try is put into its queue, in whole seconds: as much of its pause as one delay takes. */
export const retryDelaySeconds = ({ dueAtMs }: Try, nowMs: number): number =>
  Math.min(MAX_SQS_DELAY_SECONDS, Math.max(0, Math.ceil((dueAtMs - nowMs) / SECOND_MS)));
