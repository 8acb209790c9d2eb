import { describe, expect, test } from 'vitest';
import { differenceOf, expectRightClock, WrongClockError } from '../../commands/engine-clock.ts';

const DATE = 'Wed, 25 Nov 2026 12:58:23 GMT';
const DATE_MS = Date.parse(DATE);

describe('a clock beside the engine’s', () => {
  test('is known within the second that the header leaves open and the time that the answer took', () => {
    expect(differenceOf(DATE, DATE_MS + 500, DATE_MS + 540)).toEqual({ leastMs: -499, mostMs: 540 });
  });

  test.each([
    // Certainly more than a second ahead, or behind: whatever the header's second was.
    [2_000, 'at least 1.0 s ahead'],
    [10_000, 'at least 9.0 s ahead'],
    [-1_001, 'at least 1.0 s behind'],
    [-60_000, 'at least 60.0 s behind'],
  ])('that is %d ms off is refused', (offMs, reason) => {
    const difference = differenceOf(DATE, DATE_MS + offMs, DATE_MS + offMs);
    expect(() => expectRightClock(difference)).toThrow(WrongClockError);
    expect(() => expectRightClock(difference)).toThrow(reason);
  });

  test.each([-1_000, 0, 999, 1_999])('that may be right by an answer %d ms apart is taken for right', (offMs) => {
    expect(() => expectRightClock(differenceOf(DATE, DATE_MS + offMs, DATE_MS + offMs))).not.toThrow();
  });

  test('is not judged by an engine that sends no date', () => {
    expect(differenceOf('', 0, 0)).toBeUndefined();
    expect(() => expectRightClock(undefined)).not.toThrow();
  });
});
