/** A big sale, as whoever plans it describes it. */
import { MINUTE_MS, SECOND_MS } from '../../functions/core/hold-time.ts';
import { UsageError } from '../../terminal/usage.ts';
import { wholeNumber } from '../whole-number.ts';

export interface Sale {
  /** Bookings that are written. */
  readonly bookings: number;
  /** Seconds within which they are written, evenly. */
  readonly seconds: number;
  /** How long each holds. */
  readonly holdMs: number;
  /** Share of them that is paid in time, 0 to 1. */
  readonly paidShare: number;
  /** The lag that 99 of 100 bookings shall keep, in ms. */
  readonly targetP99Ms: number;
}

/** What a world of them takes in memory and time bounds how many can be simulated. */
const MOST_BOOKINGS = 2_000_000;
const LEAST_HOLD_MS = 5 * SECOND_MS;
const MOST_HOLD_MS = 7 * 24 * 60 * MINUTE_MS;
const UNIT_MS: Readonly<Record<string, number>> = {
  s: SECOND_MS,
  m: MINUTE_MS,
  h: 60 * MINUTE_MS,
  d: 24 * 60 * MINUTE_MS,
};

/** The options as they are typed. */
export interface SaleOptions {
  readonly sale?: string;
  readonly seconds: string;
  readonly hold: string;
  readonly paid: string;
  readonly p99: string;
}

/** @throws UsageError for the first option that is missing or not allowed: it says what is */
export const saleOf = ({ sale, seconds, hold, paid, p99 }: SaleOptions): Sale => {
  if (sale === undefined) throw new UsageError('--sale must say how many bookings are written, got none');
  return {
    bookings: wholeNumber('sale', sale, 1, MOST_BOOKINGS),
    seconds: wholeNumber('seconds', seconds, 1, 86_400),
    holdMs: holdOf(hold),
    paidShare: wholeNumber('paid', paid, 0, 100) / 100,
    targetP99Ms: wholeNumber('p99', p99, 1, 600_000),
  };
};

const holdOf = (text: string): number => {
  const [, count = '', unit = ''] = /^([1-9]\d{0,5})([smhd])$/.exec(text) ?? [];
  const holdMs = Number(count) * (UNIT_MS[unit] ?? Number.NaN);
  if (holdMs >= LEAST_HOLD_MS && holdMs <= MOST_HOLD_MS) return holdMs;
  throw new UsageError(`--hold must be a time from 5s to 7d, such as 90s, 10m, 2h or 1d, got ${text}`);
};
