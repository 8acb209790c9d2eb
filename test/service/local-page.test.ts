/** What the page of the local service is told: of bookings, of sweeps and webhooks, and which timers get lost. */
import { marshall } from '@aws-sdk/util-dynamodb';
import { describe, expect, test } from 'vitest';
import { encodeTimer } from '../../functions/core/expiry-timer.ts';
import type { Item } from '../../functions/table/item.ts';
import { changeOf } from '../../service/booking-changes.ts';
import { LogNotes } from '../../service/log-notes.ts';
import { LostTimers } from '../../service/lost-timers.ts';

const NOW_MS = 1_800_000_000_000;
const item = (attributes: Record<string, unknown>): Item => marshall(attributes) as Item;
const pending = (attributes: Record<string, unknown> = {}) =>
  item({ bookingId: 'seat-1', status: 'PENDING', expiresAtMs: NOW_MS + 5_000, createdAtMs: NOW_MS, ...attributes });
const change = (OldImage: Item | undefined, NewImage: Item | undefined) =>
  changeOf({ dynamodb: { ApproximateCreationDateTime: NOW_MS / 1_000, OldImage, NewImage } as never }, NOW_MS);

describe('a change of a booking', () => {
  test.each([
    ['created', undefined, pending(), NOW_MS],
    ['extended', pending(), pending({ expiresAtMs: NOW_MS + 9_000, holdStartedAtMs: NOW_MS + 7 }), NOW_MS + 7],
    ['confirmed', pending(), pending({ status: 'CONFIRMED', confirmedAtMs: NOW_MS + 3 }), NOW_MS + 3],
    [
      'cancelled',
      pending({ status: 'CONFIRMED' }),
      pending({ status: 'CANCELLED', cancelledAtMs: NOW_MS + 4 }),
      NOW_MS + 4,
    ],
    ['expired', pending(), pending({ status: 'EXPIRED', expiredAtMs: NOW_MS + 5_001 }), NOW_MS + 5_001],
    [
      'revived',
      pending({ status: 'EXPIRED' }),
      pending({ status: 'CONFIRMED', confirmedAtMs: NOW_MS + 6 }),
      NOW_MS + 6,
    ],
    ['changed', pending(), pending({ status: 'ON_TOUR' }), NOW_MS],
    ['deleted', pending({ status: 'CANCELLED' }), undefined, NOW_MS],
  ] as const)('is told as %s, with its time', (kind, before, after, atMs) => {
    expect(change(before, after)).toMatchObject({
      kind,
      at: new Date(atMs).toISOString(),
      booking: { bookingId: 'seat-1' },
    });
  });

  test('is told without the details, which are nobody’s business here and may be large', () => {
    expect(change(undefined, pending({ details: { card: '4111' } }))?.booking).not.toHaveProperty('details');
  });

  test('that concerns only how the service keeps it is none', () => {
    expect(change(pending(), pending({ pendingShard: 3, holdStartedAtMs: NOW_MS }))).toBeUndefined();
    expect(change(undefined, item({ bookingId: 'no status' }))).toBeUndefined();
  });

  test('tells what is stored beside what is so: a lapsed hold that nothing has marked', () => {
    const lapsed = pending({ expiresAtMs: NOW_MS - 1 });
    expect(change(undefined, lapsed)).toMatchObject({ stored: 'PENDING', booking: { status: 'EXPIRED' } });
  });
});

describe('the Lambdas’ log lines', () => {
  const line = (entry: object) => JSON.stringify({ level: 'INFO', timestamp: '2026-12-01T10:00:00.000Z', ...entry });

  test('tell of the last sweep, while it runs and when it is through', () => {
    const notes = new LogNotes();
    notes.take('SweepFunction', line({ message: 'Starting booking expiration process...' }));
    expect(notes.sweep).toEqual({ startedAt: '2026-12-01T10:00:00.000Z' });
    notes.take('SweepFunction', line({ message: 'Successfully expired 2 booking(s)', expired: 2, scheduled: 5 }));
    expect(notes.sweep).toMatchObject({ expired: 2, scheduled: 5, endedAt: '2026-12-01T10:00:00.000Z' });
  });

  test('tell of each try of a webhook, newest first, with no more of it than is shown', () => {
    const notes = new LogNotes();
    const tried = { webhookId: 'w1', type: 'BookingExpired', try: 1, durationMs: 7, secret: 'whsec' };
    notes.take(
      'SendWebhooksFunction',
      line({ message: 'webhook not delivered', ...tried, status: 500, nextTryAt: 'soon' }),
    );
    notes.take('SendWebhooksFunction', line({ message: 'webhook delivered', ...tried, try: 2, status: 204 }));
    notes.take(
      'SendWebhooksFunction',
      line({ message: 'webhook given up: it goes to the dead-letter queue', ...tried, error: 'gone' }),
    );
    expect(notes.tries.map(({ outcome, status }) => [outcome, status])).toEqual([
      ['given up', undefined],
      ['delivered', 204],
      ['failed', 500],
    ]);
    expect(JSON.stringify(notes.tries)).not.toContain('whsec');
  });

  test('of other Lambdas, or that are no JSON, tell nothing', () => {
    const notes = new LogNotes();
    notes.take('ScheduleExpiryFunction', line({ message: 'webhook delivered' }));
    notes.take('SweepFunction', 'Error: no JSON');
    notes.take('SweepFunction', 'null');
    expect([notes.sweep, notes.tries]).toEqual([undefined, []]);
  });
});

describe('a timer that is to be lost', () => {
  const expiresAtMs = NOW_MS + 60_000;
  const wanted = JSON.stringify({ bookingId: 'seat-1', expiresAt: new Date(expiresAtMs).toISOString() });
  const message = (timer: Parameters<typeof encodeTimer>[0]) => ({ queueUrl: 'timers', body: encodeTimer(timer) });

  test('is lost once, and no other is', () => {
    const lost = new LostTimers();
    lost.lose(wanted, NOW_MS);
    expect(lost.take(message({ bookingId: 'seat-2', expiresAtMs }))).toBeUndefined();
    expect(lost.take(message({ bookingId: 'seat-1', expiresAtMs: expiresAtMs + 1 }))).toBeUndefined();
    expect(lost.take(message({ bookingId: 'seat-1', expiresAtMs, kind: 'notice' }))).toBeUndefined();
    expect(lost.take({ queueUrl: 'timers', body: 'no timer' })).toBeUndefined();
    expect(lost.take(message({ bookingId: 'seat-1', expiresAtMs }))).toMatchObject({ bookingId: 'seat-1' });
    expect(lost.take(message({ bookingId: 'seat-1', expiresAtMs }))).toBeUndefined();
  });

  test.each([
    ['{"bookingId":7}', 400, 'bookingId must be a text, got 7'],
    ['{"bookingId":"seat-1"}', 400, 'expiresAt must be an ISO 8601 time, got none'],
    ['no JSON', 400, 'the body must be a JSON object, got no JSON'],
    [wanted.replace(/"20.*Z"/, JSON.stringify(new Date(NOW_MS + 2_499).toISOString())), 409, 'it is 2499 ms away'],
  ])('%s is refused with %i and what is allowed', (body, status, reason) => {
    expect(() => new LostTimers().lose(body, NOW_MS)).toThrow(reason);
    expect(() => new LostTimers().lose(body, NOW_MS)).toThrow(expect.objectContaining({ status }));
  });
});
