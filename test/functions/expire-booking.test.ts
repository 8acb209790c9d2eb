import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { UnprocessableError } from '../../functions/adapters/permanent-error.ts';
import { COUNTS, METRICS } from '../../functions/contract.ts';
import type { ExpireOutcome } from '../../functions/core/booking-status.ts';
import { encodeTimer } from '../../functions/core/expiry-timer.ts';
import { SAME_MOMENT_MS } from '../../functions/core/hold-time.ts';
import { createHandler, type ExpireBookingPorts, sameMoments } from '../../functions/expire-booking.ts';
import { BOOKINGS_SHAPE } from '../../functions/table/shape.ts';
import { movableClock } from '../support/clock.ts';
import { recordingDeadLetters } from '../support/dead-letters.ts';
import { type Engines, startEngines } from '../support/engines.ts';
import { sqsEvent, timerMessage } from '../support/records.ts';
import { recordingTelemetry } from '../support/telemetry.ts';

const NOW = 1_790_000_000_000;
let engines: Engines;
let told: ReturnType<typeof recordingTelemetry>;
let time: ReturnType<typeof movableClock>;
let dead: ReturnType<typeof recordingDeadLetters>;
let sequence = 0;

beforeAll(async () => {
  engines = await startEngines();
});
afterAll(() => engines.stop());
beforeEach(() => {
  told = recordingTelemetry();
  dead = recordingDeadLetters();
  time = movableClock(NOW);
});

const ports = (overrides: Partial<ExpireBookingPorts> = {}): ExpireBookingPorts => ({
  store: engines.held,
  queue: engines.queue,
  deadLetters: dead.deadLetters,
  clock: time.clock,
  waitUntil: time.waitUntil,
  telemetry: told.telemetry,
  shape: BOOKINGS_SHAPE,
  timerLeadMs: 1_000,
  ...overrides,
});

/** A booking that lapses some ms from NOW, and its timer. */
const givenBooking = async (inMs: number) => {
  const bookingId = `booking-${++sequence}`;
  await engines.store.create({ bookingId, holdMs: 10_000 }, NOW + inMs - 10_000);
  const timer = { bookingId, expiresAtMs: NOW + inMs };
  return { bookingId, timer, body: encodeTimer(timer) };
};

/** Waiting that lets a read made meanwhile come back first, as in real time it would. */
/** The deadline comes when the read has been answered, however long that takes. */
const waitingForTheRead = (store: ExpireBookingPorts['store']): Pick<ExpireBookingPorts, 'store' | 'waitUntil'> => {
  let reading: Promise<unknown> = Promise.resolve();
  return {
    store: {
      expire: (...args) => store.expire(...args),
      glimpse: (ids) => {
        const glimpsed = store.glimpse(ids);
        reading = glimpsed;
        return glimpsed;
      },
    },
    waitUntil: async (timeMs) => {
      await reading;
      await time.waitUntil(timeMs);
    },
  };
};

describe('a timer that comes a little early', () => {
  test('waits and expires its booking at the deadline, not before', async () => {
    const { bookingId, body } = await givenBooking(1_500);
    const response = await createHandler(ports())(sqsEvent(body));
    expect(response.batchItemFailures).toEqual([]);
    expect(time.waits).toEqual([NOW + 1_500]);
    expect(await engines.store.get(bookingId)).toMatchObject({
      status: 'EXPIRED',
      expiredAtMs: NOW + 1_500,
      expiredBy: 'timer',
    });
    expect(told.lagsMs).toEqual([0]);
    expect(told.counts).toEqual({ [METRICS.expiredByTimer]: 1 });
  });

  test('costs no write when its booking was paid while it waited', async () => {
    const { bookingId, body } = await givenBooking(1_500);
    await engines.store.confirm(bookingId, NOW);
    let writes = 0;
    const store: ExpireBookingPorts['store'] = {
      glimpse: (ids) => engines.held.glimpse(ids),
      expire: (...args) => {
        writes += 1;
        return engines.held.expire(...args);
      },
    };
    await createHandler(ports(waitingForTheRead(store)))(sqsEvent(body));
    expect(writes).toBe(0);
    expect(told.counts).toEqual({ [COUNTS.settledInTime]: 1 });
  });

  test('leaves alone a booking that was paid after the read and before the deadline', async () => {
    const { bookingId, body } = await givenBooking(1_500);
    const store: ExpireBookingPorts['store'] = {
      glimpse: async (ids) => {
        const stale = await engines.held.glimpse(ids);
        await engines.store.confirm(bookingId, NOW + 1_499);
        return stale;
      },
      expire: (...args) => engines.held.expire(...args),
    };
    await createHandler(ports(waitingForTheRead(store)))(sqsEvent(body));
    expect((await engines.store.get(bookingId))?.status).toBe('CONFIRMED');
    expect(told.counts).toEqual({ [COUNTS.settledInTime]: 1 });
  });

  test('expires its booking on time even if the read fails or never comes back', async () => {
    for (const glimpse of [() => Promise.reject(new Error('throttled')), () => new Promise<never>(() => {})]) {
      const { bookingId, body } = await givenBooking(1_500);
      time.moveTo(NOW);
      await createHandler(ports({ store: { glimpse, expire: (...args) => engines.held.expire(...args) } }))(
        sqsEvent(body),
      );
      expect((await engines.store.get(bookingId))?.status).toBe('EXPIRED');
    }
  });

  test('of a booking that was extended does nothing: the extension has its own timer', async () => {
    const { bookingId, body } = await givenBooking(1_500);
    await engines.store.extend(bookingId, 60_000, NOW);
    await createHandler(ports(waitingForTheRead(engines.held)))(sqsEvent(body));
    expect((await engines.store.get(bookingId))?.status).toBe('PENDING');
    expect(told.counts).toEqual({ [COUNTS.extended]: 1 });
  });
});

describe('a timer that is late, comes twice or for nothing', () => {
  test('expires its booking at once when the deadline has passed', async () => {
    const { bookingId, body } = await givenBooking(-3_000);
    await createHandler(ports())(sqsEvent(body));
    expect(await engines.store.get(bookingId)).toMatchObject({ status: 'EXPIRED', expiredAtMs: NOW });
    expect(told.lagsMs).toEqual([3_000]);
  });

  test('expires its booking once, in one batch and in two', async () => {
    const { body } = await givenBooking(500);
    const handler = createHandler(ports());
    await handler(sqsEvent(body, body));
    await handler(sqsEvent(body));
    expect(told.counts).toEqual({
      [METRICS.expiredByTimer]: 1,
      [COUNTS.duplicateTimers]: 1,
      [COUNTS.alreadyExpired]: 1,
    });
  });

  test('A7: comes twice for a booking that was paid, and counts as a duplicate, not as an expiry', async () => {
    const { bookingId, body } = await givenBooking(500);
    await engines.store.confirm(bookingId, NOW);
    await createHandler(ports())(sqsEvent(body, body));
    expect(told.counts).toEqual({ [COUNTS.settledInTime]: 1, [COUNTS.duplicateTimers]: 1 });
  });

  test('A7: whose refusal nobody can explain has a count of its own', async () => {
    const { body } = await givenBooking(500);
    const store: ExpireBookingPorts['store'] = {
      glimpse: async () => new Map(),
      expire: async (ids) => new Map(ids.map((id): [string, ExpireOutcome] => [id, { kind: 'refused' }])),
    };
    await createHandler(ports({ store }))(sqsEvent(body));
    expect(told.counts).toEqual({ [COUNTS.refused]: 1 });
  });

  test('G11: expires its booking although the clock steps back between the wait and the write', async () => {
    const { bookingId, body } = await givenBooking(500);
    let steps = 0;
    const clock = () => {
      // Read once to look at the timer, once to see whether to wait, and then for the write.
      steps += 1;
      return steps === 3 ? NOW + 497 : time.clock();
    };
    await createHandler(ports({ clock }))(sqsEvent(body));
    expect(await engines.store.get(bookingId)).toMatchObject({ status: 'EXPIRED', expiredAtMs: NOW + 500 });
    expect(told.counts).toEqual({ [METRICS.expiredByTimer]: 1 });
  });

  test('of a booking that does not exist is acknowledged and counted', async () => {
    const body = encodeTimer({ bookingId: 'nowhere', expiresAtMs: NOW });
    expect((await createHandler(ports())(sqsEvent(body))).batchItemFailures).toEqual([]);
    expect(told.counts).toEqual({ [COUNTS.missing]: 1 });
  });

  test('much too early is sent again with what remains and acknowledged', async () => {
    const body = encodeTimer({ bookingId: 'early', expiresAtMs: NOW + 60_000 });
    const sent: number[] = [];
    const queue: ExpireBookingPorts['queue'] = {
      send: async (timers) => {
        sent.push(...timers.map(({ delaySeconds }) => delaySeconds));
        return [];
      },
      retryIn: async () => {},
    };
    const response = await createHandler(ports({ queue }))(sqsEvent(body));
    expect(response.batchItemFailures).toEqual([]);
    expect(sent).toEqual([59]);
    expect(told.counts).toEqual({ [COUNTS.sentAgain]: 1 });
  });

  test('much too early that cannot be sent again is reported as failed', async () => {
    const message = timerMessage(encodeTimer({ bookingId: 'early', expiresAtMs: NOW + 600_000 }));
    const queue: ExpireBookingPorts['queue'] = {
      send: async (timers) => timers.map((scheduled) => ({ scheduled, error: new Error('down') })),
      retryIn: async () => {},
    };
    const response = await createHandler(ports({ queue }))({ Records: [message] });
    expect(response.batchItemFailures).toEqual([{ itemIdentifier: message.messageId }]);
  });
});

describe('a batch', () => {
  test('with malformed messages expires the others, and puts those into the dead-letter queue with the reason', async () => {
    const good = await givenBooking(200);
    const messages = ['no timer', good.body, '{"v":2}'].map((body) => timerMessage(body));
    const response = await createHandler(ports())({ Records: messages });
    expect(response.batchItemFailures).toEqual([]);
    expect(dead.letters).toMatchObject([
      { body: 'no timer', reason: expect.stringContaining('timer must be JSON') },
      { body: '{"v":2}', reason: expect.stringContaining('timer version must be 1, got 2') },
    ]);
    expect((await engines.store.get(good.bookingId))?.status).toBe('EXPIRED');
    expect(told.counts).toMatchObject({ [COUNTS.malformed]: 2, [METRICS.expiredByTimer]: 1 });
  });

  test('puts a timer whose booking can never be expired into the dead-letter queue, as it came', async () => {
    const [good, bad] = [await givenBooking(0), await givenBooking(0)];
    const store: ExpireBookingPorts['store'] = {
      glimpse: async () => new Map(),
      expire: async (ids, by, nowMs) => {
        const outcomes = await engines.held.expire(ids, by, nowMs);
        return outcomes.set(bad.bookingId, { kind: 'failed', error: new UnprocessableError('too large') });
      },
    };
    const response = await createHandler(ports({ store }))(sqsEvent(good.body, bad.body));
    expect(response.batchItemFailures).toEqual([]);
    expect(dead.letters).toMatchObject([{ body: bad.body, reason: expect.stringContaining('too large') }]);
    expect(told.counts).toEqual({ [METRICS.expiredByTimer]: 1, [METRICS.unprocessable]: 1 });
  });

  test('lets what the dead-letter queue does not take come back at once, and failed timers later each time', async () => {
    const asked: { seconds: number }[] = [];
    const queue: ExpireBookingPorts['queue'] = {
      send: async () => [],
      retryIn: async (retries) => {
        asked.push(...retries);
      },
    };
    const failing = async (ids: readonly string[]) =>
      new Map(ids.map((id): [string, ExpireOutcome] => [id, { kind: 'failed', error: new Error('throttled') }]));
    const store = { glimpse: async () => new Map(), expire: failing };
    const body = (name: string) => encodeTimer({ bookingId: name, expiresAtMs: NOW });
    const messages = [
      timerMessage('no timer', 3),
      timerMessage(body('first'), 1),
      timerMessage(body('fourth'), 4),
      timerMessage(body('ninth'), 9),
    ];
    const deadLetters: ExpireBookingPorts['deadLetters'] = { put: async (letters) => [...letters] };
    const response = await createHandler(ports({ queue, store, deadLetters }))({ Records: messages });
    expect(response.batchItemFailures).toHaveLength(4);
    expect(asked.map(({ seconds }) => seconds)).toEqual([0, 1, 8, 60]);
    expect(told.counts[COUNTS.failed]).toBe(3);
  });

  describe.each([
    ['unless told otherwise', undefined, SAME_MOMENT_MS],
    ['where a lag of 200 ms is allowed', 200, 200],
    ['where no lag is allowed', 0, 0],
  ])('%s', (_, sameMomentMs, withinMs) => {
    test(`writes bookings whose deadlines lie within ${withinMs} ms in one round trip, at the last of them, the others each at its own`, async () => {
      const together = await Promise.all([1_000, 1_000, 1_000 + withinMs].map(givenBooking));
      const apart = await givenBooking(1_000 + withinMs + 1);
      const writes: string[][] = [];
      const waitedMs: number[] = [];
      const store: ExpireBookingPorts['store'] = {
        glimpse: async () => new Map(),
        expire: (ids, by, nowMs) => {
          writes.push([...ids].sort());
          return engines.held.expire(ids, by, nowMs);
        },
      };
      const waitUntil = (untilMs: number) => {
        waitedMs.push(untilMs - NOW);
        return time.waitUntil(untilMs);
      };
      const handle = createHandler(ports({ store, waitUntil, ...(sameMomentMs !== undefined && { sameMomentMs }) }));
      await handle(sqsEvent(...[...together, apart].map(({ body }) => body)));
      expect(writes).toEqual([together.map(({ bookingId }) => bookingId).sort(), [apart.bookingId]]);
      expect(waitedMs).toEqual([1_000 + withinMs, 1_000 + withinMs + 1]);
      expect(told.counts[METRICS.expiredByTimer]).toBe(4);
      expect(told.lagsMs.every((lagMs) => lagMs >= 0)).toBe(true);
    });
  });

  test('with two timers of one booking, for two deadlines, expires it at the one that it has', async () => {
    const { bookingId, body } = await givenBooking(1_000);
    await engines.store.extend(bookingId, 2_000, NOW);
    const later = encodeTimer({ bookingId, expiresAtMs: NOW + 2_000 });
    await createHandler(ports())(sqsEvent(body, later));
    const booking = await engines.store.get(bookingId);
    expect(booking).toMatchObject({ status: 'EXPIRED', expiresAtMs: NOW + 2_000 });
    expect(booking?.expiredAtMs).toBeGreaterThanOrEqual(NOW + 2_000);
  });
});

test('timers belong to the same moment within so many ms of the first, not of each other', () => {
  const at = (expiresAtMs: number) => ({ timer: { bookingId: 'a', expiresAtMs } });
  const groups = sameMoments([13, 0, 5, 10, 4].map(at), 5);
  expect(groups.map((group) => group.map(({ timer }) => timer.expiresAtMs))).toEqual([
    [0, 4, 5],
    [10, 13],
  ]);
});
