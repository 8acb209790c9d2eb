/** Bookings whose hold lapses at `AT`, for tests of what is done to them. */
import { PutCommand } from '@aws-sdk/lib-dynamodb';
import type { Booking } from '../../functions/core/booking-status.ts';
import type { Engines } from '../support/engines.ts';

export const NOW = 1_790_000_000_000;
export const BEFORE = NOW + 59_999;
export const AT = NOW + 60_000;

/** Bookings in the table of these engines, each with an id of its own. */
export const storedBookings = (engines: () => Engines) => {
  let sequence = 0;
  const nextId = () => `booking-${++sequence}`;

  /** A booking with this status in the table, whose deadline is NOW + 60 s. */
  const givenBooking = async (status: string, overrides: Partial<Booking> = {}): Promise<Booking> => {
    const booking: Booking = {
      bookingId: nextId(),
      status,
      expiresAtMs: NOW + 60_000,
      ...(status === 'PENDING' && { pendingShard: 3, holdStartedAtMs: NOW }),
      ...overrides,
    };
    await engines().documents.send(new PutCommand({ TableName: engines().table, Item: booking }));
    return booking;
  };

  const expireOne = async (bookingId: string, nowMs: number) =>
    (await engines().held.expire([bookingId], 'timer', nowMs)).get(bookingId);

  return { nextId, givenBooking, expireOne };
};
