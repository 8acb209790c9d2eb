import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  comeNearHorizonMs,
  comeNearWindow,
  DAY_MS,
  deadlineOf,
  hasTimerOfItsStart,
  InvalidHoldError,
  isNear,
  longestWaitMs,
  MINUTE_MS,
  nearReachMs,
  OVERDUE_AFTER_MS,
  readDeadline,
  SECOND_MS,
  timerDelaySeconds,
} from '../../functions/core/hold-time.ts';

const NOW = 1_790_000_000_000;
const LEAD = 1_000;
const everyFiveMinutes = { timerLeadMs: LEAD, sweepIntervalMs: 5 * MINUTE_MS };

describe('the delay of a timer', () => {
  test.each([
    [-60_000, 0],
    [0, 0],
    [1, 0],
    [999, 0],
    [1_000, 0],
    [1_999, 0],
    [2_000, 1],
    [2_999, 1],
    [10_000, 9],
    [900_000, 899],
    [900_999, 899],
    [901_000, 900],
    [901_001, 900],
    [901_999, 900],
    [1_000_000, 900],
    [366 * DAY_MS, 900],
  ])('of a booking that lapses in %d ms is %d s with a lead of 1 s', (remainingMs, delaySeconds) => {
    expect(timerDelaySeconds(NOW + remainingMs, NOW, LEAD)).toBe(delaySeconds);
  });

  test('is a whole number of seconds from 0 to 900, whatever the deadline', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1e12, max: 1e14 }),
        fc.integer({ min: 1e12, max: 1e14 }),
        fc.integer({ min: 0, max: 10_000 }),
        (deadline, now, lead) => {
          const delay = timerDelaySeconds(deadline, now, lead);
          expect(Number.isInteger(delay) && delay >= 0 && delay <= 900).toBe(true);
        },
      ),
    );
  });

  test('makes a near timer arrive its lead to a second more before the deadline, never after it', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 900_999 }), fc.integer({ min: 0, max: 10_000 }), (remainingMs, lead) => {
        fc.pre(remainingMs >= lead);
        const arrivesMs = NOW + timerDelaySeconds(NOW + remainingMs, NOW, lead) * SECOND_MS;
        const earlyByMs = NOW + remainingMs - arrivesMs;
        expect(earlyByMs).toBeGreaterThanOrEqual(lead);
        expect(earlyByMs).toBeLessThan(lead + SECOND_MS);
        expect(earlyByMs).toBeLessThanOrEqual(longestWaitMs(lead));
      }),
    );
  });

  test('brings a far timer to its deadline in a bounded number of hops', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 190 * MINUTE_MS }), (remainingMs) => {
        let now = NOW;
        let hops = 0;
        while (NOW + remainingMs - now > longestWaitMs(LEAD)) {
          now += timerDelaySeconds(NOW + remainingMs, now, LEAD) * SECOND_MS;
          hops += 1;
        }
        expect(now).toBeLessThanOrEqual(NOW + remainingMs);
        expect(hops).toBeLessThan(16);
      }),
    );
  });
});

describe('near and far', () => {
  test.each([
    [900_000, true],
    [901_000, true],
    [901_001, false],
  ])('a booking that lapses in %d ms is near: %s', (remainingMs, near) => {
    expect(isNear(NOW + remainingMs, NOW, everyFiveMinutes)).toBe(near);
  });

  test('a sweep every 5 minutes schedules 14 minutes ahead, and near reaches 15 minutes', () => {
    expect(comeNearHorizonMs(everyFiveMinutes)).toBe(14 * MINUTE_MS);
    expect(nearReachMs(everyFiveMinutes)).toBe(15 * MINUTE_MS);
  });

  test.each([1, 5, 10, 60, 180])('with a sweep every %d minutes no booking falls between near and far', (minutes) => {
    const settings = { timerLeadMs: LEAD, sweepIntervalMs: minutes * MINUTE_MS };
    // The smallest far deadline at the time of a sweep must lie a minute beyond what that sweep may have scheduled.
    expect(nearReachMs(settings)).toBeGreaterThanOrEqual(comeNearHorizonMs(settings) + MINUTE_MS);
    // The next sweep but one must come before what this one scheduled runs out, for intervals up to nine minutes.
    expect(comeNearHorizonMs(settings) - settings.sweepIntervalMs).toBe(9 * MINUTE_MS);
  });

  test('a booking left to the sweep is never one that the sweep leaves out', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 40 * MINUTE_MS }),
        fc.integer({ min: 0, max: 60_000 }),
        (holdMs, streamDelayMs) => {
          const near = isNear(NOW + holdMs, NOW + streamDelayMs, everyFiveMinutes);
          const booking = { expiresAtMs: NOW + holdMs, holdStartedAtMs: NOW };
          if (!near) expect(hasTimerOfItsStart(booking, NOW + streamDelayMs)).toBe(false);
        },
      ),
    );
  });
});

describe('what a sweep schedules', () => {
  const settings = everyFiveMinutes;

  test('goes on from where earlier sweeps came to, up to its horizon', () => {
    const earlier = NOW + 9 * MINUTE_MS;
    expect(comeNearWindow(earlier, NOW, settings)).toEqual({
      fromMs: earlier + 1,
      throughMs: NOW + 14 * MINUTE_MS,
      isVoid: false,
    });
  });

  test('begins at what is overdue if no sweep came so far', () => {
    expect(comeNearWindow(0, NOW, settings).fromMs).toBe(NOW - OVERDUE_AFTER_MS);
  });

  test('is nothing if another sweep came as far at the same moment', () => {
    const { fromMs, throughMs, isVoid } = comeNearWindow(NOW + 14 * MINUTE_MS + 30_000, NOW, settings);
    expect(fromMs).toBeGreaterThan(throughMs);
    expect(isVoid).toBe(false);
  });

  test.each([
    ['a longer interval before', NOW + 69 * MINUTE_MS],
    ['a clock that was a week ahead', NOW + 7 * DAY_MS],
    ['a millisecond more than two sweeps at once may differ', NOW + 14 * MINUTE_MS + 30_001],
  ])('begins anew after %s', (_, scheduledThroughMs) => {
    expect(comeNearWindow(scheduledThroughMs, NOW, settings)).toMatchObject({
      fromMs: NOW - OVERDUE_AFTER_MS,
      isVoid: true,
    });
  });

  test.each([
    [{ expiresAtMs: NOW + 900_000, holdStartedAtMs: NOW }, true],
    [{ expiresAtMs: NOW + 900_001, holdStartedAtMs: NOW }, false],
    [{ expiresAtMs: NOW + 60_000 }, false],
    [{ expiresAtMs: NOW + 60_000, holdStartedAtMs: NOW + 1 }, false],
    [{ expiresAtMs: NOW - 60_000, holdStartedAtMs: NOW - 1 }, false],
  ])('leaves out only what certainly has its timer: %j %s', (booking, isLeftOut) => {
    expect(hasTimerOfItsStart(booking, NOW)).toBe(isLeftOut);
  });
});

describe('a deadline that anyone may have written', () => {
  test.each([
    [undefined, 'got none'],
    [Number.NaN, 'got NaN'],
    [Number.POSITIVE_INFINITY, 'got Infinity'],
    [-5, 'got -5'],
    [0, 'got 0'],
    [1_790_000_000, 'looks like seconds'],
    [999_999_999_999, 'looks like seconds'],
    [100_000_000_000_001, 'got 100000000000001'],
    [1_790_000_000_000_000, 'got 1790000000000000'],
    ['999999999999.99999999999999999999', 'looks like seconds'],
    ['100000000000000.1', 'got 100000000000000.1'],
    ['9'.repeat(38), 'got 999'],
    [`1${'0'.repeat(125)}`, 'got 1000'],
    ['the text "tomorrow"', 'got the text'],
  ])('%s is refused with the reason', (value, reason) => {
    const reading = readDeadline(value);
    expect(reading.valid).toBe(false);
    expect(reading.valid ? '' : reading.reason).toContain(reason);
  });

  test.each([
    [1e12, 1e12],
    [1e14, 1e14],
    [NOW, NOW],
    [NOW + 0.25, NOW + 1],
    ['1790000000000.00000000000000000000000001', 1_790_000_000_001],
    ['1.79E+12', 1_790_000_000_000],
    ['17900000000001e-1', 1_790_000_000_001],
  ])('%s is read as %s: fractions are rounded up, so that nothing is early', (value, expiresAtMs) => {
    expect(readDeadline(value)).toEqual({ valid: true, expiresAtMs });
  });

  test.each([
    ['a leap day', '2028-02-29T23:59:59.999Z'],
    ['the end of 32-bit time', '2038-01-19T03:14:08.000Z'],
    ['a year end', '2026-12-31T23:59:59.999Z'],
    ['a daylight-saving switch', '2027-03-28T01:00:00.000Z'],
  ])('%s is a plain number', (_, time) => {
    expect(readDeadline(Date.parse(time))).toEqual({ valid: true, expiresAtMs: Date.parse(time) });
  });
});

describe('a hold', () => {
  test.each([1_000, 900_000, 366 * DAY_MS])('of %d ms is accepted', (holdMs) => {
    expect(deadlineOf(holdMs, NOW)).toBe(NOW + holdMs);
  });

  test.each([0, 999, -1, 366 * DAY_MS + 1, 1_000.5, Number.NaN, Number.POSITIVE_INFINITY])(
    'of %d ms is refused, with what is allowed',
    (holdMs) => {
      expect(() => deadlineOf(holdMs, NOW)).toThrow(InvalidHoldError);
      expect(() => deadlineOf(holdMs, NOW)).toThrow(`from 1000 to 31622400000, got ${holdMs}`);
    },
  );
});
