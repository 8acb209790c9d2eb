/** Which bookings the demo writes: how many meet which fate, how long they hold, and some without a usable deadline. */
import { type DynamoDBClient, PutItemCommand } from '@aws-sdk/client-dynamodb';
import type { BookingStore } from '../functions/adapters/booking-store.ts';

/** How many bookings meet which fate. Every second one of each is written by a foreign program: a bare PutItem. */
const PLAN = [
  { fate: 'lapses', count: 160, holdMs: [2_000, 20_000] },
  { fate: 'paid', count: 60, holdMs: [4_000, 20_000] },
  { fate: 'paid-at-the-last-moment', count: 40, holdMs: [4_000, 20_000] },
  { fate: 'paid-too-late', count: 30, holdMs: [2_000, 20_000] },
  { fate: 'cancelled', count: 20, holdMs: [4_000, 15_000] },
  { fate: 'extended', count: 20, holdMs: [4_000, 12_000] },
  { fate: 'timer-lost', count: 20, holdMs: [1_000, 3_000] },
  { fate: 'timer-twice', count: 30, holdMs: [2_000, 15_000] },
] as const;
type Fate = (typeof PLAN)[number]['fate'];

export interface Planned {
  readonly bookingId: string;
  readonly fate: Fate;
  readonly expiresAtMs: number;
}

/** Whether this is the body of a timer that is lost by plan. */
export const isTimerToLose = (body: string): boolean => body.includes('"demo-timer-lost-');

export const writePlanned = async (store: BookingStore, foreign: DynamoDBClient, table: string): Promise<Planned[]> => {
  const planned: Planned[] = [];
  const writes: Promise<unknown>[] = [];
  for (const { fate, count, holdMs } of PLAN) {
    const [shortest, longest] = holdMs;
    for (let number = 0; number < count; number += 1) {
      const bookingId = `demo-${fate}-${number}`;
      const nowMs = Date.now();
      const hold = Math.round(shortest + Math.random() * (longest - shortest));
      planned.push({ bookingId, fate, expiresAtMs: nowMs + hold });
      const item = { bookingId: { S: bookingId }, status: { S: 'PENDING' }, expiresAtMs: { N: String(nowMs + hold) } };
      writes.push(
        number % 2 === 0
          ? store.create({ bookingId, holdMs: hold, details: { seat: number } }, nowMs)
          : foreign.send(new PutItemCommand({ TableName: table, Item: item })),
      );
      if (writes.length % 20 === 0) await Promise.all(writes);
    }
  }
  await Promise.all(writes);
  return planned;
};

/** Ids of the bookings without a usable deadline. */
export const NONSENSE = ['demo-seconds', 'demo-none'] as const;

export const writeNonsense = async (foreign: DynamoDBClient, table: string): Promise<void> => {
  const pending = { status: { S: 'PENDING' } };
  const inSeconds = { N: String(Math.floor(Date.now() / 1_000)) };
  const [seconds, none] = NONSENSE;
  const items = [
    { ...pending, bookingId: { S: seconds }, expiresAtMs: inSeconds },
    { ...pending, bookingId: { S: none } },
  ];
  for (const Item of items) await foreign.send(new PutItemCommand({ TableName: table, Item }));
};
