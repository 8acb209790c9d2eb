/**
 * The application of a benchmark: a thread of its own that creates bookings at a steady rate and confirms a share of them
 * before their deadlines, through the project's own store. The other end is service.ts.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { BookingStore } from '../functions/adapters/booking-store.ts';
import { DynamoDbTable } from '../functions/adapters/dynamodb-table.ts';
import { tableClient } from '../functions/runtime/clients.ts';
import { LOCAL_CREDENTIALS, REGION } from '../local/engines.ts';
import { type ClockOffset, goByOffset } from '../local/moved-clock.ts';

/** How the deadlines of bookings lie. */
export type Shape =
  /** Every booking holds equally long, so deadlines come as evenly as bookings do: what most shops do. */
  | 'spread'
  /** Holds differ by up to a quarter either way, so that bookings written together lapse apart. */
  | 'scattered'
  /** All deadlines of a second on the same millisecond. */
  | 'coincide'
  /** All deadlines within one second, whenever the bookings were written. */
  | 'one-second';

export interface Load {
  /** Bookings created per second. */
  readonly perSecond: number;
  readonly seconds: number;
  readonly holdMs: number;
  readonly shape: Shape;
  /** Share of bookings that are confirmed before their deadline, 0 to 1. */
  readonly paidShare: number;
  /** When the paid ones are paid: at random within this many ms of their creation. @default - most of the hold */
  readonly payWithinMs?: number;
  /** Begins every booking's id. */
  readonly prefix: string;
}

/** A booking that was written. */
export interface Written {
  readonly bookingId: string;
  readonly expiresAtMs: number;
  readonly paid: boolean;
}

export interface WriterSettings {
  readonly dynamodbEndpoint: string;
  readonly table: string;
  readonly shardCount: number;
  readonly load: Load;
  readonly clockOffset?: ClockOffset | undefined;
}

const { dynamodbEndpoint, table, shardCount, load, clockOffset } = workerData as WriterSettings;
if (clockOffset) goByOffset(clockOffset);
// On a busy machine an answer may take long: what is measured is when bookings expire, not whether they can be written in time.
const PATIENCE = { connectionTimeout: 30_000, requestTimeout: 60_000, throwOnRequestTimeout: true };
const client = tableClient({
  region: REGION,
  credentials: LOCAL_CREDENTIALS,
  endpoint: dynamodbEndpoint,
  requestHandler: PATIENCE,
});
const store = new BookingStore(new DynamoDbTable(client, table), shardCount);

const holdOf = (nowMs: number, burstAtMs: number): number => {
  switch (load.shape) {
    case 'spread':
      return load.holdMs;
    case 'scattered':
      return Math.round(load.holdMs * (0.75 + Math.random() / 2));
    case 'coincide':
      return Math.ceil((nowMs + load.holdMs) / 1_000) * 1_000 - nowMs;
    case 'one-second':
      return burstAtMs + Math.floor(Math.random() * 1_000) - nowMs;
  }
};

const write = async (): Promise<Written[]> => {
  const startedAtMs = Date.now();
  const startedAt = performance.now();
  const burstAtMs = Math.ceil((startedAtMs + load.seconds * 1_000 + load.holdMs) / 1_000) * 1_000;
  const written: Written[] = [];
  const stories: Promise<unknown>[] = [];
  for (let number = 0; number < load.perSecond * load.seconds; number += 1) {
    const aheadMs = startedAt + (number * 1_000) / load.perSecond - performance.now();
    if (aheadMs > 1) await sleep(aheadMs);
    const nowMs = Date.now();
    const bookingId = `${load.prefix}${number}`;
    const holdMs = holdOf(nowMs, burstAtMs);
    const paid = Math.random() < load.paidShare;
    written.push({ bookingId, expiresAtMs: nowMs + holdMs, paid });
    const story = async () => {
      await store.create({ bookingId, holdMs }, nowMs);
      if (!paid) return;
      await sleep(
        load.payWithinMs === undefined ? holdMs * (0.1 + Math.random() * 0.7) : load.payWithinMs * Math.random(),
      );
      const outcome = await store.confirm(bookingId, Date.now());
      if (outcome.kind !== 'moved') throw new Error(`booking ${bookingId} was paid in time, yet ${outcome.kind}`);
    };
    stories.push(story());
  }
  await Promise.all(stories);
  return written;
};

parentPort?.postMessage(await write());
