import { describe, expect, test } from 'vitest';
import {
  decideOnTimer,
  decideOnWrite,
  provenBySnapshot,
  type WrittenBooking,
} from '../../functions/core/expiry-decisions.ts';
import { MINUTE_MS } from '../../functions/core/hold-time.ts';
import { isValidShard, shardOf } from '../../functions/core/pending-shard.ts';

const NOW = 1_790_000_000_000;
const SHARDS = 10;
const settings = { timerLeadMs: 1_000, sweepIntervalMs: 5 * MINUTE_MS };
const decide = (booking: Partial<WrittenBooking>, previous?: number) =>
  decideOnWrite(
    { bookingId: 'a', expiresAtMs: NOW + 60_000, holdStartedAtMs: NOW, pendingShard: 3, ...booking },
    previous,
    NOW,
    SHARDS,
    settings,
  );

describe('a booking that was written', () => {
  test('gets its timer at once if it is near', () => {
    expect(decide({})).toEqual({
      kind: 'schedule',
      scheduled: { timer: { bookingId: 'a', expiresAtMs: NOW + 60_000 }, delaySeconds: 59 },
    });
  });

  test('is left to the sweep if it is far', () => {
    expect(decide({ expiresAtMs: NOW + 24 * 60 * MINUTE_MS })).toEqual({ kind: 'leave-to-sweep' });
  });

  test('gets a timer without delay if it had lapsed before its record was read', () => {
    expect(decide({ expiresAtMs: NOW - 5_000 })).toMatchObject({ scheduled: { delaySeconds: 0 } });
  });

  test('sends nothing if it was PENDING with the same deadline before', () => {
    expect(decide({}, NOW + 60_000)).toEqual({ kind: 'unchanged' });
  });

  test('gets another timer if its deadline moved, to later or to sooner', () => {
    expect(decide({}, NOW + 30_000).kind).toBe('schedule');
    expect(decide({}, NOW + 90_000).kind).toBe('schedule');
  });

  test.each([undefined, -1, 10, 1.5, Number.NaN])('with pendingShard %s is adopted', (pendingShard) => {
    expect(decide({ pendingShard })).toMatchObject({
      kind: 'schedule',
      adoption: {
        bookingId: 'a',
        seenExpiresAtMs: NOW + 60_000,
        pendingShard: shardOf('a', SHARDS),
        holdStartedAtMs: NOW,
      },
    });
  });

  test('that lost its shard in a write that changed nothing else is adopted without another timer', () => {
    expect(decide({ pendingShard: undefined }, NOW + 60_000)).toMatchObject({ kind: 'unchanged', adoption: {} });
  });

  test('that is far but claims a near hold, from a clock ahead of ours, is corrected: else no sweep would schedule it', () => {
    const decision = decide({ expiresAtMs: NOW + 905_000, holdStartedAtMs: NOW + 5_000 });
    expect(decision).toMatchObject({ kind: 'leave-to-sweep', adoption: { holdStartedAtMs: NOW } });
  });

  test.each([undefined, Number.NaN, 1_790_000_000, -1])('with the deadline %s is never acted on', (expiresAtMs) => {
    expect(decide({ expiresAtMs }).kind).toBe('invalid-deadline');
  });
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
    [{ status: 'CONFIRMED' as const, expiresAtMs: NOW }, 'settled'],
    [{ status: 'CANCELLED' as const, expiresAtMs: NOW }, 'settled'],
    [{ status: 'EXPIRED' as const, expiresAtMs: NOW }, 'already-expired'],
    [{ status: 'PENDING' as const, expiresAtMs: NOW + 1 }, 'extended'],
  ])('proves by %j that nothing is to do', (snapshot, kind) => {
    expect(provenBySnapshot(timer, snapshot)?.kind).toBe(kind);
  });

  test.each([
    undefined,
    { status: 'PENDING' as const, expiresAtMs: NOW },
    { status: 'PENDING' as const, expiresAtMs: NOW - 1 },
    { status: 'PENDING' as const },
    { status: 'PENDING' as const, expiresAtMs: 1_790_000_000 },
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
  ])('%s is valid: %s', (shard, valid) => {
    expect(isValidShard(shard, SHARDS)).toBe(valid);
  });
});
