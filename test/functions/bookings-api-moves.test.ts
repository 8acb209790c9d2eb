/** Confirming, cancelling and extending over HTTP. */
import { PutItemCommand } from '@aws-sdk/client-dynamodb';
import { describe, expect, test } from 'vitest';
import { useBookingsApi } from '../support/bookings-api.ts';

const { call, create, engines, moveBy, nowMs, replacePorts } = useBookingsApi();

describe('moves', () => {
  test('that are repeated answer 200 with the booking as it is', async () => {
    await create('repeat');
    const first = await call('POST', '/bookings/repeat/confirm');
    moveBy(3_600_000);
    const second = await call('POST', '/bookings/repeat/confirm', {});
    expect([first.status, second.status]).toEqual([200, 200]);
    expect(second.body.confirmedAt).toBe(first.body.confirmedAt);
    expect((await call('POST', '/bookings/repeat/cancel')).body.status).toBe('CANCELLED');
    expect((await call('POST', '/bookings/repeat/confirm')).body).toMatchObject({ status: 409, found: 'CANCELLED' });
  });

  test('that extend count from now, or to a time', async () => {
    await create('longer', 60);
    moveBy(30_000);
    expect((await call('POST', '/bookings/longer/extend', { holdSeconds: 60 })).body.remainingMs).toBe(60_000);
    const expiresAt = new Date(nowMs() + 777_000).toISOString();
    expect((await call('POST', '/bookings/longer/extend', { expiresAt })).body.expiresAt).toBe(expiresAt);
  });

  test('that extend again move the deadline only if they count from now', async () => {
    await create('again', 60);
    const expiresAt = new Date(nowMs() + 600_000).toISOString();
    const extend = async (body: object) => (await call('POST', '/bookings/again/extend', body)).body.expiresAt;
    expect(await extend({ expiresAt })).toBe(expiresAt);
    moveBy(5_000);
    expect(await extend({ expiresAt })).toBe(expiresAt);
    const first = await extend({ holdSeconds: 900 });
    moveBy(5_000);
    expect(Date.parse(await extend({ holdSeconds: 900 })) - Date.parse(first)).toBe(5_000);
  });

  test('with a body that would be ignored are refused', async () => {
    await create('extra');
    expect((await call('POST', '/bookings/extra/confirm', { paid: true })).status).toBe(400);
    expect((await call('GET', '/bookings/extra')).body.status).toBe('PENDING');
  });

  test('reach bookings of other programs, whatever their id', async () => {
    const bookingId = 'Tisch 7/außen';
    const Item = { bookingId: { S: bookingId }, status: { S: 'PENDING' }, expiresAtMs: { N: String(nowMs() + 5_000) } };
    await engines().rawClient.send(new PutItemCommand({ TableName: engines().table, Item }));
    const { body } = await call('POST', `/bookings/${encodeURIComponent(bookingId)}/confirm`);
    expect(body).toMatchObject({ bookingId, status: 'CONFIRMED' });
  });

  test('of many at once around the deadline have exactly one outcome each', async () => {
    const ids = Array.from({ length: 40 }, (_, index) => `race-${index}`);
    await Promise.all(ids.map((id) => create(id, 60)));
    const startMs = nowMs();
    let tick = 0;
    // Each request reads a clock one millisecond further: they judge on both sides of the deadline.
    replacePorts({ clock: () => startMs + 59_980 + (tick++ % 40) });
    const answers = await Promise.all(
      ids.map(async (id) => {
        const [confirm, cancel] = await Promise.all([
          call('POST', `/bookings/${id}/confirm`),
          call('POST', `/bookings/${id}/cancel`),
        ]);
        await engines().held.expire([id], 'timer', startMs + 60_000);
        return { confirm: confirm.status, cancel: cancel.status, status: (await engines().store.get(id))?.status };
      }),
    );
    for (const { confirm, cancel, status } of answers) {
      // A cancel after a confirm is legal: what was answered 200 last is what stands.
      if (cancel === 200) expect(status).toBe('CANCELLED');
      else expect(status).toBe(confirm === 200 ? 'CONFIRMED' : 'EXPIRED');
    }
  });
});
