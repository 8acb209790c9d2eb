/** The Lambda of the webhooks, with queues that keep SQS's limits, a real receiver and a clock that is moved. */
import type { SQSBatchResponse, SQSRecord } from 'aws-lambda';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { WebhookPost } from '../../functions/adapters/webhook-post.ts';
import { tryOfMessage } from '../../functions/adapters/webhook-queues.ts';
import { COUNTS, METRICS } from '../../functions/contract.ts';
import { retryDelaySeconds } from '../../functions/core/webhook.ts';
import { createHandler, type SendWebhooksPorts } from '../../functions/send-webhooks.ts';
import { recordingDeadLetters } from '../support/dead-letters.ts';
import { answering, type Receiver, startReceiver } from '../support/receiver.ts';
import { timerMessage } from '../support/records.ts';
import { recordingTelemetry } from '../support/telemetry.ts';

const SECRET = `whsec_${Buffer.from('a secret of the receiver, 32 by.').toString('base64')}`;
const SECOND_MS = 1_000;
const HOUR_MS = 3_600 * SECOND_MS;
const NOW = 1_790_000_000_000;

let receiver: Receiver;
let poster: WebhookPost;
let told: ReturnType<typeof recordingTelemetry>;
let dead: ReturnType<typeof recordingDeadLetters>;
let nowMs: number;

beforeEach(async () => {
  receiver = await startReceiver();
  poster = new WebhookPost({
    url: receiver.url,
    secrets: async () => [SECRET],
    clock: () => nowMs,
    answerWithinMs: 500,
  });
  told = recordingTelemetry();
  dead = recordingDeadLetters();
  nowMs = NOW;
});
afterEach(async () => {
  poster.close();
  await receiver.stop();
});

const eventBody = (bookingId: string): string =>
  JSON.stringify({
    id: bookingId,
    'detail-type': 'BookingExpired',
    time: '2026-11-25T12:00:00Z',
    detail: { version: 1, eventId: `${bookingId}:EXPIRED:1`, bookingId },
  });

interface Waiting {
  readonly message: SQSRecord;
  atMs: number;
}

/** Both queues in one: messages by when they can be received. It refuses what SQS would refuse. */
const queues = () => {
  const waiting: Waiting[] = [];
  const queue: SendWebhooksPorts['queue'] = {
    tryOf: tryOfMessage,
    tryAgain: async ({ body }, next, atMs) => {
      const number = (value: number) => ({ dataType: 'Number', stringValue: String(value) }) as const;
      const delaySeconds = retryDelaySeconds(next, atMs);
      if (!(delaySeconds >= 0 && delaySeconds <= 900)) throw new Error(`a delay of ${delaySeconds} s`);
      const messageAttributes = { try: number(next.number), dueAtMs: number(next.dueAtMs) };
      waiting.push({ message: { ...timerMessage(body), messageAttributes }, atMs: nowMs + delaySeconds * SECOND_MS });
    },
    putBack: async (message, seconds) => {
      if (!(seconds >= 0 && seconds <= 43_200)) throw new Error(`a visibility timeout of ${seconds} s`);
      const found = waiting.find((each) => each.message === message);
      if (found) found.atMs = nowMs + seconds * SECOND_MS;
    },
  };
  return {
    queue,
    waiting,
    put: (...bodies: string[]) => {
      for (const body of bodies) waiting.push({ message: timerMessage(body), atMs: nowMs });
    },
  };
};

/** Lets time pass until a time: messages are handled when they can be received, ten at once. */
const runUntil = async (
  untilMs: number,
  { queue, waiting }: ReturnType<typeof queues>,
  overrides: Partial<SendWebhooksPorts> = {},
): Promise<void> => {
  const handler = createHandler({
    poster,
    queue,
    deadLetters: dead.deadLetters,
    clock: () => nowMs,
    telemetry: told.telemetry,
    ...overrides,
  });
  for (;;) {
    const next = Math.min(...waiting.map(({ atMs }) => atMs));
    if (next > untilMs) break;
    nowMs = Math.max(nowMs, next);
    const batch = waiting.filter(({ atMs }) => atMs <= nowMs).slice(0, 10);
    const answer = (await handler({ Records: batch.map(({ message }) => message) })) as SQSBatchResponse;
    const failed = new Set(answer.batchItemFailures.map(({ itemIdentifier }) => itemIdentifier));
    for (const each of batch) {
      if (!failed.has(each.message.messageId)) waiting.splice(waiting.indexOf(each), 1);
      // What failed and was not put back comes by the queue's own visibility timeout.
      else if (each.atMs <= nowMs) each.atMs = nowMs + 180 * SECOND_MS;
    }
  }
  nowMs = Math.max(nowMs, untilMs);
};

const bookingsOf = (which: Receiver): string[] => which.received.map(({ body }) => JSON.parse(body).data.bookingId);
const triesOf = (): unknown[] => told.lines.flatMap(({ data }) => (data.try === undefined ? [] : [data.try]));

describe('a receiver', () => {
  test('that takes webhooks gets each once, and every try is told', async () => {
    const world = queues();
    world.put(...Array.from({ length: 25 }, (_, index) => eventBody(`seat-${index}`)));
    await runUntil(NOW + HOUR_MS, world);
    expect(new Set(bookingsOf(receiver)).size).toBe(25);
    expect(receiver.received).toHaveLength(25);
    expect(told.counts).toEqual({ [COUNTS.webhooksDelivered]: 25 });
    expect(told.lines[0]).toMatchObject({
      level: 'info',
      message: 'webhook delivered',
      data: { webhookId: expect.stringMatching(/^evt_/), type: 'BookingExpired', try: 1, status: 204, durationMs: 0 },
    });
    expect(world.waiting).toEqual([]);
  });

  test('that is down for an hour gets all of them afterwards, each with the id of its first try', async () => {
    const world = queues();
    receiver.answer(answering(503));
    world.put(eventBody('a'), eventBody('b'));
    await runUntil(NOW + HOUR_MS, world);
    // At once, after 5 s, 35 s, 2 min 35 s and 12 min 35 s.
    expect(receiver.received).toHaveLength(10);
    receiver.answer(answering(200));
    await runUntil(NOW + 2 * HOUR_MS, world);
    expect(receiver.received).toHaveLength(12);
    expect(new Set(receiver.received.map(({ headers }) => headers['webhook-id'])).size).toBe(2);
    expect(told.counts).toMatchObject({ [COUNTS.webhookTriesFailed]: 10, [COUNTS.webhooksDelivered]: 2 });
    expect(world.waiting).toEqual([]);
    expect(dead.letters).toEqual([]);
  });

  test('that never comes back is tried nine times in 22 hours, and the webhook is a dead letter with the reason', async () => {
    const world = queues();
    receiver.answer(answering(500));
    world.put(eventBody('a'));
    const offsets: number[] = [];
    const watched = {
      post: (webhook: never) => {
        offsets.push(Math.round((nowMs - NOW) / SECOND_MS));
        return poster.post(webhook);
      },
    };
    await runUntil(NOW + 48 * HOUR_MS, world, { poster: watched });
    expect(offsets).toEqual([0, 5, 35, 155, 755, 4_355, 15_155, 36_755, 79_955]);
    expect(triesOf()).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(dead.letters).toEqual([
      expect.objectContaining({ body: eventBody('a'), reason: 'the receiver answered 500, at the last of 9 tries' }),
    ]);
    expect(told.counts).toMatchObject({ [COUNTS.webhookTriesFailed]: 9, [COUNTS.webhooksGivenUp]: 1 });
  });

  test('that answers 410 is tried once', async () => {
    const world = queues();
    receiver.answer(answering(410));
    world.put(eventBody('a'));
    await runUntil(NOW + 48 * HOUR_MS, world);
    expect(receiver.received).toHaveLength(1);
    expect(dead.letters[0]?.reason).toContain('answered 410');
  });

  test('that refuses one event gets all others at once', async () => {
    const world = queues();
    receiver.answer((response) => {
      const { data } = JSON.parse(receiver.received.at(-1)?.body ?? '{}');
      response.writeHead(data.bookingId === 'bad' ? 500 : 200).end();
    });
    world.put(eventBody('bad'), ...Array.from({ length: 20 }, (_, index) => eventBody(`good-${index}`)));
    await runUntil(NOW, world);
    expect(new Set(bookingsOf(receiver)).size).toBe(21);
    expect(told.counts[COUNTS.webhooksDelivered]).toBe(20);
    expect(world.waiting).toHaveLength(1);
  });

  test('that hangs at one event holds up no other of its batch', async () => {
    const world = queues();
    const arrived: number[] = [];
    const startedAtMs = Date.now();
    receiver.answer((response) => {
      const { data } = JSON.parse(receiver.received.at(-1)?.body ?? '{}');
      if (data.bookingId === 'hangs') return;
      arrived.push(Date.now() - startedAtMs);
      response.writeHead(200).end();
    });
    world.put(eventBody('hangs'), ...Array.from({ length: 9 }, (_, index) => eventBody(`good-${index}`)));
    await runUntil(NOW, world);
    expect(arrived).toHaveLength(9);
    // Before the half second was over that the first one was given.
    expect(Math.max(...arrived)).toBeLessThan(450);
    expect(told.lines.find(({ data }) => data.error)).toMatchObject({
      data: { error: 'the receiver did not answer in time' },
    });
  });
});

describe('a message', () => {
  test('that holds no event is a dead letter at once, its neighbours arrive', async () => {
    const world = queues();
    world.put('no event', eventBody('a'));
    await runUntil(NOW, world);
    expect(dead.letters).toEqual([expect.objectContaining({ body: 'no event' })]);
    expect(told.counts[METRICS.unprocessable]).toBe(1);
    expect(bookingsOf(receiver)).toEqual(['a']);
  });

  test('that the dead-letter queue does not take comes again', async () => {
    const world = queues();
    world.put('no event');
    const untaking = { put: async <T>(letters: readonly T[]) => [...letters] };
    await runUntil(NOW, world, { deadLetters: untaking as SendWebhooksPorts['deadLetters'] });
    expect(world.waiting).toHaveLength(1);
  });

  test('that cannot be signed comes again later, and is no try', async () => {
    const world = queues();
    world.put(eventBody('a'));
    let works = false;
    const signing = {
      post: (webhook: never) => (works ? poster.post(webhook) : Promise.reject(new Error('no secret'))),
    };
    await runUntil(NOW, world, { poster: signing });
    expect(told.counts).toEqual({ [COUNTS.failed]: 1 });
    expect(world.waiting[0]?.atMs).toBe(NOW + 5 * SECOND_MS);
    works = true;
    await runUntil(NOW + 60 * SECOND_MS, world, { poster: signing });
    expect(triesOf()).toEqual([1]);
    expect(bookingsOf(receiver)).toEqual(['a']);
  });

  test('whose next try cannot be queued comes again, and is never lost', async () => {
    const world = queues();
    receiver.answer(answering(500));
    world.put(eventBody('a'));
    const broken = { ...world.queue, tryAgain: () => Promise.reject(new Error('SQS is down')) };
    await runUntil(NOW, { ...world, queue: broken });
    expect(world.waiting).toHaveLength(1);
    receiver.answer(answering(200));
    await runUntil(NOW + HOUR_MS, world);
    expect(told.counts[COUNTS.webhooksDelivered]).toBe(1);
  });
});

test('what a customer’s application keeps with a booking never gets into the logs, nor does the secret', async () => {
  const world = queues();
  const details = { passport: 'X-secret-1' };
  const body = JSON.stringify({ ...JSON.parse(eventBody('a')), detail: { eventId: 'a', details } });
  receiver.answer(answering(500, {}, 'X-secret-1'));
  world.put(body, body.replace('"time":', '"times":'), `X-secret-1 ${body}`);
  await runUntil(NOW + 48 * HOUR_MS, world);
  expect(told.lines.length).toBeGreaterThan(5);
  const logged = JSON.stringify(told.lines.map(({ message, data }) => [message, data, String(data.error ?? '')]));
  expect(logged).not.toContain('X-secret-1');
  expect(logged).not.toContain(SECRET.slice('whsec_'.length));
});

describe('a ping', () => {
  const ping = (answer = answering(204)) => {
    receiver.answer(answer);
    const { queue } = queues();
    return createHandler({
      poster,
      queue,
      deadLetters: dead.deadLetters,
      clock: () => nowMs,
      telemetry: told.telemetry,
    })({
      pingId: 'x',
    });
  };

  test('arrives as a webhook of its own type, and tells how it went', async () => {
    expect(await ping()).toEqual({
      delivered: true,
      webhookId: expect.stringMatching(/^evt_/),
      durationMs: 0,
      status: 204,
    });
    expect(JSON.parse(receiver.received[0]?.body ?? '')).toMatchObject({ type: 'Ping', data: { version: 1 } });
  });

  test('that is not taken says why, and is not tried again', async () => {
    expect(await ping(answering(302))).toMatchObject({
      delivered: false,
      status: 302,
      error: 'the receiver answered 302: redirects are not followed',
    });
    expect(dead.letters).toEqual([]);
  });
});
