/**
 * Bookings that are over, on a deployment that deletes them after 30 days and lists them by status; and deleting them over
 * HTTP. Settled over HTTP and expired by each of the Lambdas.
 */
import { join } from 'node:path';
import { DeleteItemCommand, PutItemCommand, ScanCommand, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import type { Hono } from 'hono';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { BookingErasure } from '../../functions/adapters/booking-erasure.ts';
import { bookingLists } from '../../functions/adapters/booking-lists.ts';
import { BookingStore } from '../../functions/adapters/booking-store.ts';
import { HeldItems } from '../../functions/adapters/held-items.ts';
import { createBookingsApi } from '../../functions/api/bookings-api.ts';
import type { RequestBindings } from '../../functions/api/request.ts';
import { DAY_MS } from '../../functions/core/hold-time.ts';
import { expireWithoutTraceMove } from '../../functions/core/moves.ts';
import type { Item } from '../../functions/table/item.ts';
import { bookingsTable, tableShape } from '../../functions/table/shape.ts';
import { writeOfMove } from '../../functions/table/write-of-move.ts';
import { PROJECT_DIRECTORY, synthesize } from '../../service/project.ts';
import { bookingsApiPorts } from '../support/bookings-api.ts';
import { type Engines, startEngines } from '../support/engines.ts';

const ASSEMBLY = join(PROJECT_DIRECTORY, '.local', 'test-assembly-over');
const SHARDS = 4;
const SHAPE = tableShape(bookingsTable({ purgeAfterDays: 30, listShards: SHARDS }));

let engines: Engines;
let api: Hono<{ Bindings: RequestBindings }>;
let held: HeldItems;
let nowMs = Date.UTC(2027, 0, 1);
let testNumber = 0;
beforeAll(async () => {
  await synthesize(ASSEMBLY, { retentionDays: '30', listSettled: 'true', shardCount: String(SHARDS) });
  engines = await startEngines(ASSEMBLY);
  const store = new BookingStore(engines.bookings, SHARDS, { shape: SHAPE });
  held = new HeldItems(engines.bookings, SHAPE);
  api = createBookingsApi(
    bookingsApiPorts(engines, () => nowMs, {
      store,
      newestFirst: bookingLists(engines.bookings, SHAPE),
      deletion: new BookingErasure(engines.bookings, store, SHAPE),
    }),
  );
});
afterAll(() => engines.stop());
beforeEach(() => {
  testNumber += 1;
  nowMs = Math.ceil(nowMs / DAY_MS) * DAY_MS + DAY_MS;
});

const call = async (method: string, path: string, body?: object) => {
  const response = await api.request(
    `/api/v1${path}`,
    {
      method,
      ...(body && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    },
    { caller: 'me', remainingMs: () => 25_000 },
  );
  const text = await response.text();
  return { status: response.status, body: text ? JSON.parse(text) : undefined };
};
const own = (name: string): string => `${testNumber}-${name}`;
const create = (name: string, holdSeconds = 60, more: object = {}) =>
  call('POST', '/bookings', { bookingId: own(name), holdSeconds, ...more });
const stored = async (name: string): Promise<Item> =>
  (await engines.bookings.get({ bookingId: { S: own(name) } })) as Item;
/** When DynamoDB may delete it, epoch ms. */
const purgedAtMs = async (name: string): Promise<number | undefined> => {
  const seconds = (await stored(name))?.purgeAt?.N;
  return seconds === undefined ? undefined : Number(seconds) * 1_000;
};
const idsOf = ({ body }: { body: { bookings: { bookingId: string }[] } }): string[] =>
  body.bookings.map(({ bookingId }) => bookingId);

describe('a booking that is over may be deleted 30 days later', () => {
  test('settled over HTTP, counted from when it was', async () => {
    await create('paid');
    await create('given-up');
    expect(await purgedAtMs('paid')).toBeUndefined();
    nowMs += 1_000;
    await call('POST', `/bookings/${own('paid')}/confirm`);
    await call('POST', `/bookings/${own('given-up')}/cancel`);
    expect(await purgedAtMs('paid')).toBe(nowMs + 30 * DAY_MS);
    expect(await purgedAtMs('given-up')).toBe(nowMs + 30 * DAY_MS);
    nowMs += 1_500;
    await call('POST', `/bookings/${own('paid')}/cancel`);
    // In whole seconds, never before.
    expect(await purgedAtMs('paid')).toBe(nowMs + 500 + 30 * DAY_MS);
  });

  test.each(['timer', 'sweep'] as const)('expired by a %s, together and alone', async (expiredBy) => {
    await Promise.all([create('one', 1), create('two', 1), create('still-held', 1_000)]);
    nowMs += 2_000;
    await held.expire([own('one'), own('two'), own('still-held')], expiredBy, nowMs);
    for (const name of ['one', 'two']) expect(await purgedAtMs(name)).toBe(nowMs + 30 * DAY_MS);
    expect(await purgedAtMs('still-held')).toBeUndefined();
  });

  test('expired by a read', async () => {
    await create('read', 1);
    nowMs += 1_000;
    await call('GET', `/bookings/${own('read')}`);
    expect(await purgedAtMs('read')).toBe(nowMs + 30 * DAY_MS);
  });

  test('but an extension says nothing of it, nor an expiry that has no room for a word more', async () => {
    await create('extended');
    await call('POST', `/bookings/${own('extended')}/extend`, { holdSeconds: 90 });
    expect(await purgedAtMs('extended')).toBeUndefined();
    expect(Object.keys(writeOfMove(SHAPE, expireWithoutTraceMove(nowMs)).set)).toEqual(['status']);
  });

  test('but not one that another program holds again: its adoption takes it out of the list too', async () => {
    await create('held-again', 1);
    nowMs += 1_000;
    await call('GET', `/bookings/${own('held-again')}`);
    expect(await purgedAtMs('held-again')).toBeDefined();
    const deadline = { N: String(nowMs + 60 * DAY_MS) };
    await engines.rawClient.send(
      new UpdateItemCommand({
        TableName: engines.table,
        Key: { bookingId: { S: own('held-again') } },
        UpdateExpression: 'SET #status = :pending, expiresAtMs = :deadline',
        ExpressionAttributeNames: { '#status': 'status' },
        ExpressionAttributeValues: { ':pending': { S: 'PENDING' }, ':deadline': deadline },
      }),
    );
    const adoption = { bookingId: own('held-again'), seenDeadline: { stored: deadline }, pendingShard: 1 };
    const outcomes = await held.adopt([adoption], () => undefined);
    expect([...outcomes.values()]).toEqual([{ kind: 'adopted' }]);
    expect(Object.keys(await stored('held-again'))).not.toEqual(
      expect.arrayContaining([expect.stringMatching(/^(purgeAt|settledIn|settledAtMs)$/)]),
    );
    await call('POST', `/bookings/${own('held-again')}/cancel`);
  });
});

describe('DELETE', () => {
  test.each(['confirm', 'cancel'])(
    'of a booking after %s deletes it, and says afterwards that it is gone',
    async (move) => {
      await create(move);
      await call('POST', `/bookings/${own(move)}/${move}`);
      expect(await call('DELETE', `/bookings/${own(move)}`)).toEqual({ status: 204, body: undefined });
      expect((await call('DELETE', `/bookings/${own(move)}`)).status).toBe(404);
      expect((await call('GET', `/bookings/${own(move)}`)).status).toBe(404);
    },
  );

  test('of a held booking is refused with its status, and leaves it as it is', async () => {
    await create('held');
    const before = await stored('held');
    const { status, body } = await call('DELETE', `/bookings/${own('held')}`);
    expect([status, body.found, body.type]).toEqual([409, 'PENDING', 'urn:booking-expiry:problem:move-refused']);
    expect(await stored('held')).toEqual(before);
  });

  test('of a lapsed booking expires it first', async () => {
    await create('lapsed', 1);
    nowMs += 1_000;
    expect((await call('DELETE', `/bookings/${own('lapsed')}`)).status).toBe(204);
    expect(await stored('lapsed')).toBeUndefined();
  });

  test('of what another program wrote deletes it if it has a status, and no other item', async () => {
    const put = (Item: Item) => engines.rawClient.send(new PutItemCommand({ TableName: engines.table, Item }));
    await put({ bookingId: { S: own('foreign') }, status: { S: 'PAID' } });
    await put({ bookingId: { S: own('no-booking') }, kind: { S: 'note' } });
    expect((await call('DELETE', `/bookings/${own('foreign')}`)).status).toBe(204);
    expect((await call('DELETE', `/bookings/${own('no-booking')}`)).status).toBe(404);
    expect(await stored('no-booking')).toBeDefined();
  });

  test('never deletes a booking that was made anew under the id meanwhile', async () => {
    await create('anew', 1);
    nowMs += 1_000;
    await call('GET', `/bookings/${own('anew')}`);
    const store = new BookingStore(engines.bookings, SHARDS, { shape: SHAPE });
    const key = { bookingId: { S: own('anew') } };
    let looks = 0;
    const table = Object.assign(Object.create(engines.bookings), {
      get: async (...args: [Item]) => {
        const seen = await engines.bookings.get(...args);
        looks += 1;
        if (looks === 1) {
          await engines.rawClient.send(new DeleteItemCommand({ TableName: engines.table, Key: key }));
          await store.create({ bookingId: own('anew'), holdMs: 60_000 }, nowMs);
        }
        return seen;
      },
      delete: (...args: Parameters<typeof engines.bookings.delete>) => engines.bookings.delete(...args),
    });
    expect(await new BookingErasure(table, store, SHAPE).delete(own('anew'), nowMs)).toMatchObject({ kind: 'refused' });
    expect((await stored('anew')).status?.S).toBe('PENDING');
  });
});

describe('lists of bookings that are over', () => {
  test.each([
    ['CONFIRMED', 'confirm'],
    ['CANCELLED', 'cancel'],
    ['EXPIRED', undefined],
  ])('%s ones, newest first, page by page, each once', async (status, move) => {
    const names = Array.from({ length: 11 }, (_, index) => `over-${index}`);
    await Promise.all(names.map((name) => create(name, 1_000)));
    await create('still-held', 100_000);
    for (const [index, name] of names.entries()) {
      // Two of them in the same millisecond.
      nowMs += index === 5 ? 0 : 7;
      if (move) await call('POST', `/bookings/${own(name)}/${move}`);
      else {
        nowMs += index === 0 ? 1_000_000 : 0;
        await held.expire([own(name)], 'timer', nowMs);
      }
    }
    const pages: string[][] = [];
    for (let cursor: string | null = ''; cursor !== null; ) {
      const page = await call('GET', `/bookings?status=${status}&limit=4${cursor && `&cursor=${cursor}`}`);
      expect(page.body.asOf).toBe(new Date(nowMs).toISOString());
      expect(page.body.bookings.every((each: { status: string }) => each.status === status)).toBe(true);
      pages.push(idsOf(page));
      cursor = page.body.cursor;
    }
    const ofThisTest = pages.flat().filter((id) => id.startsWith(`${testNumber}-`));
    const twins = [own('over-4'), own('over-5')];
    const order = (ids: string[]) => ids.map((id) => (twins.includes(id) ? 'twin' : id));
    expect(order(ofThisTest)).toEqual(order(names.map(own).reverse()));
    expect(new Set(pages.flat()).size).toBe(pages.flat().length);
    expect(pages[0]).toHaveLength(4);
  });

  test('leave one list for the other when a paid booking is cancelled', async () => {
    await create('moved');
    await call('POST', `/bookings/${own('moved')}/confirm`);
    expect(idsOf(await call('GET', '/bookings?status=CONFIRMED'))).toContain(own('moved'));
    await call('POST', `/bookings/${own('moved')}/cancel`);
    expect(idsOf(await call('GET', '/bookings?status=CONFIRMED'))).not.toContain(own('moved'));
    expect(idsOf(await call('GET', '/bookings?status=CANCELLED'))[0]).toBe(own('moved'));
  });
});

test('what is over is in one partition of each list, and what is held in none', async () => {
  const { Items = [] } = await engines.rawClient.send(new ScanCommand({ TableName: engines.table }));
  for (const { status, settledIn, settledAtMs } of Items) {
    if (status?.S === 'PENDING' || status?.S === 'PAID' || status === undefined) expect(settledIn).toBeUndefined();
    else expect(settledIn?.S).toBe(`${status.S}#${Number(settledAtMs?.N) % SHARDS}`);
  }
});
