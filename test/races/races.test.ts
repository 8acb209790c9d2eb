import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { OwnRuntime } from '../../service/service.ts';
import { eventually } from '../support/lambda.ts';
import { startTestRuntime } from '../support/runtime.ts';
import { bookingStoreAt } from '../support/store.ts';
import { type Call, linearize, type Operation } from './linearizable.ts';
import type { Orders } from './racer.ts';

const PROCESSES = 4;
const SHARD_COUNT = 10;
/** A sweep asks for every legal shard, which takes an engine a second if it is slow; the racers want to write, too. */
const SWEEP_PERIOD_MS = 2_000;
/** RACES=1000 for longer races. */
const BOOKINGS = Number(process.env.RACES ?? 60);
/** On a busy machine everybody may come too late in one race: then there is another, with more time. */
const MOST_RACES = 8;

let runtime: OwnRuntime;
beforeAll(async () => {
  runtime = await startTestRuntime({ schedulePeriodMs: SWEEP_PERIOD_MS });
});
afterAll(() => runtime.stop());

/** The same for all processes of a machine, in ms. */
const clock = () => Number(process.hrtime.bigint()) / 1e6;

/** One race: what each process did with each booking and was told. */
const race = async (number: number): Promise<Map<string, Call[]>> => {
  const table = runtime.outputs.BookingsTableName ?? '';
  const store = bookingStoreAt(runtime.dynamodbEndpoint, table, SHARD_COUNT);
  const calls = new Map<string, Call[]>();
  const note = (bookingId: string, call: Call) => calls.set(bookingId, [...(calls.get(bookingId) ?? []), call]);

  const racers = await Promise.all(
    Array.from({ length: PROCESSES }, async () => {
      const script = fileURLToPath(new URL('./racer.ts', import.meta.url));
      const racer = spawn(process.execPath, [script], { stdio: ['pipe', 'pipe', 'inherit'] });
      const lines = createInterface({ input: racer.stdout })[Symbol.asyncIterator]();
      expect((await lines.next()).value).toBe('ready');
      return { racer, lines };
    }),
  );
  const bookings = await Promise.all(
    Array.from({ length: BOOKINGS }, async (_, index) => {
      const bookingId = `race-${number}-${index}`;
      const nowMs = Date.now();
      const holdMs = 3_500 * number + index * 25;
      const calledAt = clock();
      await store.create({ bookingId, holdMs }, nowMs);
      const operation: Operation = { kind: 'create', expiresAtMs: nowMs + holdMs, answer: 'created' };
      note(bookingId, { operation, calledAt, answeredAt: clock() });
      return { bookingId, expiresAtMs: nowMs + holdMs };
    }),
  );
  const orders: Orders = {
    dynamodb: runtime.dynamodbEndpoint,
    table,
    api: `${runtime.outputs.ApiUrl}/api/v1/bookings`,
    shardCount: SHARD_COUNT,
    bookings,
    spreadMs: 60 * number,
  };
  await Promise.all(
    racers.map(async ({ racer, lines }) => {
      racer.stdin.end(`${JSON.stringify(orders)}\n`);
      for await (const line of lines) {
        const { bookingId, ...call } = JSON.parse(line) as Call & { bookingId: string };
        note(bookingId, call);
      }
    }),
  );

  // Every booking comes to rest: settled, or expired at its last deadline.
  for (const { bookingId } of bookings) {
    const calledAt = clock();
    const found = await eventually(
      () => store.get(bookingId),
      (booking) => booking?.status !== 'PENDING',
    );
    if (found === undefined) throw new Error(`${bookingId} is gone`);
    const { status, expiresAtMs = 0, expiredAtMs = 0 } = found;
    if (status === 'EXPIRED') {
      // Somebody marked it at some moment: nobody heard when, but it says what that clock was.
      const operation: Operation = { kind: 'expire', nowMs: expiredAtMs };
      note(bookingId, { operation, calledAt: 0, answeredAt: Number.POSITIVE_INFINITY });
    }
    const nowMs = Date.now();
    const read: Operation = { kind: 'read', told: { status, expiresAtMs }, fromMs: nowMs, byMs: nowMs };
    note(bookingId, { operation: read, calledAt, answeredAt: clock() });
  }
  return calls;
};

describe('many processes around the deadlines of the same bookings', () => {
  test('see each booking as one register: some order of all that they did explains all that they were told', async () => {
    const seen = { paid: false, refused: false, expired: false };
    for (let number = 1; number <= MOST_RACES; number += 1) {
      const calls = await race(number);
      expect([...calls].filter(([, history]) => linearize(history) === undefined)).toEqual([]);
      for (const { operation } of [...calls.values()].flat()) {
        seen.paid ||= operation.kind === 'confirm' && operation.answer === 'moved';
        seen.refused ||= 'answer' in operation && operation.answer === 'refused';
        seen.expired ||= operation.kind === 'expire';
      }
      // Otherwise nothing has been raced for.
      if (Object.values(seen).every(Boolean)) return;
    }
    expect(seen).toEqual({ paid: true, refused: true, expired: true });
  });
});

describe('the check of a race', () => {
  const at = (calledAt: number, answeredAt: number, operation: Operation): Call => ({
    operation,
    calledAt,
    answeredAt,
  });
  const created = at(0, 1, { kind: 'create', expiresAtMs: 100, answer: 'created' });

  const told = (status: string, nowMs: number): Operation => ({
    kind: 'read',
    told: { status, expiresAtMs: 100 },
    fromMs: nowMs,
    byMs: nowMs,
  });

  test('explains a payment and an expiry at once, of which one came first', () => {
    const paid = at(2, 5, { kind: 'confirm', nowMs: 99, answer: 'moved' });
    expect(linearize([created, paid, at(6, 7, told('CONFIRMED', 101))])).toHaveLength(3);
  });

  test('does not explain a booking that was paid and then expired', () => {
    const paid = at(2, 3, { kind: 'confirm', nowMs: 99, answer: 'moved' });
    const expired = at(0, Number.POSITIVE_INFINITY, { kind: 'expire', nowMs: 100 });
    expect(linearize([created, paid, expired, at(6, 7, told('EXPIRED', 101))])).toBeUndefined();
  });

  test('does not explain a payment that was taken after the deadline', () => {
    expect(linearize([created, at(2, 3, { kind: 'confirm', nowMs: 100, answer: 'moved' })])).toBeUndefined();
  });

  test('does not explain a booking that was marked before its deadline, whoever was told of it', () => {
    const expired = at(0, Number.POSITIVE_INFINITY, { kind: 'expire', nowMs: 99 });
    expect(linearize([created, expired, at(6, 7, told('EXPIRED', 101))])).toBeUndefined();
  });

  test('does not explain a read that is older than what was answered before it', () => {
    const paid = at(2, 3, { kind: 'confirm', nowMs: 50, answer: 'moved' });
    expect(linearize([created, paid, at(4, 5, told('PENDING', 51))])).toBeUndefined();
  });

  test('G4: does not explain a payment that landed after somebody was told EXPIRED', () => {
    const paid = at(2, 9, { kind: 'confirm', nowMs: 99, answer: 'moved' });
    const [early, late] = [at(3, 4, told('EXPIRED', 101)), at(10, 11, told('CONFIRMED', 103))];
    expect(linearize([created, paid, early, late])).toBeUndefined();
    expect(linearize([created, paid, late])).toHaveLength(3);
  });

  test('G4: does not explain a payment that landed after a refusal said EXPIRED, by a clock past the deadline', () => {
    const paid = at(2, 9, { kind: 'confirm', nowMs: 99, answer: 'moved' });
    const refused = at(3, 4, { kind: 'cancel', nowMs: 101, answer: 'refused', told: 'EXPIRED' });
    expect(linearize([created, paid, refused])).toBeUndefined();
    expect(linearize([created, refused])).toHaveLength(2);
  });

  test('does not explain a refusal that says what the booking is not', () => {
    const refused = at(3, 4, { kind: 'cancel', nowMs: 101, answer: 'refused', told: 'CONFIRMED' });
    expect(linearize([created, refused])).toBeUndefined();
  });

  test('does not explain PENDING from the deadline on, nor EXPIRED before it', () => {
    expect(linearize([created, at(2, 3, told('PENDING', 100))])).toBeUndefined();
    expect(linearize([created, at(2, 3, told('EXPIRED', 99))])).toBeUndefined();
  });

  test('lets a call whose answer was lost have happened or not', () => {
    const lost = at(2, 3, { kind: 'confirm', nowMs: 50, answer: 'unknown' });
    for (const status of ['PENDING', 'CONFIRMED'] as const) {
      expect(linearize([created, lost, at(4, 5, told(status, 51))])).toBeDefined();
    }
  });
});
