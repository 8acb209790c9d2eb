/** What DynamoDB answers to a transaction, and what is made of it. The faults are those that the embedded engine cannot make. */
import {
  ConditionalCheckFailedException,
  DynamoDBClient,
  TransactionCanceledException,
  TransactionConflictException,
  TransactionInProgressException,
  TransactWriteItemsCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import { mockClient } from 'aws-sdk-client-mock';
import { afterEach, describe, expect, test } from 'vitest';
import { BookingStore } from '../../functions/adapters/booking-store.ts';
import type { Patience } from '../../functions/adapters/contention.ts';
import { DynamoDbTable } from '../../functions/adapters/dynamodb-table.ts';
import { DynamoDbTransactions } from '../../functions/adapters/dynamodb-transactions.ts';
import { SlottedBookings } from '../../functions/adapters/slotted-bookings.ts';
import { createBookingsApi } from '../../functions/api/bookings-api.ts';
import { ContentionError } from '../../functions/api/ports.ts';
import type { Slot } from '../../functions/core/slots.ts';
import { BOOKINGS_SHAPE } from '../../functions/table/shape.ts';
import { LOCAL_CREDENTIALS, REGION } from '../../local/engines.ts';
import { useBookingsApi } from '../support/bookings-api.ts';

const NOW = 1_790_000_000_000;
const client = new DynamoDBClient({ region: REGION, credentials: LOCAL_CREDENTIALS });
const aws = mockClient(client);
afterEach(() => aws.reset());

/** A store whose pauses take no time, but for what its clock says. */
const impatientStore = (slots: readonly Slot[] = []) => {
  let passedMs = 0;
  const pauses: number[] = [];
  const patience: Patience = {
    limitMs: 4_000,
    pause: async (ms) => {
      pauses.push(ms);
      passedMs += ms;
    },
    elapsed: () => passedMs,
    random: () => 1,
  };
  const slotted = new SlottedBookings({
    transactions: new DynamoDbTransactions(client),
    slots: {
      getMany: async () =>
        slots.map(({ slotId, bookingId = '', state = '', heldUntilMs = 0 }) => ({
          slotId: { S: slotId },
          bookingId: { S: bookingId },
          state: { S: state },
          heldUntilMs: { N: String(heldUntilMs) },
        })),
    },
    slotsTable: 'slots',
    bookings: { getMany: async () => [] },
    bookingsTable: 'bookings',
    shape: BOOKINGS_SHAPE,
    patience,
  });
  return { store: new BookingStore(new DynamoDbTable(client, 'bookings'), 10, { slotted }), pauses };
};

const cancelled = (...codes: string[]) =>
  new TransactionCanceledException({
    message: 'Transaction cancelled',
    $metadata: { attempts: 1 },
    CancellationReasons: codes.map((Code) => ({ Code, Message: `made to be ${Code}` })),
  });
const claim = { bookingId: 'seat-1', holdMs: 60_000, slotIds: ['1'] };
const tries = () => aws.commandCalls(TransactWriteItemsCommand);

describe('a booking whose slots others are at', () => {
  test.each([
    ['a conflict', cancelled('None', 'TransactionConflict')],
    ['throttling of one item', cancelled('ThrottlingError', 'None')],
    ['throughput that is used up', cancelled('None', 'ProvisionedThroughputExceeded')],
    ['a conflict of the whole', new TransactionConflictException({ message: 'conflict', $metadata: {} })],
    ['its own earlier try', new TransactionInProgressException({ Message: 'busy', message: 'busy', $metadata: {} })],
  ])('is tried again after %s, each time later', async (_, error) => {
    aws.on(TransactWriteItemsCommand).rejectsOnce(error).rejectsOnce(error).resolves({});
    const { store, pauses } = impatientStore();
    expect((await store.create(claim, NOW)).kind).toBe('created');
    expect(pauses).toEqual([20, 40]);
    expect(tries()).toHaveLength(3);
  });

  test('needs no transaction when one of them has been taken', async () => {
    const winner = { slotId: '1', bookingId: 'seat-2', state: 'HELD' as const, heldUntilMs: NOW + 1_000 };
    const outcome = await impatientStore([winner]).store.create(claim, NOW);
    expect(outcome).toEqual({ kind: 'slots-taken', slots: [{ slotId: '1', heldUntilMs: NOW + 1_000 }] });
    expect(tries()).toHaveLength(0);
  });

  test('is tried again when one of them went to another since it was looked at', async () => {
    aws.on(TransactWriteItemsCommand).rejectsOnce(cancelled('None', 'ConditionalCheckFailed')).resolves({});
    expect((await impatientStore().store.create(claim, NOW)).kind).toBe('created');
    expect(tries()).toHaveLength(2);
  });

  test('is given up after four seconds, with nothing made', async () => {
    aws.on(TransactWriteItemsCommand).rejects(cancelled('None', 'TransactionConflict'));
    const { store, pauses } = impatientStore();
    await expect(store.create(claim, NOW)).rejects.toThrow(ContentionError);
    expect(pauses.reduce((sum, ms) => sum + ms, 0)).toBeLessThanOrEqual(4_000);
    expect(tries().length).toBeGreaterThan(10);
  });

  test('has a token of its own for each try: only the SDK’s repetitions of one try share it', async () => {
    aws.on(TransactWriteItemsCommand).rejectsOnce(cancelled('None', 'TransactionConflict')).resolves({});
    await impatientStore().store.create(claim, NOW);
    const tokens = tries().map(({ args: [{ input }] }) => input.ClientRequestToken);
    expect(new Set(tokens).size).toBe(2);
  });
});

describe('a transaction', () => {
  test('that a condition refused is an answer, whatever else was in the way', async () => {
    aws.on(TransactWriteItemsCommand).rejects(cancelled('ConditionalCheckFailed', 'TransactionConflict'));
    expect(await impatientStore().store.create(claim, NOW)).toEqual({ kind: 'exists', booking: undefined });
    expect(tries()).toHaveLength(1);
  });

  test('that had been made before, and whose answer was lost, is recognized by what the items say', async () => {
    aws.on(TransactWriteItemsCommand).callsFake((input) => {
      const [booking] = input.TransactItems;
      const error = cancelled('ConditionalCheckFailed', 'None');
      Object.assign(error.CancellationReasons?.[0] ?? {}, { Item: booking.Put.Item });
      error.$metadata.attempts = 2;
      throw error;
    });
    expect((await impatientStore().store.create(claim, NOW)).kind).toBe('created');
  });

  test('that the item has no room for can never be made', async () => {
    aws.on(TransactWriteItemsCommand).rejects(cancelled('ValidationError', 'None'));
    await expect(impatientStore().store.create(claim, NOW)).rejects.toThrow('made to be ValidationError');
    expect(tries()).toHaveLength(1);
  });

  test('that fails otherwise is an error', async () => {
    aws.on(TransactWriteItemsCommand).rejects(new Error('no route to host'));
    await expect(impatientStore().store.create(claim, NOW)).rejects.toThrow('no route to host');
  });
});

test('a payment that is in time when it comes, and too late when others are out of its way, is told that it was too late', async () => {
  const held = {
    bookingId: { S: 'seat-1' },
    status: { S: 'PENDING' },
    expiresAtMs: { N: String(NOW + 10) },
    slotIds: { L: [{ S: '1' }] },
  };
  const refusal = cancelled('ConditionalCheckFailed', 'None');
  Object.assign(refusal.CancellationReasons?.[0] ?? {}, { Item: held });
  aws.on(TransactWriteItemsCommand).rejectsOnce(cancelled('TransactionConflict', 'None')).rejects(refusal);
  const noPlainWrite = new ConditionalCheckFailedException({ message: '', $metadata: {}, Item: held });
  aws
    .on(UpdateItemCommand)
    .rejectsOnce(noPlainWrite)
    .resolves({ Attributes: { ...held, status: { S: 'EXPIRED' } } });
  expect(await impatientStore().store.confirm('seat-1', NOW)).toMatchObject({
    kind: 'refused',
    found: 'EXPIRED',
    judgedAtMs: NOW + 20,
  });
});

describe('a write of one booking that meets a transaction of it', () => {
  const conflict = () => new TransactionConflictException({ message: 'conflict', $metadata: {} });

  test('is tried again: the transaction takes milliseconds', async () => {
    aws
      .on(UpdateItemCommand)
      .rejectsOnce(conflict())
      .rejectsOnce(conflict())
      .resolves({ Attributes: { bookingId: { S: 'seat-1' }, status: { S: 'CONFIRMED' } } });
    expect((await impatientStore().store.confirm('seat-1', NOW)).kind).toBe('moved');
  });

  test('is given up after a while', async () => {
    aws.on(UpdateItemCommand).rejects(conflict());
    await expect(impatientStore().store.confirm('seat-1', NOW)).rejects.toThrow('conflict');
    expect(aws.commandCalls(UpdateItemCommand)).toHaveLength(7);
  });
});

describe('the API', () => {
  const api = useBookingsApi();

  test('answers 503 with Retry-After when others were in the way for all the time', async () => {
    const busy = { ...api.ports().store, create: () => Promise.reject(new ContentionError('others')) };
    const app = createBookingsApi(api.ports({ store: busy as never }));
    const response = await app.request(
      '/api/v1/bookings',
      {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ holdSeconds: 60, slotIds: ['1'] }),
      },
      { caller: 'me', remainingMs: () => 25_000 },
    );
    expect([response.status, response.headers.get('retry-after')]).toEqual([503, '1']);
  });
});
