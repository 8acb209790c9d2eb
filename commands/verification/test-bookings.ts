/** The bookings of one run: written as callers and strangers write them, looked at as they are stored, deleted at the end. */
import { DeleteItemCommand, GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { systemClock } from '../../functions/runtime/clock.ts';
import type { Item } from '../../functions/table/item.ts';
import type { Connection } from '../connect.ts';

/** How often a booking is looked at, ms. */
const LOOK_EVERY_MS = 250;

/** A booking that was expired, as the table has it. */
export interface Expired {
  readonly lagMs: number;
  readonly expiredBy: string;
  readonly item: Item;
}

export class TestBookings {
  readonly #connection: Connection;
  readonly #prefix: string;
  readonly #pause: (ms: number) => Promise<void>;
  /** Each with the step that wrote it. */
  readonly #written = new Map<string, string>();

  constructor(connection: Connection, runId: string, pause: (ms: number) => Promise<void>) {
    this.#connection = connection;
    this.#prefix = `verify-${runId}`;
    this.#pause = pause;
  }

  get count(): number {
    return this.#written.size;
  }

  /** An id for a booking that a step is about to write. */
  newId(step: string): string {
    const id = `${this.#prefix}-${step}-${this.#written.size}`;
    this.#written.set(id, step);
    return id;
  }

  /** Writes a booking as any program may: three attributes, and what is given beside them. */
  async put(bookingId: string, expiresAtMs: number, more: Item = {}): Promise<void> {
    await this.#connection.client.send(
      new PutItemCommand({
        TableName: this.#connection.place.table,
        Item: {
          bookingId: { S: bookingId },
          status: { S: 'PENDING' },
          expiresAtMs: { N: String(expiresAtMs) },
          ...more,
        },
      }),
    );
  }

  async get(bookingId: string): Promise<Item | undefined> {
    const { Item: item } = await this.#connection.client.send(
      new GetItemCommand({
        TableName: this.#connection.place.table,
        Key: { bookingId: { S: bookingId } },
        ConsistentRead: true,
      }),
    );
    return item;
  }

  /**
   * Waits until a booking is marked, by looking at the table: a read by the HTTP API would mark it itself.
   *
   * @throws Error if it is not marked in time, or was marked early
   */
  async expired(bookingId: string, untilMs: number): Promise<Expired> {
    for (;;) {
      const item = await this.get(bookingId);
      if (item?.status?.S === 'EXPIRED') {
        const lagMs = Number(item.expiredAtMs?.N) - Number(item.expiresAtMs?.N);
        if (!(lagMs >= 0)) throw new Error(`${bookingId} was expired ${-lagMs} ms before its deadline`);
        return { lagMs, expiredBy: item.expiredBy?.S ?? 'somebody', item };
      }
      if (systemClock() > untilMs) {
        const lateMs = systemClock() - Number(item?.expiresAtMs?.N);
        throw new Error(
          item === undefined
            ? `${bookingId} is not in the table`
            : `${bookingId} is still ${item.status?.S}, ${Math.round(lateMs / 1_000)} s after its deadline`,
        );
      }
      // Before the deadline there is nothing to see: what came early shows in the lag.
      const remainingMs = Number(item?.expiresAtMs?.N ?? 0) - systemClock();
      await this.#pause(Math.max(LOOK_EVERY_MS, remainingMs));
    }
  }

  /** As `expired`, of a booking that its timer must have expired. */
  async expiredByTimer(bookingId: string, untilMs: number): Promise<Expired> {
    const expired = await this.expired(bookingId, untilMs);
    if (expired.expiredBy === 'timer') return expired;
    throw new Error(`${bookingId} was expired by a ${expired.expiredBy}, ${expired.lagMs} ms late, not by its timer`);
  }

  /**
   * Deletes what is of no use any more.
   *
   * @param failedSteps whose bookings stay, to be looked at
   * @returns what stays, in words
   */
  async deleteAll(failedSteps: ReadonlySet<string>): Promise<string[]> {
    const kept = [...this.#written].filter(([, step]) => failedSteps.has(step)).map(([id]) => id);
    const refused: string[] = [];
    let reason = '';
    for (const id of this.#written.keys()) {
      if (kept.includes(id)) continue;
      await this.#connection.client
        .send(new DeleteItemCommand({ TableName: this.#connection.place.table, Key: { bookingId: { S: id } } }))
        .catch((error) => {
          refused.push(id);
          reason = error.message;
        });
    }
    return [
      ...(kept.length > 0 ? [`bookings of what failed, to be looked at: ${shortened(kept)}`] : []),
      ...(refused.length > 0 ? [`bookings that could not be deleted: ${shortened(refused)} (${reason})`] : []),
    ];
  }
}

const shortened = (ids: readonly string[]): string =>
  ids.length <= 5 ? ids.join(', ') : `${ids.slice(0, 5).join(', ')} and ${ids.length - 5} more`;
