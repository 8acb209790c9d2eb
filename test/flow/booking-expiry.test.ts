/** The whole flow: the synthesized template and its bundles on the local runtime, on real time. */
import { request as httpRequest } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { DynamoDBClient, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { GetQueueAttributesCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type LossyQueue, startLossyQueue } from '../../demo/lossy-queue.ts';
import type { BookingStore } from '../../functions/adapters/booking-store.ts';
import type { BookingEventDetail } from '../../functions/core/booking-events.ts';
import { encodeTimer } from '../../functions/core/expiry-timer.ts';
import { LOCAL_CREDENTIALS, REGION } from '../../local/engines.ts';
import type { PublishedEvent } from '../../local/event-bus.ts';
import { isExternal } from '../../local/open-engines.ts';
import type { OwnRuntime } from '../../service/service.ts';
import { eventually } from '../support/lambda.ts';
import { startTestRuntime } from '../support/runtime.ts';
import { bookingStoreAt } from '../support/store.ts';

let runtime: OwnRuntime;
let lossyQueue: LossyQueue;
let store: BookingStore;
let foreign: DynamoDBClient;
let sqs: SQSClient;
const lines: string[] = [];
const events: (PublishedEvent & { detail: BookingEventDetail })[] = [];

beforeAll(async () => {
  lossyQueue = await startLossyQueue((body) => body.includes('"lost-'));
  runtime = await startTestRuntime({
    schedulePeriodMs: 'never',
    changeEnvironment: (environment) => ({
      ...environment,
      AWS_ENDPOINT_URL_SQS: lossyQueue.endpoint,
      TIMER_QUEUE_URL: environment.TIMER_QUEUE_URL?.replace(/^http:\/\/[^/]+/, lossyQueue.endpoint) ?? '',
    }),
    onLogLine: (_, line) => lines.push(line),
    onEvent: (event) => events.push(event as (typeof events)[number]),
  });
  lossyQueue.forwardTo(runtime.sqsEndpoint);
  const client = { region: REGION, credentials: LOCAL_CREDENTIALS };
  foreign = new DynamoDBClient({ ...client, endpoint: runtime.dynamodbEndpoint });
  sqs = new SQSClient({ ...client, endpoint: runtime.sqsEndpoint });
  store = bookingStoreAt(runtime.dynamodbEndpoint, tableName(), 10);
});
afterAll(async () => {
  await runtime.stop();
  await lossyQueue.stop();
});

const tableName = () => runtime.outputs.BookingsTableName ?? '';
const statusOf = async (bookingId: string) => (await store.get(bookingId))?.status;
/** Whoever pays or extends in time has this long, also on a busy machine. */
const IN_TIME_MS = 10_000;
const putForeign = (bookingId: string, attributes: Record<string, { N: string } | { S: string }>) =>
  foreign.send(
    new PutItemCommand({
      TableName: tableName(),
      Item: { bookingId: { S: bookingId }, status: { S: 'PENDING' }, ...attributes },
    }),
  );

describe('a booking', () => {
  test('expires at its deadline by itself, by its timer', async () => {
    await store.create({ bookingId: 'plain', holdMs: 2_000 }, Date.now());
    await eventually(
      () => statusOf('plain'),
      (status) => status === 'EXPIRED',
    );
    const { expiredAtMs = 0, expiresAtMs = 0, expiredBy } = (await store.get('plain')) ?? {};
    expect(expiredBy).toBe('timer');
    expect(expiredAtMs).toBeGreaterThanOrEqual(expiresAtMs);
  });

  test('written by a foreign program with three attributes expires too', async () => {
    await putForeign('foreign', { expiresAtMs: { N: String(Date.now() + 1_500) } });
    await eventually(
      () => statusOf('foreign'),
      (status) => status === 'EXPIRED',
    );
    expect((await store.get('foreign'))?.expiredBy).toBe('timer');
  });

  test('that is paid in time stays CONFIRMED', async () => {
    await store.create({ bookingId: 'paid', holdMs: IN_TIME_MS }, Date.now());
    await store.create({ bookingId: 'paid-control', holdMs: IN_TIME_MS }, Date.now());
    expect((await store.confirm('paid', Date.now())).kind).toBe('moved');
    await eventually(
      () => statusOf('paid-control'),
      (status) => status === 'EXPIRED',
    );
    expect(await statusOf('paid')).toBe('CONFIRMED');
  });

  test('that is extended expires at its new deadline, not at the old one', async () => {
    await store.create({ bookingId: 'extended', holdMs: IN_TIME_MS }, Date.now());
    const nowMs = Date.now();
    expect((await store.extend('extended', IN_TIME_MS + 2_500, nowMs)).kind).toBe('moved');
    await eventually(
      () => statusOf('extended'),
      (status) => status === 'EXPIRED',
    );
    expect((await store.get('extended'))?.expiredAtMs).toBeGreaterThanOrEqual(nowMs + IN_TIME_MS + 2_500);
  });

  test('whose timer was lost is found by the sweep', async () => {
    // Overdue for longer than the sweep's 30 seconds already when it is written.
    const expiresAtMs = Date.now() - 31_000;
    await putForeign('lost-1', { expiresAtMs: { N: String(expiresAtMs) } });
    await eventually(
      () => lossyQueue.lost.length,
      (count) => count === 1,
    );
    expect(await statusOf('lost-1')).toBe('PENDING');
    await eventually(
      async () => (await store.get('lost-1'))?.pendingShard,
      (shard) => shard !== undefined,
    );
    await runtime.fireSchedules();
    expect(await store.get('lost-1')).toMatchObject({ status: 'EXPIRED', expiredBy: 'sweep' });
    await eventually(
      () => lines.some((line) => line.includes('Successfully expired 1 booking(s)')),
      (said) => said,
    );
  });

  test('with a deadline in seconds, or none, is left alone and does not hold up the others', async () => {
    await putForeign('seconds', { expiresAtMs: { N: String(Math.floor(Date.now() / 1_000)) } });
    await putForeign('none', {});
    await putForeign('after them', { expiresAtMs: { N: String(Date.now() + 1_000) } });
    await eventually(
      () => statusOf('after them'),
      (status) => status === 'EXPIRED',
    );
    expect([await statusOf('seconds'), await statusOf('none')]).toEqual(['PENDING', 'PENDING']);
    for (const bookingId of ['seconds', 'none']) {
      expect(lines.find((line) => line.includes(`"bookingId":"${bookingId}"`))).toContain('nobody will expire it');
    }
  });
});

test('malformed timers and timers of an unknown version end in the dead-letter queue, their batch mates expire', async () => {
  const timer = { bookingId: 'mate', expiresAtMs: Date.now() + 2_000 };
  await store.create({ bookingId: 'mate', holdMs: 2_000 }, timer.expiresAtMs - 2_000);
  for (const MessageBody of ['no timer', encodeTimer(timer), encodeTimer(timer).replace('"v":1', '"v":7')]) {
    await sqs.send(new SendMessageCommand({ QueueUrl: runtime.outputs.TimerQueueUrl, MessageBody }));
  }
  const deadLetters = async () => {
    const { Attributes } = await sqs.send(
      new GetQueueAttributesCommand({
        QueueUrl: runtime.outputs.TimerDeadLetterQueueUrl,
        AttributeNames: ['ApproximateNumberOfMessages'],
      }),
    );
    return Number(Attributes?.ApproximateNumberOfMessages);
  };
  expect(await eventually(deadLetters, (count) => count >= 2)).toBe(2);
  expect(
    await eventually(
      () => statusOf('mate'),
      (status) => status === 'EXPIRED',
    ),
  ).toBe('EXPIRED');
});

describe('on the event bus', () => {
  test('each expiry is told at least once, no event twice with different content, and nothing else', async () => {
    const ids = Array.from({ length: 40 }, (_, index) => `told-${index}`);
    await Promise.all(ids.map((bookingId) => store.create({ bookingId, holdMs: IN_TIME_MS }, Date.now())));
    await Promise.all(ids.slice(0, 10).map((id) => store.confirm(id, Date.now())));
    const toldOf = () => events.filter(({ detail }) => detail.bookingId.startsWith('told-'));
    await eventually(
      () => new Set(toldOf().map(({ detail }) => detail.bookingId)).size,
      (count) => count >= 30,
    );
    const contents = new Map<string, string>();
    for (const { 'detail-type': type, detail } of toldOf()) {
      expect(type).toBe('BookingExpired');
      const content = JSON.stringify(detail);
      expect(contents.get(detail.eventId) ?? content).toBe(content);
      contents.set(detail.eventId, content);
      const booking = await store.get(detail.bookingId);
      expect(booking?.status).toBe('EXPIRED');
      expect(detail.lagMs).toBe((booking?.expiredAtMs ?? 0) - (booking?.expiresAtMs ?? 0));
    }
    expect(contents.size).toBe(30);
  });

  test('any program on this machine can listen', async () => {
    const listening = new AbortController();
    const { body } = await fetch(runtime.eventsUrl, { signal: listening.signal });
    await store.create({ bookingId: 'listened', holdMs: 1_000 }, Date.now());
    let heard = '';
    for await (const chunk of body ?? []) {
      heard += Buffer.from(chunk).toString('utf8');
      if (heard.includes('"bookingId":"listened"')) break;
    }
    expect(heard).toContain('event: BookingExpired');
    listening.abort();
  });
});

describe('over HTTP', () => {
  const request = async (path: string, init?: RequestInit) => {
    const response = await fetch(`${runtime.outputs.ApiUrl}/api/v1${path}`, init);
    return { status: response.status, body: (await response.json()) as Record<string, string> };
  };
  const post = (path: string, body: object = {}, headers: Record<string, string> = {}) =>
    request(path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });

  test('a booking is created, watched, and expires', async () => {
    const { status, body } = await post('/bookings', { bookingId: 'over-http', holdSeconds: 2, details: { seat: 1 } });
    expect([status, body.status]).toEqual([201, 'PENDING']);
    await eventually(
      () => request('/bookings/over-http'),
      ({ body: { status: current } }) => current === 'EXPIRED',
    );
    // A read at the very deadline may come before the timer.
    const expiredBy = expect.stringMatching(/^(timer|read)$/);
    expect((await request('/bookings/over-http')).body).toMatchObject({ expiredBy, details: { seat: 1 } });
  });

  test('a confirm that was answered 200 is never expired, whoever wins at the deadline', async () => {
    const ids = Array.from({ length: 30 }, (_, index) => `http-race-${index}`);
    const nowMs = Date.now();
    await Promise.all(ids.map((bookingId) => store.create({ bookingId, holdMs: IN_TIME_MS }, nowMs)));
    const answers = await Promise.all(
      ids.map(async (bookingId, index) => {
        // From 600 ms before the deadline to 183 ms after it; the first at once: on a busy machine all others may come too late.
        if (index > 0) await sleep(Math.max(0, nowMs + IN_TIME_MS - 600 + index * 27 - Date.now()));
        return post(`/bookings/${bookingId}/confirm`);
      }),
    );
    await eventually(
      async () => Promise.all(ids.map((id) => statusOf(id))),
      (statuses) => statuses.every((status) => status !== 'PENDING'),
    );
    for (const [index, { status }] of answers.entries()) {
      expect(await statusOf(ids[index] ?? '')).toBe(status === 200 ? 'CONFIRMED' : 'EXPIRED');
    }
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200, 409]));
  });

  test('the webhook wants the token, which the Lambda finds where Secrets Manager keeps it', async () => {
    expect((await post('/cron/expire-bookings')).status).toBe(401);
    const { status, body } = await post('/cron/expire-bookings', {}, { authorization: `Bearer ${runtime.cronToken}` });
    expect(status).toBe(200);
    expect(body).toMatchObject({ remaining: false });
  });

  /** The status of a request that fetch would refuse to make, or mend before it is sent. */
  const rawStatus = (
    path: string,
    body = '',
    headers: Record<string, string> = {},
    endpoint = runtime.outputs.ApiUrl ?? '',
  ) => {
    const { hostname, port } = new URL(endpoint);
    const length = body === '' ? {} : { 'content-length': body.length };
    return new Promise<number | undefined>((resolve, reject) => {
      httpRequest({ hostname, port, path, headers: { ...length, ...headers }, agent: false }, (response) => {
        resolve(response.statusCode);
        response.destroy();
      })
        .on('error', reject)
        .end(body);
    });
  };

  test('a GET that comes with a body is answered by the API all the same', async () => {
    expect(await rawStatus('/api/v1/bookings/nobody', '{}')).toBe(404);
  });

  test.each([
    ['//', 404],
    ['//api/v1/health', 404],
    ['http://elsewhere/', 400],
  ])('a request for %s is answered %d', async (path, status) => {
    expect(await rawStatus(path)).toBe(status);
  });

  test('a web page reaches nothing that the runtime serves', async () => {
    const { eventsUrl, dynamodbEndpoint, sqsEndpoint, outputs } = runtime;
    // Engines of the operator's own are served by nobody here.
    const engines = [
      ...(isExternal('DYNAMODB') ? [] : [dynamodbEndpoint]),
      ...(isExternal('SQS') ? [] : [sqsEndpoint]),
    ];
    for (const address of [`${outputs.ApiUrl}/api/v1/health`, eventsUrl, ...engines]) {
      const { pathname, origin } = new URL(address);
      const status = (headers: Record<string, string>) => rawStatus(pathname, '', headers, origin);
      expect(await status({ host: 'evil.example' })).toBe(403);
      expect(await status({ origin: 'https://evil.example' })).toBe(403);
      expect(await status({})).not.toBe(403);
    }
  });

  test('what no route has, and what is too large, is refused by the gateway', async () => {
    const nothing = await fetch(`${runtime.outputs.ApiUrl}/nothing`);
    expect(nothing.status).toBe(404);
    expect((await request('/bookings', { method: 'POST', body: 'x'.repeat(11_000_000) })).status).toBe(413);
  });
});
