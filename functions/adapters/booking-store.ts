/** Reads and writes bookings, one by one and many at once. Every move is decided by the condition of its write. */
import { ConditionalCheckFailedException } from '@aws-sdk/client-dynamodb';
import {
  BatchExecuteStatementCommand,
  BatchGetCommand,
  GetCommand,
  PutCommand,
  UpdateCommand,
} from '@aws-sdk/lib-dynamodb';
import { unmarshall } from '@aws-sdk/util-dynamodb';
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
import { deadlineOf } from '../core/hold-time.ts';
import { shardOf } from '../core/pending-shard.ts';
import { chunks, MAX_KEYS, MAX_STATEMENTS, PendingIndex } from './pending-index.ts';

/** What creating a booking takes. */
export interface NewBooking {
  readonly bookingId: string;
  /** Length of the hold, ms: 1 second to 366 days. */
  readonly holdMs: number;
  readonly requestHash?: string;
  readonly details?: Record<string, unknown>;
}

/** exists: there is a booking with this id already; it is left as it is. */
export type CreateOutcome =
  | { readonly kind: 'created'; readonly booking: Booking }
  | { readonly kind: 'exists'; readonly booking: Booking };

export class BookingStore extends PendingIndex {
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
      pendingShard: shardOf(bookingId, this.shardCount),
      createdAtMs: nowMs,
      ...(requestHash && { requestHash }),
      ...(details && { details }),
    };
    try {
      await this.client.send(
        new PutCommand({
          TableName: this.tableName,
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
    const { Item } = await this.client.send(
      new GetCommand({ TableName: this.tableName, Key: { bookingId }, ConsistentRead: true }),
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
    const pendingShard = shardOf(bookingId, this.shardCount);
    return this.#move(bookingId, { kind: 'extend', expiresAtMs: deadlineOf(holdMs, nowMs), pendingShard }, nowMs);
  }

  async #move(bookingId: string, move: Move, nowMs: number): Promise<MoveOutcome> {
    try {
      const { Attributes } = await this.client.send(
        new UpdateCommand({
          TableName: this.tableName,
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
      const { Responses } = await this.client.send(
        new BatchGetCommand({
          RequestItems: {
            [this.tableName]: {
              Keys: ids.map((bookingId) => ({ bookingId })),
              ConsistentRead: consistent,
              ProjectionExpression: 'bookingId, #status, expiresAtMs',
              ExpressionAttributeNames: { '#status': 'status' },
            },
          },
        }),
      );
      for (const item of Responses?.[this.tableName] ?? []) {
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
    const statements = bookingIds.map((id) => expireStatement(this.tableName, id, nowMs, expiredBy));
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
      const { Responses = [] } = await this.client.send(
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
      await this.client.send(
        new UpdateCommand({
          TableName: this.tableName,
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
        const answers = await this.#execute(together.map((adoption) => adoptStatement(this.tableName, adoption)));
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
      await this.client.send(new UpdateCommand({ TableName: this.tableName, Key, ...adoptUpdate(adoption) }));
      return undefined;
    } catch (error) {
      return error instanceof ConditionalCheckFailedException ? undefined : asError(error);
    }
  }
}

/** Numbers of foreign writers may be beyond what a JavaScript number holds exactly; no read may fail because of one. */
export const UNMARSHALL = { wrapNumbers: Number };

const asError = (thrown: unknown): Error => (thrown instanceof Error ? thrown : new Error(String(thrown)));
