/** What a sale costs, from what the simulation counted. */

import { ASSUMPTIONS } from '../../bench/simulation/assumptions.ts';
import type { Played } from '../../bench/simulation/play.ts';
import { MINUTE_MS } from '../../functions/core/hold-time.ts';
import { PRICES } from '../../measure/prices.ts';
import type { Sale } from './sale.ts';
import type { Setting } from './sizing.ts';

export interface SaleCost {
  /** For the bookings of the sale, in USD: what the service does, and what its index adds to the application's own writes. */
  readonly bookingsUsd: number;
  /** For the pollers that stand ready, in USD an hour. */
  readonly pollersUsdPerHour: number;
  /** For as many hours as they are planned for. */
  readonly pollersUsd: number;
  readonly pollerHours: number;
  readonly totalUsd: number;
}

/** Pollers are set this long before a sale: a deployment takes minutes, and somebody should look. */
const HOURS_BEFORE = 1;
const HOUR_MS = 60 * MINUTE_MS;
/** Requests that send one timer, measured at 50 deadlines a second (docs/performance.md, requests): batches fill up at more. */
const SENDS_PER_TIMER = 0.147;
/** Invocations of schedule-expiry and of publish-events for one booking, and their billed ms, measured in the same load. */
const STREAM_INVOCATIONS = 0.074 + 0.072;
const STREAM_MS = 0.9 + 1.2;
const STREAM_GB = 256 / 1024;

/** Hours that pollers are needed: from before the sale until its last hold has lapsed. */
export const pollerHoursOf = ({ seconds, holdMs }: Sale): number =>
  Math.ceil(HOURS_BEFORE + (seconds * 1_000 + holdMs) / HOUR_MS);

/**
 * At us-east-1's list prices, without free tiers. Not in it: what the application pays for its own writes and the HTTP API, and
 * warm throughput, which is paid once.
 */
export const costOf = (sale: Sale, setting: Setting, played: Played): SaleCost => {
  const { bookings, sent, invocations, billedMs, tableWrites, reads, confirmed, lags: _, ...counts } = played;
  const expired = bookings - confirmed - counts.left;
  const indexUnits = bookings + confirmed + expired;
  const bookingsUsd =
    (indexUnits + tableWrites) * PRICES.writeUnit +
    reads * PRICES.readUnit +
    (sent * SENDS_PER_TIMER + 2 * invocations) * PRICES.sqsRequest +
    (invocations + bookings * STREAM_INVOCATIONS) * PRICES.lambdaRequest +
    (billedMs / 1_000) * (ASSUMPTIONS.expireMemoryMb / 1_024) * PRICES.lambdaGbSecond +
    (bookings * STREAM_MS * STREAM_GB * PRICES.lambdaGbSecond) / 1_000 +
    expired * PRICES.event;
  const pollersUsdPerHour = (setting.pollers?.min ?? 0) * PRICES.pollerHour;
  const pollerHours = setting.pollers === undefined ? 0 : pollerHoursOf(sale);
  const pollersUsd = pollersUsdPerHour * pollerHours;
  return { bookingsUsd, pollersUsdPerHour, pollersUsd, pollerHours, totalUsd: bookingsUsd + pollersUsd };
};
