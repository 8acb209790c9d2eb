/**
 * A1: items that broke a stream, written by programs that know nothing of this service, through the real stream, Lambdas and
 * queue. The sweep is off: what expires here does so by its timer.
 */
import { type AttributeValue, type DynamoDBClient, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { ReceiveMessageCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { BookingStore } from '../../functions/adapters/booking-store.ts';
import { LOCAL_CREDENTIALS, REGION } from '../../local/engines.ts';
import type { PublishedEvent } from '../../local/event-bus.ts';
import type { OwnRuntime } from '../../service/service.ts';
import { itemBytes, MAX_ITEM_BYTES } from '../memory/item-size.ts';
import { eventually } from '../support/lambda.ts';
import { startTestRuntime } from '../support/runtime.ts';
import { bookingStoreAt, patientClient } from '../support/store.ts';

const LONG_ENOUGH_MS = 60_000;
let runtime: OwnRuntime;
let store: BookingStore;
let stranger: DynamoDBClient;
let sqs: SQSClient;
/** How often each booking's timer was sent. */
const timersSent = new Map<string, number>();
const events: PublishedEvent[] = [];
const metrics: Record<string, number> = {};

beforeAll(async () => {
  runtime = await startTestRuntime({
    schedulePeriodMs: 'never',
    onEvent: (event) => events.push(event),
    onLogLine: (_, line) => {
      const entry = line.startsWith('{') ? JSON.parse(line) : {};
      for (const id of entry.message === 'bookings scheduled' ? (entry.scheduled ?? []) : []) {
        timersSent.set(id, (timersSent.get(id) ?? 0) + 1);
      }
      if ('_aws' in entry) metrics.Unprocessable = (metrics.Unprocessable ?? 0) + Number(entry.Unprocessable ?? 0);
    },
  });
  store = bookingStoreAt(runtime.dynamodbEndpoint, runtime.outputs.BookingsTableName ?? '', 10);
  stranger = patientClient(runtime.dynamodbEndpoint);
  sqs = new SQSClient({ region: REGION, credentials: LOCAL_CREDENTIALS, endpoint: runtime.sqsEndpoint });
});
afterAll(() => runtime.stop());

/** Three attributes, as the README asks for, and whatever else the stranger writes. */
const write = async (bookingId: string, holdMs: number, others: Record<string, AttributeValue> = {}) => {
  // Odd: zeros at the end of a number take no bytes, and the sizes below are counted to the byte.
  const expiresAtMs = 2 * Math.floor((Date.now() + holdMs) / 2) + 1;
  const bare = { bookingId: { S: bookingId }, status: { S: 'PENDING' }, expiresAtMs: { N: String(expiresAtMs) } };
  const Item: Record<string, AttributeValue> = { ...bare, ...others };
  await stranger.send(new PutItemCommand({ TableName: runtime.outputs.BookingsTableName, Item }));
  return { bookingId, expiresAtMs };
};

/** An item of so many bytes fewer than DynamoDB takes. The engine counts short keys wrong: these are long. */
const fillUp = (bookingId: string, bytesLeft: number): Record<string, AttributeValue> => {
  const bare = { bookingId: { S: bookingId }, status: { S: 'PENDING' }, expiresAtMs: { N: '1790000000123' } };
  return { fill: { S: 'x'.repeat(MAX_ITEM_BYTES - bytesLeft - itemBytes({ ...bare, fill: { S: '' } })) } };
};

const full = (bytesLeft: number) => {
  const bookingId = `poison: ${bytesLeft} bytes short of the largest item, with a long name`;
  return [bookingId, fillUp(bookingId, bytesLeft)] as const;
};

/** Every kind that stopped a stream, and kinds like them: each is expected to expire by its timer itself. */
const POISON: (readonly [bookingId: string, others: Record<string, AttributeValue>])[] = [
  ['poison: holdStartedAtMs in nanoseconds', { holdStartedAtMs: { N: '1790000000000000000' } }],
  ['poison: holdStartedAtMs of 38 digits', { holdStartedAtMs: { N: '9'.repeat(38) } }],
  ['poison: holdStartedAtMs as text', { holdStartedAtMs: { S: 'yesterday' }, pendingShard: { N: '-3' } }],
  ['poison: holdStartedAtMs as a map', { holdStartedAtMs: { M: { constructor: { S: 'x' } } } }],
  ['poison: pendingShard of 38 digits', { pendingShard: { N: '1'.repeat(38) } }],
  ['poison: pendingShard a fraction', { pendingShard: { N: '0.5' } }],
  ['poison: \ufffe and \uffff', {}],
  ['poison: 😀 and \u{10ffff}', {}],
  ['poison: \0 and \u001f and \u2028', {}],
  [`poison: long ${'\uffff'.repeat(600)}`, {}],
  [
    'poison: attributes named like methods',
    { constructor: { S: 'x' }, toString: { N: '1' }, ['__proto__']: { M: {} } },
  ],
  ['poison: sets and binaries', { details: { SS: ['a', 'b'] }, other: { B: new Uint8Array([255, 0]) } }],
  [
    'poison: expiredAtMs and friends',
    { expiredAtMs: { S: 'never' }, expiredBy: { L: [] }, createdAtMs: { NULL: true } },
  ],
  full(0),
  full(13),
  full(14),
  full(40),
  full(50),
  full(400),
];

test('no poison stops others: what is written with it, right after it and later expires by its timer, which is sent once', async () => {
  const sane: { bookingId: string; expiresAtMs: number }[] = [];
  const poison: { bookingId: string; expiresAtMs: number }[] = [];
  for (const [index, [bookingId, others]] of POISON.entries()) {
    sane.push(await write(`before ${index}`, 6_000));
    poison.push(await write(bookingId, 6_000, others));
    sane.push(await write(`after ${index}`, 6_000));
  }
  for (let second = 0; second < 8; second += 1) {
    sane.push(await write(`later ${second}`, 5_000));
    await new Promise((resolve) => setTimeout(resolve, 1_000));
  }
  for (const { bookingId, expiresAtMs } of [...sane, ...poison]) {
    const booking = await eventually(
      () => store.get(bookingId),
      (found) => found?.status === 'EXPIRED',
      LONG_ENOUGH_MS,
    );
    if (booking?.expiredAtMs !== undefined) expect(booking.expiredAtMs).toBeGreaterThanOrEqual(expiresAtMs);
    if (!bookingId.includes('largest item')) expect(booking).toMatchObject({ expiredBy: 'timer' });
  }
  const twice = [...sane, ...poison].filter(({ bookingId }) => timersSent.get(bookingId) !== 1);
  expect(twice.map(({ bookingId }) => [bookingId, timersSent.get(bookingId)])).toEqual([]);
}, 180_000);

test('what cannot be put into the index is in the dead-letter queue with its id and the reason, and is counted', async () => {
  const letters = await eventually(
    async () => {
      const { Messages = [] } = await sqs.send(
        new ReceiveMessageCommand({
          QueueUrl: runtime.outputs.ScheduleExpiryDeadLetterQueueUrl,
          MaxNumberOfMessages: 10,
          VisibilityTimeout: 0,
          MessageAttributeNames: ['All'],
        }),
      );
      return Messages;
    },
    (messages) => messages.length >= 2,
    LONG_ENOUGH_MS,
  );
  const told = letters.map(({ Body = '' }) => JSON.parse(Body));
  // Those that have no room for a shard; all the others were adopted.
  expect(told.map(({ bookingId }) => bookingId).sort()).toEqual([full(0)[0], full(13)[0]]);
  for (const { reason } of told) expect(reason).toContain('maximum allowed size');
  expect(metrics.Unprocessable).toBe(2);
});

test('everybody hears of each of them', async () => {
  for (const [bookingId] of POISON) {
    await eventually(
      () => events.filter(({ detail }) => (detail as { bookingId: string }).bookingId === bookingId),
      (told) => told.length === 1,
      LONG_ENOUGH_MS,
    );
  }
});

describe('messages that are no timers', () => {
  test('keep no timer waiting, and are in the dead-letter queue with the reason', async () => {
    const bodies = [
      '',
      'no JSON',
      '{"v":1}',
      '{"v":1,"bookingId":7,"expiresAtMs":1}',
      '[]',
      'null',
      'x'.repeat(200_000),
    ];
    const booking = await write('among nonsense', 3_000);
    for (const MessageBody of bodies.filter((body) => body !== '')) {
      await sqs.send(new SendMessageCommand({ QueueUrl: runtime.outputs.TimerQueueUrl, MessageBody }));
    }
    const found = await eventually(
      () => store.get(booking.bookingId),
      (each) => each?.status === 'EXPIRED',
      LONG_ENOUGH_MS,
    );
    expect(found?.expiredBy).toBe('timer');
    const reasons = new Map<string, string>();
    await eventually(
      async () => {
        const { Messages = [] } = await sqs.send(
          new ReceiveMessageCommand({
            QueueUrl: runtime.outputs.TimerDeadLetterQueueUrl,
            MaxNumberOfMessages: 10,
            MessageAttributeNames: ['All'],
          }),
        );
        for (const { Body = '', MessageAttributes } of Messages)
          reasons.set(Body, MessageAttributes?.reason?.StringValue ?? '');
        return reasons;
      },
      (found) => found.size === bodies.length - 1,
      LONG_ENOUGH_MS,
    );
    expect(reasons.get('no JSON')).toContain('timer must be JSON');
  });
});
