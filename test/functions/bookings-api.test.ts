import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { mockClient } from 'aws-sdk-client-mock';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BookingStore } from '../../functions/adapters/booking-store.ts';
import { cronTokenCheck } from '../../functions/adapters/cron-token.ts';
import type { BookingsApiPorts } from '../../functions/api/bookings-api.ts';
import { deploymentAt, openApiDocument } from '../../functions/api/openapi.ts';
import { ROUTES } from '../../functions/api/routes.ts';
import type { Item } from '../../functions/table/item.ts';
import { useBookingsApi } from '../support/bookings-api.ts';

const { call, create, engines, moveBy, nowMs, ports, replacePorts, sequence } = useBookingsApi();

/** The store's methods that the API uses, one by one to be replaced. */
const apiStore = (): BookingsApiPorts['store'] => ({
  create: (...args) => engines().store.create(...args),
  read: (...args) => engines().store.read(...args),
  confirm: (...args) => engines().store.confirm(...args),
  cancel: (...args) => engines().store.cancel(...args),
  extendOnlyIf: (...args) => engines().store.extendOnlyIf(...args),
});

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

describe('the cron webhook', () => {
  const cron = (authorization?: string) =>
    call('POST', '/cron/expire-bookings', undefined, authorization === undefined ? {} : { authorization });

  test('sweeps what has lapsed and says how much', async () => {
    await create('for the sweep'.replaceAll(' ', '-'), 10);
    moveBy(10_000);
    const { status, body } = await cron('Bearer right');
    expect(status).toBe(200);
    expect(body).toMatchObject({ scheduled: 0, remaining: false });
    expect(body.expired).toBeGreaterThanOrEqual(1);
    expect(await engines().store.get('for-the-sweep')).toMatchObject({ status: 'EXPIRED', expiredBy: 'sweep' });
  });

  test.each([undefined, 'Bearer wrong', 'Bearer', 'right', 'Basic right', 'Bearer right right'])(
    'sweeps nothing for %s',
    async (authorization) => {
      await create(`safe-${sequence()}`, 10);
      moveBy(10_000);
      expect((await cron(authorization)).status).toBe(401);
      expect((await engines().store.get(`safe-${sequence()}`))?.status).toBe('PENDING');
    },
  );

  test('answers 500 when a part of the sweep failed, so that a scheduler notices', async () => {
    const index = { pendingPage: () => Promise.reject(new Error('throttled')) };
    replacePorts({ sweepPorts: { ...ports().sweepPorts, index } });
    const { status, body } = await cron('Bearer right');
    expect(status).toBe(500);
    expect(body).toMatchObject({ type: 'urn:booking-expiry:problem:sweep-failed', remaining: true });
  });

  test('takes a rotated token without a deployment, and guesses cost no requests', async () => {
    const secrets = mockClient(SecretsManagerClient);
    secrets.on(GetSecretValueCommand).resolves({ SecretString: 'old' });
    let clockMs = 0;
    const isToken = cronTokenCheck(new SecretsManagerClient({ region: 'us-east-1' }), 'arn', () => clockMs);
    expect(await isToken('old')).toBe(true);
    for (let guess = 0; guess < 50; guess += 1) expect(await isToken(`guess-${guess}`)).toBe(false);
    expect(secrets.commandCalls(GetSecretValueCommand)).toHaveLength(1);
    secrets.on(GetSecretValueCommand).resolves({ SecretString: 'new' });
    clockMs = 11_000;
    expect(await isToken('new')).toBe(true);
    expect(await isToken('old')).toBe(false);
  });
});

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

describe('the document', () => {
  const documentOf = async () => (await call('GET', '/openapi.json')).body;
  const methodsOf = (path: object) => Object.values(path) as { operationId: string; responses: object }[];

  test('describes every route, and its schemas come from the validation', async () => {
    const { openapi, paths, components } = await documentOf();
    expect(openapi).toBe('3.1.0');
    const operations = Object.values(paths as object).flatMap(methodsOf);
    expect(operations.map(({ operationId }) => operationId).sort()).toEqual(Object.keys(ROUTES).sort());
    const { CreateBooking, CreateBookingForSeconds, CreateBookingUntilTime, BookingPage } = components.schemas;
    expect(CreateBooking.oneOf).toHaveLength(2);
    expect(CreateBookingForSeconds).toMatchObject({
      type: 'object',
      required: ['holdSeconds'],
      additionalProperties: false,
      properties: {
        holdSeconds: { type: 'integer', minimum: 1, maximum: 31_622_400 },
        details: { type: 'object', additionalProperties: true },
      },
    });
    expect(CreateBookingForSeconds.properties).not.toHaveProperty('expiresAt');
    expect(CreateBookingUntilTime.properties.expiresAt).toMatchObject({ type: 'string', format: 'date-time' });
    expect(BookingPage.properties.bookings.items).toEqual({ $ref: '#/components/schemas/Booking' });
    expect((await call('GET', '/health')).body).toEqual({ status: 'ok', time: new Date(nowMs()).toISOString() });
  });

  test('has what each reference in it names, and names each shared part', async () => {
    const document = await documentOf();
    const text = JSON.stringify(document);
    const named = new Set(
      [...text.matchAll(/"#\/components\/(\w+)\/(\w+)"/g)].map(([, kind, name]) => `${kind} ${name}`),
    );
    const { securitySchemes: _, ...kinds } = document.components;
    const there = Object.entries(kinds).flatMap(([kind, parts]) =>
      Object.keys(parts as object).map((name) => `${kind} ${name}`),
    );
    expect([...named].sort()).toEqual(there.sort());
  });

  test.each([
    [{ kind: 'iam' }, [{ sigv4: [] }]],
    [{ kind: 'jwt', issuer: 'https://login', scope: 'bookings/manage' }, [{ jwt: [] }]],
    [{ kind: 'none' }, []],
  ] as const)('says what a deployment asks of callers: %j', (authorization, security) => {
    const document = openApiDocument({ serverUrl: 'https://api', authorization });
    expect(document.security).toEqual(security);
    for (const [scheme] of security.flatMap((each) => Object.entries(each))) {
      expect(document.components.securitySchemes).toHaveProperty(scheme);
    }
    expect(document.servers).toMatchObject([{ url: 'https://api' }]);
    const { expireBookings, health } = Object.fromEntries(
      Object.values(document.paths)
        .flatMap(methodsOf)
        .map((each) => [each.operationId, each as { security?: unknown }]),
    );
    expect([expireBookings?.security, health?.security]).toEqual([[{ cronToken: [] }], []]);
  });

  test.each([
    ['https://127.0.0.1:3000', '127.0.0.1', 'http://127.0.0.1:3000', 'none'],
    ['https://[::1]:3000', '[::1]', 'http://[::1]:3000', 'none'],
    [
      'https://abc.execute-api.eu-central-1.amazonaws.com',
      'abc.execute-api.eu-central-1.amazonaws.com',
      undefined,
      'iam',
    ],
    ['https://127.0.0.1.example.com', '127.0.0.1.example.com', undefined, 'iam'],
  ])('of %s names it, and no gateway on loopback', (origin, hostname, url, kind) => {
    expect(deploymentAt(origin, hostname, { kind: 'iam' })).toEqual({
      serverUrl: url ?? origin,
      authorization: { kind },
    });
  });

  test('lists every status that the API and its gateway answer a move with', async () => {
    const { paths } = await documentOf();
    const { extend, confirm } = {
      extend: paths['/api/v1/bookings/{bookingId}/extend'].post,
      confirm: paths['/api/v1/bookings/{bookingId}/confirm'].post,
    };
    const statuses = ['200', '400', '401', '403', '404', '405', '409', '413', '415', '422', '429', '500', '503'];
    expect(Object.keys(confirm.responses).sort()).toEqual(statuses);
    expect(Object.keys(extend.responses).sort()).toEqual([...statuses, '412'].sort());
  });
});
