/** The checkout of docs/examples/payments, step by step, on tables in memory: what docs/payments.md says that it does. */
import { beforeEach, describe, expect, test } from 'vitest';
import { NoAnswerError, UnexpectedAnswerError } from '../../docs/examples/payments/answers.ts';
import { Checkout, type CheckoutPorts } from '../../docs/examples/payments/checkout.ts';
import { OPENING_MS } from '../../docs/examples/payments/payment.ts';
import { PaymentsInMemory } from '../../docs/examples/payments/payments-in-memory.ts';
import type { Bookings } from '../../docs/examples/payments/ports.ts';
import { ProviderSimulator, RESERVED_MS } from '../../docs/examples/payments/provider-simulator.ts';
import { AnswersOfStore } from './answers-of-store.ts';
import { Service } from './service.ts';

const START_MS = Date.UTC(2027, 0, 1);
const MINUTE_MS = 60_000;
const PLAIN_CARD = { asksCustomer: false, givesReserved: true };
const REQUEST = { bookingId: 'booking-1', slotIds: ['seat-A'], holdSeconds: 60 };
const SESSION = 'session-booking-1';

let nowMs: number;
let payments: PaymentsInMemory;
let provider: ProviderSimulator;
let service: Service;
let bookings: Bookings;

beforeEach(() => {
  nowMs = START_MS;
  payments = new PaymentsInMemory();
  provider = new ProviderSimulator(() => nowMs);
  service = new Service(15 * MINUTE_MS);
  const patience = { limitMs: 0, elapsed: () => 0, random: () => 0, pause: async () => {} };
  const gate = { arrive: async () => 'fine' as const };
  bookings = service.server(AnswersOfStore, { gate, clock: () => nowMs, patience });
});

const checkout = (overrides: Partial<CheckoutPorts> = {}) =>
  new Checkout({
    bookings,
    provider,
    payments,
    clock: () => nowMs,
    policy: 'revive',
    sessionSeconds: 600,
    ...overrides,
  });
const booking = () => service.bookings[0];
const stage = async () => (await payments.get('booking-1'))?.stage;
const settle = () => checkout().settle('booking-1');
/** The same, with some of what it does done otherwise. */
const changedBy = <T extends object>(real: T, changes: Partial<T>): T =>
  new Proxy(real, {
    get: (_, name) => {
      const given = changes[name as keyof T] ?? real[name as keyof T];
      return typeof given === 'function' && !(name in changes) ? given.bind(real) : given;
    },
  });
const through = (changes: Partial<Bookings>): Bookings => changedBy(bookings, changes);

describe('when a payment starts', () => {
  test('the hold is extended by as long as the session should live', async () => {
    await checkout().begin(REQUEST, 'at-once');
    expect(booking()?.expiresAtMs).toBe(START_MS + 10 * MINUTE_MS);
    nowMs += 10 * MINUTE_MS - 1;
    expect((await provider.read(SESSION)).state).toBe('open');
    nowMs += 1;
    expect((await provider.read(SESSION)).state).toBe('ended');
  });

  test('it is extended by as much as maxHoldSeconds allows, and the session lives no longer than that', async () => {
    await checkout({ sessionSeconds: 1_800 }).begin(REQUEST, 'at-once');
    expect(booking()?.expiresAtMs).toBe(START_MS + 15 * MINUTE_MS);
    nowMs += 15 * MINUTE_MS;
    expect((await provider.read(SESSION)).state).toBe('ended');
  });

  test('a hold that is longer than that already is not made shorter', async () => {
    await checkout({ sessionSeconds: 1_800 }).begin({ ...REQUEST, holdSeconds: 1_200 }, 'at-once');
    expect(booking()?.expiresAtMs).toBe(START_MS + 20 * MINUTE_MS);
  });

  test('the session does not outlive the hold by the time that answers take', async () => {
    const slow = through({
      extend: async (id, until) => {
        const answer = await bookings.extend(id, until);
        nowMs += 5_000;
        return answer;
      },
    });
    await checkout({ bookings: slow }).begin(REQUEST, 'at-once');
    nowMs = START_MS + 10 * MINUTE_MS;
    expect((await provider.read(SESSION)).state).toBe('ended');
  });

  test('a second window gets the same session, and nobody pays twice', async () => {
    const [first, second] = await Promise.all([1, 2].map(() => checkout().begin(REQUEST, 'at-once')));
    expect([first?.sessionId, second?.sessionId]).toEqual([SESSION, SESSION]);
    provider.pay(SESSION, PLAIN_CARD);
    expect(provider.pay(SESSION, PLAIN_CARD)).toBe('captured');
    expect(provider.accountOf('booking-1').taken).toBe(1);
    expect(await checkout().begin(REQUEST, 'at-once')).toBeUndefined();
  });

  test('a seat that is another’s means that there is nothing to pay', async () => {
    await bookings.create({ ...REQUEST, bookingId: 'other' });
    expect(await checkout().begin(REQUEST, 'at-once')).toBeUndefined();
    await settle();
    expect(await stage()).toBe('closed');
  });

  test('a hold that lapsed before it could be extended means the same', async () => {
    const late = through({
      create: async (request) => {
        const answer = await bookings.create(request);
        nowMs += MINUTE_MS;
        return answer;
      },
    });
    expect(await checkout({ bookings: late }).begin(REQUEST, 'at-once')).toBeUndefined();
  });

  test('so does a slot that is another’s when it is to be extended', async () => {
    const taken = { status: 409, body: { type: 'urn:booking-expiry:problem:slots-taken' } };
    expect(
      await checkout({ bookings: through({ extend: async () => taken }) }).begin(REQUEST, 'at-once'),
    ).toBeUndefined();
    expect((await payments.get('booking-1'))?.isGivenUp).toBe(true);
  });

  test('a request that was wrong is an error, and one without an answer is to be made again', async () => {
    const wrong = through({ create: async () => ({ status: 400, body: {} }) });
    await expect(checkout({ bookings: wrong }).begin(REQUEST, 'at-once')).rejects.toThrow(UnexpectedAnswerError);
    const busy = through({ create: async () => ({ status: 503, body: {} }) });
    await expect(checkout({ bookings: busy }).begin(REQUEST, 'at-once')).rejects.toThrow(NoAnswerError);
    expect((await checkout().begin(REQUEST, 'at-once'))?.state).toBe('open');
  });

  test('one that a crash left behind is given up, and its session can be paid no more', async () => {
    const crashing = changedBy(payments, { update: () => Promise.reject(new Error('crash')) });
    await expect(checkout({ payments: crashing }).begin(REQUEST, 'at-once')).rejects.toThrow('crash');
    await settle();
    expect(await stage()).toBe('opening');
    nowMs += OPENING_MS;
    await checkout().settleUnfinished();
    expect(await stage()).toBe('closed');
    expect(provider.pay(SESSION, PLAIN_CARD)).toBe('ended');
  });
});

describe('when the hold ends', () => {
  test('the shop ends the session, and frees what is left', async () => {
    await checkout().begin(REQUEST, 'at-once');
    nowMs += 10 * MINUTE_MS;
    await checkout().settleUnfinished();
    expect([await stage(), (await provider.read(SESSION)).state]).toEqual(['closed', 'ended']);
  });

  test('a session that the provider ends earlier frees the seat at once', async () => {
    await checkout().begin(REQUEST, 'at-once');
    await provider.end(SESSION);
    await settle();
    expect(booking()?.status).toBe('CANCELLED');
    expect((await bookings.create({ ...REQUEST, bookingId: 'next' })).status).toBe(201);
  });

  test('a customer who is at the bank then is waited for', async () => {
    await checkout().begin(REQUEST, 'at-once');
    provider.pay(SESSION, { ...PLAIN_CARD, asksCustomer: true });
    nowMs += 10 * MINUTE_MS;
    await settle();
    expect(await stage()).toBe('open');
    provider.authenticate(SESSION, true);
    await settle();
    expect([await stage(), booking()?.revivedAtMs]).toEqual(['kept', nowMs]);
  });
});

describe('when money is only reserved first', () => {
  beforeEach(async () => {
    await checkout().begin(REQUEST, 'after-confirming');
  });

  test('it is taken once the booking is CONFIRMED', async () => {
    expect(provider.pay(SESSION, PLAIN_CARD)).toBe('authorized');
    await settle();
    expect([await stage(), booking()?.status, provider.accountOf('booking-1').taken]).toEqual(['kept', 'CONFIRMED', 1]);
  });

  test('a booking that is refused costs no refund: the money is let go', async () => {
    provider.pay(SESSION, PLAIN_CARD);
    await bookings.cancel('booking-1');
    await settle();
    expect([await stage(), provider.accountOf('booking-1')]).toEqual(['closed', { taken: 0, givenBack: 0 }]);
  });

  test('a booking whose money the bank does not give after all is cancelled', async () => {
    provider.pay(SESSION, { ...PLAIN_CARD, givesReserved: false });
    await settle();
    expect([await stage(), booking()?.status]).toEqual(['closed', 'CANCELLED']);
  });

  test('money that was reserved too long ago is gone', async () => {
    provider.pay(SESSION, PLAIN_CARD);
    nowMs += RESERVED_MS;
    await settle();
    expect([await stage(), provider.accountOf('booking-1').taken]).toEqual(['closed', 0]);
  });
});

describe('a refund', () => {
  beforeEach(async () => {
    await checkout().begin(REQUEST, 'at-once');
    provider.pay(SESSION, PLAIN_CARD);
    await bookings.cancel('booking-1');
  });

  test('is owed before it is made, and made again until there is an answer, with the same key', async () => {
    const keys: string[] = [];
    const unheard = changedBy(provider, {
      refund: async (id: string, key: string) => {
        keys.push(key);
        await provider.refund(id, key);
        throw new NoAnswerError('no answer');
      },
    });
    for (let tries = 0; tries < 2; tries += 1) {
      await expect(checkout({ provider: unheard }).settle('booking-1')).rejects.toThrow(NoAnswerError);
      expect(await stage()).toBe('refund-due');
    }
    await checkout().settleUnfinished();
    expect([await stage(), provider.accountOf('booking-1').givenBack]).toEqual(['refunded', 1]);
    expect(new Set(keys).size).toBe(1);
  });

  test('that is owed is made even if the booking could be confirmed by then', async () => {
    await settle();
    const answer = { status: 200, body: { status: 'CONFIRMED' } };
    await checkout({ bookings: through({ confirm: async () => answer }) }).settle('booking-1');
    expect(await stage()).toBe('refunded');
  });
});

test('an answer that nobody expects moves no money until somebody has looked', async () => {
  await checkout().begin(REQUEST, 'at-once');
  provider.pay(SESSION, PLAIN_CARD);
  const elsewhere = through({ confirm: async () => ({ status: 404, body: {} }) });
  expect(await checkout({ bookings: elsewhere }).settleUnfinished()).toBe(1);
  expect([await stage(), provider.accountOf('booking-1').givenBack]).toEqual(['open', 0]);
  await settle();
  expect(await stage()).toBe('kept');
});
