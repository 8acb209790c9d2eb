/** Faults that the embedded engines cannot make: single statements, entries and answers that fail. */
import {
  ConditionalCheckFailedException,
  DynamoDBClient,
  ProvisionedThroughputExceededException,
} from '@aws-sdk/client-dynamodb';
import { SendMessageBatchCommand, SQSClient } from '@aws-sdk/client-sqs';
import {
  BatchExecuteStatementCommand,
  BatchGetCommand,
  DynamoDBDocumentClient,
  UpdateCommand,
} from '@aws-sdk/lib-dynamodb';
import { mockClient } from 'aws-sdk-client-mock';
import { beforeEach, describe, expect, test } from 'vitest';
import { BookingStore } from '../../functions/adapters/booking-store.ts';
import { TimerQueue } from '../../functions/adapters/timer-queue.ts';

const NOW = 1_790_000_000_000;
const metadata = { $metadata: {} };
const throttled = () => new ProvisionedThroughputExceededException({ ...metadata, message: 'slow down' });
const refused = (Item?: Record<string, { S: string } | { N: string }>) =>
  new ConditionalCheckFailedException({ ...metadata, message: 'refused', ...(Item && { Item }) });

const dynamodb = mockClient(DynamoDBDocumentClient);
const sqs = mockClient(SQSClient);
const store = new BookingStore(
  DynamoDBDocumentClient.from(new DynamoDBClient({ region: 'us-east-1' })),
  'bookings',
  10,
);
const queue = new TimerQueue(new SQSClient({ region: 'us-east-1' }), 'http://127.0.0.1/queue');

beforeEach(() => {
  dynamodb.reset();
  sqs.reset();
});

describe('an expiry in a batch', () => {
  test('that fails alone is tried again as an update of its own, its batch mates are not', async () => {
    dynamodb.on(BatchExecuteStatementCommand).resolves({
      Responses: [{}, { Error: { Code: 'ThrottlingError', Message: 'slow down' } }, {}],
    });
    dynamodb.on(UpdateCommand).resolves({});
    const outcomes = await store.expire(['a', 'b', 'c'], 'timer', NOW);
    expect([...outcomes.values()].map(({ kind }) => kind)).toEqual(['expired', 'expired', 'expired']);
    const updates = dynamodb.commandCalls(UpdateCommand);
    expect(updates).toHaveLength(1);
    expect(updates[0]?.args[0].input.Key).toEqual({ bookingId: 'b' });
  });

  test('is tried alone for all when the whole request fails', async () => {
    dynamodb.on(BatchExecuteStatementCommand).rejects(throttled());
    dynamodb.on(UpdateCommand).resolves({});
    const outcomes = await store.expire(['a', 'b'], 'timer', NOW);
    expect([...outcomes.values()].map(({ kind }) => kind)).toEqual(['expired', 'expired']);
  });

  test('that never succeeds is reported as failed, and the rest as what became of it', async () => {
    dynamodb.on(BatchExecuteStatementCommand).rejects(throttled());
    dynamodb.on(UpdateCommand, { Key: { bookingId: 'a' } }).rejects(throttled());
    dynamodb.on(UpdateCommand, { Key: { bookingId: 'b' } }).resolves({});
    const outcomes = await store.expire(['a', 'b'], 'timer', NOW);
    expect(outcomes.get('a')).toMatchObject({ kind: 'failed', error: { message: 'slow down' } });
    expect(outcomes.get('b')?.kind).toBe('expired');
  });

  test('that was made although its answer was lost counts as made, one made by another does not', async () => {
    const item = (expiredAtMs: number) => ({
      status: { S: 'EXPIRED' },
      expiresAtMs: { N: String(NOW) },
      expiredAtMs: { N: String(expiredAtMs) },
      expiredBy: { S: 'timer' },
    });
    dynamodb.on(BatchExecuteStatementCommand).rejects(new Error('socket hang up'));
    dynamodb.on(UpdateCommand, { Key: { bookingId: 'ours' } }).rejects(refused(item(NOW)));
    dynamodb.on(UpdateCommand, { Key: { bookingId: 'theirs' } }).rejects(refused(item(NOW - 1)));
    const outcomes = await store.expire(['ours', 'theirs'], 'timer', NOW);
    expect(outcomes.get('ours')?.kind).toBe('expired');
    expect(outcomes.get('theirs')?.kind).toBe('already-expired');
  });

  test('that is refused is explained by the answer where the engine tells what it found', async () => {
    dynamodb.on(BatchExecuteStatementCommand).resolves({
      Responses: [{ Error: { Code: 'ConditionalCheckFailed', Item: { status: 'CONFIRMED' } as never } }],
    });
    const outcomes = await store.expire(['a'], 'timer', NOW);
    expect(outcomes.get('a')).toEqual({ kind: 'settled', status: 'CONFIRMED' });
    expect(dynamodb.commandCalls(BatchGetCommand)).toHaveLength(0);
  });

  test('that is refused needs no other try even if the reason cannot be read', async () => {
    dynamodb.on(BatchExecuteStatementCommand).resolves({ Responses: [{ Error: { Code: 'ConditionalCheckFailed' } }] });
    dynamodb.on(BatchGetCommand).rejects(throttled());
    expect((await store.expire(['a'], 'timer', NOW)).get('a')).toEqual({ kind: 'refused' });
  });
});

test('a read while waiting that comes back with unprocessed keys tells of the others', async () => {
  dynamodb.on(BatchGetCommand).resolves({
    Responses: { bookings: [{ bookingId: 'a', status: 'CONFIRMED' }] },
    UnprocessedKeys: { bookings: { Keys: [{ bookingId: 'b' }] } },
  });
  const glimpsed = await store.glimpse(['a', 'b']);
  expect([...glimpsed.keys()]).toEqual(['a']);
});

describe('an adoption', () => {
  const adoptionOf = (bookingId: string) => ({
    bookingId,
    seenExpiresAtMs: NOW,
    pendingShard: 1,
    holdStartedAtMs: NOW,
  });

  test('that fails alone is tried again as an update of its own; one that is refused is not', async () => {
    dynamodb.on(BatchExecuteStatementCommand).resolves({
      Responses: [{}, { Error: { Code: 'ThrottlingError' } }, { Error: { Code: 'ConditionalCheckFailed' } }],
    });
    dynamodb.on(UpdateCommand).resolves({});
    expect((await store.adopt(['a', 'b', 'c'].map(adoptionOf))).size).toBe(0);
    expect(dynamodb.commandCalls(UpdateCommand).map(({ args }) => args[0].input.Key)).toEqual([{ bookingId: 'b' }]);
  });

  test('that stays throttled is reported, one that is refused by then is not', async () => {
    dynamodb.on(BatchExecuteStatementCommand).rejects(throttled());
    dynamodb.on(UpdateCommand, { Key: { bookingId: 'a' } }).rejects(throttled());
    dynamodb.on(UpdateCommand, { Key: { bookingId: 'b' } }).rejects(refused());
    expect([...(await store.adopt(['a', 'b'].map(adoptionOf))).keys()]).toEqual(['a']);
  });

  test('of 60 bookings takes three round trips', async () => {
    dynamodb
      .on(BatchExecuteStatementCommand)
      .callsFake(({ Statements }) => ({ Responses: Statements.map(() => ({})) }));
    await store.adopt(Array.from({ length: 60 }, (_, index) => adoptionOf(`b${index}`)));
    expect(dynamodb.commandCalls(BatchExecuteStatementCommand)).toHaveLength(3);
  });
});

describe('timers that are sent', () => {
  const timers = Array.from({ length: 12 }, (_, index) => ({
    timer: { bookingId: `b${index}`, expiresAtMs: NOW },
    delaySeconds: index,
  }));

  test('are sent again one by one when entries of a request fail', async () => {
    let calls = 0;
    sqs.on(SendMessageBatchCommand).callsFake(({ Entries }) => {
      calls += 1;
      const [first, ...rest] = Entries;
      return calls === 1
        ? { Successful: rest, Failed: [{ Id: first.Id, Code: 'InternalError', SenderFault: false }] }
        : { Successful: Entries, Failed: [] };
    });
    expect(await queue.send(timers)).toEqual([]);
    expect(calls).toBe(3);
  });

  test('are returned with the reason when they cannot be sent', async () => {
    sqs.on(SendMessageBatchCommand).callsFake(({ Entries }) => ({
      Successful: Entries.slice(1),
      Failed: [{ Id: Entries[0].Id, Code: 'ServiceUnavailable', Message: 'later', SenderFault: false }],
    }));
    const unsent = await queue.send(timers.slice(0, 3));
    expect(unsent).toHaveLength(1);
    expect(unsent[0]?.error.message).toContain('ServiceUnavailable: later');
  });

  test('are all returned when SQS cannot be reached', async () => {
    sqs.on(SendMessageBatchCommand).rejects(new Error('connect ECONNREFUSED'));
    expect(await queue.send(timers)).toHaveLength(12);
  });

  test('are returned when SQS answers for fewer than were sent', async () => {
    sqs.on(SendMessageBatchCommand).resolves({ Successful: [], Failed: [] });
    expect(await queue.send(timers.slice(0, 1))).toHaveLength(1);
  });

  test.each([901, -1, 1.5, Number.NaN])(
    'with a delay of %s s are refused before SQS sees them',
    async (delaySeconds) => {
      const [timer] = timers;
      if (!timer) throw new Error('no timer');
      await expect(queue.send([{ ...timer, delaySeconds }])).rejects.toThrow('from 0 to 900');
      expect(sqs.commandCalls(SendMessageBatchCommand)).toHaveLength(0);
    },
  );
});
