/**
 * An event source mapping from an SQS queue to a Lambda, as Lambda runs it: polls the queue, invokes with batches,
 * deletes what succeeded, leaves the rest to the visibility timeout and the queue's redrive policy.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import type { SQSEvent } from 'aws-lambda';
import type { AwsCaller } from './aws-client.ts';
import { compileFilters } from './event-filter.ts';
import type { ReaderProgress } from './event-source-mapping.ts';
import type { LambdaHost } from './lambda-host.ts';

/** A message as it lies in a queue. */
export interface QueuedMessage {
  readonly queueUrl: string;
  readonly body: string;
}

export interface SqsEventSourceSettings {
  readonly queueUrl: string;
  readonly queueArn: string;
  readonly region: string;
  readonly batchSize: number;
  readonly reportBatchItemFailures: boolean;
  readonly filterPatterns: readonly string[];
  /** Most invocations at once. */
  readonly maxConcurrency: number;
  /** Invocations at once before there are many messages. @default - five, as Lambda begins without provisioned pollers */
  readonly concurrencyAtFirst?: number;
  /** More invocations at once each second, while messages wait. @default - five, as Lambda adds without provisioned pollers */
  readonly concurrencyPerSecond?: number;
  /** Whether a message gets lost: it is deleted, and the Lambda never sees it. @default - none does */
  readonly isLost?: ((message: QueuedMessage) => boolean) | undefined;
  /** Whether the queue goes on without the runtime. @default false */
  readonly outlivesRuntime?: boolean;
  readonly onProblem: (problem: string) => void;
}

/** Lambda begins with five concurrent batches and adds 300 a minute (AWS Lambda Developer Guide, SQS scaling). */
const CONCURRENCY_AT_FIRST = 5;
const CONCURRENCY_STEP = 5;
const SCALING_PERIOD_MS = 1_000;
/** Longest wait of one poll, the most that SQS allows. */
const POLL_SECONDS = 20;
/**
 * The same where the queue outlives the runtime, whose end then waits for the poll: an engine hands messages to a poll that
 * was cut off as to any other, and nobody sees them until their visibility timeout.
 */
const SHORT_POLL_SECONDS = 2;
/** Most messages of one ReceiveMessage. */
const MAX_RECEIVED = 10;

/** As SQS sends it: what is binary as base64. */
interface Message {
  readonly MessageId?: string;
  readonly ReceiptHandle?: string;
  readonly Body?: string;
  readonly MD5OfBody?: string;
  readonly Attributes?: Readonly<Record<string, string>>;
  readonly MessageAttributes?: Readonly<
    Record<string, { readonly DataType?: string; readonly StringValue?: string; readonly BinaryValue?: string }>
  >;
}

export class SqsEventSource {
  readonly #client: AwsCaller;
  readonly #lambda: LambdaHost;
  readonly #settings: SqsEventSourceSettings;
  readonly #matches: (event: unknown) => boolean;
  readonly #stopping = new AbortController();
  readonly #inFlight = new Set<Promise<void>>();
  readonly #concurrencyAtFirst: number;
  #concurrency: number;
  #polls = 0;
  #polled = 0;
  #wantsMore = false;
  #slotFreed: (() => void) | undefined;
  /** When messages came last, on the clock that only counts. */
  #lastReadMs: number | undefined;
  #polling: Promise<void> | undefined;

  constructor(client: AwsCaller, lambda: LambdaHost, settings: SqsEventSourceSettings) {
    this.#client = client;
    this.#lambda = lambda;
    this.#settings = settings;
    this.#matches = compileFilters(settings.filterPatterns);
    this.#concurrencyAtFirst = Math.min(settings.concurrencyAtFirst ?? CONCURRENCY_AT_FIRST, settings.maxConcurrency);
    this.#concurrency = this.#concurrencyAtFirst;
  }

  start(): void {
    this.#polling = this.#poll();
    void this.#scale();
  }

  /** Stops polling; batches in flight finish. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#slotFreed?.();
    await this.#polling;
    await Promise.all(this.#inFlight);
  }

  /** When it last got messages. */
  progress(nowMs: number): ReaderProgress {
    return this.#lastReadMs === undefined ? {} : { lastReadAtMs: nowMs - (performance.now() - this.#lastReadMs) };
  }

  get #stopped(): boolean {
    return this.#stopping.signal.aborted;
  }

  async #poll(): Promise<void> {
    while (!this.#stopped) {
      if (this.#inFlight.size >= this.#concurrency) {
        await new Promise<void>((resolve) => {
          this.#slotFreed = resolve;
        });
        continue;
      }
      const messages = await this.#receive();
      if (messages.length === 0) continue;
      this.#lastReadMs = performance.now();
      this.#polls += 1;
      this.#polled += messages.length;
      // A full batch with no slot left means that messages wait in the queue: time for more concurrency.
      if (messages.length === Math.min(this.#settings.batchSize, MAX_RECEIVED)) {
        this.#wantsMore ||= this.#inFlight.size + 1 >= this.#concurrency;
      }
      const batch = this.#process(messages).finally(() => {
        this.#inFlight.delete(batch);
        this.#slotFreed?.();
      });
      this.#inFlight.add(batch);
    }
  }

  async #scale(): Promise<void> {
    while (!this.#stopped) {
      await sleep(SCALING_PERIOD_MS, undefined, { ref: false, signal: this.#stopping.signal }).catch(() => {});
      if (this.#wantsMore) {
        const { maxConcurrency, concurrencyPerSecond = CONCURRENCY_STEP } = this.#settings;
        this.#concurrency = Math.min(maxConcurrency, this.#concurrency + concurrencyPerSecond);
        this.#slotFreed?.();
      } else if (this.#polls > 0 && this.#polled < (this.#polls * this.#settings.batchSize) / 2) {
        // Batches that are not half full come quickly enough with fewer at once, each in a warmer environment.
        this.#concurrency = Math.max(this.#concurrencyAtFirst, this.#concurrency - 1);
      }
      this.#polls = 0;
      this.#polled = 0;
      this.#wantsMore = false;
    }
  }

  async #receive(): Promise<Message[]> {
    const { queueUrl, batchSize, outlivesRuntime = false } = this.#settings;
    try {
      const { Messages = [] } = await this.#client.call<{ Messages?: Message[] }>(
        'ReceiveMessage',
        {
          QueueUrl: queueUrl,
          MaxNumberOfMessages: Math.min(batchSize, MAX_RECEIVED),
          WaitTimeSeconds: outlivesRuntime ? SHORT_POLL_SECONDS : POLL_SECONDS,
          MessageSystemAttributeNames: ['All'],
          MessageAttributeNames: ['All'],
        },
        outlivesRuntime ? undefined : this.#stopping.signal,
      );
      return Messages;
    } catch (error) {
      if (this.#stopped) return [];
      this.#settings.onProblem(`could not poll ${queueUrl}: ${error instanceof Error ? error.message : error}`);
      await sleep(1_000, undefined, { signal: this.#stopping.signal }).catch(() => {});
      return [];
    }
  }

  async #process(messages: Message[]): Promise<void> {
    const done = new Set<Message>();
    const { filterPatterns, queueUrl, isLost = () => false } = this.#settings;
    const matching =
      filterPatterns.length === 0
        ? messages
        : messages.filter((message) => this.#matches({ ...message, body: parsed(message.Body) }));
    const wanted = matching.filter(({ Body: body = '' }) => !isLost({ queueUrl, body }));
    for (const message of messages) if (!wanted.includes(message)) done.add(message);
    if (wanted.length > 0) {
      try {
        const response = await this.#lambda.invoke(this.#eventOf(wanted));
        for (const message of this.#succeeded(wanted, response)) done.add(message);
      } catch (error) {
        this.#settings.onProblem(
          `${this.#lambda.settings.logicalId} failed: ${error instanceof Error ? error.message : error}`,
        );
      }
    }
    if (done.size > 0) await this.#delete([...done]);
  }

  /** An unknown, empty or null identifier counts as a failure of the whole batch. */
  #succeeded(messages: Message[], response: unknown): Message[] {
    if (!this.#settings.reportBatchItemFailures || response === null || response === undefined) return messages;
    const { batchItemFailures } = response as { batchItemFailures?: unknown };
    if (batchItemFailures === undefined || batchItemFailures === null) return messages;
    if (!Array.isArray(batchItemFailures)) return [];
    const failed = new Set(
      batchItemFailures.map((failure) => (failure as { itemIdentifier?: unknown })?.itemIdentifier),
    );
    const known = new Set<unknown>(messages.map(({ MessageId }) => MessageId));
    for (const id of failed) if (!known.has(id)) return [];
    return messages.filter(({ MessageId }) => !failed.has(MessageId));
  }

  async #delete(messages: Message[]): Promise<void> {
    try {
      const { Failed = [] } = await this.#client.call<{ Failed?: readonly unknown[] }>('DeleteMessageBatch', {
        QueueUrl: this.#settings.queueUrl,
        Entries: messages.map(({ ReceiptHandle }, index) => ({ Id: String(index), ReceiptHandle })),
      });
      if (Failed.length > 0) throw new Error(JSON.stringify(Failed));
    } catch (error) {
      this.#settings.onProblem(`could not delete ${messages.length} messages, they will come again: ${error}`);
    }
  }

  #eventOf(messages: Message[]): SQSEvent {
    return {
      Records: messages.map((message) => ({
        messageId: message.MessageId ?? '',
        receiptHandle: message.ReceiptHandle ?? '',
        body: message.Body ?? '',
        attributes: { ...message.Attributes } as unknown as SQSEvent['Records'][number]['attributes'],
        messageAttributes: Object.fromEntries(
          Object.entries(message.MessageAttributes ?? {}).map(([name, value]) => [
            name,
            {
              dataType: value.DataType ?? 'String',
              ...(value.StringValue !== undefined && { stringValue: value.StringValue }),
              ...(value.BinaryValue !== undefined && { binaryValue: value.BinaryValue }),
            },
          ]),
        ),
        md5OfBody: message.MD5OfBody ?? '',
        eventSource: 'aws:sqs',
        eventSourceARN: this.#settings.queueArn,
        awsRegion: this.#settings.region,
      })),
    };
  }
}

/** A body that is JSON is filtered as such, any other as text. */
const parsed = (body: string | undefined): unknown => {
  try {
    return JSON.parse(body ?? '');
  } catch {
    return body;
  }
};
