/**
 * One of many processes that confirm, cancel, extend and read the same bookings around their deadlines. Says when it is
 * ready, reads its orders as one line of JSON, and prints every call with its answer as a line of JSON.
 */
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { bookingStoreAt } from '../support/store.ts';
import type { Call, MoveAnswer, Operation } from './linearizable.ts';

export interface Orders {
  readonly dynamodb: string;
  readonly table: string;
  readonly shardCount: number;
  readonly bookings: readonly { readonly bookingId: string; readonly expiresAtMs: number }[];
  /** How far around each deadline to act, in ms. */
  readonly spreadMs: number;
}

console.log('ready');
const input = createInterface({ input: process.stdin });
const [line] = (await once(input, 'line')) as [string];
input.close();
const { dynamodb, table, shardCount, bookings, spreadMs } = JSON.parse(line) as Orders;
const store = bookingStoreAt(dynamodb, table, shardCount);
/** The same for all processes of a machine, in ms. */
const clock = () => Number(process.hrtime.bigint()) / 1e6;

const call = async (bookingId: string, act: () => Promise<Operation | undefined>): Promise<void> => {
  const calledAt = clock();
  const operation = await act();
  if (operation === undefined) return;
  const told: Call & { bookingId: string } = { bookingId, operation, calledAt, answeredAt: clock() };
  console.log(JSON.stringify(told));
};

const race = async ({ bookingId, expiresAtMs }: Orders['bookings'][number], number: number): Promise<void> => {
  // Every second booking is raced for close around its deadline only: some of these are left to expire. The others are
  // acted on well before it too, because on a busy machine all the close ones may come too late.
  const acts = Array.from({ length: 3 }, () => {
    const isEarly = number % 2 === 0 && Math.random() < 0.4;
    return expiresAtMs - (isEarly ? 25 * spreadMs : spreadMs) + Math.random() * 2 * spreadMs;
  });
  for (const atMs of acts.sort((a, b) => a - b)) {
    await sleep(Math.max(0, atMs - Date.now()));
    const chance = Math.random();
    await call(bookingId, async () => {
      const nowMs = Date.now();
      if (chance < 0.3) {
        // A read that failed told nobody anything.
        const found = await store.get(bookingId).catch(() => 'failed' as const);
        if (found === 'failed') return undefined;
        return { kind: 'read', found: found && { status: found.status, expiresAtMs: found.expiresAtMs ?? 0 } };
      }
      if (chance < 0.5) {
        const holdMs = 1_000 + Math.floor(Math.random() * 1_500);
        const answer = await store.extend(bookingId, holdMs, nowMs).then(kindOf, unknown);
        return { kind: 'extend', expiresAtMs: nowMs + holdMs, nowMs, answer };
      }
      const kind = chance < 0.8 ? 'confirm' : 'cancel';
      return { kind, nowMs, answer: await store[kind](bookingId, nowMs).then(kindOf, unknown) };
    });
  }
};
const kindOf = ({ kind }: { kind: MoveAnswer }): MoveAnswer => kind;
const unknown = (): MoveAnswer => 'unknown';

await Promise.all(bookings.map(race));
