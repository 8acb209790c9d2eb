/** Bookings made by the HTTP API: what it answers, and what it refuses of requests of any kind. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { useBookingsApi } from '../support/bookings-api.ts';

const { apiStore, call, create, engines, moveBy, nowMs, replacePorts, sequence } = useBookingsApi();

describe('creating a booking', () => {
  test('answers 201 with the booking and its place', async () => {
    const { status, headers, body } = await call('POST', '/bookings', {
      holdSeconds: 900,
      details: { seat: '7A', price: 12.5 },
    });
    expect(status).toBe(201);
    expect(headers.get('location')).toBe(`/api/v1/bookings/${body.bookingId}`);
    expect(body).toEqual({
      bookingId: expect.stringMatching(/^[0-9a-f-]{36}$/),
      status: 'PENDING',
      expiresAt: new Date(nowMs() + 900_000).toISOString(),
      remainingMs: 900_000,
      createdAt: new Date(nowMs()).toISOString(),
      details: { seat: '7A', price: 12.5 },
    });
    expect((await engines().store.get(body.bookingId))?.pendingShard).toBeGreaterThanOrEqual(0);
  });

  test('takes a deadline with any offset, to the millisecond', async () => {
    const expiresAt = new Date(nowMs() + 3_600_123).toISOString().replace('Z', '+02:00');
    const { body } = await call('POST', '/bookings', { expiresAt: new Date(nowMs() + 123_456).toISOString() });
    expect(body.remainingMs).toBe(123_456);
    // The same digits with an offset of two hours are two hours sooner: in the past.
    expect((await call('POST', '/bookings', { expiresAt })).status).toBe(400);
  });

  test('twice with one Idempotency-Key gives one booking, and the first answer twice', async () => {
    const key = { 'idempotency-key': 'order-4711' };
    const first = await call('POST', '/bookings', { holdSeconds: 60, details: { a: 1, b: 2 } }, key);
    moveBy(5_000);
    const second = await call('POST', '/bookings', { details: { b: 2, a: 1 }, holdSeconds: 60 }, key);
    expect([first.status, second.status]).toEqual([201, 201]);
    expect(second.body).toEqual(first.body);
  });

  test('with one Idempotency-Key by two callers gives two bookings', async () => {
    const key = { 'idempotency-key': 'order-4711' };
    const mine = await call('POST', '/bookings', { holdSeconds: 60 }, key, 'me');
    const theirs = await call('POST', '/bookings', { holdSeconds: 60 }, key, 'them');
    expect(theirs.status).toBe(201);
    expect(theirs.body.bookingId).not.toBe(mine.body.bookingId);
  });

  test('with an id that another request has used is refused', async () => {
    await create(`taken-${sequence()}`);
    const { status, body } = await call('POST', '/bookings', { bookingId: `taken-${sequence()}`, holdSeconds: 61 });
    expect(status).toBe(409);
    expect(body.type).toBe('urn:booking-expiry:problem:booking-exists');
  });

  test('a repetition after the payment tells that it is paid', async () => {
    const bookingId = `paid-${sequence()}`;
    await create(bookingId);
    await call('POST', `/bookings/${bookingId}/confirm`);
    const { status, body } = await call('POST', '/bookings', { bookingId, holdSeconds: 60 });
    expect([status, body.status]).toEqual([200, 'CONFIRMED']);
  });
});

describe('what is refused, with the field, what is allowed and what came', () => {
  test.each([
    [{}, '', 'either holdSeconds or expiresAt'],
    [{ holdSeconds: 1, expiresAt: '2027-02-01T00:00:00Z' }, '', 'either holdSeconds or expiresAt'],
    [{ holdSeconds: 0 }, '/holdSeconds', 'from 1 to 31622400'],
    [{ holdSeconds: 31_622_401 }, '/holdSeconds', 'from 1 to 31622400'],
    [{ holdSeconds: 1.5 }, '/holdSeconds', 'whole number'],
    [{ holdSeconds: '60' }, '/holdSeconds', 'whole number'],
    [{ holdSeconds: null }, '/holdSeconds', 'whole number'],
    [{ expiresAt: '2027-02-01T00:00:00' }, '/expiresAt', 'with Z or an offset'],
    [{ expiresAt: '2027-02-01' }, '/expiresAt', 'with Z or an offset'],
    [{ expiresAt: '2027-02-30T00:00:00Z' }, '/expiresAt', 'ISO 8601'],
    [{ expiresAt: 1_790_000_000 }, '/expiresAt', 'ISO 8601'],
    [{ expiresAt: '2020-01-01T00:00:00Z' }, '/expiresAt', '1 second to 366 days from now'],
    [{ expiresAt: '2099-01-01T00:00:00Z' }, '/expiresAt', '1 second to 366 days from now'],
    [{ holdSeconds: 60, bookingId: 'a b' }, '/bookingId', 'characters'],
    [{ holdSeconds: 60, bookingId: 'x'.repeat(129) }, '/bookingId', '1 to 128'],
    [{ holdSeconds: 60, bookingId: '' }, '/bookingId', '1 to 128'],
    [{ holdSeconds: 60, bookingId: '.' }, '/bookingId', 'no URL can reach'],
    [{ holdSeconds: 60, bookingId: '..' }, '/bookingId', 'no URL can reach'],
    [{ holdSeconds: 60, holdMinutes: 1 }, '/holdMinutes', 'is not a field here'],
    [{ holdSeconds: 60, details: [] }, '/details', 'must be an object'],
    [{ holdSeconds: 60, details: { text: 'x'.repeat(8_192) } }, '/details', '8192 bytes'],
    [{ holdSeconds: 60, details: { big: 1e300 } }, '/details', 'send others as text'],
    [{ holdSeconds: 60, details: { id: 2 ** 53 } }, '/details', 'send others as text'],
    [{ holdSeconds: 60, details: { '': 1 } }, '/details', 'names of 1 to 255'],
    ['{"holdSeconds":60,"details":{"text":"\\ud800"}}', '/details', 'well-formed Unicode'],
    ['{"holdSeconds":60,', '', 'must be JSON'],
    ['[1]', '', 'JSON object'],
    ['null', '', 'JSON object'],
  ])('%j', async (request, pointer, allowed) => {
    const { status, headers, body } = await call('POST', '/bookings', request);
    expect(status).toBe(400);
    expect(headers.get('content-type')).toBe('application/problem+json');
    expect(body.errors).toEqual(
      expect.arrayContaining([expect.objectContaining({ pointer, detail: expect.stringContaining(allowed) })]),
    );
  });

  test('several fields at once, each with what came', async () => {
    const { body } = await call('POST', '/bookings', { holdSeconds: -5, bookingId: 'ä', more: true });
    expect(body.errors).toMatchObject([
      { pointer: '/holdSeconds', received: -5 },
      { pointer: '/bookingId', received: 'ä' },
      { pointer: '/more', received: true },
    ]);
  });

  test('a body that is too large, or no JSON by its type', async () => {
    const large = await call('POST', '/bookings', { holdSeconds: 60, details: { text: 'x'.repeat(20_000) } });
    expect(large.status).toBe(413);
    const form = await call('POST', '/bookings', 'holdSeconds=60', {
      'content-type': 'application/x-www-form-urlencoded',
    });
    expect(form.status).toBe(415);
    expect(form.body.detail).toContain('got application/x-www-form-urlencoded');
  });

  test('a method or a path that is not there', async () => {
    const wrongMethod = await call('PUT', '/bookings/x');
    expect([wrongMethod.status, wrongMethod.headers.get('allow')]).toEqual([405, 'GET, DELETE']);
    expect((await call('GET', '/nothing')).status).toBe(404);
    expect((await call('GET', '/bookings/nobody')).body.type).toBe('urn:booking-expiry:problem:not-found');
  });

  test.each(['limit=0', 'limit=101', 'limit=ten', 'status=PAID', 'cursor=abc', 'cursor=%20', 'page=2'])(
    'a list with %s',
    async (query) => {
      expect((await call('GET', `/bookings?${query}`)).status).toBe(400);
    },
  );

  test('anything at all is answered with less than 500', async () => {
    const value = fc.oneof(fc.jsonValue(), fc.double(), fc.string({ unit: 'binary' }));
    const request = fc.record(
      {
        holdSeconds: value,
        expiresAt: value,
        bookingId: value,
        details: fc.oneof(value, fc.dictionary(fc.string({ unit: 'binary' }), value)),
      },
      { requiredKeys: [] },
    );
    await fc.assert(
      fc.asyncProperty(fc.oneof(request, fc.string({ unit: 'binary' })), async (body) => {
        expect((await call('POST', '/bookings', body)).status).toBeLessThan(500);
      }),
      { numRuns: 500 },
    );
  });

  test.each([
    '{"constructor":"ACME"}',
    '{"constructor":{"name":"String"}}',
    '{"guest":{"constructor":{"name":"Set"}},"list":[{"constructor":"Map"}]}',
    '{"__proto__":{"admin":true},"toJSON":"x","then":1,"valueOf":null,"hasOwnProperty":[]}',
  ])('A5: details with names of methods come back as they were sent: %s', async (details) => {
    const headers = { 'content-type': 'application/json' };
    const { status, body } = await call('POST', '/bookings', `{"holdSeconds":60,"details":${details}}`, headers);
    expect(status).toBe(201);
    const read = await call('GET', `/bookings/${body.bookingId}`);
    expect(JSON.stringify(sorted(read.body.details))).toBe(JSON.stringify(sorted(JSON.parse(details))));
  });

  test('details that are accepted come back as they were sent', async () => {
    const leaf = fc.oneof(
      fc.boolean(),
      fc.constant(null),
      fc.integer(),
      fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e9, max: 1e9 }),
      fc.string(),
    );
    const details = fc.dictionary(
      fc.string({ minLength: 1, maxLength: 10 }),
      fc.oneof(leaf, fc.array(leaf), fc.dictionary(fc.string({ minLength: 1 }), leaf)),
    );
    await fc.assert(
      fc.asyncProperty(details, async (given) => {
        const { status, body } = await call('POST', '/bookings', { holdSeconds: 60, details: given });
        if (status !== 201) return;
        const read = await call('GET', `/bookings/${body.bookingId}`);
        expect(read.body.details).toEqual(JSON.parse(JSON.stringify(given)));
      }),
      { numRuns: 200 },
    );
  });
});

/** With the names in order, own ones only: an engine keeps no order. */
const sorted = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([name, each]) => [name, sorted(each)]));
};

describe('trouble', () => {
  test('with a busy table is answered 503 with Retry-After, any other 500 without its details', async () => {
    const failing = (name: string) =>
      ({ ...apiStore(), read: () => Promise.reject(Object.assign(new Error('secret detail'), { name })) }) as never;
    replacePorts({ store: failing('ThrottlingException') });
    const busy = await call('GET', '/bookings/x');
    expect([busy.status, busy.headers.get('retry-after')]).toEqual([503, '1']);
    replacePorts({ store: failing('TypeError') });
    const broken = await call('GET', '/bookings/x');
    expect(broken.status).toBe(500);
    expect(JSON.stringify(broken.body)).not.toContain('secret detail');
  });
});
