/**
 * One of many processes that confirm, cancel, extend and read the same bookings around their deadlines, by the store or by the
 * HTTP API. Says when it is ready, reads its orders as one line of JSON, and prints every call, with what it was told, as a
 * line of JSON.
 */
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { effectiveStatus, type MoveOutcome } from '../../functions/core/booking-status.ts';
import { bookingStoreAt } from '../support/store.ts';
import type { Call, Operation } from './linearizable.ts';

export interface Orders {
  readonly dynamodb: string;
  readonly table: string;
  /** The bookings of the HTTP API. */
  readonly api: string;
  readonly shardCount: number;
  readonly bookings: readonly { readonly bookingId: string; readonly expiresAtMs: number }[];
  /** How far around each deadline to act, in ms. */
  readonly spreadMs: number;
}

console.log('ready');
const input = createInterface({ input: process.stdin });
const [line] = (await once(input, 'line')) as [string];
input.close();
const { dynamodb, table, api, shardCount, bookings, spreadMs } = JSON.parse(line) as Orders;
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
      if (chance < 0.15) {
        // A read that failed told nobody anything.
        const booking = await store.read(bookingId, nowMs).catch(() => 'failed' as const);
        if (booking === 'failed') return undefined;
        const told = booking && { status: effectiveStatus(booking, nowMs), expiresAtMs: booking.expiresAtMs ?? 0 };
        return { kind: 'read', told, fromMs: nowMs, byMs: nowMs };
      }
      if (chance < 0.35) {
        const response = await fetch(`${api}/${bookingId}`).catch(() => undefined);
        if (response?.status !== 200) return undefined;
        const { status, expiresAt } = (await response.json()) as { status: string; expiresAt: string };
        return {
          kind: 'read',
          told: { status, expiresAtMs: Date.parse(expiresAt) },
          fromMs: nowMs,
          byMs: Date.now(),
        };
      }
      if (chance < 0.55) {
        const holdMs = 1_000 + Math.floor(Math.random() * 1_500);
        const heard = await store.extend(bookingId, holdMs, nowMs).then(answerOf, unheard);
        return { kind: 'extend', expiresAtMs: nowMs + holdMs, nowMs, ...heard };
      }
      const kind = chance < 0.8 ? 'confirm' : 'cancel';
      return { kind, nowMs, ...(await store[kind](bookingId, nowMs).then(answerOf, unheard)) };
    });
  }
};
const answerOf = (outcome: MoveOutcome) => {
  if (outcome.kind === 'slots-taken' || outcome.kind === 'too-long') throw new Error(`without slots: ${outcome.kind}`);
  return outcome.kind === 'refused' ? { answer: outcome.kind, told: outcome.found } : { answer: outcome.kind };
};
const unheard = () => ({ answer: 'unknown' as const });

await Promise.all(bookings.map(race));
