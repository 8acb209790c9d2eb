/** Each move of a booking from each status, to the millisecond, and by two writers at once. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BOOKING_STATUSES, effectiveStatus } from '../../functions/core/booking-status.ts';
import { type Engines, startEngines } from '../support/engines.ts';
import { AT, BEFORE, NOW, storedBookings } from './stored-bookings.ts';

let engines: Engines;
beforeAll(async () => {
  engines = await startEngines();
});
afterAll(() => engines.stop());

const { nextId, givenBooking, expireOne } = storedBookings(() => engines);

describe('from each status, before the deadline', () => {
  test.each([
    ['PENDING', 'CONFIRMED', 'moved'],
    ['PENDING', 'CANCELLED', 'moved'],
    ['PENDING', 'PENDING', 'moved'],
    ['PENDING', 'EXPIRED', 'extended'],
    ['CONFIRMED', 'CONFIRMED', 'unchanged'],
    ['CONFIRMED', 'CANCELLED', 'moved'],
    ['CONFIRMED', 'PENDING', 'refused'],
    ['CONFIRMED', 'EXPIRED', 'settled'],
    ['CANCELLED', 'CONFIRMED', 'refused'],
    ['CANCELLED', 'CANCELLED', 'unchanged'],
    ['CANCELLED', 'PENDING', 'refused'],
    ['CANCELLED', 'EXPIRED', 'settled'],
    ['EXPIRED', 'CONFIRMED', 'refused'],
    ['EXPIRED', 'CANCELLED', 'refused'],
    ['EXPIRED', 'PENDING', 'refused'],
    ['EXPIRED', 'EXPIRED', 'already-expired'],
  ] as const)('%s → %s: %s', async (from, to, kind) => {
    const { bookingId } = await givenBooking(from);
    expect((await move(bookingId, to, BEFORE))?.kind).toBe(kind);
    const after = await engines.store.get(bookingId);
    expect(after?.status).toBe(kind === 'moved' ? to : from);
  });
});

describe('from each status, from the deadline on', () => {
  test.each([
    ['PENDING', 'CONFIRMED', 'refused'],
    ['PENDING', 'CANCELLED', 'refused'],
    ['PENDING', 'PENDING', 'refused'],
    ['PENDING', 'EXPIRED', 'expired'],
    ['CONFIRMED', 'CONFIRMED', 'unchanged'],
    ['CONFIRMED', 'CANCELLED', 'moved'],
    ['CONFIRMED', 'PENDING', 'refused'],
    ['CONFIRMED', 'EXPIRED', 'settled'],
    ['CANCELLED', 'CANCELLED', 'unchanged'],
    ['CANCELLED', 'EXPIRED', 'settled'],
    ['EXPIRED', 'CONFIRMED', 'refused'],
    ['EXPIRED', 'EXPIRED', 'already-expired'],
  ] as const)('%s → %s: %s', async (from, to, kind) => {
    const { bookingId } = await givenBooking(from);
    expect((await move(bookingId, to, AT))?.kind).toBe(kind);
  });
});

const move = (bookingId: string, to: (typeof BOOKING_STATUSES)[number], nowMs: number) => {
  const { store } = engines;
  const moves = {
    CONFIRMED: () => store.confirm(bookingId, nowMs),
    CANCELLED: () => store.cancel(bookingId, nowMs),
    PENDING: () => store.extend(bookingId, 30_000, nowMs),
    EXPIRED: () => expireOne(bookingId, nowMs),
  };
  return moves[to]();
};

describe('to the millisecond', () => {
  test('a booking confirmed one millisecond before its hold lapses stays confirmed', async () => {
    const { bookingId } = await givenBooking('PENDING');
    expect(await engines.store.confirm(bookingId, BEFORE)).toMatchObject({ kind: 'moved' });
    expect(await expireOne(bookingId, AT)).toEqual({ kind: 'settled', status: 'CONFIRMED' });
    expect(await engines.store.get(bookingId)).toMatchObject({ status: 'CONFIRMED', confirmedAtMs: BEFORE });
  });

  test('a booking is not expired one millisecond early, and is at its deadline', async () => {
    const { bookingId } = await givenBooking('PENDING');
    expect(await expireOne(bookingId, BEFORE)).toEqual({ kind: 'extended', expiresAtMs: AT });
    expect(await expireOne(bookingId, AT)).toEqual({ kind: 'expired', expiredAtMs: AT });
    const { pendingShard, ...expired } = (await engines.store.get(bookingId)) ?? {};
    expect(pendingShard).toBeUndefined();
    expect(expired).toMatchObject({ status: 'EXPIRED', expiredAtMs: AT, expiredBy: 'timer' });
  });

  test('a confirm at the deadline is refused although nothing has marked the booking yet', async () => {
    const { bookingId } = await givenBooking('PENDING');
    const outcome = await engines.store.confirm(bookingId, AT);
    expect(outcome).toMatchObject({ kind: 'refused', found: 'EXPIRED', judgedAtMs: AT });
  });

  test('every read tells EXPIRED from the deadline on, marked or not', () => {
    const booking = { status: 'PENDING' as const, expiresAtMs: AT };
    expect(effectiveStatus(booking, BEFORE)).toBe('PENDING');
    expect(effectiveStatus(booking, AT)).toBe('EXPIRED');
    for (const status of BOOKING_STATUSES.filter((each) => each !== 'PENDING')) {
      expect(effectiveStatus({ status, expiresAtMs: AT }, AT)).toBe(status);
    }
  });
});

describe('two writers at once', () => {
  test('of an expiry and a confirm with clocks on both sides of the deadline, exactly one wins', async () => {
    const winners = await Promise.all(
      Array.from({ length: 60 }, async () => {
        const { bookingId } = await givenBooking('PENDING');
        const [confirm, expire] = await Promise.all([
          engines.store.confirm(bookingId, BEFORE),
          expireOne(bookingId, AT),
        ]);
        const { status } = (await engines.store.get(bookingId)) ?? {};
        expect([confirm.kind, expire?.kind]).toEqual(
          status === 'CONFIRMED' ? ['moved', 'settled'] : ['refused', 'expired'],
        );
        return status;
      }),
    );
    expect(winners.every((status) => status === 'CONFIRMED' || status === 'EXPIRED')).toBe(true);
  });

  test('of a timer and a sweep, exactly one expires the booking', async () => {
    for (let round = 0; round < 30; round += 1) {
      const { bookingId } = await givenBooking('PENDING');
      const outcomes = await Promise.all([
        engines.held.expire([bookingId], 'timer', AT),
        engines.held.expire([bookingId], 'sweep', AT + 1),
      ]);
      const kinds = outcomes.map((outcome) => outcome.get(bookingId)?.kind);
      expect(kinds.filter((kind) => kind === 'expired')).toHaveLength(1);
      expect(kinds.filter((kind) => kind === 'already-expired')).toHaveLength(1);
    }
  });

  test('of two creations with one id, the second finds the first', async () => {
    const bookingId = nextId();
    const outcomes = await Promise.all([1, 2].map(() => engines.store.create({ bookingId, holdMs: 5_000 }, NOW)));
    expect(outcomes.map(({ kind }) => kind).sort()).toEqual(['created', 'exists']);
  });
});

describe('an extension', () => {
  test('starts a new hold now, and the old deadline expires nothing', async () => {
    const { bookingId } = await givenBooking('PENDING');
    const outcome = await engines.store.extend(bookingId, 120_000, NOW + 30_000);
    expect(outcome).toMatchObject({
      kind: 'moved',
      booking: { expiresAtMs: NOW + 150_000, holdStartedAtMs: NOW + 30_000 },
    });
    expect(await expireOne(bookingId, AT)).toEqual({ kind: 'extended', expiresAtMs: NOW + 150_000 });
  });
});
