/** Deadlines as strangers write them: which are believed, and how they are told to be none. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compareDecimals } from '../../functions/core/decimal.ts';
import { EARLIEST_DEADLINE_MS, LATEST_DEADLINE_MS } from '../../functions/core/hold-time.ts';
import { deadlineBounds, readDeadlineOf, type StoredValue, writtenDeadline } from '../../functions/table/deadline.ts';
import type { DeadlineUnit } from '../../functions/table/shape.ts';

const UNITS: readonly DeadlineUnit[] = ['milliseconds', 'seconds', 'iso8601'];
const NUMBER_UNITS = ['milliseconds', 'seconds'] as const;
const UNIT_MS = { milliseconds: 1, seconds: 1_000, iso8601: 1 } as const;

const shapeIn = (unit: DeadlineUnit) => ({ deadline: { attribute: 'held_until', unit } });
const read = (unit: DeadlineUnit, value: StoredValue | undefined) => readDeadlineOf(shapeIn(unit), value);
const anInstant = fc.integer({ min: EARLIEST_DEADLINE_MS, max: LATEST_DEADLINE_MS });
const digitsBehindThePoint = (most: number) =>
  fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: most }).map((digits) => digits.join(''));

describe.each(UNITS)('a deadline in %s', (unit) => {
  test('is read as it was written, and never as earlier than it was promised', () => {
    fc.assert(
      fc.property(anInstant, (expiresAtMs) => {
        const reading = read(unit, writtenDeadline(shapeIn(unit), expiresAtMs));
        if (!reading.valid) throw new Error(reading.reason);
        expect(reading.expiresAtMs).toBeGreaterThanOrEqual(expiresAtMs);
        expect(reading.expiresAtMs).toBeLessThan(expiresAtMs + UNIT_MS[unit]);
        expect(read(unit, writtenDeadline(shapeIn(unit), reading.expiresAtMs))).toEqual(reading);
      }),
    );
  });

  test.each([EARLIEST_DEADLINE_MS, LATEST_DEADLINE_MS])('may be the first and the last that is one: %d', (limitMs) => {
    expect(read(unit, writtenDeadline(shapeIn(unit), limitMs))).toEqual({ valid: true, expiresAtMs: limitMs });
  });

  test.each([EARLIEST_DEADLINE_MS - 1, LATEST_DEADLINE_MS + 1, Number.NaN, Number.POSITIVE_INFINITY])(
    'is not written beyond them: %d',
    (expiresAtMs) => {
      expect(() => writtenDeadline(shapeIn(unit), expiresAtMs)).toThrow(`got ${expiresAtMs}`);
    },
  );

  test('is read without failing, whatever a stranger wrote', () => {
    const anything = fc.oneof(
      fc.record({ S: fc.string() }),
      fc.record({ N: fc.oneof(fc.string(), fc.double().map(String)) }),
      fc.constantFrom<object>({ BOOL: true }, { NULL: true }, { M: {} }, { L: [] }, { SS: ['a'] }, {}),
      fc.constant(undefined),
    );
    fc.assert(
      fc.property(anything, (value) => {
        const reading = read(unit, value);
        if (reading.valid) {
          expect(reading.expiresAtMs).toBeGreaterThanOrEqual(EARLIEST_DEADLINE_MS);
          expect(reading.expiresAtMs).toBeLessThanOrEqual(LATEST_DEADLINE_MS);
        } else {
          expect(reading.reason).toMatch(/^held_until must be .+, got ./);
        }
      }),
    );
  });
});

describe.each(NUMBER_UNITS)('a number of %s', (unit) => {
  test('of 38 digits is rounded up to the next millisecond, by the last digit too', () => {
    const digits =
      unit === 'seconds' ? '1790000000.1230000000000000000000000001' : '1790000000123.0000000000000000000000001';
    expect(read(unit, { N: digits })).toEqual({ valid: true, expiresAtMs: 1_790_000_000_124 });
    expect(read(unit, { N: `${digits.slice(0, -1)}0` })).toEqual({ valid: true, expiresAtMs: 1_790_000_000_123 });
  });

  test('has lapsed for a condition exactly when it has for a reader', () => {
    const { earliest } = deadlineBounds(shapeIn(unit), EARLIEST_DEADLINE_MS);
    fc.assert(
      fc.property(anInstant, fc.integer({ min: -2, max: 2 }), digitsBehindThePoint(20), (nowMs, away, fraction) => {
        const wholeMs = nowMs + away;
        const digits =
          unit === 'seconds'
            ? `${Math.floor(wholeMs / 1_000)}.${String(wholeMs % 1_000).padStart(3, '0')}${fraction}`
            : `${wholeMs}.${fraction}`;
        const reading = read(unit, { N: digits });
        if (!reading.valid) return;
        const { now } = deadlineBounds(shapeIn(unit), nowMs);
        expect(compareDecimals(digits, now) <= 0).toBe(reading.expiresAtMs <= nowMs);
        expect(compareDecimals(digits, earliest)).toBeGreaterThanOrEqual(0);
      }),
    );
  });
});

describe('a number in another unit than the table counts in', () => {
  test.each([
    ['milliseconds', '1790000000', 'seconds'],
    ['milliseconds', '1790000000000000', 'microseconds'],
    ['seconds', '1790000000000', 'milliseconds'],
    ['seconds', '1.79E12', 'milliseconds'],
    ['iso8601', '1790000000', 'seconds'],
  ] as const)('is no deadline in %s: %s looks like %s', (unit, N, look) => {
    expect(read(unit, { N })).toEqual({
      valid: false,
      reason: expect.stringContaining(`${N}, which looks like ${look}`),
    });
  });

  test('is outside of what a condition takes for lapsed or for running', () => {
    const nowMs = 1_790_000_000_123;
    const [inMs, inSeconds] = [
      deadlineBounds(shapeIn('milliseconds'), nowMs),
      deadlineBounds(shapeIn('seconds'), nowMs),
    ];
    expect(compareDecimals(inSeconds.now, inMs.earliest)).toBeLessThan(0);
    expect(compareDecimals(inMs.now, inSeconds.latest)).toBeGreaterThan(0);
  });
});

describe('what a condition compares with', () => {
  test('is now in seconds, to the millisecond, without an exponent', () => {
    expect(deadlineBounds(shapeIn('seconds'), 1_790_000_000_123)).toEqual({
      earliest: '1000000000',
      now: '1790000000.123',
      latest: '100000000000',
    });
  });

  test('drops a fraction of a millisecond, so that nothing lapses early', () => {
    expect(deadlineBounds(shapeIn('milliseconds'), 1_790_000_000_123.9).now).toBe('1790000000123');
    expect(deadlineBounds(shapeIn('seconds'), 1_790_000_000_123.9).now).toBe('1790000000.123');
  });

  test('is nothing for text, whose order is not that of time', () => {
    expect(() => deadlineBounds(shapeIn('iso8601'), 1_790_000_000_123)).toThrow('held_until is text');
  });

  test('is nothing without a clock', () => {
    expect(() => deadlineBounds(shapeIn('seconds'), Number.NaN)).toThrow('got NaN');
  });
});

describe('a deadline of text', () => {
  test.each([
    ['2026-12-24T18:00:00Z', '2026-12-24T18:00:00.000Z'],
    ['2026-12-24T18:00Z', '2026-12-24T18:00:00.000Z'],
    ['2026-12-24t18:00:00z', '2026-12-24T18:00:00.000Z'],
    ['2026-12-24 18:00:00.123456+00:00', '2026-12-24T18:00:00.124Z'],
    ['2026-12-24T18:00:00.5-08:00', '2026-12-25T02:00:00.500Z'],
    ['2026-12-24T18:00:00+05:30', '2026-12-24T12:30:00.000Z'],
    ['2026-12-24T18:00:00-00:00', '2026-12-24T18:00:00.000Z'],
    ['2028-02-29T23:59:59.999000000Z', '2028-02-29T23:59:59.999Z'],
    ['2026-12-31T23:59:59.999000001Z', '2027-01-01T00:00:00.000Z'],
  ])('%s is %s', (text, instant) => {
    expect(read('iso8601', { S: text })).toEqual({ valid: true, expiresAtMs: Date.parse(instant) });
  });

  test.each([
    ['2026-12-24T18:00:00', ', which has no offset'],
    ['2026-12-24 18:00', ', which has no offset'],
    ['2026-02-30T18:00:00Z', ', which no clock or calendar shows'],
    ['2027-02-29T18:00:00Z', ', which no clock or calendar shows'],
    ['2026-13-01T18:00:00Z', ', which no clock or calendar shows'],
    ['2026-00-01T18:00:00Z', ', which no clock or calendar shows'],
    ['2026-12-00T18:00:00Z', ', which no clock or calendar shows'],
    ['2026-12-24T24:00:00Z', ', which no clock or calendar shows'],
    ['2026-12-31T23:59:60Z', ', which no clock or calendar shows'],
    ['2026-12-24T18:60:00Z', ', which no clock or calendar shows'],
    ['2026-12-24T18:00:00+24:00', ', which no clock or calendar shows'],
    ['2026-12-24', ''],
    ['2026-12-24T18:00:00+0100', ''],
    ['2026-12-24T18:00:00,5Z', ''],
    ['2026-12-24T18:00:00.Z', ''],
    ['2026-12-24T18:00:00Z\n', ''],
    ['24.12.2026 18:00', ''],
    ['1790000000000', ''],
    ['1999-12-24T18:00:00Z', ''],
    ['0050-12-24T18:00:00Z', ''],
    ['9999-12-24T18:00:00Z', ''],
    ['', ''],
  ])('%j is none%s', (text, hint) => {
    const reading = read('iso8601', { S: text });
    expect(reading).toEqual({ valid: false, reason: expect.stringContaining(`got ${JSON.stringify(text)}${hint}`) });
    if (!reading.valid) expect(reading.reason.endsWith(`${JSON.stringify(text)}${hint}`)).toBe(true);
  });

  test('with an offset is the same instant as without', () => {
    const anOffset = fc.integer({ min: -23 * 60 - 59, max: 23 * 60 + 59 });
    fc.assert(
      fc.property(anInstant, anOffset, digitsBehindThePoint(12), (instantMs, offsetMinutes, fraction) => {
        const local = new Date(instantMs + offsetMinutes * 60_000).toISOString().slice(0, -1);
        const [hours, minutes] = [Math.trunc(Math.abs(offsetMinutes) / 60), Math.abs(offsetMinutes) % 60];
        const offset = `${offsetMinutes < 0 ? '-' : '+'}${String(hours).padStart(2, '0')}:${String(minutes).padStart(2, '0')}`;
        const expiresAtMs = instantMs + (/[1-9]/.test(fraction) ? 1 : 0);
        fc.pre(expiresAtMs <= LATEST_DEADLINE_MS);
        expect(read('iso8601', { S: `${local}${fraction}${offset}` })).toEqual({ valid: true, expiresAtMs });
      }),
    );
  });

  test('is cut in the reason, so that it does not fill a log line', () => {
    const reading = read('iso8601', { S: 'x'.repeat(5_000) });
    expect(!reading.valid && reading.reason.length).toBeLessThan(250);
  });
});

test('text in a table of numbers is called text', () => {
  expect(read('seconds', { S: '1790000000' })).toEqual({
    valid: false,
    reason: 'held_until must be epoch seconds from 1000000000 to 100000000000, got the text "1790000000"',
  });
});

test.each([
  [undefined, 'got none'],
  [{ BOOL: true }, 'got a BOOL'],
])('a deadline that is missing or of another type is told as that: %j', (value, told) => {
  expect(read('milliseconds', value as StoredValue | undefined)).toEqual({
    valid: false,
    reason: expect.stringContaining(told),
  });
});
