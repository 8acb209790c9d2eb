/** Requests that go by an idempotency key. */
import { describe, expect, test } from 'vitest';
import { KEPT_MS, KeyRecords, LOCK_MS } from '../../functions/adapters/key-records.ts';
import { callerOf } from '../../functions/api/caller.ts';
import type { IdempotencyRecords } from '../../functions/api/ports.ts';
import { DAY_MS } from '../../functions/core/hold-time.ts';
import { useBookingsApi } from '../support/bookings-api.ts';

const { call, create, engines, moveBy, nowMs, replacePorts, sequence } = useBookingsApi();

const keyed = (key: string) => ({ 'idempotency-key': key });
const problem = (name: string) => `urn:booking-expiry:problem:${name}`;
/** A key that no other test has. */
const ownKey = (name = 'key') => `${name}-${sequence()}`;

/** Records whose answers are lost as if the Lambda had died before it answered. */
const dyingBeforeItAnswers = (): IdempotencyRecords => ({
  claim: (...args) => engines().idempotency.claim(...args),
  keep: () => Promise.reject(new Error('the Lambda died')),
  release: () => Promise.reject(new Error('the Lambda died')),
});

describe('a request with an idempotency key that was used before', () => {
  test.each(['confirm', 'cancel', 'extend'])('to %s gets the first answer, also after the deadline', async (move) => {
    const bookingId = `again-${move}`;
    await create(bookingId, 60);
    const body = move === 'extend' ? { holdSeconds: 120 } : undefined;
    const first = await call('POST', `/bookings/${bookingId}/${move}`, body, keyed(`again-${move}`));
    moveBy(DAY_MS - 1_000);
    const second = await call('POST', `/bookings/${bookingId}/${move}`, body, keyed(`again-${move}`));
    expect([first.status, second.status]).toEqual([200, 200]);
    expect(second.body).toEqual(first.body);
    expect(second.headers.get('etag')).toBe(first.headers.get('etag'));
    expect(second.headers.get('content-type')).toBe(first.headers.get('content-type'));
  });

  test('B3: to create gets the first answer after `expiresAt` has passed', async () => {
    const body = { expiresAt: new Date(nowMs() + 5_000).toISOString() };
    const first = await call('POST', '/bookings', body, keyed(ownKey()));
    moveBy(60_000);
    const second = await call('POST', '/bookings', body, keyed(ownKey()));
    expect([first.status, second.status]).toEqual([201, 201]);
    expect(second.body).toEqual(first.body);
    expect(second.headers.get('location')).toBe(first.headers.get('location'));
  });

  test('B3: without a key, a creation with an id of its own is recognized after `expiresAt` has passed', async () => {
    const body = { bookingId: `own-id-${sequence()}`, expiresAt: new Date(nowMs() + 5_000).toISOString() };
    await call('POST', '/bookings', body);
    moveBy(60_000);
    const second = await call('POST', '/bookings', body);
    expect([second.status, second.body.status]).toEqual([200, 'EXPIRED']);
    expect((await call('POST', '/bookings', { ...body, bookingId: 'another' })).status).toBe(400);
  });

  test('extends once: the deadline does not move again', async () => {
    await create('extended-once', 60);
    await call('POST', '/bookings/extended-once/extend', { holdSeconds: 100 }, keyed(ownKey()));
    const { expiresAtMs } = (await engines().store.get('extended-once')) ?? {};
    moveBy(50_000);
    await call('POST', '/bookings/extended-once/extend', { holdSeconds: 100 }, keyed(ownKey()));
    expect((await engines().store.get('extended-once'))?.expiresAtMs).toBe(expiresAtMs);
    await call('POST', '/bookings/extended-once/extend', { holdSeconds: 100 }, keyed(ownKey('other')));
    expect((await engines().store.get('extended-once'))?.expiresAtMs).toBe(nowMs() + 100_000);
  });

  test('gets the refusal that it got first, also if the booking has come since', async () => {
    const first = await call('POST', '/bookings/comes-later/confirm', undefined, keyed(ownKey()));
    await create('comes-later');
    const second = await call('POST', '/bookings/comes-later/confirm', undefined, keyed(ownKey()));
    expect([first.status, second.status]).toEqual([404, 404]);
    expect(second.body).toEqual(first.body);
    expect((await call('POST', '/bookings/comes-later/confirm', undefined, keyed(ownKey('new')))).status).toBe(200);
  });

  test.each([
    ['another body', 'extend', { holdSeconds: 61 }, 'one'],
    ['another booking', 'extend', { holdSeconds: 60 }, 'two'],
    ['another route', 'confirm', undefined, 'one'],
  ])('but with %s is refused with 422', async (_, move, body, which) => {
    for (const each of ['one', 'two']) await create(`${each}-${sequence()}`);
    await call('POST', `/bookings/one-${sequence()}/extend`, { holdSeconds: 60 }, keyed(ownKey()));
    const before = await engines().store.get(`${which}-${sequence()}`);
    const refused = await call('POST', `/bookings/${which}-${sequence()}/${move}`, body, keyed(ownKey()));
    expect([refused.status, refused.body.type]).toEqual([422, problem('idempotency-key-reused')]);
    expect(await engines().store.get(`${which}-${sequence()}`)).toEqual(before);
  });

  test('by another caller is another request', async () => {
    await create('of-two', 60);
    await call('POST', '/bookings/of-two/extend', { holdSeconds: 60 }, keyed(ownKey()), 'one');
    moveBy(1_000);
    const other = await call('POST', '/bookings/of-two/extend', { holdSeconds: 60 }, keyed(ownKey()), 'two');
    expect(other.body.expiresAt).toBe(new Date(nowMs() + 60_000).toISOString());
  });

  test('is a new request once a day has passed, though the record is still there', async () => {
    await create('next-day', 3 * 86_400);
    await call('POST', '/bookings/next-day/extend', { holdSeconds: 200_000 }, keyed(ownKey()));
    moveBy(KEPT_MS);
    const { status, body } = await call('POST', '/bookings/next-day/extend', { holdSeconds: 300_000 }, keyed(ownKey()));
    expect([status, body.expiresAt]).toEqual([200, new Date(nowMs() + 300_000_000).toISOString()]);
  });

  test('that another try is working on gets 409 and when to try again', async () => {
    await create('in-flight', 60);
    const [first, ...others] = await Promise.all(
      Array.from({ length: 12 }, () =>
        call('POST', '/bookings/in-flight/extend', { holdSeconds: 100 }, keyed(ownKey())),
      ),
    ).then((answers) => answers.sort((a, b) => a.status - b.status));
    expect(first?.status).toBe(200);
    for (const { status, body, headers } of others) {
      if (status === 200) expect(body).toEqual(first?.body);
      else {
        expect([status, body.type, headers.get('retry-after')]).toEqual([409, problem('request-in-flight'), '1']);
      }
    }
    // The control: without a key each of them moves the deadline.
    expect(others.some(({ status }) => status === 409)).toBe(true);
  });
});

describe('a request whose Lambda died before it answered', () => {
  const dieAt = async (bookingId: string, move: string, body?: object) => {
    replacePorts({ idempotency: dyingBeforeItAnswers() });
    expect((await call('POST', `/bookings/${bookingId}/${move}`, body, keyed(ownKey()))).status).toBe(500);
    replacePorts({});
  };

  test('is in flight until its claim is over, then the next try takes over and extends from the first try on', async () => {
    await create('died', 100);
    const firstTriedAtMs = nowMs();
    await dieAt('died', 'extend', { holdSeconds: 200 });
    moveBy(LOCK_MS - 1);
    const early = await call('POST', '/bookings/died/extend', { holdSeconds: 200 }, keyed(ownKey()));
    expect([early.status, early.body.type]).toEqual([409, problem('request-in-flight')]);
    moveBy(1);
    const { status, body } = await call('POST', '/bookings/died/extend', { holdSeconds: 200 }, keyed(ownKey()));
    expect([status, body.expiresAt]).toEqual([200, new Date(firstTriedAtMs + 200_000).toISOString()]);
    moveBy(1_000);
    const again = await call('POST', '/bookings/died/extend', { holdSeconds: 200 }, keyed(ownKey()));
    expect(again.body).toEqual(body);
  });

  test('does not undo a newer extension when it is taken over', async () => {
    await create('newer', 100);
    await dieAt('newer', 'extend', { holdSeconds: 100 });
    moveBy(5_000);
    const newer = await call('POST', '/bookings/newer/extend', { holdSeconds: 1_000 }, keyed(ownKey('newer')));
    moveBy(LOCK_MS);
    const { status, body } = await call('POST', '/bookings/newer/extend', { holdSeconds: 100 }, keyed(ownKey()));
    expect([status, body.expiresAt]).toEqual([200, newer.body.expiresAt]);
  });

  test('to confirm is confirmed when it is taken over after the deadline', async () => {
    await create('paid-and-died', 20);
    await dieAt('paid-and-died', 'confirm');
    moveBy(LOCK_MS);
    const { status, body } = await call('POST', '/bookings/paid-and-died/confirm', undefined, keyed(ownKey()));
    expect([status, body.status]).toEqual([200, 'CONFIRMED']);
  });

  test('to create makes one booking, found again when its deadline has passed', async () => {
    replacePorts({ idempotency: dyingBeforeItAnswers() });
    await call('POST', '/bookings', { holdSeconds: 20 }, keyed(ownKey()));
    replacePorts({});
    moveBy(LOCK_MS);
    const { status, body } = await call('POST', '/bookings', { holdSeconds: 20 }, keyed(ownKey()));
    expect([status, body.status]).toEqual([200, 'EXPIRED']);
  });

  test('is taken over by one of many that try', async () => {
    const records = engines().idempotency;
    const request = { recordId: 'many-take-over', requestHash: 'h' };
    await records.claim(request, nowMs());
    const outcomes = await Promise.all(Array.from({ length: 8 }, () => records.claim(request, nowMs() + LOCK_MS)));
    expect(outcomes.filter(({ kind }) => kind === 'claimed')).toHaveLength(1);
    expect(outcomes.filter(({ kind }) => kind === 'in-flight')).toHaveLength(7);
  });

  test('and that answers after all gives the answer of whoever took over', async () => {
    const records = engines().idempotency;
    const request = { recordId: 'late-answer', requestHash: 'h' };
    const slow = await records.claim(request, nowMs());
    const next = await records.claim(request, nowMs() + LOCK_MS);
    if (slow.kind !== 'claimed' || next.kind !== 'claimed') throw new Error('not claimed');
    const answer = (body: string) => ({ status: 200, headers: {}, body });
    expect(await records.keep(slow.claim, answer('slow'))).toBeUndefined();
    expect(await records.keep(next.claim, answer('next'))).toEqual(answer('next'));
    expect(await records.keep(slow.claim, answer('slow'))).toEqual(answer('next'));
  });

  test('of a table that is throttled may try again at once', async () => {
    await create('throttled', 60);
    const throttled = Object.assign(new Error('slow down'), { name: 'ThrottlingException' });
    const { store } = engines();
    replacePorts({
      store: Object.assign(Object.create(store), { confirm: () => Promise.reject(throttled) }),
    });
    expect((await call('POST', '/bookings/throttled/confirm', undefined, keyed(ownKey()))).status).toBe(503);
    replacePorts({});
    expect((await call('POST', '/bookings/throttled/confirm', undefined, keyed(ownKey()))).status).toBe(200);
  });
});

describe('an idempotency key', () => {
  test.each([
    ['empty', ''],
    ['empty between quotation marks', '""'],
    ['too long', 'x'.repeat(256)],
    ['of other characters', 'schlüssel'],
    ['with a quotation mark that is not closed', '"abc'],
    ['of two strings', '"a", "b"'],
  ])('that is %s is refused on every POST, and nothing is done', async (_, key) => {
    await create(`bad-key-${sequence()}`);
    const before = await engines().store.get(`bad-key-${sequence()}`);
    const answers = [
      await call('POST', '/bookings', { holdSeconds: 60 }, keyed(key)),
      await call('POST', `/bookings/bad-key-${sequence()}/confirm`, undefined, keyed(key)),
      await call('POST', `/bookings/bad-key-${sequence()}/cancel`, undefined, keyed(key)),
      await call('POST', `/bookings/bad-key-${sequence()}/extend`, { holdSeconds: 60 }, keyed(key)),
    ];
    for (const { status, body } of answers) {
      expect(status).toBe(400);
      expect(body.errors).toEqual([
        {
          pointer: 'Idempotency-Key',
          detail: expect.stringContaining('1 to 255 printable ASCII'),
          received: expect.stringContaining(key.slice(0, 100)),
        },
      ]);
    }
    expect(await engines().store.get(`bad-key-${sequence()}`)).toEqual(before);
  });

  test.each(['k', 'order-4711', '"8e03978e-40d5-43dd-bc93-6894a57f9324"', 'x'.repeat(255), 'with spaces inside'])(
    'may be %s',
    async (key) => {
      expect((await call('POST', '/bookings', { holdSeconds: 60 }, keyed(key))).status).toBe(201);
    },
  );

  test('of a request without one is neither looked up nor kept', async () => {
    const unasked = () => Promise.reject(new Error('nobody asks'));
    replacePorts({ idempotency: { claim: unasked, keep: unasked, release: unasked } });
    expect((await call('POST', '/bookings', { holdSeconds: 60 })).status).toBe(201);
    expect((await call('POST', '/bookings', { holdSeconds: 60 }, keyed('any'))).status).toBe(500);
  });

  test('costs two writes, and one when it is repeated', async () => {
    const writes: string[] = [];
    const counted = {
      create: (item: never, key: string) => {
        writes.push('create');
        return Promise.resolve({ kind: 'made', item, key });
      },
      write: () => {
        writes.push('write');
        return Promise.resolve({ kind: 'made', item: undefined });
      },
    };
    replacePorts({ idempotency: new KeyRecords(counted as never) });
    await call('POST', '/bookings', { holdSeconds: 60 }, keyed('counted'));
    expect(writes).toEqual(['create', 'write']);
  });
});

test.each([
  [
    'a role, whatever its session',
    { iam: { userArn: 'arn:aws:sts::123456789012:assumed-role/Shop/i-0abc' } },
    'arn:aws:sts::123456789012:assumed-role/Shop',
  ],
  [
    'a role in another partition',
    { iam: { userArn: 'arn:aws-cn:sts::123456789012:assumed-role/Shop/a/b' } },
    'arn:aws-cn:sts::123456789012:assumed-role/Shop',
  ],
  ['a user', { iam: { userArn: 'arn:aws:iam::123456789012:user/shop' } }, 'arn:aws:iam::123456789012:user/shop'],
  ['a token’s subject', { jwt: { claims: { iss: 'https://login', sub: 'shop' } } }, 'https://login#shop'],
  [
    'a machine’s token without a subject',
    { jwt: { claims: { iss: 'https://login', client_id: 'shop' } } },
    'https://login#shop',
  ],
  ['nobody', {}, ''],
])('the caller of a key is %s', (_, identity, caller) => {
  expect(callerOf(identity)).toBe(caller);
});
