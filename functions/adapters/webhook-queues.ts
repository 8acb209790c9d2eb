/**
 * The two queues that webhooks wait in: new ones as the bus sends them, and those that are tried again. Waiting takes two
 * forms, by what SQS allows:
 *
 * - A message of at most 900 s of delay (Amazon SQS API Reference, SendMessage). It counts nowhere as long as it is delayed.
 * - A longer pause goes on by the visibility timeout, up to 12 hours (same reference, ChangeMessageVisibility). Such a
 *   message counts as in flight, of which a queue may have 120,000 (Amazon SQS Developer Guide, quotas). So these wait in a
 *   queue of their own: where more wait, they are tried later, and nothing new is held up.
 *
 * Sending it again every 900 s instead would need 48 hops for a pause of 12 hours, and Lambda stops a message after about 16
 * (AWS Lambda Developer Guide, recursive loops). This way each try is one hop, and there are nine.
 */
import {
  ChangeMessageVisibilityCommand,
  type MessageAttributeValue,
  SendMessageCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import type { SQSRecord } from 'aws-lambda';
import { retryDelaySeconds, type Try } from '../core/webhook.ts';

/** Attributes of a message that is tried again. Its body stays the event, as the bus sent it. */
const ATTRIBUTES = { tryNumber: 'try', dueAtMs: 'dueAtMs' } as const;

/** Which try a message asks for: one without attributes is new, whoever sent it. */
export const tryOfMessage = ({ messageAttributes }: SQSRecord): Try => {
  const numberOf = (name: string): number => Number(messageAttributes[name]?.stringValue);
  const [number, dueAtMs] = [numberOf(ATTRIBUTES.tryNumber), numberOf(ATTRIBUTES.dueAtMs)];
  return Number.isSafeInteger(number) && number >= 1 && Number.isSafeInteger(dueAtMs)
    ? { number, dueAtMs }
    : { number: 1, dueAtMs: 0 };
};

export class WebhookQueues {
  readonly #client: SQSClient;
  readonly #retryQueueUrl: string;
  readonly #urls: readonly string[];

  /**
   * @param webhookQueueUrl where new webhooks wait
   * @param retryQueueUrl where those wait that are tried again
   */
  constructor(client: SQSClient, webhookQueueUrl: string, retryQueueUrl: string) {
    this.#client = client;
    this.#retryQueueUrl = retryQueueUrl;
    this.#urls = [webhookQueueUrl, retryQueueUrl];
  }

  async tryAgain({ body }: SQSRecord, next: Try, nowMs: number): Promise<void> {
    const number = (value: number): MessageAttributeValue => ({ DataType: 'Number', StringValue: String(value) });
    await this.#client.send(
      new SendMessageCommand({
        QueueUrl: this.#retryQueueUrl,
        MessageBody: body,
        DelaySeconds: retryDelaySeconds(next, nowMs),
        MessageAttributes: {
          [ATTRIBUTES.tryNumber]: number(next.number),
          [ATTRIBUTES.dueAtMs]: number(next.dueAtMs),
        },
      }),
    );
  }

  async putBack({ receiptHandle, eventSourceARN }: SQSRecord, seconds: number): Promise<void> {
    const name = eventSourceARN.split(':').at(-1);
    await this.#client.send(
      new ChangeMessageVisibilityCommand({
        QueueUrl: this.#urls.find((url) => url.endsWith(`/${name}`)),
        ReceiptHandle: receiptHandle,
        VisibilityTimeout: seconds,
      }),
    );
  }
}
