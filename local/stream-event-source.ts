/**
 * An event source mapping from a DynamoDB stream to a Lambda, as Lambda runs it: finds the shards, reads each in order from
 * its checkpoint on and filters. What becomes of the records is up to stream-batches.ts.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { AwsCaller } from './aws-client.ts';
import type { Checkpoints } from './checkpoints.ts';
import { compileFilters } from './event-filter.ts';
import type { ReaderProgress } from './event-source-mapping.ts';
import { type Invoked, type LambdaRecord, StreamBatches, type StreamBatchSettings } from './stream-batches.ts';

export interface StreamEventSourceSettings extends StreamBatchSettings {
  readonly region: string;
  readonly batchSize: number;
  readonly startingPosition: 'TRIM_HORIZON' | 'LATEST';
  readonly filterPatterns: readonly string[];
  readonly checkpoints: Checkpoints;
  /** Pause between two reads of a shard that has no more, ms. @default 250, as Lambda's */
  readonly pollIntervalMs?: number;
}

interface Shard {
  readonly ShardId?: string;
  readonly ParentShardId?: string;
}

interface DescribedStream {
  readonly StreamDescription?: { readonly Shards?: readonly Shard[]; readonly LastEvaluatedShardId?: string };
}

/** As DynamoDB sends it: what is binary as base64, times in seconds. */
interface StreamRecord {
  readonly eventID?: string;
  readonly eventName?: string;
  readonly dynamodb?: Partial<LambdaRecord['dynamodb']>;
}

interface RecordsRead {
  readonly Records?: readonly StreamRecord[];
  readonly NextShardIterator?: string;
}

/** Lambda polls each shard four times a second (AWS Lambda Developer Guide, DynamoDB streams). */
const POLL_INTERVAL_MS = 250;
const SHARD_DISCOVERY_MS = 10_000;

export class StreamEventSource {
  readonly #client: AwsCaller;
  readonly #batches: StreamBatches;
  readonly #settings: StreamEventSourceSettings;
  readonly #matches: (event: unknown) => boolean;
  readonly #stopping = new AbortController();
  readonly #shards = new Map<string, Promise<void>>();
  readonly #finished = new Set<string>();
  #discovery: Promise<void> | undefined;

  constructor(client: AwsCaller, lambda: Invoked, settings: StreamEventSourceSettings) {
    this.#client = client;
    this.#batches = new StreamBatches(lambda, settings, this.#stopping.signal);
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
    return this.#batches.progress(nowMs);
  }

  /** The sequence number up to which it has read every shard; undefined before it has read any. */
  passed(): number | undefined {
    const numbers = [...this.#shards.keys()].map((shardId) => Number(this.#settings.checkpoints.get(shardId) ?? 0));
    return numbers.length === 0 ? undefined : Math.min(...numbers);
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
          // A shard continues its parent: the records of one item stay in order across the two.
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
      const { StreamDescription } = await this.#client.call<DescribedStream>('DescribeStream', {
        StreamArn: this.#settings.streamArn,
        ExclusiveStartShardId: lastShardId,
      });
      shards.push(...(StreamDescription?.Shards ?? []));
      lastShardId = StreamDescription?.LastEvaluatedShardId;
    } while (lastShardId !== undefined);
    return shards;
  }

  async #readShard(shardId: string): Promise<void> {
    const { batchSize, checkpoints, pollIntervalMs = POLL_INTERVAL_MS } = this.#settings;
    let iterator = await this.#iteratorAt(shardId);
    while (!this.#stopped) {
      if (iterator === undefined) {
        this.#finished.add(shardId);
        return;
      }
      try {
        const answer: RecordsRead = await this.#client.call('GetRecords', {
          ShardIterator: iterator,
          Limit: batchSize,
        });
        const records = (answer.Records ?? []).map((record) => this.#lambdaRecord(record));
        if (!(await this.#batches.process(shardId, records.filter(this.#matches)))) return;
        const last = records.at(-1);
        if (last !== undefined) checkpoints.set(shardId, last.dynamodb.SequenceNumber);
        iterator = answer.NextShardIterator;
        if (records.length < batchSize) await this.#pause(pollIntervalMs);
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
        const { ShardIterator } = await this.#client.call<{ ShardIterator?: string }>('GetShardIterator', {
          StreamArn: streamArn,
          ShardId: shardId,
          ...(after === undefined
            ? { ShardIteratorType: position }
            : { ShardIteratorType: 'AFTER_SEQUENCE_NUMBER', SequenceNumber: after }),
        });
        return ShardIterator;
      } catch (error) {
        if (this.#stopped) return undefined;
        this.#report(`could not begin to read shard ${shardId}`, error);
        if (wasTrimmed(error)) [after, position] = [undefined, 'TRIM_HORIZON'];
        await this.#pause(1_000);
      }
    }
  }

  /** A record is in Lambda's form as it comes. */
  #lambdaRecord(record: StreamRecord): LambdaRecord {
    return {
      ...record,
      eventSourceARN: this.#settings.streamArn,
      awsRegion: this.#settings.region,
      dynamodb: { SequenceNumber: '', ApproximateCreationDateTime: Date.now() / 1000, ...record.dynamodb },
    } as LambdaRecord;
  }

  #report(what: string, error: unknown): void {
    this.#settings.onProblem(`${what}: ${error instanceof Error ? error.message : error}`);
  }
}

/** A stream keeps its records for a day. */
const wasTrimmed = (error: unknown): boolean => error instanceof Error && error.name === 'TrimmedDataAccessException';
