import { PutItemCommand } from '@aws-sdk/client-dynamodb';
import { PutCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DynamoDbTable } from '../../functions/adapters/dynamodb-table.ts';
import { HeldItems } from '../../functions/adapters/held-items.ts';
import { isPermanent } from '../../functions/adapters/permanent-error.ts';
import { BOOKING_STATUSES, type Booking, effectiveStatus } from '../../functions/core/booking-status.ts';
import { BOOKINGS_SHAPE } from '../../functions/table/shape.ts';
import { NO_CAPACITY_OF_BATCHES, tellsCapacityOfBatches } from '../support/abilities.ts';
import { answerBatches, BATCH_ANSWERS } from '../support/batch-answers.ts';
import { type Engines, startEngines } from '../support/engines.ts';
import { patientClient } from '../support/store.ts';

const NOW = 1_790_000_000_000;
let engines: Engines;
let sequence = 0;
const nextId = () => `booking-${++sequence}`;

beforeAll(async () => {
  engines = await startEngines();
});
afterAll(() => engines.stop());

/** A booking with this status in the table, whose deadline is NOW + 60 s. */
const givenBooking = async (status: string, overrides: Partial<Booking> = {}): Promise<Booking> => {
  const booking: Booking = {
    bookingId: nextId(),
    status,
    expiresAtMs: NOW + 60_000,
    ...(status === 'PENDING' && { pendingShard: 3, holdStartedAtMs: NOW }),
    ...overrides,
  };
  await engines.documents.send(new PutCommand({ TableName: engines.table, Item: booking }));
  return booking;
};

const expireOne = async (bookingId: string, nowMs: number) =>
  (await engines.held.expire([bookingId], 'timer', nowMs)).get(bookingId);

const BEFORE = NOW + 59_999;
const AT = NOW + 60_000;

describe('from each status, before the deadline', () => {
  test.each([
    ['PENDING', 'CONFIRMED', 'moved'],
    ['PENDING', 'CANCELLED', 'moved'],
    ['PENDING', 'PENDING', 'moved'],
    ['PENDING', 'EXPIRED', 'extended'],
    ['CONFIRMED', 'CONFIRMED', 'unchanged'],
    ['CONFIRMED', 'CANCELLED', 'moved'],
    ['CONFIRMED', 'PENDING', 'refused'],
    ['CONFIRMED', 'EXPIRED', 'settled'],
    ['CANCELLED', 'CONFIRMED', 'refused'],
    ['CANCELLED', 'CANCELLED', 'unchanged'],
    ['CANCELLED', 'PENDING', 'refused'],
    ['CANCELLED', 'EXPIRED', 'settled'],
    ['EXPIRED', 'CONFIRMED', 'refused'],
    ['EXPIRED', 'CANCELLED', 'refused'],
    ['EXPIRED', 'PENDING', 'refused'],
    ['EXPIRED', 'EXPIRED', 'already-expired'],
  ] as const)('%s → %s: %s', async (from, to, kind) => {
    const { bookingId } = await givenBooking(from);
    expect((await move(bookingId, to, BEFORE))?.kind).toBe(kind);
    const after = await engines.store.get(bookingId);
    expect(after?.status).toBe(kind === 'moved' ? to : from);
  });
});

describe('from each status, from the deadline on', () => {
  test.each([
    ['PENDING', 'CONFIRMED', 'refused'],
    ['PENDING', 'CANCELLED', 'refused'],
    ['PENDING', 'PENDING', 'refused'],
    ['PENDING', 'EXPIRED', 'expired'],
    ['CONFIRMED', 'CONFIRMED', 'unchanged'],
    ['CONFIRMED', 'CANCELLED', 'moved'],
    ['CONFIRMED', 'PENDING', 'refused'],
    ['CONFIRMED', 'EXPIRED', 'settled'],
    ['CANCELLED', 'CANCELLED', 'unchanged'],
    ['CANCELLED', 'EXPIRED', 'settled'],
    ['EXPIRED', 'CONFIRMED', 'refused'],
    ['EXPIRED', 'EXPIRED', 'already-expired'],
  ] as const)('%s → %s: %s', async (from, to, kind) => {
    const { bookingId } = await givenBooking(from);
    expect((await move(bookingId, to, AT))?.kind).toBe(kind);
  });
});

const move = (bookingId: string, to: (typeof BOOKING_STATUSES)[number], nowMs: number) => {
  const { store } = engines;
  const moves = {
    CONFIRMED: () => store.confirm(bookingId, nowMs),
    CANCELLED: () => store.cancel(bookingId, nowMs),
    PENDING: () => store.extend(bookingId, 30_000, nowMs),
    EXPIRED: () => expireOne(bookingId, nowMs),
  };
  return moves[to]();
};

describe('to the millisecond', () => {
  test('a booking confirmed one millisecond before its hold lapses stays confirmed', async () => {
    const { bookingId } = await givenBooking('PENDING');
    expect(await engines.store.confirm(bookingId, BEFORE)).toMatchObject({ kind: 'moved' });
    expect(await expireOne(bookingId, AT)).toEqual({ kind: 'settled', status: 'CONFIRMED' });
    expect(await engines.store.get(bookingId)).toMatchObject({ status: 'CONFIRMED', confirmedAtMs: BEFORE });
  });

  test('a booking is not expired one millisecond early, and is at its deadline', async () => {
    const { bookingId } = await givenBooking('PENDING');
    expect(await expireOne(bookingId, BEFORE)).toEqual({ kind: 'extended', expiresAtMs: AT });
    expect(await expireOne(bookingId, AT)).toEqual({ kind: 'expired', expiredAtMs: AT });
    const { pendingShard, ...expired } = (await engines.store.get(bookingId)) ?? {};
    expect(pendingShard).toBeUndefined();
    expect(expired).toMatchObject({ status: 'EXPIRED', expiredAtMs: AT, expiredBy: 'timer' });
  });

  test('a confirm at the deadline is refused although nothing has marked the booking yet', async () => {
    const { bookingId } = await givenBooking('PENDING');
    const outcome = await engines.store.confirm(bookingId, AT);
    expect(outcome).toMatchObject({ kind: 'refused', found: 'EXPIRED', judgedAtMs: AT });
  });

  test('every read tells EXPIRED from the deadline on, marked or not', () => {
    const booking = { status: 'PENDING' as const, expiresAtMs: AT };
    expect(effectiveStatus(booking, BEFORE)).toBe('PENDING');
    expect(effectiveStatus(booking, AT)).toBe('EXPIRED');
    for (const status of BOOKING_STATUSES.filter((each) => each !== 'PENDING')) {
      expect(effectiveStatus({ status, expiresAtMs: AT }, AT)).toBe(status);
    }
  });
});

describe('two writers at once', () => {
  test('of an expiry and a confirm with clocks on both sides of the deadline, exactly one wins', async () => {
    const winners = await Promise.all(
      Array.from({ length: 60 }, async () => {
        const { bookingId } = await givenBooking('PENDING');
        const [confirm, expire] = await Promise.all([
          engines.store.confirm(bookingId, BEFORE),
          expireOne(bookingId, AT),
        ]);
        const { status } = (await engines.store.get(bookingId)) ?? {};
        expect([confirm.kind, expire?.kind]).toEqual(
          status === 'CONFIRMED' ? ['moved', 'settled'] : ['refused', 'expired'],
        );
        return status;
      }),
    );
    expect(winners.every((status) => status === 'CONFIRMED' || status === 'EXPIRED')).toBe(true);
  });

  test('of a timer and a sweep, exactly one expires the booking', async () => {
    for (let round = 0; round < 30; round += 1) {
      const { bookingId } = await givenBooking('PENDING');
      const outcomes = await Promise.all([
        engines.held.expire([bookingId], 'timer', AT),
        engines.held.expire([bookingId], 'sweep', AT + 1),
      ]);
      const kinds = outcomes.map((outcome) => outcome.get(bookingId)?.kind);
      expect(kinds.filter((kind) => kind === 'expired')).toHaveLength(1);
      expect(kinds.filter((kind) => kind === 'already-expired')).toHaveLength(1);
    }
  });

  test('of two creations with one id, the second finds the first', async () => {
    const bookingId = nextId();
    const outcomes = await Promise.all([1, 2].map(() => engines.store.create({ bookingId, holdMs: 5_000 }, NOW)));
    expect(outcomes.map(({ kind }) => kind).sort()).toEqual(['created', 'exists']);
  });
});

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

describe('an extension', () => {
  test('starts a new hold now, and the old deadline expires nothing', async () => {
    const { bookingId } = await givenBooking('PENDING');
    const outcome = await engines.store.extend(bookingId, 120_000, NOW + 30_000);
    expect(outcome).toMatchObject({
      kind: 'moved',
      booking: { expiresAtMs: NOW + 150_000, holdStartedAtMs: NOW + 30_000 },
    });
    expect(await expireOne(bookingId, AT)).toEqual({ kind: 'extended', expiresAtMs: NOW + 150_000 });
  });
});

describe('the index', () => {
  test('gives pending bookings of a shard page by page, soonest first, and never a deadline in seconds', async () => {
    const shard = 9;
    const ids: string[] = [];
    for (const offset of [5, 3, 1, 4, 2]) {
      const booking = await givenBooking('PENDING', { pendingShard: shard, expiresAtMs: NOW - offset });
      ids[offset] = booking.bookingId;
    }
    await givenBooking('PENDING', { pendingShard: shard, expiresAtMs: NOW + 1 });
    await givenBooking('PENDING', { pendingShard: shard, expiresAtMs: 1_790_000_000 });
    const first = await engines.index.pendingPage({ shard, throughMs: NOW, limit: 3 });
    const second = await engines.index.pendingPage({ shard, throughMs: NOW, limit: 3, cursor: first.cursor });
    const found = [...first.rows, ...second.rows].map(({ bookingId }) => bookingId);
    expect(found).toEqual([ids[5], ids[4], ids[3], ids[2], ids[1]]);
    expect(second.cursor).toBeUndefined();
    expect(await engines.index.countPending(NOW - 5, NOW - 1)).toBe(5);
  });

  test('lets go of a booking that a foreign writer settled, and keeps one that is PENDING', async () => {
    const shard = 8;
    const settled = await givenBooking('CONFIRMED', { pendingShard: shard });
    const pending = await givenBooking('PENDING', { pendingShard: shard });
    await engines.held.leaveIndex([settled.bookingId, pending.bookingId]);
    const { rows } = await engines.index.pendingPage({ shard, throughMs: AT, limit: 10 });
    expect(rows.map(({ bookingId }) => bookingId)).toEqual([pending.bookingId]);
  });

  test('lets go of an item whose status is none, and of one whose status is no text', async () => {
    const shard = 7;
    for (const [bookingId, status] of [
      ['no status', {}],
      ['a number', { status: { N: '7' } }],
    ] as const) {
      const Item = { bookingId: { S: bookingId }, pendingShard: { N: String(shard) }, expiresAtMs: { N: String(NOW) } };
      await engines.rawClient.send(new PutItemCommand({ TableName: engines.table, Item: { ...Item, ...status } }));
      expect(await expireOne(bookingId, AT)).toEqual({ kind: 'no-booking' });
    }
    await engines.held.leaveIndex(['no status', 'a number']);
    expect((await engines.index.pendingPage({ shard, throughMs: AT, limit: 10 })).rows).toEqual([]);
  });

  test('takes in a booking that is adopted, as it is now where it has changed since it was seen', async () => {
    const seen = await givenBooking('PENDING');
    const changed = await givenBooking('PENDING');
    const settled = await givenBooking('CANCELLED');
    for (const { bookingId } of [seen, changed]) {
      await engines.documents.send(
        new UpdateCommand({ TableName: engines.table, Key: { bookingId }, UpdateExpression: 'REMOVE pendingShard' }),
      );
    }
    await engines.store.extend(changed.bookingId, 999_000, NOW);
    const adoptions = [seen, changed, settled].map(({ bookingId }) => ({
      bookingId,
      seenDeadline: { stored: { N: String(NOW + 60_000) } },
      pendingShard: 7,
      holdStartedAtMs: NOW + 5,
    }));
    const outcomes = await engines.held.adopt(adoptions, () => undefined);
    expect([...outcomes.values()].map(({ kind }) => kind)).toEqual(['adopted', 'unneeded', 'unneeded']);
    expect(await engines.store.get(seen.bookingId)).toMatchObject({ pendingShard: 7, holdStartedAtMs: NOW + 5 });
    expect((await engines.store.get(changed.bookingId))?.holdStartedAtMs).toBe(NOW);
    expect((await engines.store.get(settled.bookingId))?.pendingShard).toBeUndefined();
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
