/** What is asked of a client: what cannot be is refused, with what is allowed and what was received. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Hold, InvalidMoveError, InvalidTableError, type NewItem, tableClient } from '../../client/index.ts';
import { LATEST_DEADLINE_MS } from '../../functions/core/hold-time.ts';
import { shardOf } from '../../functions/core/pending-shard.ts';

const NOW = 1_790_000_000_123;
const MINUTE = 60_000;

const tickets = tableClient(
  {
    key: { partition: 'event_id', sort: 'ticket_id' },
    status: { attribute: 'state', pending: ['reserved', 'awaiting_payment'], expired: 'available' },
    deadline: { attribute: 'held_until', unit: 'seconds' },
    onExpire: { remove: ['held_by'] },
    only: { entity: 'Ticket' },
  },
  { shardCount: 10 },
);
const key = { event_id: 'concert-7', ticket_id: 'A-12' };
const seen = { held_until: 1_790_000_060 };

const refusedWith = (make: () => unknown, message: string): void => {
  expect(make).toThrow(InvalidMoveError);
  expect(make).toThrow(message);
};

describe('a key', () => {
  test.each([
    [undefined, 'nothing'],
    [null, 'null'],
    ['concert-7', '"concert-7"'],
    [{ event_id: 'concert-7' }, '{"event_id":"concert-7"}'],
    [{ ...key, more: 1 }, '{"event_id":"concert-7","ticket_id":"A-12","more":1}'],
    [{ event_id: 'concert-7', seat: 'A-12' }, '{"event_id":"concert-7","seat":"A-12"}'],
    [{ event_id: 7, ticket_id: 'A-12' }, '{"event_id":7,"ticket_id":"A-12"}'],
    [{ event_id: 7n, ticket_id: 'A-12' }, '{"event_id":"7","ticket_id":"A-12"}'],
    [{ event_id: '', ticket_id: 'A-12' }, '{"event_id":"","ticket_id":"A-12"}'],
    [{ event_id: { S: 'concert-7' }, ticket_id: 'A-12' }, '{"event_id":{"S":"concert-7"},"ticket_id":"A-12"}'],
  ])('of another table is refused by every move: %o', (given, got) => {
    const wrong = given as never;
    const moves = [
      () => tickets.newItem({ key: wrong, holdMs: MINUTE }, NOW),
      () => tickets.hold({ key: wrong, holdMs: MINUTE }, NOW),
      () => tickets.confirm({ key: wrong, status: 'sold' }, NOW),
      () => tickets.cancel({ key: wrong, status: 'available' }, NOW),
      () => tickets.extend({ key: wrong, holdMs: MINUTE, seen }, NOW),
    ];
    for (const move of moves) {
      refusedWith(move, `key must be { event_id: text, ticket_id: text }, got ${got}`);
    }
  });

  test.each([7, -7.5, 7n])('of a number may be any that JavaScript holds: %s', (order) => {
    const orders = tableClient({ key: { partition: { name: 'order', type: 'N' } } }, { shardCount: 10 });
    const { Item } = orders.newItem({ key: { order }, holdMs: MINUTE }, NOW);
    expect(Item).toMatchObject({ order, pendingShard: shardOf(String(order), 10) });
  });

  test.each(['7', Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53])(
    'of a number is no text and nothing inexact: %s',
    (order) => {
      const orders = tableClient({ key: { partition: { name: 'order', type: 'N' } } });
      refusedWith(
        () => orders.newItem({ key: { order }, holdMs: MINUTE }, NOW),
        'key must be { order: a number }, got',
      );
    },
  );

  test('decides about the shard by its text, as for the service', () => {
    const { Item } = tickets.newItem({ key, holdMs: MINUTE }, NOW);
    expect(Item.pendingShard).toBe(shardOf('["concert-7","A-12"]', 10));
  });

  test('that tells the kind of its item must be of that kind', () => {
    const rows = tableClient({ key: { partition: 'PK', sort: 'SK' }, only: { SK: 'BOOKING' } });
    const { Item } = rows.newItem({ key: { PK: 'a', SK: 'BOOKING' }, holdMs: MINUTE }, NOW);
    expect(Item).toMatchObject({ PK: 'a', SK: 'BOOKING' });
    refusedWith(
      () => rows.newItem({ key: { PK: 'a', SK: 'INVOICE' }, holdMs: MINUTE }, NOW),
      'newItem: key.SK must be "BOOKING", got "INVOICE"',
    );
  });
});

describe('the length of a hold', () => {
  test.each([
    [{}, 'either holdMs or expiresAtMs must be given, got none of them'],
    [{ holdMs: MINUTE, expiresAtMs: NOW + MINUTE }, 'either holdMs or expiresAtMs must be given, got both'],
    [{ holdMs: 600 }, 'holdMs must be whole milliseconds from 1000 to 31622400000, got 600'],
    [{ holdMs: 1_000.5 }, 'got 1000.5'],
    [{ holdMs: Number.NaN }, 'holdMs must be whole milliseconds'],
    [{ holdMs: '60000' }, 'got "60000"'],
    [{ expiresAtMs: NOW }, `expiresAtMs must be epoch milliseconds later than now (${NOW})`],
    [{ expiresAtMs: 1_790_000_060 }, 'got 1790000060'],
    [{ expiresAtMs: LATEST_DEADLINE_MS + 1 }, `at most ${LATEST_DEADLINE_MS}`],
    [{ expiresAtMs: '2026-12-24T18:00:00Z' }, 'got "2026-12-24T18:00:00Z"'],
  ])('cannot be %o', (length, message) => {
    const given = { key, ...length } as unknown as NewItem & Hold;
    refusedWith(() => tickets.newItem(given, NOW), message);
    refusedWith(() => tickets.hold(given, NOW), message);
    refusedWith(() => tickets.extend({ ...given, seen }, NOW), message);
  });

  test('is at least what was promised, and less than a second more where the table counts in seconds', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1_000, max: 366 * 86_400_000 }),
        fc.integer({ min: 1e12, max: 9e13 }),
        (holdMs, nowMs) => {
          const { Item } = tickets.newItem({ key, holdMs }, nowMs);
          expect(Number.isInteger(Item.held_until)).toBe(true);
          const expiresAtMs = tickets.deadlineOf(Item) ?? 0;
          expect(expiresAtMs).toBeGreaterThanOrEqual(nowMs + holdMs);
          expect(expiresAtMs).toBeLessThan(nowMs + holdMs + 1_000);
          expect(Item.expiresAtMs).toBe(expiresAtMs);
          expect(tickets.deadlineAfter(holdMs, nowMs)).toBe(expiresAtMs);
        },
      ),
    );
  });
});

describe('the clock', () => {
  test.each([1_790_000_000, Number.NaN, Number.POSITIVE_INFINITY, '1790000000123'])(
    'in another unit is refused: %s',
    (nowMs) => {
      const message = 'nowMs must be epoch milliseconds from 1000000000000 to 100000000000000, got';
      const wrong = nowMs as number;
      refusedWith(() => tickets.newItem({ key, holdMs: MINUTE }, wrong), message);
      refusedWith(() => tickets.confirm({ key, status: 'sold' }, wrong), message);
      refusedWith(() => tickets.effectiveStatus({ state: 'reserved' }, wrong), message);
    },
  );

  test('is that of the machine where none is given', () => {
    const before = Date.now();
    const { Item } = tickets.newItem({ key, holdMs: MINUTE });
    expect(Item.holdStartedAtMs).toBeGreaterThanOrEqual(before);
    expect(Item.holdStartedAtMs).toBeLessThanOrEqual(Date.now());
  });

  test('loses its fraction, so that nothing lapses early', () => {
    const item = { entity: 'Ticket', state: 'reserved', held_until: 1_790_000_060 };
    expect(tickets.isHeld(item, 1_790_000_059_999.9)).toBe(true);
    expect(tickets.isHeld(item, 1_790_000_060_000)).toBe(false);
  });
});

describe("what is not the application's own", () => {
  const foreign = [
    ['event_id', 'a part of the key'],
    ['ticket_id', 'a part of the key'],
    ['state', 'the status'],
    ['held_until', 'the deadline'],
    ['entity', 'what tells the kind of the item'],
    ['pendingShard', 'kept by the service'],
    ['expiresAtMs', 'kept by the service'],
    ['holdStartedAtMs', 'kept by the service'],
    ['expiredAtMs', 'kept by the service'],
    ['expiredBy', 'kept by the service'],
  ] as const;

  test.each(foreign)('cannot be set: %s', (name, meaning) => {
    const message = `must name attributes of your own only, got "${name}", which is ${meaning}`;
    const own = { set: { [name]: 1 } };
    refusedWith(
      () => tickets.newItem({ key, holdMs: MINUTE, attributes: own.set }, NOW),
      `newItem: attributes ${message}`,
    );
    refusedWith(() => tickets.hold({ key, holdMs: MINUTE, ...own }, NOW), `hold: set ${message}`);
    refusedWith(() => tickets.confirm({ key, status: 'sold', ...own }, NOW), `confirm: set ${message}`);
    refusedWith(() => tickets.cancel({ key, status: 'available', ...own }, NOW), `cancel: set ${message}`);
    refusedWith(() => tickets.extend({ key, holdMs: MINUTE, seen, ...own }, NOW), `extend: set ${message}`);
  });

  test.each(foreign)('cannot be removed: %s', (name, meaning) => {
    const message = `remove must name attributes of your own only, got "${name}", which is ${meaning}`;
    const own = { remove: [name] };
    refusedWith(() => tickets.hold({ key, holdMs: MINUTE, ...own }, NOW), `hold: ${message}`);
    refusedWith(() => tickets.extend({ key, holdMs: MINUTE, seen, ...own }, NOW), `extend: ${message}`);
    if (name === 'held_until') return expect(tickets.confirm({ key, status: 'sold', ...own }, NOW)).toBeDefined();
    refusedWith(() => tickets.confirm({ key, status: 'sold', ...own }, NOW), `confirm: ${message}`);
    refusedWith(() => tickets.cancel({ key, status: 'available', ...own }, NOW), `cancel: ${message}`);
  });

  test.each([
    [{ set: { note: 1 }, remove: ['note'] }, 'an attribute must be either set or removed, got "note" in both'],
    [{ set: { note: undefined } }, 'set must have a value for "note", got nothing'],
    [{ set: { '': 1 } }, 'set must name attributes, got ""'],
    [{ set: ['note'] }, 'set must be attributes by their names, got ["note"]'],
    [{ set: null }, 'set must be attributes by their names, got null'],
    [{ remove: 'note' }, 'remove must be a list of names, got "note"'],
    [{ remove: [7] }, 'remove must name attributes, got 7'],
    [{ where: { held_by: undefined } }, 'where must have a value for "held_by", got nothing'],
  ])('and neither can be what is no change: %o', (changes, message) => {
    refusedWith(() => tickets.confirm({ key, status: 'sold', ...(changes as object) }, NOW), `confirm: ${message}`);
  });
});

describe('a status', () => {
  test.each(['sold', '', 7, 'available'])('of a new hold must be pending: %s', (status) => {
    const given = { key, holdMs: MINUTE, status: status as string };
    const message = `status must be one of reserved, awaiting_payment, got ${JSON.stringify(status)}`;
    refusedWith(() => tickets.newItem(given, NOW), `newItem: ${message}`);
    refusedWith(() => tickets.hold(given, NOW), `hold: ${message}`);
    refusedWith(() => tickets.extend({ ...given, seen }, NOW), `extend: ${message}`);
  });

  test.each(['reserved', 'awaiting_payment', 'available', '', undefined])(
    'of a confirmation is another: %s',
    (status) => {
      refusedWith(
        () => tickets.confirm({ key, status: status as string }, NOW),
        'confirm: status must be a word that is neither pending (reserved, awaiting_payment) nor that of an expired item (available), got',
      );
    },
  );

  test.each(['reserved', 'awaiting_payment', '', undefined])('of a cancellation is not pending: %s', (status) => {
    refusedWith(
      () => tickets.cancel({ key, status: status as string }, NOW),
      'cancel: status must be a word that is not pending (reserved, awaiting_payment), got',
    );
  });

  test.each([[[]], [['reserved']], [['']], ['available']])('that is free is not pending: %o', (from) => {
    refusedWith(
      () => tickets.hold({ key, holdMs: MINUTE, from: from as string[] }, NOW),
      'hold: from must be one or more words that are not pending (reserved, awaiting_payment), got',
    );
  });
});

describe('what was seen', () => {
  test.each([undefined, null, true])('of an extension must be an item or a deadline: %s', (given) => {
    refusedWith(
      () => tickets.extend({ key, holdMs: MINUTE, seen: given as never }, NOW),
      'extend: seen must be the item as it was read, or its held_until, got',
    );
  });

  test('must be exact: a deadline of more digits than JavaScript holds is no condition', () => {
    const item = { held_until: { N: '1790000060.12345678901234567890' } };
    refusedWith(
      () => tickets.extend({ key, holdMs: MINUTE, seen: item }, NOW),
      'or be read with wrapNumbers, got {"N":',
    );
  });
});

test.each([0, 201, 1.5, Number.NaN, '10'])(
  'a count of shards must be one that the service may have: %s',
  (shardCount) => {
    refusedWith(
      () => tableClient({}, { shardCount: shardCount as number }),
      'shardCount must be a whole number from 1 to 200, got',
    );
  },
);

test('a table is described as for the construct, or refused in the same words', () => {
  expect(() => tableClient({ status: { pending: [] } })).toThrow(InvalidTableError);
});

test('names stand behind placeholders, so that any attribute may be meant', () => {
  const set = { 'a.b': 1, '#n0': 2, ':v0': 3, size: 4, 'with space': 5 };
  const { UpdateExpression, ConditionExpression, ExpressionAttributeNames } = tickets.confirm(
    { key, status: 'sold', set, where: { 'held-by': 'ann' } },
    NOW,
  );
  const words = `${UpdateExpression} ${ConditionExpression}`.replaceAll(/#n\d+|:v\d+|[=<>(),]/g, ' ').trim();
  expect(new Set(words.split(/\s+/))).toEqual(new Set(['SET', 'REMOVE', 'IN', 'AND']));
  expect(Object.values(ExpressionAttributeNames)).toEqual(expect.arrayContaining([...Object.keys(set), 'held-by']));
});
