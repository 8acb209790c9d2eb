/** The only file that reads and writes the bookings table. Every move is decided by the condition of its write. */
import { ConditionalCheckFailedException } from '@aws-sdk/client-dynamodb';
import {
  BatchExecuteStatementCommand,
  BatchGetCommand,
  type DynamoDBDocumentClient,
  GetCommand,
  PutCommand,
  QueryCommand,
  UpdateCommand,
} from '@aws-sdk/lib-dynamodb';
import { unmarshall } from '@aws-sdk/util-dynamodb';
import pMap from 'p-map';
import { PENDING_INDEX } from '../contract.ts';
import {
  type Adoption,
  adoptStatement,
  adoptUpdate,
  type Booking,
  type BookingSnapshot,
  type ExpiredBy,
  type ExpireOutcome,
  expireStatement,
  expireUpdate,
  expiryRefusalOf,
  type Move,
  type MoveOutcome,
  moveUpdate,
  refusalOf,
  type Statement,
} from '../core/booking-status.ts';
import { deadlineOf, EARLIEST_DEADLINE_MS } from '../core/hold-time.ts';
import { shardOf } from '../core/pending-shard.ts';

/** Most statements of one BatchExecuteStatement (Amazon DynamoDB API Reference). */
const MAX_STATEMENTS = 25;
/** Most keys of one BatchGetItem (Amazon DynamoDB API Reference). */
const MAX_KEYS = 100;
/** Queries under way at once when a list looks into every shard. */
const CONCURRENT_QUERIES = 16;

/** What creating a booking takes. */
export interface NewBooking {
  readonly bookingId: string;
  /** Length of the hold, ms: 1 second to 366 days. */
  readonly holdMs: number;
  readonly requestHash?: string;
  readonly details?: Record<string, unknown>;
}

/** How far a list has come in each shard: deadline and id of the last booking that was listed. */
export type ShardPositions = Readonly<Record<string, [expiresAtMs: number, bookingId: string]>>;

export interface ListRange {
  readonly fromMs: number;
  readonly throughMs: number;
  readonly limit: number;
  /** Where the last page ended; empty for the first. */
  readonly after: ShardPositions;
}

/** exists: there is a booking with this id already; it is left as it is. */
export type CreateOutcome =
  | { readonly kind: 'created'; readonly booking: Booking }
  | { readonly kind: 'exists'; readonly booking: Booking };

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

export class BookingStore {
  readonly #client: DynamoDBDocumentClient;
  readonly #tableName: string;
  readonly #shardCount: number;

  /**
   * @param client a document client; its retries are this store's
   * @param tableName the bookings table
   * @param shardCount number of shards of the index that bookings are spread over
   */
  constructor(client: DynamoDBDocumentClient, tableName: string, shardCount: number) {
    this.#client = client;
    this.#tableName = tableName;
    this.#shardCount = shardCount;
  }

  /**
   * Creates a PENDING booking whose hold starts now.
   *
   * @throws InvalidHoldError if the hold is too short or too long
   */
  async create({ bookingId, holdMs, requestHash, details }: NewBooking, nowMs: number): Promise<CreateOutcome> {
    const booking: Booking = {
      bookingId,
      status: 'PENDING',
      expiresAtMs: deadlineOf(holdMs, nowMs),
      holdStartedAtMs: nowMs,
      pendingShard: shardOf(bookingId, this.#shardCount),
      createdAtMs: nowMs,
      ...(requestHash && { requestHash }),
      ...(details && { details }),
    };
    try {
      await this.#client.send(
        new PutCommand({
          TableName: this.#tableName,
          Item: booking,
          ConditionExpression: 'attribute_not_exists(bookingId)',
          ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
        }),
      );
      return { kind: 'created', booking };
    } catch (error) {
      const found = await this.#foundBy(error, bookingId);
      // Deleted between the refused write and the read: as good as a lost race with another writer.
      if (found === undefined) throw error;
      return { kind: 'exists', booking: found };
    }
  }

  /** The booking as stored, read consistently. Report its status through `effectiveStatus`. */
  async get(bookingId: string): Promise<Booking | undefined> {
    const { Item } = await this.#client.send(
      new GetCommand({ TableName: this.#tableName, Key: { bookingId }, ConsistentRead: true }),
    );
    return Item as Booking | undefined;
  }

  confirm(bookingId: string, nowMs: number): Promise<MoveOutcome> {
    return this.#move(bookingId, { kind: 'confirm' }, nowMs);
  }

  cancel(bookingId: string, nowMs: number): Promise<MoveOutcome> {
    return this.#move(bookingId, { kind: 'cancel' }, nowMs);
  }

  /**
   * Gives a PENDING booking a new hold that starts now.
   *
   * @throws InvalidHoldError if the hold is too short or too long
   */
  async extend(bookingId: string, holdMs: number, nowMs: number): Promise<MoveOutcome> {
    const pendingShard = shardOf(bookingId, this.#shardCount);
    return this.#move(bookingId, { kind: 'extend', expiresAtMs: deadlineOf(holdMs, nowMs), pendingShard }, nowMs);
  }

  async #move(bookingId: string, move: Move, nowMs: number): Promise<MoveOutcome> {
    try {
      const { Attributes } = await this.#client.send(
        new UpdateCommand({
          TableName: this.#tableName,
          Key: { bookingId },
          ...moveUpdate(move, nowMs),
          ReturnValues: 'ALL_NEW',
          ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
        }),
      );
      return { kind: 'moved', booking: Attributes as Booking };
    } catch (error) {
      return refusalOf(move, await this.#foundBy(error, bookingId), nowMs);
    }
  }

  /** The item that a failed condition found; any other error goes on. Engines may leave the item out: then it is read. */
  async #foundBy(error: unknown, bookingId: string): Promise<Booking | undefined> {
    if (!(error instanceof ConditionalCheckFailedException)) throw error;
    return error.Item === undefined ? this.get(bookingId) : (unmarshall(error.Item, UNMARSHALL) as Booking);
  }

  /**
   * What can be seen of these bookings without paying for consistency. A booking that is left out was not found or not
   * read in time; either way nothing is known of it.
   */
  async glimpse(bookingIds: readonly string[]): Promise<Map<string, BookingSnapshot>> {
    return this.#snapshots(bookingIds, false);
  }

  async #snapshots(bookingIds: readonly string[], consistent: boolean): Promise<Map<string, BookingSnapshot>> {
    const snapshots = new Map<string, BookingSnapshot>();
    for (const ids of chunks(bookingIds, MAX_KEYS)) {
      const { Responses } = await this.#client.send(
        new BatchGetCommand({
          RequestItems: {
            [this.#tableName]: {
              Keys: ids.map((bookingId) => ({ bookingId })),
              ConsistentRead: consistent,
              ProjectionExpression: 'bookingId, #status, expiresAtMs',
              ExpressionAttributeNames: { '#status': 'status' },
            },
          },
        }),
      );
      for (const item of Responses?.[this.#tableName] ?? []) {
        const { bookingId, ...snapshot } = item as BookingSnapshot & { bookingId: string };
        snapshots.set(bookingId, snapshot);
      }
    }
    return snapshots;
  }

  /**
   * Makes bookings EXPIRED that are PENDING and lapsed, 25 in one round trip. Never throws: each booking has its outcome.
   *
   * @param bookingIds each at most once: DynamoDB refuses two statements on one item
   * @param nowMs the clock, read after any waiting, epoch ms
   */
  async expire(
    bookingIds: readonly string[],
    expiredBy: ExpiredBy,
    nowMs: number,
  ): Promise<Map<string, ExpireOutcome>> {
    const outcomes = new Map<string, ExpireOutcome>();
    const unexplained: string[] = [];
    const secondTries: string[] = [];
    for (const ids of chunks(bookingIds, MAX_STATEMENTS)) {
      for (const [index, answer] of (await this.#expireTogether(ids, expiredBy, nowMs)).entries()) {
        const bookingId = ids[index] as string;
        if (answer === 'second-try') secondTries.push(bookingId);
        else if (answer === 'unexplained') unexplained.push(bookingId);
        else outcomes.set(bookingId, answer);
      }
    }
    await Promise.all([
      ...secondTries.map(async (id) => outcomes.set(id, await this.#expireAlone(id, expiredBy, nowMs))),
      this.#explain(unexplained, nowMs, outcomes),
    ]);
    return outcomes;
  }

  async #expireTogether(
    bookingIds: readonly string[],
    expiredBy: ExpiredBy,
    nowMs: number,
  ): Promise<(ExpireOutcome | 'unexplained' | 'second-try')[]> {
    const statements = bookingIds.map((id) => expireStatement(this.#tableName, id, nowMs, expiredBy));
    const answers = await this.#execute(statements);
    return answers.map((answer) => {
      if (answer === 'made') return { kind: 'expired', expiredAtMs: nowMs };
      if (answer === 'failed') return 'second-try';
      return answer.found === undefined ? 'unexplained' : expiryRefusalOf(answer.found, nowMs);
    });
  }

  /**
   * Runs at most 25 conditional updates in one round trip. `failed` is whatever is neither made nor refused, the whole
   * request included: a plain update, with the SDK's retries, meets it again if it lasts and reports it booking by booking.
   */
  async #execute(statements: readonly Statement[]): Promise<('made' | 'failed' | { found?: BookingSnapshot })[]> {
    try {
      const { Responses = [] } = await this.#client.send(
        new BatchExecuteStatementCommand({
          Statements: statements.map((each) => ({ ...each, ReturnValuesOnConditionCheckFailure: 'ALL_OLD' })),
        }),
      );
      return statements.map((_, index) => {
        const response = Responses[index];
        if (response === undefined) return 'failed';
        if (response.Error === undefined) return 'made';
        if (response.Error.Code !== 'ConditionalCheckFailed') return 'failed';
        const item = response.Error.Item as unknown as BookingSnapshot | undefined;
        return item === undefined ? {} : { found: item };
      });
    } catch {
      return statements.map(() => 'failed');
    }
  }

  /** The SDK does not retry the statements of a batch one by one; this plain update has its retries. */
  async #expireAlone(bookingId: string, expiredBy: ExpiredBy, nowMs: number): Promise<ExpireOutcome> {
    try {
      await this.#client.send(
        new UpdateCommand({
          TableName: this.#tableName,
          Key: { bookingId },
          ...expireUpdate(nowMs, expiredBy),
          ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
        }),
      );
      return { kind: 'expired', expiredAtMs: nowMs };
    } catch (error) {
      try {
        const found = await this.#foundBy(error, bookingId);
        // The first try may have been made although its answer was lost.
        const madeByUs = found?.expiredAtMs === nowMs && found.expiredBy === expiredBy;
        return madeByUs ? { kind: 'expired', expiredAtMs: nowMs } : expiryRefusalOf(found, nowMs);
      } catch (failure) {
        return { kind: 'failed', error: asError(failure) };
      }
    }
  }

  /** Not every engine says what a failed condition found: a read tells. It decides nothing, the write was refused. */
  async #explain(bookingIds: readonly string[], nowMs: number, outcomes: Map<string, ExpireOutcome>): Promise<void> {
    if (bookingIds.length === 0) return;
    const found = await this.#snapshots(bookingIds, true).catch(() => undefined);
    for (const id of bookingIds) {
      outcomes.set(id, found === undefined ? { kind: 'refused' } : expiryRefusalOf(found.get(id), nowMs));
    }
  }

  /**
   * Puts bookings into the index that their writers left out of it, on condition that they still are as they were seen.
   *
   * @returns the ids whose write failed for another reason than its condition, with the error
   */
  async adopt(adoptions: readonly Adoption[]): Promise<Map<string, Error>> {
    const failures = new Map<string, Error>();
    await Promise.all(
      chunks(adoptions, MAX_STATEMENTS).map(async (together) => {
        const answers = await this.#execute(together.map((adoption) => adoptStatement(this.#tableName, adoption)));
        const secondTries = together.filter((_, index) => answers[index] === 'failed');
        await Promise.all(
          secondTries.map(async (adoption) => {
            const error = await this.#adoptAlone(adoption);
            if (error) failures.set(adoption.bookingId, error);
          }),
        );
      }),
    );
    return failures;
  }

  async #adoptAlone(adoption: Adoption): Promise<Error | undefined> {
    try {
      const Key = { bookingId: adoption.bookingId };
      await this.#client.send(new UpdateCommand({ TableName: this.#tableName, Key, ...adoptUpdate(adoption) }));
      return undefined;
    } catch (error) {
      return error instanceof ConditionalCheckFailedException ? undefined : asError(error);
    }
  }

  /** One page of a shard's PENDING bookings with deadlines in a range, soonest first. */
  async pendingPage({ shard, fromMs, throughMs, limit, cursor }: PendingRange): Promise<PendingPage> {
    const { Items = [], LastEvaluatedKey } = await this.#client.send(
      new QueryCommand({
        TableName: this.#tableName,
        IndexName: PENDING_INDEX,
        KeyConditionExpression: 'pendingShard = :shard AND expiresAtMs BETWEEN :fromMs AND :throughMs',
        ExpressionAttributeValues: {
          ':shard': shard,
          ':fromMs': Math.max(EARLIEST_DEADLINE_MS, fromMs ?? 0),
          ':throughMs': throughMs,
        },
        Limit: limit,
        ExclusiveStartKey: cursor,
      }),
    );
    return { rows: Items as PendingRow[], ...(LastEvaluatedKey && { cursor: LastEvaluatedKey }) };
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

  /** How many PENDING bookings of a shard have deadlines up to a time. */
  async countPending(shard: number, throughMs: number): Promise<number> {
    let count = 0;
    for await (const _ of this.pendingRows(shard, throughMs)) count += 1;
    return count;
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
      Array.from({ length: this.#shardCount }, (_, shard) => shard),
      async (shard) => {
        const [expiresAtMs = 0, bookingId] = after[shard] ?? [];
        if (expiresAtMs > throughMs) return [];
        // A position before the range, because time has gone on, is none: DynamoDB refuses to start outside of it.
        const isWithin = bookingId !== undefined && expiresAtMs >= fromMs;
        const cursor = isWithin ? { bookingId, expiresAtMs, pendingShard: shard } : undefined;
        const page = await this.pendingPage({ shard, fromMs, throughMs, limit, cursor });
        return page.rows.map((row, index) => ({ ...row, shard, hasMore: index < page.rows.length - 1 || page.cursor }));
      },
      { concurrency: CONCURRENT_QUERIES },
    );
    // A stable sort: rows of one shard keep the index's own order, which is what its cursor goes by.
    const rows = pages.flat().sort((a, b) => a.expiresAtMs - b.expiresAtMs);
    const taken = rows.slice(0, limit);
    const isLast = rows.length === taken.length && !pages.some((page) => page.at(-1)?.hasMore);
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
      const { Responses, UnprocessedKeys } = await this.#client.send(
        new BatchGetCommand({ RequestItems: { [this.#tableName]: { Keys: keys.slice(0, MAX_KEYS) } } }),
      );
      for (const item of Responses?.[this.#tableName] ?? []) found.set(item.bookingId, item as Booking);
      const unprocessed = (UnprocessedKeys?.[this.#tableName]?.Keys ?? []) as typeof keys;
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
      await this.#client.send(
        new BatchExecuteStatementCommand({
          Statements: ids.map((bookingId) => ({
            Statement:
              `UPDATE "${this.#tableName}" REMOVE "pendingShard" ` +
              `WHERE "bookingId" = ? AND "status" <> 'PENDING' AND "pendingShard" >= 0`,
            Parameters: [bookingId],
          })),
        }),
      );
    }
  }
}

/** Numbers of foreign writers may be beyond what a JavaScript number holds exactly; no read may fail because of one. */
export const UNMARSHALL = { wrapNumbers: Number };

const chunks = <T>(items: readonly T[], size: number): T[][] =>
  Array.from({ length: Math.ceil(items.length / size) }, (_, index) => items.slice(index * size, (index + 1) * size));

const asError = (thrown: unknown): Error => (thrown instanceof Error ? thrown : new Error(String(thrown)));
