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

describe('lists of a customer’s bookings', () => {
  const customer = (name = 'ann'): string => `${name}-${sequence()}`;
  const of = (name: string, query = '') =>
    call('GET', `/bookings?customerId=${encodeURIComponent(customer(name))}${query}`);
  const createFor = async (name: string, bookingId: string, holdSeconds = 60) => {
    moveBy(1);
    return (await call('POST', '/bookings', { bookingId, holdSeconds, customerId: customer(name) })).body;
  };
  const idsOf = ({ body }: { body: { bookings: { bookingId: string }[] } }): string[] =>
    body.bookings.map(({ bookingId }) => bookingId);

  test('give bookings of any status, newest first, page by page, each once', async () => {
    const ids = Array.from({ length: 7 }, (_, index) => `${sequence()}-c-${index}`);
    for (const id of ids) await createFor('ann', id);
    await createFor('bob', `${sequence()}-of-bob`);
    await create(`${sequence()}-of-nobody`);
    await call('POST', `/bookings/${ids[1]}/confirm`);
    await call('POST', `/bookings/${ids[2]}/cancel`);
    const seen: string[] = [];
    for (let cursor: string | null = ''; cursor !== null; ) {
      const page = await of('ann', `&limit=3${cursor && `&cursor=${cursor}`}`);
      seen.push(...idsOf(page));
      cursor = page.body.cursor;
    }
    expect(seen).toEqual([...ids].reverse());
  });

  test('show the effective status, and pick one', async () => {
    for (const [name, holdSeconds] of [
      ['lapses', 1],
      ['runs', 60],
      ['paid', 60],
    ] as const) {
      await createFor('ann', `${sequence()}-${name}`, holdSeconds);
    }
    await call('POST', `/bookings/${sequence()}-paid/confirm`);
    moveBy(1_000);
    const { body } = await of('ann');
    expect(body.asOf).toBe(new Date(nowMs()).toISOString());
    expect(body.bookings.map((each: { status: string }) => each.status)).toEqual(['CONFIRMED', 'PENDING', 'EXPIRED']);
    for (const [status, name] of [
      ['EXPIRED', 'lapses'],
      ['OVERDUE', 'lapses'],
      ['PENDING', 'runs'],
      ['CONFIRMED', 'paid'],
    ]) {
      expect(idsOf(await of('ann', `&status=${status}`))).toEqual([`${sequence()}-${name}`]);
    }
    expect(idsOf(await of('ann', '&status=CANCELLED'))).toEqual([]);
    // Lists write nothing.
    await call('GET', `/bookings/${sequence()}-lapses`);
    expect(idsOf(await of('ann', '&status=OVERDUE'))).toEqual([]);
  });

  test('give the customer back as it came, and leave out one that has none', async () => {
    const given = 'Zoë / “4711”?&=+';
    const { status, body } = await call('POST', '/bookings', { holdSeconds: 60, customerId: given });
    expect([status, body.customerId]).toEqual([201, given]);
    const list = await call('GET', `/bookings?customerId=${encodeURIComponent(given)}`);
    expect(list.body.bookings).toMatchObject([{ bookingId: body.bookingId, customerId: given }]);
    expect(await create(`${sequence()}-without`)).not.toHaveProperty('customerId');
  });

  test('refuse a cursor of another customer, and of another list', async () => {
    for (const index of [1, 2, 3]) await createFor('ann', `${sequence()}-${index}`);
    const { cursor } = (await of('ann', '&limit=1')).body;
    expect((await of('ann', `&cursor=${cursor}`)).status).toBe(200);
    expect((await of('bob', `&cursor=${cursor}`)).status).toBe(400);
    expect((await of('ann', `&status=PENDING&cursor=${cursor}`)).status).toBe(400);
    expect((await call('GET', `/bookings?cursor=${cursor}`)).status).toBe(400);
    const pending = encodeCursor({ 0: [String(nowMs()), 'x'] });
    expect((await of('ann', `&cursor=${pending}`)).status).toBe(400);
  });

  test.each([[''], ['x'.repeat(129)], ['\ud800'], [7], [null]])('refuse %j as a customer', async (customerId) => {
    const { status, body } = await call('POST', '/bookings', { holdSeconds: 60, customerId });
    expect([status, body.errors[0].pointer]).toEqual([400, '/customerId']);
  });

  test('of what is over say how to get them, where the deployment keeps none', async () => {
    for (const status of ['CONFIRMED', 'CANCELLED', 'EXPIRED']) {
      const { status: code, body } = await call('GET', `/bookings?status=${status}`);
      expect([code, body.detail]).toEqual([404, expect.stringContaining('-c listSettled=true')]);
    }
  });
});
