import { describe, expect, test } from 'vitest';
import {
  decideOnTimer,
  decideOnWrite,
  provenBySnapshot,
  type SeenBooking,
} from '../../functions/core/expiry-decisions.ts';
import { MINUTE_MS } from '../../functions/core/hold-time.ts';
import { isCountedShard, readShard, shardOf } from '../../functions/core/pending-shard.ts';
import { type Item, seenBooking } from '../../functions/table/item.ts';
import { BOOKINGS_SHAPE } from '../../functions/table/shape.ts';

const NOW = 1_790_000_000_000;
const SHARDS = 10;
const settings = { timerLeadMs: 1_000, sweepIntervalMs: 5 * MINUTE_MS };

/** A PENDING booking that holds for a minute, as an item of these attributes is read; undefined leaves one out. */
const seen = (overrides: Record<string, Item[string] | undefined> = {}): SeenBooking => {
  const attributes = {
    bookingId: { S: 'a' },
    status: { S: 'PENDING' },
    expiresAtMs: { N: String(NOW + 60_000) },
    holdStartedAtMs: { N: String(NOW) },
    pendingShard: { N: '3' },
    ...overrides,
  };
  const item = Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== undefined)) as Item;
  return seenBooking(BOOKINGS_SHAPE, item) as SeenBooking;
};
const N = (number: number | string) => ({ N: String(number) });
const decide = (after: Parameters<typeof seen>[0] = {}, before?: Parameters<typeof seen>[0]) =>
  decideOnWrite(seen(after), before && seen(before).booking, NOW, SHARDS, settings);

describe('a booking that was written', () => {
  test('gets its timer at once if it is near', () => {
    expect(decide({})).toEqual({
      kind: 'schedule',
      scheduled: { timer: { bookingId: 'a', expiresAtMs: NOW + 60_000 }, delaySeconds: 59 },
    });
  });

  test('is left to the sweep if it is far', () => {
    expect(decide({ expiresAtMs: N(NOW + 24 * 60 * MINUTE_MS) })).toEqual({ kind: 'leave-to-sweep' });
  });

  test('gets a timer without delay if it had lapsed before its record was read', () => {
    expect(decide({ expiresAtMs: N(NOW - 5_000) })).toMatchObject({ scheduled: { delaySeconds: 0 } });
  });

  test('sends nothing if it was PENDING with the same hold before', () => {
    expect(decide({}, {})).toEqual({ kind: 'unchanged' });
  });

  test('gets another timer if its deadline moved, to later or to sooner', () => {
    expect(decide({}, { expiresAtMs: N(NOW + 30_000) }).kind).toBe('schedule');
    expect(decide({}, { expiresAtMs: N(NOW + 90_000) }).kind).toBe('schedule');
  });

  test('gets another timer if its hold was started anew with the same deadline: sweeps take it for near from then on', () => {
    expect(decide({}, { holdStartedAtMs: N(NOW - 40 * MINUTE_MS) }).kind).toBe('schedule');
    expect(decide({}, { holdStartedAtMs: undefined }).kind).toBe('schedule');
  });

  test('gets no other timer when it is adopted: the one of its deadline was sent then', () => {
    const adopted = { pendingShard: N(shardOf('a', SHARDS)) };
    expect(decide(adopted, { holdStartedAtMs: undefined, pendingShard: undefined })).toEqual({ kind: 'unchanged' });
  });

  test.each([
    ['missing', undefined],
    ['negative', N(-1)],
    ['beyond the count', N(10)],
    ['a fraction', N(1.5)],
    ['of 38 digits', N('1'.repeat(38))],
    ['text', { S: '3' }],
    ['a list', { L: [] }],
  ])('with a pendingShard that is %s is adopted, and its start is left as it is', (_, pendingShard) => {
    expect(decide({ pendingShard })).toEqual({
      kind: 'schedule',
      scheduled: expect.anything(),
      adoption: {
        bookingId: 'a',
        seenDeadline: { stored: N(NOW + 60_000) },
        pendingShard: shardOf('a', SHARDS),
      },
    });
  });

  test.each([
    ['missing', undefined],
    ['in nanoseconds', N(`${NOW}000000`)],
    ['in seconds', N(1_790_000_000)],
    ['of 38 digits', N('9'.repeat(38))],
    ['negative', N(-NOW)],
    ['text', { S: 'yesterday' }],
    ['a number set', { NS: ['1790000000000'] }],
    ['a map named like a method', { M: { valueOf: { S: 'x' } } }],
  ])('with a start of its hold that is %s is adopted with the time now instead, never with what it had', (_, start) => {
    expect(decide({ pendingShard: undefined, holdStartedAtMs: start })).toMatchObject({
      kind: 'schedule',
      adoption: { holdStartedAtMs: NOW },
    });
  });

  test('is adopted on condition of its deadline with every digit that it has', () => {
    const digits = '1790000060000.0000000000000000000000001';
    expect(decide({ pendingShard: undefined, expiresAtMs: N(digits) })).toMatchObject({
      scheduled: { timer: { expiresAtMs: NOW + 60_001 } },
      adoption: { seenDeadline: { stored: { N: digits } } },
    });
  });

  test('that lost its shard in a write that changed nothing else is adopted without another timer', () => {
    expect(decide({ pendingShard: undefined }, {})).toMatchObject({ kind: 'unchanged', adoption: {} });
  });

  test('that is far but claims a near hold, from a clock ahead of ours, is corrected: else no sweep would schedule it', () => {
    const decision = decide({ expiresAtMs: N(NOW + 905_000), holdStartedAtMs: N(NOW + 5_000) });
    expect(decision).toMatchObject({ kind: 'leave-to-sweep', adoption: { holdStartedAtMs: NOW } });
  });

  test.each([undefined, N(1_790_000_000), N(-1), { S: 'tomorrow' }, N('1'.repeat(38))])(
    'with the deadline %j is never acted on',
    (expiresAtMs) => {
      expect(decide({ expiresAtMs }).kind).toBe('invalid-deadline');
    },
  );
});

describe('a timer that came', () => {
  test.each([
    [-60_000, 'wait'],
    [0, 'wait'],
    [2_000, 'wait'],
    [7_000, 'wait'],
    [7_001, 'send-again'],
    [3_600_000, 'send-again'],
  ])('%d ms before its deadline: %s', (remainingMs, kind) => {
    expect(decideOnTimer({ bookingId: 'a', expiresAtMs: NOW + remainingMs }, NOW, 1_000).kind).toBe(kind);
  });

  test('much too early is sent again with what remains', () => {
    expect(decideOnTimer({ bookingId: 'a', expiresAtMs: NOW + 61_000 }, NOW, 1_000)).toMatchObject({
      scheduled: { delaySeconds: 60 },
    });
  });
});

describe('a read made while waiting', () => {
  const timer = { bookingId: 'a', expiresAtMs: NOW };

  test.each([
    [{ status: 'CONFIRMED', expiresAtMs: NOW }, 'settled'],
    [{ status: 'CANCELLED', expiresAtMs: NOW }, 'settled'],
    [{ status: 'PAID', expiresAtMs: NOW }, 'settled'],
    [{ status: 'EXPIRED', expiresAtMs: NOW }, 'already-expired'],
    [{ status: 'PENDING', expiresAtMs: NOW + 1 }, 'extended'],
  ])('proves by %j that nothing is to do', (snapshot, kind) => {
    expect(provenBySnapshot(timer, { bookingId: 'a', ...snapshot })?.kind).toBe(kind);
  });

  test.each([
    undefined,
    { bookingId: 'a', status: 'PENDING', expiresAtMs: NOW },
    { bookingId: 'a', status: 'PENDING', expiresAtMs: NOW - 1 },
    { bookingId: 'a', status: 'PENDING' },
  ])('proves nothing by %j', (snapshot) => {
    expect(provenBySnapshot(timer, snapshot)).toBeUndefined();
  });
});

describe('the shard of a booking', () => {
  test('is the same for the same id, within the count, and spread evenly', () => {
    const counts = new Array(SHARDS).fill(0);
    for (let number = 0; number < 10_000; number += 1) counts[shardOf(`booking-${number}`, SHARDS)] += 1;
    expect(Math.min(...counts)).toBeGreaterThan(800);
    expect(Math.max(...counts)).toBeLessThan(1_200);
    expect(shardOf('seat-1', SHARDS)).toBe(shardOf('seat-1', SHARDS));
    // FNV-1a's published test vector for "a" is e40c292c.
    expect(shardOf('a', 2 ** 32)).toBe(0xe40c292c);
  });

  test.each([
    [0, true],
    [9, true],
    [10, false],
    [-1, false],
    [0.5, false],
    [undefined, false],
  ])('%s is one that lists look into: %s', (shard, isCounted) => {
    expect(isCountedShard(shard, SHARDS)).toBe(isCounted);
  });

  test.each([
    ['0', 0],
    ['199', 199],
    ['200', undefined],
    ['-1', undefined],
    ['1.5', undefined],
    ['1E+1', undefined],
    [undefined, undefined],
  ])('%s as stored is read as %s: legal are 0 to 199', (digits, shard) => {
    expect(readShard(digits)).toBe(shard);
  });
});
