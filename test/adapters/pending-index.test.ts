/** The index of pending bookings: what it gives, and what leaves or enters it. */
import { PutItemCommand } from '@aws-sdk/client-dynamodb';
import { UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Engines, startEngines } from '../support/engines.ts';
import { AT, NOW, storedBookings } from './stored-bookings.ts';

let engines: Engines;
beforeAll(async () => {
  engines = await startEngines();
});
afterAll(() => engines.stop());

const { givenBooking, expireOne } = storedBookings(() => engines);

describe('the index', () => {
  test('gives pending bookings of a shard page by page, soonest first, and never a deadline in seconds', async () => {
    const shard = 9;
    const ids: string[] = [];
    for (const offset of [5, 3, 1, 4, 2]) {
      const booking = await givenBooking('PENDING', { pendingShard: shard, expiresAtMs: NOW - offset });
      ids[offset] = booking.bookingId;
    }
    await givenBooking('PENDING', { pendingShard: shard, expiresAtMs: NOW + 1 });
    await givenBooking('PENDING', { pendingShard: shard, expiresAtMs: 1_790_000_000 });
    const first = await engines.index.pendingPage({ shard, throughMs: NOW, limit: 3 });
    const second = await engines.index.pendingPage({ shard, throughMs: NOW, limit: 3, cursor: first.cursor });
    const found = [...first.rows, ...second.rows].map(({ bookingId }) => bookingId);
    expect(found).toEqual([ids[5], ids[4], ids[3], ids[2], ids[1]]);
    expect(second.cursor).toBeUndefined();
    expect(await engines.index.countPending(NOW - 5, NOW - 1)).toBe(5);
  });

  test('lets go of a booking that a foreign writer settled, and keeps one that is PENDING', async () => {
    const shard = 8;
    const settled = await givenBooking('CONFIRMED', { pendingShard: shard });
    const pending = await givenBooking('PENDING', { pendingShard: shard });
    await engines.held.leaveIndex([settled.bookingId, pending.bookingId]);
    const { rows } = await engines.index.pendingPage({ shard, throughMs: AT, limit: 10 });
    expect(rows.map(({ bookingId }) => bookingId)).toEqual([pending.bookingId]);
  });

  test('lets go of an item whose status is none, and of one whose status is no text', async () => {
    const shard = 7;
    for (const [bookingId, status] of [
      ['no status', {}],
      ['a number', { status: { N: '7' } }],
    ] as const) {
      const Item = { bookingId: { S: bookingId }, pendingShard: { N: String(shard) }, expiresAtMs: { N: String(NOW) } };
      await engines.rawClient.send(new PutItemCommand({ TableName: engines.table, Item: { ...Item, ...status } }));
      expect(await expireOne(bookingId, AT)).toEqual({ kind: 'no-booking' });
    }
    await engines.held.leaveIndex(['no status', 'a number']);
    expect((await engines.index.pendingPage({ shard, throughMs: AT, limit: 10 })).rows).toEqual([]);
  });

  test('takes in a booking that is adopted, as it is now where it has changed since it was seen', async () => {
    const seen = await givenBooking('PENDING');
    const changed = await givenBooking('PENDING');
    const settled = await givenBooking('CANCELLED');
    for (const { bookingId } of [seen, changed]) {
      await engines.documents.send(
        new UpdateCommand({ TableName: engines.table, Key: { bookingId }, UpdateExpression: 'REMOVE pendingShard' }),
      );
    }
    await engines.store.extend(changed.bookingId, 999_000, NOW);
    const adoptions = [seen, changed, settled].map(({ bookingId }) => ({
      bookingId,
      seenDeadline: { stored: { N: String(NOW + 60_000) } },
      pendingShard: 7,
      holdStartedAtMs: NOW + 5,
    }));
    const outcomes = await engines.held.adopt(adoptions, () => undefined);
    expect([...outcomes.values()].map(({ kind }) => kind)).toEqual(['adopted', 'unneeded', 'unneeded']);
    expect(await engines.store.get(seen.bookingId)).toMatchObject({ pendingShard: 7, holdStartedAtMs: NOW + 5 });
    expect((await engines.store.get(changed.bookingId))?.holdStartedAtMs).toBe(NOW);
    expect((await engines.store.get(settled.bookingId))?.pendingShard).toBeUndefined();
  });
});
