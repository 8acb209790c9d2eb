/**
 * What Lambda does with records of a stream: invokes the function with batches, and on failure halves or repeats them until
 * they succeed, are too old, or are out of tries.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ReaderProgress } from './event-source-mapping.ts';

/** What records are brought to: a Lambda, or a reader of the runtime's own. */
export interface Invoked {
  readonly settings: { readonly logicalId: string; readonly functionName: string };
  invoke(event: unknown): Promise<unknown>;
}

export interface StreamBatchSettings {
  readonly streamArn: string;
  readonly reportBatchItemFailures: boolean;
  readonly bisectBatchOnError: boolean;
  /** Tries after the first; -1 for as many as the records' age allows. */
  readonly maxRetryAttempts: number;
  /** Oldest that a record may be and still be tried, seconds; -1 for as old as the stream keeps it. */
  readonly maxRecordAgeSeconds: number;
  /** Where the description of records goes that are given up; absent to drop them, as Lambda does. */
  readonly onDiscarded: ((description: unknown) => Promise<void>) | undefined;
  readonly onProblem: (problem: string) => void;
}

const LONGEST_RETRY_PAUSE_MS = 10_000;
/**
 * Bytes of records in one invocation. Lambda takes 6 MB of JSON (AWS Lambda Developer Guide, quotas), in which records of so
 * many bytes fit: images in JSON are half as large again.
 */
const MAX_BATCH_BYTES = 4 * 1024 * 1024;

/** A stream record in the form that Lambda hands to a function. */
export interface LambdaRecord {
  readonly eventID: string | undefined;
  readonly eventName: string | undefined;
  readonly dynamodb: {
    readonly SequenceNumber: string;
    readonly ApproximateCreationDateTime: number;
    readonly SizeBytes?: number;
  };
}

export class StreamBatches {
  readonly #lambda: Invoked;
  readonly #settings: StreamBatchSettings;
  readonly #stopping: AbortSignal;
  /** The record that each shard's reader works on, by shard. */
  readonly #underWork = new Map<string, LambdaRecord>();
  #lastResult: NonNullable<ReaderProgress['lastProcessingResult']> = 'No records processed';

  constructor(lambda: Invoked, settings: StreamBatchSettings, stopping: AbortSignal) {
    this.#lambda = lambda;
    this.#settings = settings;
    this.#stopping = stopping;
  }

  /** How old the record is that it works on, and what became of the last invocation. */
  progress(nowMs: number): ReaderProgress {
    const ages = [...this.#underWork.values()].map(
      ({ dynamodb }) => nowMs - dynamodb.ApproximateCreationDateTime * 1_000,
    );
    return { lastProcessingResult: this.#lastResult, iteratorAgeMs: Math.max(0, ...ages) };
  }

  /** Works off records in order. False if it was stopped before they were through: then they come again. */
  async process(shardId: string, records: readonly LambdaRecord[]): Promise<boolean> {
    const { bisectBatchOnError, maxRetryAttempts } = this.#settings;
    let batches = batchesOf(records);
    let retries = 0;
    for (let batch = batches[0]; batch !== undefined; batch = batches[0]) {
      if (batch[0]) this.#underWork.set(shardId, batch[0]);
      const tooOld = this.#olderThanAllowed(batch);
      if (tooOld.length > 0) {
        await this.#discard(shardId, tooOld, 'RecordAgeExceeded', retries);
        if (tooOld.length === batch.length) retries = 0;
        batches = [batch.slice(tooOld.length), ...batches.slice(1)].filter((each) => each.length > 0);
        continue;
      }
      const rest = await this.#invoke(batch);
      if (rest.length === 0) {
        batches = batches.slice(1);
        retries = 0;
        continue;
      }
      if (rest.length < batch.length) {
        // What was reported as done is done; the rest begins at the first failure and is tried with fresh patience.
        batches = [rest, ...batches.slice(1)];
        retries = 0;
      }
      if (bisectBatchOnError && rest.length > 1) {
        const middle = Math.ceil(rest.length / 2);
        batches = [rest.slice(0, middle), rest.slice(middle), ...batches.slice(1)];
        continue;
      }
      if (maxRetryAttempts >= 0 && retries >= maxRetryAttempts) {
        await this.#discard(shardId, rest, 'RetryAttemptsExhausted', retries + 1);
        batches = batches.slice(1);
        retries = 0;
        continue;
      }
      retries += 1;
      const pauseMs = Math.min(LONGEST_RETRY_PAUSE_MS, 100 * 2 ** Math.min(retries, 10));
      await sleep(pauseMs, undefined, { signal: this.#stopping }).catch(() => {});
      if (this.#stopping.aborted) return false;
    }
    this.#underWork.delete(shardId);
    return true;
  }

  /** Invokes the function. What is left to do: nothing, all, or everything from the first failed record on. */
  async #invoke(batch: LambdaRecord[]): Promise<LambdaRecord[]> {
    const rest = await this.#invokeOnce(batch);
    this.#lastResult = rest.length === 0 ? 'OK' : 'PROBLEM: Function call failed';
    return rest;
  }

  async #invokeOnce(batch: LambdaRecord[]): Promise<LambdaRecord[]> {
    let response: unknown;
    try {
      response = await this.#lambda.invoke({ Records: batch });
    } catch (error) {
      const reason = error instanceof Error ? error.message : error;
      this.#settings.onProblem(`${this.#lambda.settings.logicalId} failed: ${reason}`);
      return batch;
    }
    if (!this.#settings.reportBatchItemFailures) return [];
    const { batchItemFailures } = (response ?? {}) as { batchItemFailures?: unknown };
    if (batchItemFailures === undefined || batchItemFailures === null) return [];
    if (!Array.isArray(batchItemFailures)) return batch;
    const places = batchItemFailures.map((failure) =>
      batch.findIndex(({ dynamodb }) => dynamodb.SequenceNumber === failure?.itemIdentifier),
    );
    if (places.length === 0) return [];
    // An unknown identifier counts as a failure of the whole batch.
    return places.includes(-1) ? batch : batch.slice(Math.min(...places));
  }

  #olderThanAllowed(batch: LambdaRecord[]): LambdaRecord[] {
    const { maxRecordAgeSeconds } = this.#settings;
    if (maxRecordAgeSeconds < 0) return [];
    const oldestSeconds = Date.now() / 1000 - maxRecordAgeSeconds;
    const firstYoung = batch.findIndex(({ dynamodb }) => dynamodb.ApproximateCreationDateTime >= oldestSeconds);
    return firstYoung === -1 ? batch : batch.slice(0, firstYoung);
  }

  /** The description that Lambda sends: where the records are, not what they hold. */
  async #discard(shardId: string, records: LambdaRecord[], condition: string, invokeCount: number): Promise<void> {
    const { streamArn, onDiscarded } = this.#settings;
    const first = records[0];
    const last = records.at(-1);
    if (first === undefined || last === undefined) return;
    this.#settings.onProblem(
      `${this.#lambda.settings.logicalId}: ${records.length} stream record(s) given up: ${condition}`,
    );
    const timeOf = ({ dynamodb }: LambdaRecord) => new Date(dynamodb.ApproximateCreationDateTime * 1000).toISOString();
    await onDiscarded?.({
      requestContext: {
        functionArn: this.#lambda.settings.functionName,
        condition,
        approximateInvokeCount: invokeCount,
      },
      version: '1.0',
      timestamp: new Date().toISOString(),
      DDBStreamBatchInfo: {
        shardId,
        startSequenceNumber: first.dynamodb.SequenceNumber,
        endSequenceNumber: last.dynamodb.SequenceNumber,
        approximateArrivalOfFirstRecord: timeOf(first),
        approximateArrivalOfLastRecord: timeOf(last),
        batchSize: records.length,
        streamArn,
      },
    });
  }
}

/** As many records together as one invocation takes; a record that is larger by itself goes alone. */
const batchesOf = (records: readonly LambdaRecord[]): LambdaRecord[][] => {
  const batches: LambdaRecord[][] = [];
  let bytes = 0;
  for (const record of records) {
    const { SizeBytes = 0 } = record.dynamodb;
    const current = batches.at(-1);
    if (current && bytes + SizeBytes <= MAX_BATCH_BYTES) {
      current.push(record);
      bytes += SizeBytes;
    } else {
      batches.push([record]);
      bytes = SizeBytes;
    }
  }
  return batches;
};
