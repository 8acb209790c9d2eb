/** Bookings of versions that had no slots, beside those that have some: answered as they were, in the table that they were in. */
import { readdirSync, readFileSync } from 'node:fs';
import { PutItemCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BookingStore } from '../../functions/adapters/booking-store.ts';
import { createBookingsApi } from '../../functions/api/bookings-api.ts';
import { bookingsApiPorts } from '../support/bookings-api.ts';
import { type Engines, startEngines } from '../support/engines.ts';
import { NOW_MS, type Release, SHARD_COUNT } from './record.ts';

const releases = readdirSync(new URL('.', import.meta.url))
  .filter((name) => name.endsWith('.json'))
  .map((name) => JSON.parse(readFileSync(new URL(`./${name}`, import.meta.url), 'utf8')) as Release)
  // Later ones had slots.
  .filter(({ version }) => version === '0.1.0');

test('there is a release from before slots', () => {
  expect(releases).toHaveLength(1);
});

/** Members of an answer that a version without slots could not give. */
const OF_SLOTS = ['slotIds', 'revivedAt', 'slotsLostAt', 'slots'];

describe.each(['with the table of slots', 'without it, as the version before was deployed'])('%s', (deployment) => {
  let engines: Engines;
  let call: (method: string, path: string, body?: object) => Promise<{ status: number; body: Record<string, unknown> }>;
  beforeAll(async () => {
    engines = await startEngines();
    for (const Item of releases.flatMap(({ items }) => items)) {
      await engines.rawClient.send(new PutItemCommand({ TableName: engines.table, Item: Item as never }));
    }
    const store = new BookingStore(engines.bookings, SHARD_COUNT);
    const api = createBookingsApi(
      bookingsApiPorts(engines, () => NOW_MS, deployment.startsWith('without') ? { store } : {}),
    );
    call = async (method, path, body) => {
      const response = await api.request(
        `/api/v1/bookings/${path}`,
        { method, ...(body && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }) },
        { caller: 'customer', remainingMs: () => 25_000 },
      );
      const text = await response.text();
      return { status: response.status, body: text === '' ? {} : JSON.parse(text) };
    };
  });
  afterAll(() => engines.stop());

  const NEW_DEADLINE = { expiresAt: new Date(NOW_MS + 900_000).toISOString() };

  // In this order: each is of the booking as the one before has left it.
  test.each<[string, string, object | undefined, number, Record<string, unknown>]>([
    [
      'GET',
      'near',
      undefined,
      200,
      { status: 'PENDING', details: { seat: '7A', price: 12.5, extras: ['meal', null] } },
    ],
    ['POST', 'near/extend', NEW_DEADLINE, 200, { status: 'PENDING', ...NEW_DEADLINE }],
    ['POST', 'near/confirm', undefined, 200, { status: 'CONFIRMED', confirmedAt: new Date(NOW_MS).toISOString() }],
    ['POST', 'near/confirm', { ifLapsed: 'revive' }, 200, { status: 'CONFIRMED' }],
    ['POST', 'near/cancel', undefined, 200, { status: 'CANCELLED' }],
    ['POST', 'paid/confirm', undefined, 200, { status: 'CONFIRMED' }],
    ['POST', 'paid/extend', NEW_DEADLINE, 409, { found: 'CONFIRMED' }],
    ['POST', 'paid/cancel', undefined, 200, { status: 'CANCELLED' }],
    ['POST', 'given-up/cancel', undefined, 200, { status: 'CANCELLED' }],
    ['POST', 'given-up/confirm', undefined, 409, { found: 'CANCELLED' }],
    ['POST', 'lapsed/confirm', undefined, 409, { found: 'EXPIRED' }],
    ['POST', 'lapsed/confirm', { ifLapsed: 'revive' }, 409, { found: 'EXPIRED' }],
    ['GET', 'lapsed', undefined, 200, { status: 'EXPIRED' }],
    ['POST', 'foreign/extend', NEW_DEADLINE, 200, { status: 'PENDING', ...NEW_DEADLINE }],
    ['POST', 'foreign/confirm', undefined, 200, { status: 'CONFIRMED' }],
    ['POST', 'far/cancel', undefined, 200, { status: 'CANCELLED' }],
    ['DELETE', 'far', undefined, 204, {}],
  ])('%s %s %j is answered with %i', async (method, path, body, status, wanted) => {
    const answer = await call(method, path, body);
    expect(answer).toMatchObject({ status, body: wanted });
    for (const name of OF_SLOTS) expect(answer.body).not.toHaveProperty(name);
  });
});

test('slots are claimed beside them in the same tables, with nothing done before', async () => {
  const engines = await startEngines();
  for (const Item of releases.flatMap(({ items }) => items)) {
    await engines.rawClient.send(new PutItemCommand({ TableName: engines.table, Item: Item as never }));
  }
  const { store } = engines;
  const create = (bookingId: string) => store.create({ bookingId, holdMs: 60_000, slotIds: ['seat'] }, NOW_MS);
  // An id that a booking of the version before has.
  expect(await create('near')).toMatchObject({ kind: 'exists', booking: { bookingId: 'near' } });
  expect((await create('new')).kind).toBe('created');
  expect(await create('newer')).toMatchObject({ kind: 'slots-taken', slots: [{ slotId: 'seat' }] });
  expect((await store.confirm('new', NOW_MS)).kind).toBe('moved');
  expect((await store.confirm('near', NOW_MS)).kind).toBe('moved');
  await engines.stop();
});
