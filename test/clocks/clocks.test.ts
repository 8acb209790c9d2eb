/** Whose clock is wrong, and by how much that shows. docs/guarantees.md has the bounds and their reasons. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { BookingStore } from '../../functions/adapters/booking-store.ts';
import { decideOnTimer, decideOnWrite, type SeenBooking } from '../../functions/core/expiry-decisions.ts';
import { clockOffset } from '../../local/moved-clock.ts';
import type { OwnRuntime } from '../../service/service.ts';
import { type Engines, SHARD_COUNT, startEngines } from '../support/engines.ts';
import { eventually } from '../support/lambda.ts';
import { startTestRuntime } from '../support/runtime.ts';
import { bookingStoreAt } from '../support/store.ts';

const SETTINGS = { timerLeadMs: 1_000, sweepIntervalMs: 300_000 };
const SKEW_MS = 1_500;

describe.each([
  { expireMs: SKEW_MS, scheduleMs: -SKEW_MS },
  { expireMs: -SKEW_MS, scheduleMs: SKEW_MS },
])('with expire-booking’s clock $expireMs ms and schedule-expiry’s $scheduleMs ms off', ({ expireMs, scheduleMs }) => {
  let runtime: OwnRuntime;
  let store: BookingStore;
  beforeAll(async () => {
    const offsets: Record<string, number> = { ExpireBookingFunction: expireMs, ScheduleExpiryFunction: scheduleMs };
    runtime = await startTestRuntime({
      schedulePeriodMs: 'never',
      clockOffsetOf: (logicalId) => clockOffset(offsets[logicalId] ?? 0),
    });
    store = bookingStoreAt(runtime.dynamodbEndpoint, runtime.outputs.BookingsTableName ?? '', SHARD_COUNT);
  });
  afterAll(() => runtime.stop());

  test('bookings expire no more before their deadline than the one clock is ahead, and none is lost', async () => {
    const bookings = await Promise.all(
      Array.from({ length: 20 }, async (_, number) => {
        const bookingId = `skewed-${number}`;
        const nowMs = Date.now();
        const holdMs = 4_000 + number * 100;
        await store.create({ bookingId, holdMs }, nowMs);
        return { bookingId, expiresAtMs: nowMs + holdMs };
      }),
    );
    const seen = await Promise.all(
      bookings.map(async ({ bookingId, expiresAtMs }) => {
        const found = await eventually(
          async () => ({ booking: await store.get(bookingId), atMs: Date.now() }),
          ({ booking }) => booking?.status === 'EXPIRED',
        );
        // What the true clock showed when the Lambda read its own.
        const expiredAtMs = (found.booking?.expiredAtMs ?? 0) - expireMs;
        return { lagMs: expiredAtMs - expiresAtMs, seenLagMs: found.atMs - expiresAtMs };
      }),
    );
    // That a clock ahead does expire early by the true one is shown where time stands still: test/histories.
    for (const { lagMs, seenLagMs } of seen) {
      expect(lagMs).toBeGreaterThanOrEqual(-expireMs);
      expect(seenLagMs).toBeGreaterThanOrEqual(lagMs);
    }
  });

  test('whoever was told that the payment was taken keeps the booking', async () => {
    const holdMs = 10_000;
    await store.create({ bookingId: 'paid', holdMs }, Date.now());
    await sleep(500);
    expect(await store.confirm('paid', Date.now())).toMatchObject({ kind: 'moved' });
    // Its timer comes later: when this one has expired, the deadline of the paid one has passed by every clock.
    await store.create({ bookingId: 'unpaid', holdMs }, Date.now());
    await eventually(
      () => store.get('unpaid'),
      (booking) => booking?.status === 'EXPIRED',
    );
    expect(await store.get('paid')).toMatchObject({ status: 'CONFIRMED' });
  });
});

describe('an instant that calendars make much of', () => {
  const INSTANTS = {
    'the leap second at the end of 2016': Date.UTC(2017, 0, 1),
    'the end of summer time in Europe, 2026': Date.UTC(2026, 9, 25, 1),
    'the beginning of summer time in New York, 2027': Date.UTC(2027, 2, 14, 7),
    'the end of a year': Date.UTC(2027, 0, 1),
    'a leap day': Date.UTC(2028, 1, 29),
    'the end of 32-bit seconds, 2038': 2 ** 31 * 1_000,
    'the end of unsigned 32-bit seconds, 2106': 2 ** 32 * 1_000,
  };
  let engines: Engines;
  beforeAll(async () => {
    engines = await startEngines();
  });
  afterAll(() => engines.stop());

  test.each(Object.entries(INSTANTS))('%s is a plain number', async (name, instantMs) => {
    // A hold across it: from half a minute before to half a minute after.
    const bookingId = `across-${name.length}-${instantMs}`;
    const startMs = instantMs - 30_000;
    await engines.store.create({ bookingId, holdMs: 60_000 }, startMs);
    const expiresAtMs = instantMs + 30_000;
    expect(await engines.held.expire([bookingId], 'timer', expiresAtMs - 1)).toEqual(
      new Map([[bookingId, { kind: 'extended', expiresAtMs }]]),
    );
    const outcome = { kind: 'expired', expiredAtMs: expiresAtMs };
    expect(await engines.held.expire([bookingId], 'timer', expiresAtMs)).toEqual(new Map([[bookingId, outcome]]));

    // The same decisions as on any other day.
    const booking = (shiftMs: number): SeenBooking => ({
      booking: {
        bookingId,
        status: 'PENDING',
        expiresAtMs: expiresAtMs + shiftMs,
        holdStartedAtMs: startMs + shiftMs,
        pendingShard: 1,
      },
      seenDeadline: { stored: { N: String(expiresAtMs + shiftMs) } },
      indexedAtMs: expiresAtMs + shiftMs,
    });
    const ordinaryMs = Date.UTC(2030, 5, 5, 5, 5) - instantMs;
    const [there, elsewhere] = [0, ordinaryMs].map((shiftMs) =>
      decideOnWrite(booking(shiftMs), undefined, startMs + shiftMs, SHARD_COUNT, SETTINGS),
    );
    const delayOf = (decision: typeof there) =>
      decision && decision.kind !== 'invalid-deadline' ? decision.scheduled?.delaySeconds : undefined;
    expect(delayOf(there)).toBe(59);
    expect(delayOf(elsewhere)).toBe(59);
    expect(decideOnTimer({ bookingId, expiresAtMs }, expiresAtMs - 1_000, 1_000)).toEqual({ kind: 'wait' });
  });
});
