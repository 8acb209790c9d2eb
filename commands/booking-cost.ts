/** What a booking costs at most that a command writes and leaves to lapse. */

import { longestWaitMs, SECOND_MS } from '../functions/core/hold-time.ts';
import { PRICES } from '../measure/prices.ts';

/** Memory of expire-booking in the template, in GB. */
const EXPIRE_GB = 192 / 1_024;

/**
 * As if every timer came in a batch of its own and waited as long as it may.
 *
 * @returns USD at us-east-1's list prices, the event bus included
 */
export const costAtMost = (bookings: number, timerLeadMs: number): number => {
  const waitSeconds = longestWaitMs(timerLeadMs) / SECOND_MS;
  const perBooking =
    4 * PRICES.writeUnit +
    2.5 * PRICES.readUnit +
    3 * PRICES.sqsRequest +
    3 * PRICES.lambdaRequest +
    waitSeconds * EXPIRE_GB * PRICES.lambdaGbSecond +
    PRICES.event;
  return bookings * perBooking;
};
