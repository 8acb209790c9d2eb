/** The end-to-end test's verdict finds what it is there to find. */
import { describe, expect, test } from 'vitest';
import { disagreements, type Known, type Row } from './verdict.ts';

const expired: Row = { id: 'a', status: 'EXPIRED', expiresAtMs: 1_000, expiredAtMs: 1_000 };
const confirmed: Row = { id: 'a', status: 'CONFIRMED', expiresAtMs: 1_000, confirmedAtMs: 999 };
const lapsed: Known = { inService: 'EXPIRED', untold: false };
const paid: Known = { inService: 'CONFIRMED', paid: 200, untold: false };

test('an expiry at its deadline and a payment before it are right', () => {
  expect(disagreements(expired, lapsed)).toEqual([]);
  expect(disagreements(confirmed, paid)).toEqual([]);
});

describe('it finds', () => {
  test.each<[string, Row, Known]>([
    ['expired 1 ms early', { ...expired, expiredAtMs: 999 }, lapsed],
    ['is still PENDING', { ...expired, status: 'PENDING' }, lapsed],
    ['was paid, and expired', expired, { ...lapsed, paid: 200 }],
    ['was paid after its deadline', { ...confirmed, confirmedAtMs: 1_000 }, paid],
    ['a payment after the deadline was answered with 200', confirmed, { ...paid, sentLate: true }],
    ['is CONFIRMED in the rows and EXPIRED at the service', confirmed, { ...paid, inService: 'EXPIRED' }],
    ['is EXPIRED in the rows and PENDING at the service', expired, { ...lapsed, inService: 'PENDING', untold: true }],
  ])('%s', (sentence, row, known) => {
    expect(disagreements(row, known).join()).toContain(sentence);
  });
});

test('what the service could not be told is excused, and nothing else of it', () => {
  expect(disagreements(confirmed, { ...paid, inService: 'EXPIRED', untold: true })).toEqual([]);
  expect(disagreements(expired, { ...lapsed, inService: undefined, untold: true })).toEqual([]);
});
