/**
 * G2: whatever reached the table expires, whatever became of its stream record: schedule-expiry fails each invocation, for a
 * while or for longer than its records live, and bookings of three attributes are written meanwhile.
 */
import { type DynamoDBClient, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { BookingStore } from '../../functions/adapters/booking-store.ts';
import type { OwnRuntime } from '../../service/service.ts';
import { startFaultyEngine } from '../support/faulty-engine.ts';
import { eventually } from '../support/lambda.ts';
import { startTestRuntime } from '../support/runtime.ts';
import { bookingStoreAt, patientClient } from '../support/store.ts';

let runtime: OwnRuntime;
let store: BookingStore;
let stranger: DynamoDBClient;
/** Whether schedule-expiry can do its work: it reaches its queues and its table only through these. */
let ways: Awaited<ReturnType<typeof startFaultyEngine>>[] = [];
const sweeps: { expired: number; adopted?: number; leftOut?: number }[] = [];

const start = async () => {
  const [dynamodb, sqs] = [await startFaultyEngine(), await startFaultyEngine()];
  ways = [dynamodb, sqs];
  runtime = await startTestRuntime({
    schedulePeriodMs: 'never',
    changeEnvironment: (environment, logicalId) => {
      if (logicalId !== 'ScheduleExpiryFunction') return environment;
      const through = (url = '', way: { endpoint: string }) => url.replace(/^http:\/\/[^/]+/, way.endpoint);
      return {
        ...environment,
        AWS_ENDPOINT_URL_DYNAMODB: through(environment.AWS_ENDPOINT_URL_DYNAMODB, dynamodb),
        AWS_ENDPOINT_URL_SQS: through(environment.AWS_ENDPOINT_URL_SQS, sqs),
        TIMER_QUEUE_URL: through(environment.TIMER_QUEUE_URL, sqs),
        DEAD_LETTER_QUEUE_URL: through(environment.DEAD_LETTER_QUEUE_URL, sqs),
      };
    },
    onLogLine: (_, line) => {
      if (line.includes('"Successfully expired')) sweeps.push(JSON.parse(line));
    },
  });
  dynamodb.forwardTo(runtime.dynamodbEndpoint);
  sqs.forwardTo(runtime.sqsEndpoint);
  store = bookingStoreAt(runtime.dynamodbEndpoint, runtime.outputs.BookingsTableName ?? '', 10);
  stranger = patientClient(runtime.dynamodbEndpoint);
};
const write = async (bookingId: string, inMs: number) =>
  stranger.send(
    new PutItemCommand({
      TableName: runtime.outputs.BookingsTableName,
      Item: {
        bookingId: { S: bookingId },
        status: { S: 'PENDING' },
        expiresAtMs: { N: String(Date.now() + inMs) },
      },
    }),
  );
const becomes = (status: string, ids: readonly string[]) =>
  eventually(
    async () => Promise.all(ids.map(async (id) => (await store.get(id))?.status)),
    (statuses) => statuses.every((each) => each === status),
  );

beforeAll(start);
afterAll(async () => {
  await runtime.stop();
  for (const way of ways) await way.stop();
});

test('while schedule-expiry fails, a sweep expires what has lapsed in no index, and gives the rest its index and its timers', async () => {
  for (const way of ways) way.become('answering 500');
  await write('lapsed long ago', -60_000);
  await write('lapses meanwhile', 4_000);
  await write('far', 3_600_000);
  await runtime.fireSchedules();
  await becomes('EXPIRED', ['lapsed long ago', 'lapses meanwhile']);
  expect(await store.get('lapsed long ago')).toMatchObject({ expiredBy: 'sweep' });
  expect(await store.get('lapses meanwhile')).toMatchObject({ expiredBy: 'timer' });
  expect((await store.get('far'))?.pendingShard).toBeGreaterThanOrEqual(0);
  expect(sweeps.at(-1)).toMatchObject({ expired: 1, leftOut: 3, adopted: 2 });
});

test('after it works again, what was written meanwhile and what is written then has its timers', async () => {
  await write('written meanwhile', 30_000);
  for (const way of ways) way.become('well');
  await write('written then', 30_000);
  await becomes('EXPIRED', ['written meanwhile', 'written then']);
  for (const id of ['written meanwhile', 'written then'])
    expect(await store.get(id)).toMatchObject({ expiredBy: 'timer' });
});
