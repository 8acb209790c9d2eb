/** What other programs do to bookings and slots, and what becomes of slots when their booking is deleted. */
import { DeleteItemCommand, GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { PutCommand } from '@aws-sdk/lib-dynamodb';
import { describe, expect, test } from 'vitest';
import { BookingStore } from '../../functions/adapters/booking-store.ts';
import { useBookingsApi } from '../support/bookings-api.ts';
import { SHARD_COUNT } from '../support/engines.ts';
import { NO_SLOTS } from '../support/no-slots.ts';

const MINUTE = 60_000;
const api = useBookingsApi();
const id = (name: string) => `${name}-${api.sequence()}`;

const call = (method: string, name: string, path = '', body?: object) =>
  api.call(method, `/bookings/${id(name)}${path}`, body);
const hold = (name: string, slots: string[]) =>
  api.call('POST', '/bookings', { bookingId: id(name), holdSeconds: 60, slotIds: slots.map(id) });
const stateOf = async (name: string) => (await api.call('GET', `/slots/${id(name)}`)).body.state;

describe.each(NO_SLOTS)('an item whose slotIds are $name', ({ value }) => {
  /** Whether anything was written of the slot that most of them name. */
  const isClaimed = async (): Promise<boolean> => {
    const { rawClient, slotsTable } = api.engines();
    const Key = { slotId: { S: 'table-7' } };
    return (await rawClient.send(new GetItemCommand({ TableName: slotsTable, Key }))).Item !== undefined;
  };
  const put = async (name: string): Promise<void> => {
    const { documents, table } = api.engines();
    const held = { status: 'PENDING', expiresAtMs: api.nowMs() + MINUTE, pendingShard: 0 };
    const Item = { bookingId: id(name), ...held, ...(value !== undefined && { slotIds: value }) };
    await documents.send(new PutCommand({ TableName: table, Item }));
  };
  const read = async (name: string) => {
    const { rawClient, table } = api.engines();
    return (await rawClient.send(new GetItemCommand({ TableName: table, Key: { bookingId: { S: id(name) } } }))).Item;
  };

  test('is confirmed, cancelled, extended and expired as ever over the API, and keeps them', async () => {
    for (const name of ['paid', 'given-up', 'paid-and-given-up', 'extended', 'late']) await put(name);
    const before = await read('paid');
    expect((await call('POST', 'paid', '/confirm')).body).toMatchObject({ status: 'CONFIRMED' });
    expect((await call('POST', 'paid', '/confirm')).status).toBe(200);
    expect((await call('POST', 'given-up', '/cancel')).body).toMatchObject({ status: 'CANCELLED' });
    expect((await call('POST', 'paid-and-given-up', '/confirm')).status).toBe(200);
    expect((await call('POST', 'paid-and-given-up', '/cancel')).body).toMatchObject({ status: 'CANCELLED' });
    expect((await call('POST', 'extended', '/extend', { holdSeconds: 120 })).body).toMatchObject({ status: 'PENDING' });
    api.moveBy(MINUTE);
    expect((await call('POST', 'late', '/confirm')).body).toMatchObject({ status: 409, found: 'EXPIRED' });
    expect((await call('POST', 'late', '/confirm', { ifLapsed: 'revive' })).body).toMatchObject({ found: 'EXPIRED' });
    expect((await call('GET', 'late')).body).toMatchObject({ status: 'EXPIRED' });
    expect((await call('GET', 'late')).body).not.toHaveProperty('slotIds');
    for (const name of ['paid', 'given-up', 'paid-and-given-up', 'extended', 'late']) {
      expect((await read(name))?.slotIds).toEqual(before?.slotIds);
    }
    expect(await isClaimed()).toBe(false);
  });

  test('is moved so also where there is no table for slots, and expired by its timer', async () => {
    const { held, bookings } = api.engines();
    for (const name of ['paid', 'given-up', 'extended', 'lapsed']) await put(name);
    const store = new BookingStore(bookings, SHARD_COUNT);
    expect((await store.confirm(id('paid'), api.nowMs())).kind).toBe('moved');
    expect((await store.cancel(id('paid'), api.nowMs())).kind).toBe('moved');
    expect((await store.cancel(id('given-up'), api.nowMs())).kind).toBe('moved');
    expect((await store.extend(id('extended'), 2 * MINUTE, api.nowMs())).kind).toBe('moved');
    const expired = await held.expire([id('lapsed')], 'timer', api.nowMs() + MINUTE);
    expect(expired.get(id('lapsed'))).toMatchObject({ kind: 'expired' });
  });
});

describe('a booking that is deleted', () => {
  test('keeps its slots TAKEN if it was confirmed: not even its own id gets them again', async () => {
    await hold('sold', ['1']);
    await call('POST', 'sold', '/confirm');
    expect((await call('DELETE', 'sold')).status).toBe(204);
    expect((await call('GET', 'sold')).status).toBe(404);
    api.moveBy(400 * 86_400_000);
    expect(await stateOf('1')).toBe('TAKEN');
    expect((await hold('other', ['1'])).body.slots).toEqual([{ slotId: id('1') }]);
    const again = await hold('sold', ['1', '2']);
    expect([again.status, again.body.slots]).toEqual([409, [{ slotId: id('1') }]]);
    expect((await call('GET', 'sold')).status).toBe(404);
    expect(await stateOf('2')).toBe('FREE');
  });

  test('frees its slots if it is cancelled first', async () => {
    await hold('sold', ['1']);
    await call('POST', 'sold', '/confirm');
    await call('POST', 'sold', '/cancel');
    await call('DELETE', 'sold');
    expect((await hold('sold', ['1'])).status).toBe(201);
  });

  test('has its slot given back by hand, on condition that it is still that booking’s', async () => {
    await hold('sold', ['1']);
    await call('POST', 'sold', '/confirm');
    await call('DELETE', 'sold');
    await giveBackByHand('1', 'another');
    expect(await stateOf('1')).toBe('TAKEN');
    await giveBackByHand('1', 'sold');
    expect((await hold('next', ['1'])).status).toBe(201);
  });

  test('leaves nothing to wait for if it lapsed', async () => {
    await hold('lapsed', ['1']);
    api.moveBy(MINUTE);
    expect((await call('DELETE', 'lapsed')).status).toBe(204);
    expect((await hold('next', ['1'])).status).toBe(201);
  });
});

describe('a slot whose item somebody deletes while it is held', () => {
  test('is its booking’s still, if nobody else has claimed it', async () => {
    await hold('first', ['1']);
    await giveBackByHand('1', 'first');
    expect((await call('POST', 'first', '/confirm')).status).toBe(200);
    expect(await stateOf('1')).toBe('TAKEN');
  });

  test('is not sold twice if somebody has', async () => {
    await hold('first', ['1']);
    await giveBackByHand('1', 'first');
    expect((await hold('second', ['1'])).status).toBe(201);
    expect((await call('POST', 'first', '/confirm')).body.slots).toEqual([{ slotId: id('1') }]);
    expect((await call('POST', 'second', '/confirm')).status).toBe(200);
  });
});

describe('a booking that names slots which it has not claimed', () => {
  const put = async (name: string, slots: string[]): Promise<void> => {
    const { documents, table } = api.engines();
    const held = { status: 'PENDING', expiresAtMs: api.nowMs() + MINUTE };
    const Item = { bookingId: id(name), ...held, slotIds: slots.map(id) };
    await documents.send(new PutCommand({ TableName: table, Item }));
  };

  test('holds none, and takes those that are nobody’s when it is confirmed', async () => {
    await put('bare', ['1']);
    expect(await stateOf('1')).toBe('FREE');
    expect((await call('POST', 'bare', '/confirm')).status).toBe(200);
    expect(await stateOf('1')).toBe('TAKEN');
  });

  test('is refused for good if one is another’s', async () => {
    await hold('first', ['1']);
    await put('bare', ['1', '2']);
    expect((await call('POST', 'bare', '/confirm')).body.slots).toEqual([{ slotId: id('1') }]);
    await call('POST', 'first', '/cancel');
    expect((await call('POST', 'bare', '/confirm')).status).toBe(409);
    expect(await stateOf('2')).toBe('FREE');
  });
});

test('a booking with slots that is confirmed by a plain update keeps them as long as everybody asks it, and their items are there', async () => {
  await hold('first', ['1']);
  const { documents, table } = api.engines();
  const Item = { bookingId: id('first'), status: 'CONFIRMED', slotIds: [id('1')] };
  await documents.send(new PutCommand({ TableName: table, Item }));
  expect(await stateOf('1')).toBe('HELD');
  api.moveBy(MINUTE);
  expect(await stateOf('1')).toBe('TAKEN');
  expect((await hold('next', ['1'])).status).toBe(409);
  // As the table's time to live does after a week.
  await giveBackByHand('1', 'first');
  expect((await hold('next', ['1'])).status).toBe(201);
});

test.each([
  ['empty', ''],
  ['longer than a key', 'x'.repeat(2_049)],
])('a lapsed slot whose bookingId is %s is of no booking, and free', async (_, bookingId) => {
  const { rawClient, slotsTable } = api.engines();
  const lapsed = { state: { S: 'HELD' }, heldUntilMs: { N: String(api.nowMs() - 1) } };
  const Item = { slotId: { S: id('1') }, bookingId: { S: bookingId }, ...lapsed };
  await rawClient.send(new PutItemCommand({ TableName: slotsTable, Item }));
  await hold('first', ['2']);
  const asked = await api.call('POST', '/slots/lookup', { slotIds: [id('1'), id('2')] });
  expect(asked.body.slots).toMatchObject([{ state: 'FREE' }, { state: 'HELD' }]);
  expect((await hold('next', ['1'])).status).toBe(201);
  expect((await call('POST', 'next', '/confirm')).status).toBe(200);
});

describe('what was sold, and is moved by a plain update', () => {
  const put = async (name: string, status: string): Promise<void> => {
    const { documents, table } = api.engines();
    const Item = { bookingId: id(name), status, expiresAtMs: api.nowMs() + MINUTE, slotIds: [id('1')] };
    await documents.send(new PutCommand({ TableName: table, Item }));
  };

  test.each(['CANCELLED', 'EXPIRED'])(
    'stays TAKEN if that makes it %s, until it is given back by hand',
    async (status) => {
      await hold('sold', ['1']);
      await call('POST', 'sold', '/confirm');
      await put('sold', status);
      expect((await call('POST', 'sold', '/cancel')).body).toMatchObject({
        status: status === 'CANCELLED' ? status : 409,
      });
      expect(await stateOf('1')).toBe('TAKEN');
      expect((await hold('next', ['1'])).status).toBe(409);
      await giveBackByHand('1', 'sold');
      expect((await hold('next', ['1'])).status).toBe(201);
    },
  );

  test('is its own still if that makes it PENDING, also after its booking was deleted', async () => {
    await hold('sold', ['1']);
    await call('POST', 'sold', '/confirm');
    await call('DELETE', 'sold');
    await put('sold', 'PENDING');
    expect((await hold('next', ['1'])).status).toBe(409);
    expect((await call('POST', 'sold', '/confirm')).status).toBe(200);
    expect(await stateOf('1')).toBe('TAKEN');
  });
});

test('an item of a slot is kept for a week after its deadline, and one that is TAKEN for ever', async () => {
  await hold('first', ['1', '2']);
  const { rawClient, slotsTable } = api.engines();
  const item = async (name: string) =>
    (await rawClient.send(new GetItemCommand({ TableName: slotsTable, Key: { slotId: { S: id(name) } } }))).Item;
  const purgeAt = Math.ceil((api.nowMs() + MINUTE) / 1_000) + 7 * 86_400;
  expect((await item('1'))?.purgeAt).toEqual({ N: String(purgeAt) });
  await call('POST', 'first', '/confirm');
  expect(await item('1')).not.toHaveProperty('purgeAt');
});

/** As docs/slots.md shows it. */
const giveBackByHand = async (slot: string, booking: string): Promise<void> => {
  const { rawClient, slotsTable } = api.engines();
  const request = new DeleteItemCommand({
    TableName: slotsTable,
    Key: { slotId: { S: id(slot) } },
    ConditionExpression: 'bookingId = :sold',
    ExpressionAttributeValues: { ':sold': { S: id(booking) } },
  });
  await rawClient.send(request).catch((error) => {
    if (error.name !== 'ConditionalCheckFailedException') throw error;
  });
};
