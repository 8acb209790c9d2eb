/** What is asked of a client for bookings with slots: what cannot be is refused, with what is allowed and what was received. */
import { describe, expect, test } from 'vitest';
import {
  InvalidMoveError,
  type NewBookingWithSlots,
  type SlotsClientOptions,
  slotsClient,
} from '../../client/index.ts';
import { LATEST_DEADLINE_MS } from '../../functions/core/hold-time.ts';

const NOW = 1_790_000_000_000;
const MINUTE = 60_000;
const TABLES = { bookingsTable: 'bookings', slotsTable: 'slots' };
const client = slotsClient(TABLES);
const seen = {
  bookingId: 'one',
  status: 'PENDING',
  expiresAtMs: NOW + MINUTE,
  holdStartedAtMs: NOW - MINUTE,
  createdAtMs: NOW - 2 * MINUTE,
  pendingShard: 3,
  slotIds: ['a', 'b'],
};

const refusedWith = (make: () => unknown, message: string): void => {
  expect(make).toThrow(InvalidMoveError);
  expect(make).toThrow(message);
};

describe('options', () => {
  test.each<[Partial<Record<keyof SlotsClientOptions, unknown>>, string]>([
    [{ bookingsTable: '' }, 'bookingsTable must be the name of a table, got ""'],
    [{ slotsTable: undefined }, 'slotsTable must be the name of a table, got nothing'],
    [{ slotsTable: 'bookings' }, 'slotsTable must be another table than bookingsTable, got "bookings" for both'],
    [{ shardCount: 0 }, 'shardCount must be a whole number from 1 to 200, got 0'],
    [{ maxHoldSeconds: 0.5 }, 'maxHoldSeconds must be a whole number from 1 to 31622400, got 0.5'],
    [{ maxHoldSeconds: 31_622_401 }, 'maxHoldSeconds must be a whole number from 1 to 31622400, got 31622401'],
    [{ retentionDays: 3_651 }, 'retentionDays must be a whole number from 1 to 3650, got 3651'],
    [{ listSettled: 'yes' }, 'listSettled must be true or false, got "yes"'],
    [{ listSettled: true }, 'shardCount must be given with listSettled'],
  ])('%j is refused', (given, message) => {
    refusedWith(() => slotsClient({ ...TABLES, ...given } as SlotsClientOptions), message);
  });

  test('none at all are refused', () => {
    refusedWith(() => slotsClient(undefined as never), 'bookingsTable must be the name of a table, got nothing');
  });
});

describe('slots', () => {
  const fifty = Array.from({ length: 50 }, (_, index) => `seat ${index} 座`);
  const create = (slotIds: unknown) => () =>
    client.create({ bookingId: 'one', slotIds, holdMs: MINUTE } as NewBookingWithSlots, NOW);

  test('may be fifty, of 512 bytes each', () => {
    expect(create(fifty)().TransactItems).toHaveLength(51);
    expect(create(['é'.repeat(256)])().TransactItems).toHaveLength(2);
  });

  test.each([
    ['table-7', 'create: slotIds must be a list of 1 to 50 slots, each of them once, got "table-7"'],
    [undefined, 'create: slotIds must be a list of 1 to 50 slots, each of them once, got nothing'],
    [[], 'create: slotIds must be a list of 1 to 50 slots, each of them once, got 0 of them'],
    [[...fifty, 'one more'], 'create: slotIds must be a list of 1 to 50 slots, each of them once, got 51 of them'],
    [['a', 'b', 'a'], 'create: slotIds must name each slot once, got "a" twice'],
    [['a', ''], 'create: slotIds[1] must be 1 to 512 bytes of well-formed Unicode, got ""'],
    [[`${'é'.repeat(256)}e`], 'create: slotIds[0] must be 1 to 512 bytes of well-formed Unicode, got'],
    [['\ud800'], 'create: slotIds[0] must be 1 to 512 bytes of well-formed Unicode, got'],
    [[7], 'create: slotIds[0] must be 1 to 512 bytes of well-formed Unicode, got 7'],
    [[undefined], 'create: slotIds[0] must be 1 to 512 bytes of well-formed Unicode, got nothing'],
  ])('%j are refused', (slotIds, message) => {
    refusedWith(create(slotIds), message);
  });

  test('that are looked up may be a hundred', () => {
    const hundred = Array.from({ length: 100 }, (_, index) => `seat-${index}`);
    expect(client.lookUp(hundred)).toEqual({
      RequestItems: { slots: { Keys: hundred.map((slotId) => ({ slotId })), ConsistentRead: true } },
    });
    refusedWith(() => client.lookUp([...hundred, 'one more']), 'lookUp: slotIds must be a list of 1 to 100 slots');
  });

  test.each([[['c']], [['a', 'c']]])('%j are none of the booking’s', (slotIds) => {
    const message = 'must be slots of the booking (a, b), got "c"';
    refusedWith(() => client.loseSlots({ seen, slotIds }, NOW), `loseSlots: slotIds ${message}`);
    refusedWith(() => client.cancel({ seen, except: slotIds }, NOW), `cancel: except ${message}`);
  });
});

describe('a new booking', () => {
  const given = { bookingId: 'one', slotIds: ['a'], holdMs: MINUTE };
  test.each<[object, string]>([
    [{ bookingId: '' }, 'create: bookingId must be text that is not empty, got ""'],
    [{ bookingId: 7 }, 'create: bookingId must be text that is not empty, got 7'],
    [{ customerId: '' }, 'create: customerId must be text that is not empty, got ""'],
    [{ holdMs: 999 }, 'create: holdMs must be whole milliseconds from 1000 to 31622400000, got 999'],
    [{ expiresAtMs: NOW + MINUTE }, 'create: either holdMs or expiresAtMs must be given, got both'],
    [{ holdMs: undefined, expiresAtMs: NOW }, `create: expiresAtMs must be epoch milliseconds later than now (${NOW})`],
    [{ attributes: { status: 'CONFIRMED' } }, 'which is the status'],
    [{ attributes: { pendingShard: 1 } }, 'which is kept by the service'],
    [{ attributes: { slotsLostAtMs: 1 } }, 'got "slotsLostAtMs", which is kept by the service'],
    [{ attributes: { listedFor: 'ann' } }, 'got "listedFor", which is kept by the service'],
  ])('with %j is refused', (wrong, message) => {
    refusedWith(() => client.create({ ...given, ...wrong } as NewBookingWithSlots, NOW), message);
  });

  test('is held until a deadline that is given, rounded up', () => {
    const [first] = client.create({ bookingId: 'one', slotIds: ['a'], expiresAtMs: NOW + 0.5 }, NOW).TransactItems;
    expect(first).toMatchObject({ Put: { TableName: 'bookings', Item: { expiresAtMs: NOW + 1, slotIds: ['a'] } } });
  });

  test('by a clock in another unit is refused', () => {
    refusedWith(
      () => client.create(given, NOW / 1_000),
      `nowMs must be epoch milliseconds from 1000000000000 to ${LATEST_DEADLINE_MS}`,
    );
  });
});

const moves = {
  confirm: (item: unknown) => client.confirm({ seen: item as never }, NOW),
  revive: (item: unknown) => client.revive({ seen: item as never }, NOW),
  cancel: (item: unknown) => client.cancel({ seen: item as never }, NOW),
  extend: (item: unknown) => client.extend({ seen: item as never, holdMs: MINUTE }, NOW),
  loseSlots: (item: unknown) => client.loseSlots({ seen: item as never, slotIds: ['a'] }, NOW),
};

describe.each(Object.entries(moves))('%s', (name, move) => {
  test.each([undefined, null, 'one', [], {}, { ...seen, bookingId: 7 }])('takes no %j for a booking', (item) => {
    refusedWith(() => move(item), `${name}: seen must be the booking as it was read, got`);
  });

  test.each([
    [undefined, 'nothing'],
    [[], '[]'],
    ['a', '"a"'],
    [['a', 'a'], '["a","a"]'],
  ])('sends whoever has no slots, but %j, to the plain client', (slotIds, shown) => {
    refusedWith(
      () => move({ ...seen, slotIds }),
      `${name}: seen.slotIds must be 1 to 50 slots, each of them once, got ${shown}: a booking without slots is moved by tableClient`,
    );
  });
});

test('an attribute that no condition can compare with is refused by its name', () => {
  const item = { ...seen, holdStartedAtMs: { N: '12345678901234567890123' } };
  refusedWith(
    () => client.extend({ seen: item, holdMs: MINUTE }, NOW),
    'extend: seen.holdStartedAtMs must be text, or a number',
  );
});

describe('maxHoldSeconds', () => {
  const limited = slotsClient({ ...TABLES, maxHoldSeconds: 600 });
  const latestMs = seen.createdAtMs + 600_000;

  test('allows an extension up to that long after the creation, and not a millisecond more', () => {
    expect(limited.extend({ seen, expiresAtMs: latestMs }, NOW).TransactItems).toHaveLength(3);
    refusedWith(
      () => limited.extend({ seen, expiresAtMs: latestMs + 1 }, NOW),
      `extend: the deadline must be at most ${latestMs}, 600 s after the booking's creation, got ${latestMs + 1}`,
    );
  });

  test('counts from the start of the hold where nobody noted the creation', () => {
    const { createdAtMs: _, ...item } = seen;
    const latest = seen.holdStartedAtMs + 600_000;
    refusedWith(() => limited.extend({ seen: item, expiresAtMs: latest + 1 }, NOW), `must be at most ${latest}`);
  });
});

describe('slots whose hold has lapsed', () => {
  const slot = { slotId: 'a', bookingId: 'before', state: 'HELD', heldUntilMs: NOW };
  const owner = { bookingId: 'before', status: 'EXPIRED', expiresAtMs: NOW, slotIds: ['a'] };
  const make = (lapsed: unknown, nowMs = NOW) =>
    client.create({ bookingId: 'one', slotIds: ['a'], holdMs: MINUTE, lapsed: lapsed as never }, nowMs);

  test('are claimed as they were seen once their booking is over, gone, or has other slots', () => {
    for (const over of [
      owner,
      undefined,
      { ...owner, status: 'CANCELLED' },
      { ...owner, status: 'CONFIRMED', slotIds: ['b'] },
    ]) {
      const [, claim] = make([{ slot, owner: over }]).TransactItems;
      expect(claim).toMatchObject({
        Put: {
          ConditionExpression: '(#n0 = :v0 AND #n1 = :v1 AND #n2 = :v2)',
          ExpressionAttributeValues: { ':v0': 'before', ':v1': 'HELD', ':v2': NOW },
        },
      });
    }
  });

  test.each([
    ['is confirmed', { ...owner, status: 'CONFIRMED' }, {}],
    ['was extended', { ...owner, status: 'PENDING', expiresAtMs: NOW + 1 }, { heldUntilMs: NOW + 1 }],
  ])('are refused while their booking %s', (_, still, until) => {
    let error: unknown;
    try {
      make([{ slot, owner: still }]);
    } catch (thrown) {
      error = thrown;
    }
    const slots = [{ slotId: 'a', bookingId: 'before', ...until }];
    expect(client.refusalOf(error, { TransactItems: [] }, NOW)).toEqual({ kind: 'slots-taken', slots });
  });

  test('are refused one millisecond before', () => {
    expect(() => make([{ slot, owner }], NOW - 1)).toThrow('create is refused: slots of another booking: a');
  });

  test.each<[unknown, string]>([
    ['all', 'create: lapsed must be a list, got "all"'],
    [[{}], 'create: lapsed[0].slot must be the item of a slot that is wanted (a), got nothing'],
    [[{ slot: { ...slot, slotId: 'b' } }], 'create: lapsed[0].slot must be the item of a slot that is wanted (a), got'],
    [[{ slot, owner: { ...owner, bookingId: 'x' } }], 'create: lapsed[0].owner must be the booking "before", got'],
    [
      [{ slot, owner: { ...owner, status: 'PENDING' } }],
      'create: lapsed[0].owner must be marked as EXPIRED first, by expire, got PENDING',
    ],
  ])('%j are refused with the reason', (lapsed, message) => {
    refusedWith(() => make(lapsed), message);
  });
});

describe('an error', () => {
  const input = client.confirm({ seen }, NOW);
  const cancelled = (...codes: (string | undefined)[]) => ({
    name: 'TransactionCanceledException',
    CancellationReasons: codes.map((Code) => ({ Code })),
  });

  test.each([
    [cancelled('None', 'TransactionConflict', 'None'), { kind: 'busy', reason: 'TransactionConflict' }],
    [cancelled('ThrottlingError', 'None', 'None'), { kind: 'busy', reason: 'ThrottlingError' }],
    [{ name: 'TransactionInProgressException' }, { kind: 'busy', reason: 'TransactionInProgressException' }],
    // A condition that failed is an answer, whatever else was in the way.
    [
      cancelled('TransactionConflict', 'ConditionalCheckFailed', 'None'),
      { kind: 'slots-taken', slots: [{ slotId: 'a' }] },
    ],
    [cancelled('ConditionalCheckFailed', 'ConditionalCheckFailed', 'None'), { kind: 'missing' }],
    [cancelled('TransactionConflict', 'ValidationError', 'None'), undefined],
    [cancelled('ValidationError', 'None', 'None'), undefined],
    [{ name: 'ProvisionedThroughputExceededException' }, undefined],
    [new Error('socket hang up'), undefined],
    [undefined, undefined],
  ])('%j is %j', (error, refusal) => {
    expect(client.refusalOf(error, input, NOW)).toEqual(refusal);
  });
});
