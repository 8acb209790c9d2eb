/** What the HTTP API says of a booking at its deadline: reads never lie. */
import { describe, expect, test } from 'vitest';
import { BookingStore } from '../../functions/adapters/booking-store.ts';
import type { Item } from '../../functions/table/item.ts';
import { useBookingsApi } from '../support/bookings-api.ts';

const { apiStore, call, create, engines, moveBy, nowMs, replacePorts } = useBookingsApi();

describe('a booking at its deadline', () => {
  test('is read as EXPIRED although nothing had marked it, and the read marks it', async () => {
    await create('unmarked', 60);
    moveBy(59_999);
    expect((await call('GET', '/bookings/unmarked')).body).toMatchObject({ status: 'PENDING', remainingMs: 1 });
    moveBy(1);
    expect((await call('GET', '/bookings/unmarked')).body).toMatchObject({
      status: 'EXPIRED',
      remainingMs: 0,
      expiredBy: 'read',
    });
    expect(await engines().store.get('unmarked')).toMatchObject({ status: 'EXPIRED', expiredAtMs: nowMs() });
  });

  test('G4: that was reported EXPIRED cannot be confirmed by a payment that was on its way meanwhile', async () => {
    await create('on-its-way', 60);
    // Its clock was read in time; its write travels.
    const confirmedInTimeMs = nowMs() + 59_950;
    moveBy(60_003);
    expect((await call('GET', '/bookings/on-its-way')).body.status).toBe('EXPIRED');
    expect(await engines().store.confirm('on-its-way', confirmedInTimeMs)).toMatchObject({ kind: 'refused' });
  });

  test('G4: is reported CONFIRMED if the payment that was on its way came first', async () => {
    await create('just-in-time', 60);
    moveBy(60_003);
    const slow = {
      ...apiStore(),
      read: async (bookingId: string, atMs: number) => {
        await engines().store.confirm(bookingId, nowMs() - 60);
        return engines().store.read(bookingId, atMs);
      },
    };
    replacePorts({ store: slow });
    expect((await call('GET', '/bookings/just-in-time')).body.status).toBe('CONFIRMED');
  });

  test('G4: is not reported at all while its expiry cannot be made: nothing is said that may turn out wrong', async () => {
    await create('not-said', 60);
    moveBy(60_000);
    const throttled = Object.assign(new Error('slow down'), { name: 'ThrottlingException' });
    const table = Object.assign(Object.create(engines().bookings), {
      get: (key: Item) => engines().bookings.get(key),
      write: () => Promise.reject(throttled),
    });
    replacePorts({ store: new BookingStore(table, 10) });
    expect((await call('GET', '/bookings/not-said')).status).toBe(503);
  });

  test('G4: a repeated creation that is answered EXPIRED has made it so', async () => {
    await create('created-again', 60);
    moveBy(60_000);
    const { status, body } = await call('POST', '/bookings', { bookingId: 'created-again', holdSeconds: 60 });
    expect([status, body.status]).toEqual([200, 'EXPIRED']);
    expect(await engines().store.get('created-again')).toMatchObject({ status: 'EXPIRED', expiredBy: 'read' });
  });

  test.each(['confirm', 'cancel', 'extend'])('G4: a refusal to %s that says EXPIRED has made it so', async (move) => {
    const bookingId = `refused-${move}`;
    await create(bookingId, 60);
    moveBy(60_000);
    await call('POST', `/bookings/${bookingId}/${move}`, move === 'extend' ? { holdSeconds: 60 } : undefined);
    expect(await engines().store.get(bookingId)).toMatchObject({ status: 'EXPIRED', expiredBy: 'read' });
  });

  test('G4: a move whose answer takes longer than the hold tells what was made sure, and no more', async () => {
    await create('slow', 60);
    const slow = {
      ...apiStore(),
      extendOnlyIf: async (bookingId: string, holdMs: number, atMs: number) => {
        const outcome = await engines().store.extend(bookingId, holdMs, atMs);
        moveBy(60_000);
        return outcome;
      },
    };
    replacePorts({ store: slow });
    const { body } = await call('POST', '/bookings/slow/extend', { holdSeconds: 30 });
    expect(body).toMatchObject({ status: 'PENDING', remainingMs: 30_000 });
  });

  test('lists say as of when they hold', async () => {
    const { body } = await call('GET', '/bookings?status=OVERDUE');
    expect(body.asOf).toBe(new Date(nowMs()).toISOString());
  });

  test.each(['confirm', 'cancel', 'extend'])(
    'refuses to %s with what was found, the deadline and when it was judged',
    async (move) => {
      const bookingId = `late-${move}`;
      const { expiresAt } = await create(bookingId, 60);
      moveBy(60_000);
      const { status, body } = await call(
        'POST',
        `/bookings/${bookingId}/${move}`,
        move === 'extend' ? { holdSeconds: 60 } : undefined,
      );
      expect(status).toBe(409);
      expect(body).toMatchObject({
        type: 'urn:booking-expiry:problem:move-refused',
        found: 'EXPIRED',
        expiresAt,
        judgedAt: new Date(nowMs()).toISOString(),
      });
    },
  );
});
