/** Lists of bookings over HTTP, page by page. */
import { describe, expect, test } from 'vitest';
import { encodeCursor } from '../../functions/api/cursor.ts';
import { LEGAL_SHARDS } from '../../functions/core/pending-shard.ts';
import { useBookingsApi } from '../support/bookings-api.ts';

const { call, create, moveBy, nowMs, sequence } = useBookingsApi();

describe('lists', () => {
  test('give pending bookings soonest first, page by page, each once', async () => {
    const ids = Array.from({ length: 23 }, (_, index) => `list-${sequence()}-${index}`);
    // Several share a deadline, and they lie in all shards.
    await Promise.all(ids.map((id, index) => create(id, 100 + Math.floor(index / 4) * 10)));
    await call('POST', `/bookings/${ids[0]}/confirm`);
    const seen: { bookingId: string; expiresAt: string }[] = [];
    let cursor: string | null = '';
    let pages = 0;
    while (cursor !== null) {
      const { body } = await call('GET', `/bookings?limit=5${cursor && `&cursor=${cursor}`}`);
      seen.push(
        ...body.bookings.filter(({ bookingId }: { bookingId: string }) => bookingId.startsWith(`list-${sequence()}-`)),
      );
      cursor = body.cursor;
      pages += 1;
    }
    expect(seen.map(({ bookingId }) => bookingId).sort()).toEqual(ids.slice(1).sort());
    expect(seen.map(({ expiresAt }) => expiresAt)).toEqual(seen.map(({ expiresAt }) => expiresAt).sort());
    expect(pages).toBeGreaterThanOrEqual(5);
  });

  test('go on when the clock has passed where the last page ended', async () => {
    await Promise.all([1, 2, 3, 4].map((index) => create(`going-${index}`, index * 10)));
    const { body } = await call('GET', '/bookings?limit=2');
    moveBy(35_000);
    const next = await call('GET', `/bookings?limit=2&cursor=${body.cursor}`);
    expect(next.status).toBe(200);
    expect(next.body.bookings.map(({ bookingId }: { bookingId: string }) => bookingId)).toEqual(['going-4']);
  });

  test.each([
    ['a fraction of a millisecond before the clock', () => `${nowMs()}.9999999999`],
    ['at the clock', () => String(nowMs())],
    ['of 38 digits', () => `${nowMs() + 30_000}.${'1'.repeat(25)}`],
  ])('go on from a position %s, whose booking is gone', async (_, digits) => {
    await create(`${sequence()}-listed`, 60);
    const positions = Object.fromEntries(LEGAL_SHARDS.map((shard) => [shard, [digits(), 'gone'] as [string, string]]));
    const { status, body } = await call('GET', `/bookings?cursor=${encodeCursor(positions)}`);
    expect(status).toBe(200);
    expect(body.bookings.map(({ bookingId }: { bookingId: string }) => bookingId)).toEqual([`${sequence()}-listed`]);
  });

  test.each([
    ['of more digits than a number may have', () => `${nowMs() + 30_000}.${'1'.repeat(26)}`],
    ['beyond every deadline', () => '999999999999999'],
  ])('refuse a cursor with a position %s', async (_, digits) => {
    const cursor = encodeCursor({ 0: [digits(), 'gone'] });
    expect((await call('GET', `/bookings?cursor=${cursor}`)).status).toBe(400);
  });

  test('refuse a cursor that another list gave', async () => {
    await Promise.all([10, 11, 1_000, 1_001].map((hold) => create(`${sequence()}-held-${hold}`, hold)));
    moveBy(20_000);
    const cursors = await Promise.all(
      ['PENDING', 'OVERDUE'].map(async (status) => {
        const { body } = await call('GET', `/bookings?limit=1&status=${status}`);
        return [status, body.cursor] as const;
      }),
    );
    for (const [status, cursor] of cursors) {
      const other = status === 'PENDING' ? 'OVERDUE' : 'PENDING';
      const refused = await call('GET', `/bookings?limit=1&status=${other}&cursor=${cursor}`);
      expect(refused.status).toBe(400);
      expect(refused.body.errors).toEqual([
        { pointer: 'cursor', detail: 'must be a cursor of an earlier page of the same list', received: cursor },
      ]);
      expect((await call('GET', `/bookings?limit=1&status=${status}&cursor=${cursor}`)).status).toBe(200);
    }
  });

  test('of what is overdue hold what lapsed and is not marked', async () => {
    await call('POST', '/cron/expire-bookings', undefined, { authorization: 'Bearer right' });
    await create('lapsed', 10);
    await create('running', 1_000);
    moveBy(10_000);
    const { body } = await call('GET', '/bookings?status=OVERDUE&limit=100');
    const ids = body.bookings.map(({ bookingId }: { bookingId: string }) => bookingId);
    expect(ids).toContain('lapsed');
    expect(ids).not.toContain('running');
    expect(body.bookings.every(({ status }: { status: string }) => status === 'EXPIRED')).toBe(true);
  });
});
