import { describe, expect, test } from 'vitest';
import {
  afterTry,
  MalformedWebhookError,
  PAUSES_MS,
  retryDelaySeconds,
  secondsUntilDue,
  webhookIdOf,
  webhookOf,
} from '../../functions/core/webhook.ts';
import { webhookUrlProblem } from '../../functions/core/webhook-url.ts';

const NOW = 1_790_000_000_000;
const HOUR_S = 3_600;
const event = (overrides: Record<string, unknown> = {}): string =>
  JSON.stringify({
    id: 'of the bus',
    'detail-type': 'BookingExpired',
    time: '2026-11-25T12:00:00Z',
    detail: { eventId: 'seat:EXPIRED:1', bookingId: 'seat' },
    ...overrides,
  });

describe('a webhook', () => {
  test('has the same id and the same bytes for each delivery of its event, by whatever bus message it comes', () => {
    expect(webhookOf(event({ id: 'another' }))).toEqual(webhookOf(event()));
    expect(webhookOf(event()).webhookId).toBe(webhookIdOf('seat:EXPIRED:1'));
    expect(webhookOf(event({ detail: { eventId: 'seat:EXPIRED:2' } })).webhookId).not.toBe(
      webhookIdOf('seat:EXPIRED:1'),
    );
  });

  test.each(['a\r\nb', '„x“', '', '\u0000', 'x'.repeat(5_000), '.'])(
    'has an id that a header may hold: %j',
    (eventId) => {
      expect(webhookIdOf(eventId)).toMatch(/^evt_[\w-]{32}$/);
    },
  );

  test('of an event without an id of ours has that of EventBridge', () => {
    expect(webhookOf(event({ detail: {} })).webhookId).toBe(webhookIdOf('of the bus'));
  });

  test.each([
    ['no JSON', 'x'],
    ['a list', '[]'],
    ['null', 'null'],
    ['no type', event({ 'detail-type': undefined })],
    ['no time', event({ time: 7 })],
    ['no detail', event({ detail: 'text' })],
    ['no id at all', event({ id: undefined, detail: {} })],
  ])('is not made of %s', (_, body) => {
    expect(() => webhookOf(body)).toThrow(MalformedWebhookError);
  });
});

describe('after a try', () => {
  const first = { number: 1, dueAtMs: 0 };

  test.each([200, 204, 299])('that is answered %d all is done', (status) => {
    expect(afterTry(first, { kind: 'answered', status }, NOW)).toEqual({ kind: 'delivered' });
  });

  test.each([199, 300, 302, 400, 401, 404, 409, 429, 500, 503])('that is answered %d there is another', (status) => {
    expect(afterTry(first, { kind: 'answered', status }, NOW)).toEqual({
      kind: 'try-again',
      next: { number: 2, dueAtMs: NOW + 5_000 },
    });
  });

  test('that is answered 410 there is none', () => {
    expect(afterTry(first, { kind: 'answered', status: 410 }, NOW)).toMatchObject({
      kind: 'given-up',
      reason: expect.stringContaining('410'),
    });
  });

  test('the pauses are 5 s, 30 s, 2 min, 10 min, 1 h, 3 h, 6 h, 12 h, and then it is given up with its reason', () => {
    const seconds: number[] = [];
    for (let number = 1; ; number += 1) {
      const next = afterTry({ number, dueAtMs: 0 }, { kind: 'failed', error: 'it hung' }, NOW);
      if (next.kind !== 'try-again') {
        expect(next).toEqual({ kind: 'given-up', reason: 'it hung, at the last of 9 tries' });
        break;
      }
      expect(next.next.number).toBe(number + 1);
      seconds.push((next.next.dueAtMs - NOW) / 1_000);
    }
    expect(seconds).toEqual([5, 30, 120, 600, HOUR_S, 3 * HOUR_S, 6 * HOUR_S, 12 * HOUR_S]);
  });
});

describe('waiting keeps within what SQS takes:', () => {
  test('a delay of 0 to 900 s, and a visibility timeout that with it reaches at most 12 hours', () => {
    for (const pauseMs of PAUSES_MS) {
      const next = { number: 2, dueAtMs: NOW + pauseMs };
      const delay = retryDelaySeconds(next, NOW);
      expect(delay).toBe(Math.min(900, pauseMs / 1_000));
      const left = secondsUntilDue(next, NOW + delay * 1_000);
      expect(left).toBe(pauseMs / 1_000 - delay);
      // SQS counts twelve hours from the receipt; some seconds of them have gone by.
      expect(left).toBeLessThanOrEqual(43_200 - 60);
    }
    expect(retryDelaySeconds({ number: 2, dueAtMs: NOW - 1 }, NOW)).toBe(0);
  });

  test('one that comes a little early is sent at once', () => {
    const due = { number: 2, dueAtMs: NOW + 2_000 };
    expect([secondsUntilDue(due, NOW), secondsUntilDue(due, NOW - 1), secondsUntilDue(due, NOW + 9)]).toEqual([
      0, 3, 0,
    ]);
  });
});

describe('an address for webhooks', () => {
  test.each([
    'https://app.example.com/hook',
    'https://app.example.com:8443/hook?a=b',
    'http://127.0.0.1:8001/hook',
    'http://localhost/hook',
    'http://[::1]:8001/',
  ])('may be %s', (url) => {
    expect(webhookUrlProblem(url)).toBeUndefined();
  });

  test.each([
    ['', 'be an https URL'],
    [7, 'be an https URL'],
    ['app.example.com/hook', 'be an https URL'],
    ['ftp://127.0.0.1/', 'be an https URL, or an http URL on'],
    ['http://app.example.com/hook', 'be an https URL, or an http URL on'],
    ['http://127.0.0.1.example.com/', 'be an https URL, or an http URL on'],
    ['http://127.0.0.1@example.com/', 'be an https URL, or an http URL on'],
    ['https://user:secret@example.com/', 'without a user or a password'],
    ['https://example.com/#part', 'without #'],
    [`https://example.com/${'x'.repeat(1_000)}`, 'be at most 1000 characters'],
  ])('may not be %j', (url, problem) => {
    expect(webhookUrlProblem(url)).toContain(problem);
  });
});
