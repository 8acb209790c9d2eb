/**
 * The bookings table seen through its sparse index: what is PENDING, by deadline. One half of the booking store; the other,
 * the writes, is booking-store.ts.
 */
import {
  BatchExecuteStatementCommand,
  BatchGetCommand,
  type DynamoDBDocumentClient,
  QueryCommand,
} from '@aws-sdk/lib-dynamodb';
import pMap from 'p-map';
import { PENDING_INDEX } from '../contract.ts';
import type { Booking } from '../core/booking-status.ts';
import { EARLIEST_DEADLINE_MS } from '../core/hold-time.ts';

/** Most statements of one BatchExecuteStatement (Amazon DynamoDB API Reference). */
export const MAX_STATEMENTS = 25;
/** Most keys of one BatchGetItem (Amazon DynamoDB API Reference). */
export const MAX_KEYS = 100;
/** Queries under way at once when a list looks into every shard. */
const CONCURRENT_QUERIES = 16;

/** How far a list has come in each shard: deadline and id of the last booking that was listed. */
export type ShardPositions = Readonly<Record<string, [expiresAtMs: number, bookingId: string]>>;

export interface ListRange {
  readonly fromMs: number;
  readonly throughMs: number;
  readonly limit: number;
  /** Where the last page ended; empty for the first. */
  readonly after: ShardPositions;
}

/** A row of the index: a booking that was PENDING when the index last heard of it. */
export interface PendingRow {
  readonly bookingId: string;
  readonly expiresAtMs: number;
  readonly holdStartedAtMs?: number;
}

/** One page of a shard of the index, soonest deadline first. `cursor` is absent on the last. */
export interface PendingPage {
  readonly rows: readonly PendingRow[];
  readonly cursor?: Record<string, unknown>;
}

export interface PendingRange {
  readonly shard: number;
  /** Deadlines from here, epoch ms; never below the earliest deadline that anyone acts on. */
  readonly fromMs?: number;
  /** Deadlines up to and including here, epoch ms. */
  readonly throughMs: number;
  readonly limit: number;
  readonly cursor?: Record<string, unknown> | undefined;
}

export class PendingIndex {
  protected readonly client: DynamoDBDocumentClient;
  protected readonly tableName: string;
  protected readonly shardCount: number;

  /**
   * @param client a document client; its retries are this store's
   * @param tableName the bookings table
   * @param shardCount number of shards of the index that bookings are spread over
   */
  constructor(client: DynamoDBDocumentClient, tableName: string, shardCount: number) {
    this.client = client;
    this.tableName = tableName;
    this.shardCount = shardCount;
  }

  /** One page of a shard's PENDING bookings with deadlines in a range, soonest first. */
  async pendingPage({ limit, ...range }: PendingRange): Promise<PendingPage> {
    const { Items = [], LastEvaluatedKey } = await this.client.send(
      new QueryCommand({ ...this.#rangeQuery(range), Limit: limit }),
    );
    return { rows: Items as PendingRow[], ...(LastEvaluatedKey && { cursor: LastEvaluatedKey }) };
  }

  #rangeQuery({ shard, fromMs = 0, throughMs, cursor }: Omit<PendingRange, 'limit'>) {
    return {
      TableName: this.tableName,
      IndexName: PENDING_INDEX,
      KeyConditionExpression: 'pendingShard = :shard AND expiresAtMs BETWEEN :fromMs AND :throughMs',
      ExpressionAttributeValues: {
        ':shard': shard,
        ':fromMs': Math.max(EARLIEST_DEADLINE_MS, fromMs),
        ':throughMs': throughMs,
      },
      ExclusiveStartKey: cursor,
    };
  }

  /** All PENDING bookings of a shard with deadlines up to a time, soonest first, read page by page as they are asked for. */
  async *pendingRows(shard: number, throughMs: number): AsyncGenerator<PendingRow> {
    let cursor: Record<string, unknown> | undefined;
    do {
      const page = await this.pendingPage({ shard, throughMs, limit: 1_000, cursor });
      yield* page.rows;
      cursor = page.cursor;
    } while (cursor !== undefined);
  }

  /** How many PENDING bookings of all shards have deadlines in a range. Reads the index, but transfers none of it. */
  async countPending(fromMs: number, throughMs: number): Promise<number> {
    const counts = await pMap(
      Array.from({ length: this.shardCount }, (_, shard) => shard),
      async (shard) => {
        let count = 0;
        let cursor: Record<string, unknown> | undefined;
        do {
          const { Count = 0, LastEvaluatedKey } = await this.client.send(
            new QueryCommand({ ...this.#rangeQuery({ shard, fromMs, throughMs, cursor }), Select: 'COUNT' }),
          );
          count += Count;
          cursor = LastEvaluatedKey;
        } while (cursor !== undefined);
        return count;
      },
      { concurrency: CONCURRENT_QUERIES },
    );
    return counts.reduce((sum, count) => sum + count, 0);
  }

  /**
   * One page of all shards' PENDING bookings with deadlines in a range, soonest first. Every shard is asked for a whole
   * page, because the next bookings may all be in one of them.
   */
  async listPending({
    fromMs,
    throughMs,
    limit,
    after,
  }: ListRange): Promise<{ bookings: Booking[]; after?: ShardPositions }> {
    const pages = await pMap(
      Array.from({ length: this.shardCount }, (_, shard) => shard),
      async (shard) => {
        const [expiresAtMs = 0, bookingId] = after[shard] ?? [];
        if (expiresAtMs > throughMs) return { rows: [], isLast: true };
        // A position before the range, because time has gone on, is none: DynamoDB refuses to start outside of it.
        const isWithin = bookingId !== undefined && expiresAtMs >= fromMs;
        const cursor = isWithin ? { bookingId, expiresAtMs, pendingShard: shard } : undefined;
        const page = await this.pendingPage({ shard, fromMs, throughMs, limit, cursor });
        return { rows: page.rows.map((row) => ({ ...row, shard })), isLast: page.cursor === undefined };
      },
      { concurrency: CONCURRENT_QUERIES },
    );
    // A stable sort: rows of one shard keep the index's own order, which is what its cursor goes by.
    const rows = pages.flatMap((page) => page.rows).sort((a, b) => a.expiresAtMs - b.expiresAtMs);
    const taken = rows.slice(0, limit);
    const isLast = rows.length === taken.length && pages.every((page) => page.isLast);
    const positions = Object.fromEntries(
      taken.map(({ shard, expiresAtMs, bookingId }) => [shard, [expiresAtMs, bookingId] as [number, string]]),
    );
    const bookings = await this.#read(taken.map(({ bookingId }) => bookingId));
    return { bookings, ...(!isLast && { after: { ...after, ...positions } }) };
  }

  /** Whole bookings in the order of their ids; those that are not PENDING any more are left out. */
  async #read(bookingIds: readonly string[]): Promise<Booking[]> {
    const found = new Map<string, Booking>();
    let keys = bookingIds.map((bookingId) => ({ bookingId }));
    while (keys.length > 0) {
      const { Responses, UnprocessedKeys } = await this.client.send(
        new BatchGetCommand({ RequestItems: { [this.tableName]: { Keys: keys.slice(0, MAX_KEYS) } } }),
      );
      for (const item of Responses?.[this.tableName] ?? []) found.set(item.bookingId, item as Booking);
      const unprocessed = (UnprocessedKeys?.[this.tableName]?.Keys ?? []) as typeof keys;
      keys = [...unprocessed, ...keys.slice(MAX_KEYS)];
    }
    return bookingIds.flatMap((bookingId) => {
      const booking = found.get(bookingId);
      return booking?.status === 'PENDING' ? [booking] : [];
    });
  }

  /**
   * Takes bookings out of the index that a foreign writer settled without doing so; else every sweep would find them
   * again. Does nothing to a PENDING booking.
   */
  async dropFromIndex(bookingIds: readonly string[]): Promise<void> {
    for (const ids of chunks(bookingIds, MAX_STATEMENTS)) {
      await this.client.send(
        new BatchExecuteStatementCommand({
          Statements: ids.map((bookingId) => ({
            Statement:
              `UPDATE "${this.tableName}" REMOVE "pendingShard" ` +
              `WHERE "bookingId" = ? AND "status" <> 'PENDING' AND "pendingShard" >= 0`,
            Parameters: [bookingId],
          })),
        }),
      );
    }
  }
}

export const chunks = <T>(items: readonly T[], size: number): T[][] =>
  Array.from({ length: Math.ceil(items.length / size) }, (_, index) => items.slice(index * size, (index + 1) * size));
