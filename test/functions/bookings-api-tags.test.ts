/** Extensions that go by an entity tag. */
import { describe, expect, test } from 'vitest';
import { useBookingsApi } from '../support/bookings-api.ts';

const { call, create, engines, moveBy, nowMs } = useBookingsApi();

const problem = (name: string) => `urn:booking-expiry:problem:${name}`;

describe('an entity tag', () => {
  test('is that of the same booking in every answer, whatever is left of its hold', async () => {
    const created = await call('POST', '/bookings', { bookingId: 'tagged', holdSeconds: 60 });
    moveBy(1_000);
    const read = await call('GET', '/bookings/tagged');
    expect(read.headers.get('etag')).toMatch(/^"[\w-]{22}"$/);
    expect(read.headers.get('etag')).toBe(created.headers.get('etag'));
  });

  test('changes with each change of status, deadline and start of the hold', async () => {
    await create('changing', 60);
    const tags: (string | null)[] = [(await call('GET', '/bookings/changing')).headers.get('etag')];
    const deadline = new Date(nowMs() + 120_000).toISOString();
    for (const [move, body] of [
      ['extend', { expiresAt: deadline }],
      ['extend', { holdSeconds: 60 }],
      ['extend', { expiresAt: deadline }],
      ['confirm', undefined],
      ['cancel', undefined],
    ] as const) {
      moveBy(1_000);
      tags.push((await call('POST', `/bookings/changing/${move}`, body)).headers.get('etag'));
    }
    expect(new Set(tags).size).toBe(tags.length);
  });

  test('lets an extension through that has seen the booking as it is', async () => {
    await create('seen', 60);
    const etag = (await call('GET', '/bookings/seen')).headers.get('etag') ?? '';
    for (const ifMatch of [etag, `"other", ${etag}`, '*']) {
      await create(`seen-${ifMatch.length}`, 60);
      const own = (await call('GET', `/bookings/seen-${ifMatch.length}`)).headers.get('etag') ?? '';
      const header = { 'if-match': ifMatch.replace(etag, own) };
      expect((await call('POST', `/bookings/seen-${ifMatch.length}/extend`, { holdSeconds: 99 }, header)).status).toBe(
        200,
      );
    }
  });

  test.each([
    ['stale', (etag: string) => etag],
    ['weak', (etag: string) => `W/${etag}`],
    ['unknown', () => '"nothing"'],
  ])('that is %s gets 412, the present tag, and moves nothing', async (kind, tagOf) => {
    const bookingId = `stale-${kind}`;
    await create(bookingId, 60);
    const seen = (await call('GET', `/bookings/${bookingId}`)).headers.get('etag') ?? '';
    if (kind === 'stale') {
      moveBy(1_000);
      await call('POST', `/bookings/${bookingId}/extend`, { holdSeconds: 70 });
    }
    const before = await engines().store.get(bookingId);
    const refused = await call(
      'POST',
      `/bookings/${bookingId}/extend`,
      { holdSeconds: 99 },
      { 'if-match': tagOf(seen) },
    );
    expect([refused.status, refused.body.type]).toEqual([412, problem('booking-changed')]);
    expect(refused.headers.get('etag')).toBe((await call('GET', `/bookings/${bookingId}`)).headers.get('etag'));
    expect(await engines().store.get(bookingId)).toEqual(before);
  });

  test('of a booking that is held no more tells what it is', async () => {
    await create('tag-paid', 60);
    const etag = (await call('GET', '/bookings/tag-paid')).headers.get('etag') ?? '';
    await call('POST', '/bookings/tag-paid/confirm');
    const { status, body } = await call('POST', '/bookings/tag-paid/extend', { holdSeconds: 9 }, { 'if-match': etag });
    expect([status, body.found]).toEqual([409, 'CONFIRMED']);
  });

  test('lets one of two extensions through that saw the same', async () => {
    await create('two-at-once', 60);
    const etag = (await call('GET', '/bookings/two-at-once')).headers.get('etag') ?? '';
    const answers = await Promise.all(
      [70, 80, 90, 100].map((holdSeconds) =>
        call('POST', '/bookings/two-at-once/extend', { holdSeconds }, { 'if-match': etag }),
      ),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 412, 412, 412]);
  });

  test.each(['etag', 'W/etag', '"a" "b"', ''])('that is none (%s) is refused', async (header) => {
    await create('no-tag', 60);
    const { status, body } = await call('POST', '/bookings/no-tag/extend', { holdSeconds: 9 }, { 'if-match': header });
    expect([status, body.errors[0].pointer]).toEqual([400, 'If-Match']);
  });

  test('is refused where it would be ignored', async () => {
    await create('no-use', 60);
    for (const move of ['confirm', 'cancel']) {
      const { status, body } = await call('POST', `/bookings/no-use/${move}`, undefined, { 'if-match': '*' });
      expect([status, body.errors[0].detail]).toEqual([400, 'is taken by extend only']);
    }
  });
});
