/**
 * An event source mapping from a DynamoDB stream to a Lambda, as Lambda runs it: reads each shard in order, filters,
 * invokes with batches, and on failure halves or repeats them until they succeed, are too old, or are out of tries.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import {
  DescribeStreamCommand,
  type DynamoDBStreamsClient,
  GetRecordsCommand,
  GetShardIteratorCommand,
  type Shard,
  type _Record as StreamRecord,
  TrimmedDataAccessException,
} from '@aws-sdk/client-dynamodb-streams';
import type { Checkpoints } from './checkpoints.ts';
import { compileFilters } from './event-filter.ts';
import type { ReaderProgress } from './event-source-mapping.ts';
import { InvocationError, type LambdaHost } from './lambda-host.ts';

export interface StreamEventSourceSettings {
  readonly streamArn: string;
  readonly region: string;
  readonly batchSize: number;
  readonly startingPosition: 'TRIM_HORIZON' | 'LATEST';
  readonly filterPatterns: readonly string[];
  readonly reportBatchItemFailures: boolean;
  readonly bisectBatchOnError: boolean;
  /** Tries after the first; -1 for as many as the records' age allows. */
  readonly maxRetryAttempts: number;
  /** Oldest that a record may be and still be tried, seconds; -1 for as old as the stream keeps it. */
  readonly maxRecordAgeSeconds: number;
  /** Where the description of records goes that are given up; absent to drop them, as Lambda does. */
  readonly onDiscarded: ((description: unknown) => Promise<void>) | undefined;
  readonly checkpoints: Checkpoints;
  readonly onProblem: (problem: string) => void;
}

/** Lambda polls each shard four times a second (AWS Lambda Developer Guide, DynamoDB streams). */
const POLL_INTERVAL_MS = 250;
const SHARD_DISCOVERY_MS = 10_000;
const LONGEST_RETRY_PAUSE_MS = 10_000;
/**
 * Bytes of records in one invocation. Lambda takes 6 MB of JSON (AWS Lambda Developer Guide, quotas), in which records of so
 * many bytes fit: images in JSON are half as large again.
 */
const MAX_BATCH_BYTES = 4 * 1024 * 1024;

/** A stream record in the form that Lambda hands to a function. */
interface LambdaRecord {
  readonly eventID: string | undefined;
  readonly eventName: string | undefined;
  readonly dynamodb: {
    readonly SequenceNumber: string;
    readonly ApproximateCreationDateTime: number;
    readonly SizeBytes?: number;
  };
}

export class StreamEventSource {
  readonly #client: DynamoDBStreamsClient;
  readonly #lambda: LambdaHost;
  readonly #settings: StreamEventSourceSettings;
  readonly #matches: (event: unknown) => boolean;
  readonly #stopping = new AbortController();
  readonly #shards = new Map<string, Promise<void>>();
  readonly #finished = new Set<string>();
  #discovery: Promise<void> | undefined;
  /** The record that each shard's reader works on, by shard. */
  readonly #underWork = new Map<string, LambdaRecord>();
  #lastResult: NonNullable<ReaderProgress['lastProcessingResult']> = 'No records processed';

  constructor(client: DynamoDBStreamsClient, lambda: LambdaHost, settings: StreamEventSourceSettings) {
    this.#client = client;
    this.#lambda = lambda;
    this.#settings = settings;
    this.#matches = compileFilters(settings.filterPatterns);
  }

  start(): void {
    this.#discovery = this.#discoverShards();
  }

  /** Stops reading; the batch in flight finishes. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#discovery;
    await Promise.all(this.#shards.values());
  }

  /** How old the record is that it works on, and what became of the last invocation. */
  progress(nowMs: number): ReaderProgress {
    const ages = [...this.#underWork.values()].map(
      ({ dynamodb }) => nowMs - dynamodb.ApproximateCreationDateTime * 1_000,
    );
    return { lastProcessingResult: this.#lastResult, iteratorAgeMs: Math.max(0, ...ages) };
  }

  get #stopped(): boolean {
    return this.#stopping.signal.aborted;
  }

  async #pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#stopping.signal }).catch(() => {});
  }

  async #discoverShards(): Promise<void> {
    while (!this.#stopped) {
      try {
        const shards = await this.#listShards();
        const listed = new Set(shards.map(({ ShardId }) => ShardId));
        for (const { ShardId: shardId, ParentShardId: parentId } of shards) {
          if (shardId === undefined || this.#shards.has(shardId)) continue;
          // A shard continues its parent: the records of one booking stay in order across the two.
          const parentIsDone = parentId === undefined || !listed.has(parentId) || this.#finished.has(parentId);
          if (parentIsDone) this.#shards.set(shardId, this.#readShard(shardId));
        }
      } catch (error) {
        this.#report('could not read the stream', error);
      }
      await this.#pause(this.#shards.size === 0 ? POLL_INTERVAL_MS : SHARD_DISCOVERY_MS);
    }
  }

  async #listShards(): Promise<Shard[]> {
    const shards: Shard[] = [];
    let lastShardId: string | undefined;
    do {
      const { StreamDescription } = await this.#client.send(
        new DescribeStreamCommand({ StreamArn: this.#settings.streamArn, ExclusiveStartShardId: lastShardId }),
      );
      shards.push(...(StreamDescription?.Shards ?? []));
      lastShardId = StreamDescription?.LastEvaluatedShardId;
    } while (lastShardId !== undefined);
    return shards;
  }

  async #readShard(shardId: string): Promise<void> {
    const { batchSize, checkpoints } = this.#settings;
    let iterator = await this.#iteratorAt(shardId);
    while (!this.#stopped) {
      if (iterator === undefined) {
        this.#finished.add(shardId);
        return;
      }
      try {
        const answer = await this.#client.send(new GetRecordsCommand({ ShardIterator: iterator, Limit: batchSize }));
        const records = (answer.Records ?? []).map((record) => this.#lambdaRecord(record));
        for (const batch of batchesOf(records.filter(this.#matches))) {
          if (!(await this.#process(shardId, batch))) return;
        }
        const last = records.at(-1);
        if (last !== undefined) checkpoints.set(shardId, last.dynamodb.SequenceNumber);
        iterator = answer.NextShardIterator;
        if (records.length < batchSize) await this.#pause(POLL_INTERVAL_MS);
      } catch (error) {
        if (this.#stopped) return;
        if (wasTrimmed(error) && checkpoints.get(shardId) === undefined) {
          // For DynamoDB Local a position before the first record is out of date once another table has been written
          // to. Nothing has been read yet: the oldest record is the next.
          await this.#pause(POLL_INTERVAL_MS);
          iterator = await this.#iteratorAt(shardId, true);
          continue;
        }
        // Iterators expire, and engines restart: go on behind what was done last.
        this.#report(`could not read shard ${shardId}`, error);
        await this.#pause(1_000);
        iterator = await this.#iteratorAt(shardId, wasTrimmed(error));
      }
    }
  }

  /** @param fromOldest whether what follows the checkpoint is not kept any more: the oldest that is kept comes next */
  async #iteratorAt(shardId: string, fromOldest = false): Promise<string | undefined> {
    const { streamArn, startingPosition, checkpoints } = this.#settings;
    let after = fromOldest ? undefined : checkpoints.get(shardId);
    let position = fromOldest ? ('TRIM_HORIZON' as const) : startingPosition;
    for (;;) {
      try {
        const { ShardIterator } = await this.#client.send(
          new GetShardIteratorCommand({
            StreamArn: streamArn,
            ShardId: shardId,
            ...(after === undefined
              ? { ShardIteratorType: position }
              : { ShardIteratorType: 'AFTER_SEQUENCE_NUMBER', SequenceNumber: after }),
          }),
        );
        return ShardIterator;
      } catch (error) {
        if (this.#stopped) return undefined;
        this.#report(`could not begin to read shard ${shardId}`, error);
        if (wasTrimmed(error)) [after, position] = [undefined, 'TRIM_HORIZON'];
        await this.#pause(1_000);
      }
    }
  }

  /** Works off records in order. False if it was stopped before they were through: then they come again. */
  async #process(shardId: string, records: LambdaRecord[]): Promise<boolean> {
    const { bisectBatchOnError, maxRetryAttempts } = this.#settings;
    let batches = records.length > 0 ? [records] : [];
    let retries = 0;
    for (let batch = batches[0]; batch !== undefined; batch = batches[0]) {
      if (batch[0]) this.#underWork.set(shardId, batch[0]);
      const tooOld = this.#olderThanAllowed(batch);
      if (tooOld.length > 0) {
        await this.#discard(shardId, tooOld, 'RecordAgeExceeded', retries);
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
      await this.#pause(Math.min(LONGEST_RETRY_PAUSE_MS, 100 * 2 ** Math.min(retries, 10)));
      if (this.#stopped) return false;
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
      this.#report(`${this.#lambda.settings.logicalId} failed`, error);
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
    const oldest = Date.now() / 1000 - maxRecordAgeSeconds;
    const firstYoung = batch.findIndex(({ dynamodb }) => dynamodb.ApproximateCreationDateTime >= oldest);
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

  #lambdaRecord(record: StreamRecord): LambdaRecord {
    const { dynamodb, eventID, eventName } = record;
    return {
      ...record,
      eventID,
      eventName,
      eventSourceARN: this.#settings.streamArn,
      awsRegion: this.#settings.region,
      dynamodb: {
        ...withBinaryAsBase64(dynamodb),
        SequenceNumber: dynamodb?.SequenceNumber ?? '',
        ApproximateCreationDateTime: (dynamodb?.ApproximateCreationDateTime?.getTime() ?? Date.now()) / 1000,
      },
    } as LambdaRecord;
  }

  #report(what: string, error: unknown): void {
    const detail = error instanceof InvocationError || error instanceof Error ? error.message : String(error);
    this.#settings.onProblem(`${what}: ${detail}`);
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
/** A stream keeps its records for a day. */
const wasTrimmed = (error: unknown): boolean => error instanceof TrimmedDataAccessException;

const withBinaryAsBase64 = (value: unknown): object =>
  JSON.parse(
    JSON.stringify(value, function (this: Record<string, unknown>, key, item) {
      const original = this[key];
      return original instanceof Uint8Array ? Buffer.from(original).toString('base64') : item;
    }) ?? '{}',
  );
