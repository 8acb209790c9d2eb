/** What a read reports of an item, in whatever form the item comes and whoever wrote it. */
import { marshall, unmarshall } from '@aws-sdk/util-dynamodb';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MoveRefusedError, tableClient } from '../../client/index.ts';
import { DEADLINE_UNITS } from '../../functions/table/shape.ts';

const NOW = 1_790_000_000_123;
const MINUTE = 60_000;

const clientIn = (unit: (typeof DEADLINE_UNITS)[number]) =>
  tableClient({
    key: { partition: 'id' },
    status: { attribute: 'state', pending: ['reserved', 'awaiting_payment'], expired: 'available' },
    deadline: { attribute: 'held_until', unit },
    only: { entity: 'Ticket' },
  });

describe.each(DEADLINE_UNITS)('of an item with a deadline in %s', (unit) => {
  const client = clientIn(unit);
  const anItem = fc.record({
    item: fc
      .record({
        holdMs: fc.integer({ min: 1_000, max: MINUTE }),
        status: fc.constantFrom('reserved', 'awaiting_payment'),
      })
      .map(({ holdMs, status }) => client.newItem({ key: { id: 'A-12' }, holdMs, status }, NOW).Item),
    away: fc.integer({ min: -2_000, max: 2_000 }),
  });

  test('the status is the one of an expired item from the deadline on, and never before', () => {
    fc.assert(
      fc.property(anItem, ({ item, away }) => {
        const nowMs = (client.deadlineOf(item) ?? 0) + away;
        expect(client.effectiveStatus(item, nowMs)).toBe(away >= 0 ? 'available' : item.state);
        expect(client.isHeld(item, nowMs)).toBe(away < 0);
      }),
    );
  });

  test('the same is told in every form: of the DocumentClient, with wrapped numbers, and of the API', () => {
    fc.assert(
      fc.property(anItem, ({ item, away }) => {
        const stored = marshall(item);
        const nowMs = (client.deadlineOf(item) ?? 0) + away;
        const told = client.holdState(item, nowMs);
        expect(client.holdState(unmarshall(stored), nowMs)).toEqual(told);
        expect(client.holdState(unmarshall(stored, { wrapNumbers: true }), nowMs)).toEqual(told);
        expect(client.holdState(stored, nowMs)).toEqual(told);
      }),
    );
  });

  test('nothing fails, whatever a stranger wrote', () => {
    const anything = fc.oneof(fc.anything(), fc.constantFrom({ S: 7 }, { N: 7 }, { S: 'a', N: '1' }, {}, { M: {} }));
    fc.assert(
      fc.property(anything, anything, (state, held_until) => {
        const item = { entity: 'Ticket', state, held_until };
        const status = client.effectiveStatus(item, NOW);
        expect(status === undefined || typeof status === 'string').toBe(true);
        const reading = client.readDeadline(item);
        if (!reading.valid) expect(reading.reason).toContain('held_until must be');
      }),
    );
  });

  test('that is not pending, of another kind, or without a deadline, the status stays what it is', () => {
    const lapsed = { ...client.newItem({ key: { id: 'A-12' }, holdMs: MINUTE }, NOW).Item };
    const nowMs = NOW + 2 * MINUTE;
    expect(client.effectiveStatus(lapsed, nowMs)).toBe('available');
    expect(client.effectiveStatus({ ...lapsed, state: 'sold' }, nowMs)).toBe('sold');
    expect(client.effectiveStatus({ ...lapsed, entity: 'Invoice' }, nowMs)).toBe('reserved');
    const { held_until: _, ...endless } = lapsed;
    expect(client.effectiveStatus(endless, nowMs)).toBe('reserved');
    expect(client.isHeld(endless, NOW)).toBe(false);
    expect(client.deadlineOf(endless)).toBeUndefined();
  });
});

test('of nothing, nothing is told', () => {
  const client = clientIn('seconds');
  expect(client.effectiveStatus(undefined, NOW)).toBeUndefined();
  expect(client.effectiveStatus({}, NOW)).toBeUndefined();
  expect(client.effectiveStatus({ entity: 'Ticket', state: 7 }, NOW)).toBeUndefined();
  expect(client.isHeld(undefined, NOW)).toBe(false);
  expect(client.deadlineOf(undefined)).toBeUndefined();
});

test.each([
  [
    'seconds',
    1_790_000_060_000,
    'held_until must be epoch seconds from 1000000000 to 100000000000, got 1790000060000, which looks like milliseconds',
  ],
  ['milliseconds', 1_790_000_060, 'got 1790000060, which looks like seconds'],
  ['iso8601', '2026-12-24T18:00:00', 'got "2026-12-24T18:00:00", which has no offset'],
  ['seconds', undefined, 'got none'],
] as const)('a deadline in %s that is none says why: %s', (unit, held_until, reason) => {
  const item = { entity: 'Ticket', state: 'reserved', held_until };
  expect(clientIn(unit).holdState(item, NOW)).toEqual({
    kind: 'invalid-deadline',
    reason: expect.stringContaining(reason),
  });
});

describe('a refusal', () => {
  const client = clientIn('seconds');
  const held = marshall({ entity: 'Ticket', state: 'reserved', held_until: 1_790_000_060, held_by: 'ann', seats: 2 });
  const conditionFailed = (Item?: object) =>
    Object.assign(new Error(), { name: 'ConditionalCheckFailedException', Item });
  const told = (error: unknown, options = {}, nowMs = NOW) => client.refusalOf(error, options, nowMs);

  test('tells what was found', () => {
    expect(told(conditionFailed())).toEqual({ kind: 'missing' });
    expect(told(conditionFailed(held))).toEqual({ kind: 'held', expiresAtMs: 1_790_000_060_000, item: held });
    expect(told(conditionFailed(held), {}, NOW + MINUTE)).toMatchObject({ kind: 'lapsed' });
  });

  test('of a move that has been made is told as done, if the item has everything that was asked for', () => {
    const done = (where: object) => told(conditionFailed(held), { done: { status: 'reserved', where } })?.kind;
    expect(done({ held_by: 'ann', seats: 2 })).toBe('done');
    expect(done({ held_by: 'bob' })).toBe('held');
    expect(done({ seats: '2' })).toBe('held');
    expect(done({ nothing: 'such' })).toBe('held');
  });

  test('of a hold that was made and has lapsed since is not told as done', () => {
    const done = { status: 'reserved', where: { held_by: 'ann' } };
    expect(told(conditionFailed(held), { done }, NOW + MINUTE)).toMatchObject({ kind: 'lapsed' });
  });

  test.each([
    new Error('socket hang up'),
    Object.assign(new Error(), { name: 'ProvisionedThroughputExceededException' }),
    Object.assign(new Error(), { name: 'TransactionCanceledException' }),
    Object.assign(new Error(), { name: 'TransactionCanceledException', CancellationReasons: [{ Code: 'None' }] }),
    'an error',
    undefined,
    null,
  ])('is not seen in what is none: %s', (error) => {
    expect(told(error, { at: 0 })).toBeUndefined();
  });

  test('before anything is sent says what was seen', () => {
    const seen = { entity: 'Ticket', state: 'reserved', held_until: 1_790_000_000 };
    const late = () => client.confirm({ key: { id: 'A-12' }, status: 'sold', seen }, NOW);
    expect(late).toThrow(MoveRefusedError);
    expect(late).toThrow('confirm is refused: the hold that was seen lapsed at 2026-09-21T14:13:20.000Z');
    const sold = () => client.confirm({ key: { id: 'A-12' }, status: 'sold', seen: { ...seen, state: 'sold' } }, NOW);
    expect(sold).toThrow('confirm is refused: the item that was seen is sold');
    const other = () => client.confirm({ key: { id: 'A-12' }, status: 'sold', seen: { state: 'sold' } }, NOW);
    expect(other).toThrow('confirm is refused: the item that was seen is not held');
    const deadline = () => client.confirm({ key: { id: 'A-12' }, status: 'sold', seen: 'tomorrow' }, NOW);
    expect(deadline).toThrow('the hold that was seen has no usable deadline: held_until must be epoch seconds');
  });
});
