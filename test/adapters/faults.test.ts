/** Faults that the embedded engines cannot make: single statements, entries and answers that fail. */
import {
  BatchExecuteStatementCommand,
  BatchGetItemCommand,
  ConditionalCheckFailedException,
  DynamoDBClient,
  ProvisionedThroughputExceededException,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import { SendMessageBatchCommand, SQSClient } from '@aws-sdk/client-sqs';
import { mockClient } from 'aws-sdk-client-mock';
import { beforeEach, describe, expect, test } from 'vitest';
import { DeadLetters } from '../../functions/adapters/dead-letters.ts';
import { DynamoDbTable } from '../../functions/adapters/dynamodb-table.ts';
import { HeldItems } from '../../functions/adapters/held-items.ts';
import { isPermanent } from '../../functions/adapters/permanent-error.ts';
import { TimerSender } from '../../functions/adapters/timer-sender.ts';
import { BOOKINGS_SHAPE } from '../../functions/table/shape.ts';

const NOW = 1_790_000_000_000;
const metadata = { $metadata: {} };
const throttled = () => new ProvisionedThroughputExceededException({ ...metadata, message: 'slow down' });
const refused = (Item?: Record<string, { S: string } | { N: string }>) =>
  new ConditionalCheckFailedException({ ...metadata, message: 'refused', ...(Item && { Item }) });

const dynamodb = mockClient(DynamoDBClient);
const sqs = mockClient(SQSClient);
const store = new HeldItems(new DynamoDbTable(new DynamoDBClient({ region: 'us-east-1' }), 'bookings'), BOOKINGS_SHAPE);
const queue = new TimerSender(new SQSClient({ region: 'us-east-1' }), 'http://127.0.0.1/queue');

beforeEach(() => {
  dynamodb.reset();
  sqs.reset();
});

describe('an expiry in a batch', () => {
  test('that fails alone is tried again as an update of its own, its batch mates are not', async () => {
    dynamodb.on(BatchExecuteStatementCommand).resolves({
      Responses: [{}, { Error: { Code: 'ThrottlingError', Message: 'slow down' } }, {}],
    });
    dynamodb.on(UpdateItemCommand).resolves({});
    const outcomes = await store.expire(['a', 'b', 'c'], 'timer', NOW);
    expect([...outcomes.values()].map(({ kind }) => kind)).toEqual(['expired', 'expired', 'expired']);
    const updates = dynamodb.commandCalls(UpdateItemCommand);
    expect(updates).toHaveLength(1);
    expect(updates[0]?.args[0].input.Key).toEqual({ bookingId: { S: 'b' } });
  });

  test('is tried alone for all when the whole request fails', async () => {
    dynamodb.on(BatchExecuteStatementCommand).rejects(throttled());
    dynamodb.on(UpdateItemCommand).resolves({});
    const outcomes = await store.expire(['a', 'b'], 'timer', NOW);
    expect([...outcomes.values()].map(({ kind }) => kind)).toEqual(['expired', 'expired']);
  });

  test('that never succeeds is reported as failed, and the rest as what became of it', async () => {
    dynamodb.on(BatchExecuteStatementCommand).rejects(throttled());
    dynamodb.on(UpdateItemCommand, { Key: { bookingId: { S: 'a' } } }).rejects(throttled());
    dynamodb.on(UpdateItemCommand, { Key: { bookingId: { S: 'b' } } }).resolves({});
    const outcomes = await store.expire(['a', 'b'], 'timer', NOW);
    expect(outcomes.get('a')).toMatchObject({ kind: 'failed', error: { message: 'slow down' } });
    expect(outcomes.get('b')?.kind).toBe('expired');
  });

  test('that was made although its answer was lost counts as made, one made by another does not', async () => {
    const item = (expiredAtMs: number) => ({
      bookingId: { S: 'any' },
      status: { S: 'EXPIRED' },
      expiresAtMs: { N: String(NOW) },
      expiredAtMs: { N: String(expiredAtMs) },
      expiredBy: { S: 'timer' },
    });
    dynamodb.on(BatchExecuteStatementCommand).rejects(new Error('socket hang up'));
    dynamodb.on(UpdateItemCommand, { Key: { bookingId: { S: 'ours' } } }).rejects(refused(item(NOW)));
    dynamodb.on(UpdateItemCommand, { Key: { bookingId: { S: 'theirs' } } }).rejects(refused(item(NOW - 1)));
    const outcomes = await store.expire(['ours', 'theirs'], 'timer', NOW);
    expect(outcomes.get('ours')?.kind).toBe('expired');
    expect(outcomes.get('theirs')?.kind).toBe('already-expired');
  });

  test('that is refused is explained by the answer where the engine tells what it found', async () => {
    dynamodb.on(BatchExecuteStatementCommand).resolves({
      Responses: [
        { Error: { Code: 'ConditionalCheckFailed', Item: { bookingId: { S: 'a' }, status: { S: 'CONFIRMED' } } } },
      ],
    });
    const outcomes = await store.expire(['a'], 'timer', NOW);
    expect(outcomes.get('a')).toEqual({ kind: 'settled', status: 'CONFIRMED' });
    expect(dynamodb.commandCalls(BatchGetItemCommand)).toHaveLength(0);
  });

  test('that is refused needs no other try even if the reason cannot be read', async () => {
    dynamodb.on(BatchExecuteStatementCommand).resolves({ Responses: [{ Error: { Code: 'ConditionalCheckFailed' } }] });
    dynamodb.on(BatchGetItemCommand).rejects(throttled());
    expect((await store.expire(['a'], 'timer', NOW)).get('a')).toEqual({ kind: 'refused' });
  });
});

test('a read while waiting that comes back with unprocessed keys tells of the others', async () => {
  dynamodb.on(BatchGetItemCommand).resolves({
    Responses: { bookings: [{ bookingId: { S: 'a' }, status: { S: 'CONFIRMED' } }] },
    UnprocessedKeys: { bookings: { Keys: [{ bookingId: { S: 'b' } }] } },
  });
  const glimpsed = await store.glimpse(['a', 'b']);
  expect([...glimpsed.keys()]).toEqual(['a']);
});

describe('an adoption', () => {
  const adoptionOf = (bookingId: string) => ({
    bookingId,
    seenDeadline: { stored: { N: String(NOW) } },
    pendingShard: 1,
    holdStartedAtMs: NOW,
  });
  const adopt = async (...ids: string[]) => {
    const outcomes = await store.adopt(ids.map(adoptionOf), ({ booking }) => adoptionOf(booking.bookingId));
    return [...outcomes.values()].map(({ kind }) => kind);
  };
  const found = (...Items: Record<string, { S: string } | { N: string }>[]) =>
    dynamodb.on(BatchGetItemCommand).resolves({ Responses: { bookings: Items } });
  const tooLarge = () =>
    Object.assign(new Error('Item size to update has exceeded the maximum allowed size'), {
      name: 'ValidationException',
    });

  test('that fails alone is tried again as an update of its own; one that was settled is not', async () => {
    dynamodb.on(BatchExecuteStatementCommand).resolves({
      Responses: [{}, { Error: { Code: 'ThrottlingError' } }, { Error: { Code: 'ConditionalCheckFailed' } }],
    });
    dynamodb.on(UpdateItemCommand).resolves({});
    found({ bookingId: { S: 'c' }, status: { S: 'CONFIRMED' } });
    expect(await adopt('a', 'b', 'c')).toEqual(['adopted', 'adopted', 'unneeded']);
    const keys = dynamodb.commandCalls(UpdateItemCommand).map(({ args }) => args[0].input.Key);
    expect(keys).toEqual([{ bookingId: { S: 'b' } }]);
  });

  test('that stays throttled is reported as failed, one whose booking is gone is not', async () => {
    dynamodb.on(BatchExecuteStatementCommand).rejects(throttled());
    dynamodb.on(UpdateItemCommand, { Key: { bookingId: { S: 'a' } } }).rejects(throttled());
    dynamodb.on(UpdateItemCommand, { Key: { bookingId: { S: 'b' } } }).rejects(refused());
    found();
    expect(await adopt('a', 'b')).toEqual(['failed', 'unneeded']);
  });

  test('of a booking that changes whenever it is looked at is given up in the end, and reported', async () => {
    dynamodb.on(BatchExecuteStatementCommand).resolves({ Responses: [{ Error: { Code: 'ConditionalCheckFailed' } }] });
    dynamodb.on(UpdateItemCommand).rejects(refused());
    found({ bookingId: { S: 'a' }, status: { S: 'PENDING' }, expiresAtMs: { N: String(NOW) } });
    expect(await adopt('a')).toEqual(['failed']);
    expect(dynamodb.commandCalls(UpdateItemCommand)).toHaveLength(5);
  });

  test('that makes the item too large is made with the shard alone', async () => {
    dynamodb.on(BatchExecuteStatementCommand).resolves({ Responses: [{ Error: { Code: 'ValidationError' } }] });
    dynamodb.on(UpdateItemCommand).rejectsOnce(tooLarge()).resolves({});
    expect(await adopt('a')).toEqual(['adopted']);
    expect(dynamodb.commandCalls(UpdateItemCommand).at(-1)?.args[0].input.UpdateExpression).toBe('SET #n0 = :v0');
    expect(dynamodb.commandCalls(UpdateItemCommand).at(-1)?.args[0].input.ExpressionAttributeNames).toMatchObject({
      '#n0': 'pendingShard',
    });
  });

  test('of 60 bookings takes three round trips', async () => {
    dynamodb
      .on(BatchExecuteStatementCommand)
      .callsFake(({ Statements }) => ({ Responses: Statements.map(() => ({})) }));
    await adopt(...Array.from({ length: 60 }, (_, index) => `b${index}`));
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
    'with a delay of %s s are refused before SQS sees them, and the others are sent',
    async (delaySeconds) => {
      sqs.on(SendMessageBatchCommand).callsFake(({ Entries }) => ({ Successful: Entries, Failed: [] }));
      const [wrong, right] = timers;
      if (!wrong || !right) throw new Error('no timers');
      const unsent = await queue.send([{ ...wrong, delaySeconds }, right]);
      expect(unsent.map(({ scheduled }) => scheduled.timer.bookingId)).toEqual(['b0']);
      expect(unsent[0]?.error.message).toContain(`from 0 to 900, got ${delaySeconds}`);
      expect(isPermanent(unsent[0]?.error)).toBe(true);
      expect(sqs.commandCalls(SendMessageBatchCommand)[0]?.args[0].input.Entries).toHaveLength(1);
    },
  );

  test('are not tried again where SQS will never take them', async () => {
    sqs.on(SendMessageBatchCommand).callsFake(({ Entries }) => ({
      Successful: Entries.slice(1),
      Failed: [{ Id: Entries[0].Id, Code: 'InvalidMessageContents', SenderFault: true }],
    }));
    const unsent = await queue.send(timers.slice(0, 3));
    expect(unsent.map(({ error }) => isPermanent(error))).toEqual([true]);
    expect(sqs.commandCalls(SendMessageBatchCommand)).toHaveLength(1);
  });

  test('go one by one where SQS refuses their request as a whole for the sake of one', async () => {
    sqs.on(SendMessageBatchCommand).callsFake(({ Entries }) => {
      if (Entries.some(({ MessageBody }: { MessageBody: string }) => MessageBody.includes('"b1"'))) {
        throw Object.assign(new Error('one or more parameters are invalid'), { name: 'InvalidParameterValue' });
      }
      return { Successful: Entries, Failed: [] };
    });
    const unsent = await queue.send(timers.slice(0, 3));
    expect(unsent.map(({ scheduled }) => scheduled.timer.bookingId)).toEqual(['b1']);
  });
});

describe('dead letters', () => {
  const deadLetters = new DeadLetters(new SQSClient({ region: 'us-east-1' }), 'http://127.0.0.1/dead');
  const letters = Array.from({ length: 12 }, (_, index) => ({ body: `message ${index}`, reason: `it is ${index}` }));

  test('keep the body as it came and say why, in characters that SQS takes', async () => {
    sqs.on(SendMessageBatchCommand).callsFake(({ Entries }) => ({ Successful: Entries }));
    await deadLetters.put([
      { body: 'as it came', reason: 'no \uffff' },
      { body: { bookingId: 'b\u{1f600}' }, reason: 'too large' },
    ]);
    const [first, second] = sqs.commandCalls(SendMessageBatchCommand)[0]?.args[0].input.Entries ?? [];
    expect(first).toMatchObject({
      MessageBody: 'as it came',
      MessageAttributes: { reason: { StringValue: 'no \\uffff' } },
    });
    expect(second?.MessageBody).toBe('{"bookingId":"b\\ud83d\\ude00","reason":"too large"}');
  });

  test('that are not taken are returned, and no others', async () => {
    sqs.on(SendMessageBatchCommand).callsFake(({ Entries }) => ({ Successful: Entries.slice(1) }));
    expect((await deadLetters.put(letters)).map(({ body }) => body)).toEqual(['message 0', 'message 10']);
  });

  test('that are too large together go one by one', async () => {
    sqs.on(SendMessageBatchCommand).callsFake(({ Entries }) => {
      if (Entries.length > 1) throw Object.assign(new Error('too long'), { name: 'BatchRequestTooLong' });
      return { Successful: Entries };
    });
    expect(await deadLetters.put(letters)).toEqual([]);
  });

  test('are all returned when SQS cannot be reached', async () => {
    sqs.on(SendMessageBatchCommand).rejects(new Error('connect ECONNREFUSED'));
    expect(await deadLetters.put(letters)).toHaveLength(12);
  });
});
