/** Notices from the write of a booking to the bus: handlers on real engines, with a clock that is moved. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { isPermanent, UnprocessableError } from '../../functions/adapters/permanent-error.ts';
import { sweepScheduling } from '../../functions/adapters/sweep-scheduling.ts';
import { COUNTS } from '../../functions/contract.ts';
import type { BookingEvent } from '../../functions/core/booking-events.ts';
import { encodeTimer, type ScheduledTimer } from '../../functions/core/expiry-timer.ts';
import { DAY_MS, MINUTE_MS, SECOND_MS } from '../../functions/core/hold-time.ts';
import { type SweepRequest, sweep } from '../../functions/core/sweep.ts';
import { createHandler as createExpire, type ExpireBookingPorts } from '../../functions/expire-booking.ts';
import { createHandler as createSchedule } from '../../functions/schedule-expiry.ts';
import { BOOKINGS_SHAPE } from '../../functions/table/shape.ts';
import { movableClock } from '../support/clock.ts';
import { recordingDeadLetters } from '../support/dead-letters.ts';
import { type Engines, SHARD_COUNT, startEngines } from '../support/engines.ts';
import { type image, sqsEvent, streamEvent, streamRecord } from '../support/records.ts';
import { recordingTelemetry } from '../support/telemetry.ts';

const NOW = 1_790_000_000_000;
const NOTICE_MS = 2 * MINUTE_MS;
const settings = { timerLeadMs: SECOND_MS, sweepIntervalMs: 5 * MINUTE_MS, noticeBeforeMs: NOTICE_MS };

let engines: Engines;
let told: ReturnType<typeof recordingTelemetry>;
let time: ReturnType<typeof movableClock>;
let dead: ReturnType<typeof recordingDeadLetters>;
let published: BookingEvent[];
let sent: ScheduledTimer[];
let sequence = 0;

beforeAll(async () => {
  engines = await startEngines();
});
afterAll(() => engines.stop());
beforeEach(() => {
  told = recordingTelemetry();
  dead = recordingDeadLetters();
  time = movableClock(NOW);
  published = [];
  sent = [];
});

const queue: ExpireBookingPorts['queue'] = {
  send: async (timers) => {
    sent.push(...timers);
    return [];
  },
  retryIn: async () => {},
};
const bus = {
  publish: async (events: readonly BookingEvent[]) => {
    published.push(...events);
    return [];
  },
};
const ports = (notices: Partial<NonNullable<ExpireBookingPorts['notices']>> = {}): ExpireBookingPorts => ({
  store: engines.held,
  queue,
  deadLetters: dead.deadLetters,
  clock: time.clock,
  waitUntil: time.waitUntil,
  telemetry: told.telemetry,
  shape: BOOKINGS_SHAPE,
  timerLeadMs: 1_000,
  notices: { store: engines.held, bus, noticeBeforeMs: NOTICE_MS, ...notices },
});
const givenBooking = async (inMs: number, holdMs: number): Promise<{ bookingId: string; notice: string }> => {
  const bookingId = `noticed-${++sequence}`;
  await engines.store.create({ bookingId, holdMs, details: { row: 7 } }, NOW + inMs - holdMs);
  return { bookingId, notice: encodeTimer({ bookingId, expiresAtMs: NOW + inMs, kind: 'notice' }) };
};
const expire = createExpire;

describe('a notice that is due', () => {
  test('tells of a booking that is still held, with what its writer kept with it', async () => {
    const { bookingId, notice } = await givenBooking(NOTICE_MS, 10 * MINUTE_MS);
    expect(await expire(ports())(sqsEvent(notice))).toEqual({ batchItemFailures: [] });
    expect(published).toEqual([
      {
        detailType: 'BookingExpiring',
        timeMs: NOW,
        detail: {
          version: 1,
          eventId: `${bookingId}:EXPIRING:${NOW + NOTICE_MS}`,
          bookingId,
          expiresAt: new Date(NOW + NOTICE_MS).toISOString(),
          details: { row: 7 },
        },
      },
    ]);
    expect(told.counts).toEqual({ [COUNTS.noticesPublished]: 1 });
    expect(time.waits).toEqual([]);
    // Nothing has happened to the booking.
    expect((await engines.store.get(bookingId))?.status).toBe('PENDING');
  });

  test('that comes twice in a batch tells once, and in two batches the same twice', async () => {
    const { notice } = await givenBooking(NOTICE_MS, 10 * MINUTE_MS);
    await expire(ports())(sqsEvent(notice, notice));
    expect(published).toHaveLength(1);
    time.moveTo(NOW + 7_000);
    await expire(ports())(sqsEvent(notice));
    expect(published[1]).toEqual(published[0]);
  });

  test('tells nothing of a booking that was paid, cancelled, extended or is gone, or whose hold is too short', async () => {
    const paid = await givenBooking(NOTICE_MS, 10 * MINUTE_MS);
    const cancelled = await givenBooking(NOTICE_MS, 10 * MINUTE_MS);
    const extended = await givenBooking(NOTICE_MS, 10 * MINUTE_MS);
    const short = await givenBooking(NOTICE_MS, 2 * NOTICE_MS - 1);
    const gone = encodeTimer({ bookingId: 'gone', expiresAtMs: NOW + NOTICE_MS, kind: 'notice' });
    await engines.store.confirm(paid.bookingId, NOW - MINUTE_MS);
    await engines.store.cancel(cancelled.bookingId, NOW - MINUTE_MS);
    await engines.store.extend(extended.bookingId, 20 * MINUTE_MS, NOW - MINUTE_MS);
    const bodies = [paid, cancelled, extended, short].map(({ notice }) => notice);
    expect(await expire(ports())(sqsEvent(...bodies, gone))).toEqual({ batchItemFailures: [] });
    expect(published).toEqual([]);
    expect(told.counts).toEqual({ [COUNTS.noticesNotNeeded]: 5 });
  });

  test('does not wait for the deadline of a timer that came with it, and that one is not held up either', async () => {
    const { notice } = await givenBooking(NOTICE_MS, 10 * MINUTE_MS);
    const lapsing = await givenBooking(1_500, 10 * MINUTE_MS);
    const order: string[] = [];
    const watchedBus = {
      publish: async (events: readonly BookingEvent[]) => {
        if (events.length > 0) order.push('published');
        return [];
      },
    };
    await expire({
      ...ports({ bus: watchedBus }),
      waitUntil: async (timeMs) => {
        await expect.poll(() => order).toContain('published');
        await time.waitUntil(timeMs);
      },
    })(sqsEvent(encodeTimer({ bookingId: lapsing.bookingId, expiresAtMs: NOW + 1_500 }), notice));
    expect((await engines.store.get(lapsing.bookingId))?.status).toBe('EXPIRED');
  });

  test('comes again while the bus is down, and its booking cannot be read', async () => {
    const { notice } = await givenBooking(NOTICE_MS, 10 * MINUTE_MS);
    const down = {
      publish: async (events: readonly BookingEvent[]) => events.map((event) => ({ event, error: new Error('down') })),
    };
    expect(await expire(ports({ bus: down }))(sqsEvent(notice))).toMatchObject({ batchItemFailures: [{}] });
    const unreadable = { read: () => Promise.reject(new Error('no table')) };
    expect(await expire(ports({ store: unreadable }))(sqsEvent(notice))).toMatchObject({ batchItemFailures: [{}] });
    expect(dead.letters).toEqual([]);
    expect(await expire(ports())(sqsEvent(notice))).toEqual({ batchItemFailures: [] });
    expect(published).toHaveLength(1);
  });

  test('that the bus will never take is a dead letter', async () => {
    const { notice } = await givenBooking(NOTICE_MS, 10 * MINUTE_MS);
    const refusing = {
      publish: async (events: readonly BookingEvent[]) =>
        events.map((event) => ({ event, error: new UnprocessableError('too large') })),
    };
    expect(await expire(ports({ bus: refusing }))(sqsEvent(notice))).toEqual({ batchItemFailures: [] });
    expect(dead.letters).toHaveLength(1);
  });

  test('is dropped where there are no notices any more', async () => {
    const { notice } = await givenBooking(NOTICE_MS, 10 * MINUTE_MS);
    const { notices: _, ...without } = ports();
    expect(await expire(without)(sqsEvent(notice))).toEqual({ batchItemFailures: [] });
    expect([published, sent]).toEqual([[], []]);
  });
});

test('a notice that comes too early is sent again, as a notice', async () => {
  const { bookingId, notice } = await givenBooking(NOTICE_MS + 10_000, 10 * MINUTE_MS);
  await expire(ports())(sqsEvent(notice));
  expect(published).toEqual([]);
  expect(sent).toEqual([
    { timer: { bookingId, expiresAtMs: NOW + NOTICE_MS + 10_000, kind: 'notice' }, delaySeconds: 10 },
  ]);
});

describe('schedule-expiry', () => {
  const written = (newImage: Parameters<typeof image>[0], oldImage?: Parameters<typeof image>[0]) =>
    createSchedule({
      store: engines.held,
      queue,
      deadLetters: dead.deadLetters,
      clock: time.clock,
      telemetry: told.telemetry,
      shape: BOOKINGS_SHAPE,
      shardCount: SHARD_COUNT,
      settings,
    })(streamEvent(streamRecord(newImage, oldImage)));
  const booking = (holdMs: number) => ({
    bookingId: 'written',
    expiresAtMs: NOW + holdMs,
    holdStartedAtMs: NOW,
    pendingShard: 1,
  });

  test('sends the notice of a near hold with its timer', async () => {
    await written(booking(10 * MINUTE_MS));
    expect(sent.map(({ timer: { kind }, delaySeconds }) => [kind, delaySeconds])).toEqual([
      [undefined, 599],
      ['notice', 480],
    ]);
  });

  test('sends the notice of a hold whose deadline is far, if the notice is near', async () => {
    await written(booking(16 * MINUTE_MS));
    expect(sent.map(({ timer: { kind }, delaySeconds }) => [kind, delaySeconds])).toEqual([['notice', 840]]);
  });

  test('leaves the notice of a far hold to the sweep, and sends none for a short one', async () => {
    await written(booking(DAY_MS));
    await written(booking(3 * MINUTE_MS));
    expect(sent.map(({ timer: { kind } }) => kind)).toEqual([undefined]);
  });

  test('sends a notice of its own for an extension', async () => {
    const before = { ...booking(5 * MINUTE_MS), holdStartedAtMs: NOW - MINUTE_MS };
    await written(booking(12 * MINUTE_MS), before);
    expect(sent.find(({ timer: { kind } }) => kind === 'notice')).toMatchObject({
      timer: { expiresAtMs: NOW + 12 * MINUTE_MS },
      delaySeconds: 600,
    });
  });
});

describe('a sweep', () => {
  /** Runs sweeps on a table of its own. */
  const withTable = async (
    run: (
      give: (bookingId: string, inMs: number, holdMs: number) => Promise<unknown>,
      sweepAt: (nowMs: number, overrides?: Partial<SweepRequest>) => Promise<string[]>,
    ) => Promise<void>,
  ): Promise<void> => {
    const own = await startEngines();
    try {
      await run(
        (bookingId, inMs, holdMs) => own.store.create({ bookingId, holdMs }, NOW + inMs - holdMs),
        async (nowMs, overrides = {}) => {
          sent = [];
          const report = await sweep(
            {
              store: own.held,
              index: own.index,
              scheduling: { ...sweepScheduling(queue, own.sweepState) },
              clock: () => nowMs,
              isPermanent,
            },
            { overdueAfterMs: 30_000, settings, mayContinue: () => true, ...overrides },
          );
          expect(report.errors).toEqual([]);
          return sent.map(({ timer: { bookingId, kind = 'deadline' } }) => `${kind} ${bookingId}`).sort();
        },
      );
    } finally {
      await own.stop();
    }
  };

  test('sends the notices that come near, each once, and the timers as before', () =>
    withTable(async (give, sweepAt) => {
      await give('soon', 10 * MINUTE_MS, DAY_MS);
      await give('its notice only', 15 * MINUTE_MS, DAY_MS);
      await give('just within', 16 * MINUTE_MS, DAY_MS);
      await give('just beyond', 16 * MINUTE_MS + 1, DAY_MS);
      await give('too short for one', 2 * MINUTE_MS, 3 * MINUTE_MS);
      await give('near from its start', 16 * MINUTE_MS, 17 * MINUTE_MS);
      expect(await sweepAt(NOW)).toEqual([
        'deadline soon',
        'notice its notice only',
        'notice just within',
        'notice soon',
      ]);
      expect(await sweepAt(NOW + 5 * MINUTE_MS)).toEqual(
        [
          'deadline its notice only',
          'deadline just within',
          'deadline just beyond',
          'deadline near from its start',
          'notice just beyond',
        ].sort(),
      );
    }));

  test('with notices hours before sends them too, and reads nothing that lies between', () =>
    withTable(async (give, sweepAt) => {
      const noticeBeforeMs = 180 * MINUTE_MS;
      const longer = { ...settings, noticeBeforeMs };
      await give('timer', 10 * MINUTE_MS, DAY_MS);
      await give('between', 100 * MINUTE_MS, DAY_MS);
      await give('notice', 190 * MINUTE_MS, DAY_MS);
      expect(await sweepAt(NOW, { settings: longer })).toEqual(['deadline timer', 'notice notice']);
      expect(await sweepAt(NOW + 5 * MINUTE_MS, { settings: longer })).toEqual([]);
    }));

  test('after a deployment sends all that are near once more: it may have switched notices on', () =>
    withTable(async (give, sweepAt) => {
      const { noticeBeforeMs: _, ...without } = settings;
      await give('held before', 15 * MINUTE_MS, 16 * MINUTE_MS);
      await give('at the edge', 14.9 * MINUTE_MS + NOTICE_MS, 15 * MINUTE_MS + NOTICE_MS);
      expect(await sweepAt(NOW, { settings: without })).toEqual([]);
      expect(await sweepAt(NOW + 1_000, { anew: true })).toEqual(['notice at the edge', 'notice held before']);
      const twice = await sweepAt(NOW + 5 * MINUTE_MS);
      expect(twice).not.toContain('notice held before');
    }));

  test('that could not send a notice leaves it to the next', () =>
    withTable(async (give, sweepAt) => {
      await give('first', 15 * MINUTE_MS, DAY_MS);
      const { send } = queue;
      let fails = true;
      queue.send = async (timers) =>
        fails ? timers.map((scheduled) => ({ scheduled, error: new Error('SQS is down') })) : send(timers);
      try {
        await sweepAt(NOW).catch(() => {});
        fails = false;
        expect(await sweepAt(NOW + MINUTE_MS)).toContain('notice first');
      } finally {
        queue.send = send;
      }
    }));

  test('that is out of time leaves the rest to the next', () =>
    withTable(async (give, sweepAt) => {
      await give('first', 15 * MINUTE_MS, DAY_MS);
      expect(await sweepAt(NOW, { mayContinue: () => false })).toEqual([]);
      expect(await sweepAt(NOW + MINUTE_MS)).toContain('notice first');
    }));
});
