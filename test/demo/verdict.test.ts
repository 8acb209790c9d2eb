import { describe, expect, test } from 'vitest';
import { type Evidence, judge, verdictText } from '../../demo/verdict.ts';
import type { Booking } from '../../functions/core/booking-status.ts';
import { lagHistogram, percentile } from '../../measure/lag-report.ts';

const DEADLINE = 1_790_000_000_000;
const booking = (overrides: Partial<Booking>): Booking => ({
  bookingId: 'a',
  status: 'EXPIRED',
  expiresAtMs: DEADLINE,
  expiredAtMs: DEADLINE + 1,
  expiredBy: 'timer',
  ...overrides,
});
const evidence = (found: Booking | undefined, overrides: Partial<Evidence> = {}): Evidence => ({
  nowMs: DEADLINE + 60_000,
  bookingIds: ['a'],
  found: new Map(found ? [['a', found]] : []),
  answers: new Map(),
  misreported: [],
  nonsense: [],
  deadLetters: 2,
  timersLost: 0,
  malformedSent: 2,
  ...overrides,
});
const confirmed = booking({ status: 'CONFIRMED', confirmedAtMs: DEADLINE - 1 });
const toldConfirmed = new Map([['a', { kind: 'moved' as const, booking: confirmed }]]);

describe('the demo', () => {
  test('finds nothing wrong when nothing is', () => {
    expect(judge(evidence(booking({})))).toMatchObject({ kept: true, expiredByTimer: 1, timerLagMs: { p99: 1 } });
    expect(judge(evidence(confirmed, { answers: toldConfirmed }))).toMatchObject({ kept: true, confirmed: 1 });
  });

  test.each([
    ['early', evidence(booking({ expiredAtMs: DEADLINE - 1 }))],
    ['early', evidence(booking({ expiredAtMs: DEADLINE - 1, expiredBy: 'read' }))],
    ['missed', evidence(booking({ status: 'PENDING' }))],
    ['lost', evidence(undefined)],
    ['paidButExpired', evidence(booking({}), { answers: toldConfirmed })],
    ['paidTooLateButConfirmed', evidence(booking({ status: 'CONFIRMED', confirmedAtMs: DEADLINE }))],
    ['readAsPendingAfterTheDeadline', evidence(booking({}), { misreported: ['a'] })],
    ['expiredWithoutADeadline', evidence(booking({}), { nonsense: [booking({})] })],
    ['malformedNotInTheDeadLetterQueue', evidence(booking({}), { deadLetters: 1 })],
  ] as const)('says that a promise was broken: %s', (violation, given) => {
    const verdict = judge(given);
    expect(verdict.kept).toBe(false);
    expect(verdict.violations[violation]).toBe(1);
    expect(verdictText(verdict)).toContain('✗');
  });
});

test('percentiles are by nearest rank, and the histogram counts each lag once', () => {
  const lagsMs = Array.from({ length: 100 }, (_, index) => index + 1);
  expect([0.5, 0.99, 1].map((share) => percentile(lagsMs, share))).toEqual([50, 99, 100]);
  expect(percentile([], 0.5)).toBeNaN();
  const counted = lagHistogram([0, 1, 1, 3, 7_000]).map((line) => Number(line.trim().split(' ').at(-1)));
  expect(counted.reduce((sum, count) => sum + count, 0)).toBe(5);
});
