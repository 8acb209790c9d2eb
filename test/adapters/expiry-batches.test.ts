/** Expiries of many bookings in one request: outcomes, costs, and items that are odd or nearly full. */
import { PutItemCommand } from '@aws-sdk/client-dynamodb';
import { UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DynamoDbTable } from '../../functions/adapters/dynamodb-table.ts';
import { HeldItems } from '../../functions/adapters/held-items.ts';
import { isPermanent } from '../../functions/adapters/permanent-error.ts';
import { BOOKINGS_SHAPE } from '../../functions/table/shape.ts';
import { NO_CAPACITY_OF_BATCHES, tellsCapacityOfBatches } from '../support/abilities.ts';
import { answerBatches, BATCH_ANSWERS } from '../support/batch-answers.ts';
import { type Engines, startEngines } from '../support/engines.ts';
import { patientClient } from '../support/store.ts';
import { AT, NOW, storedBookings } from './stored-bookings.ts';

let engines: Engines;
beforeAll(async () => {
  engines = await startEngines();
});
afterAll(() => engines.stop());

const { nextId, givenBooking, expireOne } = storedBookings(() => engines);

describe.each(BATCH_ANSWERS)('a batch of expiries, whose failed conditions are answered %s,', (answers) => {
  let held: HeldItems;
  beforeAll(() => {
    const client = patientClient(engines.dynamodb.endpoint);
    answerBatches(client, answers, engines.table, engines.rawClient);
    held = new HeldItems(new DynamoDbTable(client, engines.table), BOOKINGS_SHAPE);
  });

  test('gives each of 60 bookings its own outcome', async () => {
    const statuses = ['PENDING', 'CONFIRMED', 'PENDING', 'EXPIRED'] as const;
    const given = await Promise.all(Array.from({ length: 60 }, (_, index) => givenBooking(statuses[index % 4] ?? '')));
    const nowhere = `${answers} nowhere`;
    const outcomes = await held.expire([...given.map(({ bookingId }) => bookingId), nowhere], 'timer', AT);
    expect(outcomes.get(nowhere)).toEqual({ kind: 'missing' });
    const kinds: Record<string, string> = { PENDING: 'expired', CONFIRMED: 'settled', EXPIRED: 'already-expired' };
    for (const { bookingId, status } of given) expect(outcomes.get(bookingId)?.kind).toBe(kinds[status]);
    expect(await engines.store.get(nowhere)).toBeUndefined();
  });

  test('says which bookings were extended, and which are not to be expired at all', async () => {
    const extended = await givenBooking('PENDING', { expiresAtMs: AT + 1 });
    const inSeconds = await givenBooking('PENDING', { expiresAtMs: 1_790_000_000 });
    const outcomes = await held.expire([extended.bookingId, inSeconds.bookingId], 'sweep', AT);
    expect(outcomes.get(extended.bookingId)).toEqual({ kind: 'extended', expiresAtMs: AT + 1 });
    expect(outcomes.get(inSeconds.bookingId)?.kind).toBe('invalid-deadline');
  });

  test('counts each booking for one of two sweeps at one millisecond', async () => {
    const given = await Promise.all(Array.from({ length: 50 }, () => givenBooking('PENDING')));
    const ids = given.map(({ bookingId }) => bookingId);
    const both = await Promise.all([1, 2].map(() => held.expire(ids, 'sweep', AT)));
    const kinds = ids.map((id) => both.map((outcomes) => outcomes.get(id)?.kind).sort());
    expect(kinds).toEqual(ids.map(() => ['already-expired', 'expired']));
  });

  test('puts what it is to adopt into the index, as it is now', async () => {
    const seen = await givenBooking('PENDING', { pendingShard: 900 });
    await engines.store.extend(seen.bookingId, 90_000, NOW);
    await engines.documents.send(
      new UpdateCommand({
        TableName: engines.table,
        Key: { bookingId: seen.bookingId },
        UpdateExpression: 'REMOVE pendingShard',
      }),
    );
    const adoption = { bookingId: seen.bookingId, seenDeadline: { stored: { N: String(NOW + 60_000) } } };
    const outcomes = await held.adopt([{ ...adoption, pendingShard: 4 }], () => ({
      ...adoption,
      seenDeadline: { stored: { N: String(NOW + 90_000) } },
      pendingShard: 5,
    }));
    expect(outcomes.get(seen.bookingId)?.kind).toBe('adopted');
    expect(await engines.store.get(seen.bookingId)).toMatchObject({ pendingShard: 5, expiresAtMs: NOW + 90_000 });
  });
});

describe('a batch of expiries', () => {
  test('costs two write units for an expiry, one for a refusal, and one read unit for each booking looked at', async ({
    skip,
  }) => {
    skip(!(await tellsCapacityOfBatches(engines.rawClient, engines.table)), NO_CAPACITY_OF_BATCHES);
    const pending = await givenBooking('PENDING');
    const settled = await givenBooking('CONFIRMED');
    let units = 0;
    const client = patientClient(engines.dynamodb.endpoint);
    const store = new HeldItems(new DynamoDbTable(client, engines.table), BOOKINGS_SHAPE);
    client.middlewareStack.add(
      (next) => async (args) => {
        Object.assign(args.input, { ReturnConsumedCapacity: 'TOTAL' });
        const result = await next(args);
        for (const used of (result.output as { ConsumedCapacity?: { CapacityUnits?: number }[] }).ConsumedCapacity ??
          []) {
          units += used.CapacityUnits ?? 0;
        }
        return result;
      },
      { step: 'initialize', name: 'capacity', priority: 'high' },
    );
    await store.expire([pending.bookingId], 'timer', AT);
    expect(units).toBe(2);
    await store.expire([settled.bookingId], 'timer', AT);
    expect(units).toBe(3);
    await store.glimpse([pending.bookingId, settled.bookingId]);
    expect(units).toBe(5);
  });

  test.each([
    ['in seconds', { N: '1790000000' }],
    ['negative', { N: '-1' }],
    ['beyond every calendar', { N: '1e30' }],
    ['missing', undefined],
  ])('never expires a booking whose deadline is %s', async (_, expiresAtMs) => {
    const bookingId = nextId();
    const Item = { bookingId: { S: bookingId }, status: { S: 'PENDING' }, ...(expiresAtMs && { expiresAtMs }) };
    await engines.rawClient.send(new PutItemCommand({ TableName: engines.table, Item }));
    expect((await expireOne(bookingId, NOW))?.kind).toBe('invalid-deadline');
    expect((await engines.store.get(bookingId))?.status).toBe('PENDING');
  });

  test('takes a deadline with fractions of a millisecond for the next whole one', async () => {
    const { bookingId } = await givenBooking('PENDING', { expiresAtMs: NOW + 0.5 });
    expect((await expireOne(bookingId, NOW))?.kind).toBe('extended');
    expect((await expireOne(bookingId, NOW + 1))?.kind).toBe('expired');
  });
});

describe('a nearly full item', () => {
  /** A PENDING item of so many bytes, by DynamoDB's rules for ASCII text and this number. */
  const givenItemOf = async (bytes: number): Promise<string> => {
    // Long enough for the embedded engine, which counts an update of an item with a short key too high.
    const bookingId = `${nextId()}-with-a-long-enough-name-of-its-own`;
    const overhead =
      'bookingId'.length + bookingId.length + 'statusPENDING'.length + 'expiresAtMs'.length + 3 + 'fill'.length;
    const Item = {
      bookingId: { S: bookingId },
      status: { S: 'PENDING' },
      expiresAtMs: { N: String(NOW) },
      fill: { S: 'x'.repeat(bytes - overhead) },
    };
    await engines.rawClient.send(new PutItemCommand({ TableName: engines.table, Item }));
    return bookingId;
  };

  test('that takes no attribute more expires without a trace of when and by whom', async () => {
    const bookingId = await givenItemOf(409_600);
    expect((await expireOne(bookingId, NOW))?.kind).toBe('expired');
    const { status, expiredAtMs, expiredBy } = (await engines.store.get(bookingId)) ?? {};
    expect({ status, expiredAtMs, expiredBy }).toEqual({ status: 'EXPIRED' });
  });

  test('that has room for the shard alone is adopted with it, and one without is reported as beyond help', async () => {
    const [roomy, full] = [await givenItemOf(409_600 - 14), await givenItemOf(409_600)];
    const adoptions = [roomy, full].map((bookingId) => ({
      bookingId,
      seenDeadline: { stored: { N: String(NOW) } },
      pendingShard: 7,
      holdStartedAtMs: NOW,
    }));
    const outcomes = await engines.held.adopt(adoptions, () => undefined);
    expect(outcomes.get(roomy)?.kind).toBe('adopted');
    const failed = outcomes.get(full);
    expect(failed?.kind === 'failed' && isPermanent(failed.error)).toBe(true);
  });
});
