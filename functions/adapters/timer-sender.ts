/** The only file that calls SQS. */
import {
  ChangeMessageVisibilityBatchCommand,
  SendMessageBatchCommand,
  type SendMessageBatchRequestEntry,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import pMap from 'p-map';
import type { ScheduledTimer } from '../core/expiry-decisions.ts';
import { encodeTimer } from '../core/expiry-timer.ts';
import { MAX_SQS_DELAY_SECONDS } from '../core/hold-time.ts';
import type { TimerTransport, UnsentTimer } from '../core/ports.ts';
import { isPermanent, ServiceEntryError, UnprocessableError } from './permanent-error.ts';

/** Most entries of one SendMessageBatch (Amazon SQS API Reference). */
const MAX_ENTRIES = 10;
/** Requests under way at once. One after the other, 100 timers of a stream batch would take 10 round trips. */
const CONCURRENT_REQUESTS = 5;
/** Entries can fail one by one while their request succeeds, and the SDK does not retry those. */
const TRIES = 3;

export class TimerSender implements TimerTransport {
  readonly #client: SQSClient;
  readonly #queueUrl: string;

  constructor(client: SQSClient, queueUrl: string) {
    this.#client = client;
    this.#queueUrl = queueUrl;
  }

  /**
   * Sends timers, ten in one request. Never throws: what is not sent is returned, to be reported. A delay that SQS would
   * refuse is refused here, because not every engine that speaks its protocol does.
   */
  async send(timers: readonly ScheduledTimer[]): Promise<UnsentTimer[]> {
    const refused: UnsentTimer[] = timers.filter(({ delaySeconds }) => !isDelay(delaySeconds)).map(refusal);
    let unsent: UnsentTimer[] = timers
      .filter(({ delaySeconds }) => isDelay(delaySeconds))
      .map((scheduled) => ({ scheduled, error: new Error('not tried') }));
    for (let tries = 0; tries < TRIES && unsent.length > 0; tries += 1) {
      const batches = Array.from({ length: Math.ceil(unsent.length / MAX_ENTRIES) }, (_, index) =>
        unsent.slice(index * MAX_ENTRIES, (index + 1) * MAX_ENTRIES).map(({ scheduled }) => scheduled),
      );
      const failed = await pMap(batches, (batch) => this.#sendBatch(batch), { concurrency: CONCURRENT_REQUESTS });
      refused.push(...failed.flat().filter(({ error }) => isPermanent(error)));
      unsent = failed.flat().filter(({ error }) => !isPermanent(error));
    }
    return [...refused, ...unsent];
  }

  /** A request that is refused as a whole, for the sake of one entry, is made again entry by entry. */
  async #sendBatch(batch: readonly ScheduledTimer[]): Promise<UnsentTimer[]> {
    const Entries = batch.map(
      ({ timer, delaySeconds }, index): SendMessageBatchRequestEntry => ({
        Id: String(index),
        MessageBody: encodeTimer(timer),
        DelaySeconds: delaySeconds,
      }),
    );
    try {
      const answer = await this.#client.send(new SendMessageBatchCommand({ QueueUrl: this.#queueUrl, Entries }));
      const sent = new Set(answer.Successful?.map(({ Id }) => Id));
      const problems = new Map(
        answer.Failed?.map(({ Id, Code = 'Unknown', Message }) => [Id, new ServiceEntryError(Code, Message)]),
      );
      return batch.flatMap((scheduled, index) => {
        const id = String(index);
        return sent.has(id) ? [] : [{ scheduled, error: problems.get(id) ?? new Error('SQS did not answer for it') }];
      });
    } catch (error) {
      if (isPermanent(error) && batch.length > 1) {
        return (await Promise.all(batch.map((each) => this.#sendBatch([each])))).flat();
      }
      const reason = error instanceof Error ? error : new Error(String(error));
      return batch.map((scheduled) => ({ scheduled, error: reason }));
    }
  }

  /**
   * Lets failed messages come back sooner than the visibility timeout. Only a convenience: if it fails, they come then.
   *
   * @param retries each message's receipt handle and the seconds until it is visible again, 0 to 43,200
   */
  async retryIn(retries: readonly { readonly receiptHandle: string; readonly seconds: number }[]): Promise<void> {
    for (let start = 0; start < retries.length; start += MAX_ENTRIES) {
      await this.#client
        .send(
          new ChangeMessageVisibilityBatchCommand({
            QueueUrl: this.#queueUrl,
            Entries: retries.slice(start, start + MAX_ENTRIES).map(({ receiptHandle, seconds }, index) => ({
              Id: String(index),
              ReceiptHandle: receiptHandle,
              VisibilityTimeout: seconds,
            })),
          }),
        )
        .catch(() => undefined);
    }
  }
}

const isDelay = (delaySeconds: number): boolean =>
  Number.isInteger(delaySeconds) && delaySeconds >= 0 && delaySeconds <= MAX_SQS_DELAY_SECONDS;

const refusal = (scheduled: ScheduledTimer): UnsentTimer => ({
  scheduled,
  error: new UnprocessableError(
    `delaySeconds must be a whole number from 0 to ${MAX_SQS_DELAY_SECONDS}, got ${scheduled.delaySeconds}`,
  ),
});
