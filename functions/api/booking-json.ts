/** A booking as the HTTP API shows it: times in ISO 8601, and the effective status. */
import type { InferOutput } from 'valibot';
import { type Booking, effectiveStatus } from '../core/booking-status.ts';
import { readDeadline } from '../core/hold-time.ts';
import type { bookingResponse } from './schemas.ts';

export type BookingJson = InferOutput<typeof bookingResponse>;

export const bookingJson = (booking: Booking, nowMs: number): BookingJson => {
  const { bookingId, expiredBy, details } = booking;
  const status = effectiveStatus(booking, nowMs);
  const deadline = readDeadline(booking.expiresAtMs);
  return {
    bookingId,
    status,
    expiresAt: deadline.valid ? iso(deadline.expiresAtMs) : null,
    remainingMs: status === 'PENDING' && deadline.valid ? deadline.expiresAtMs - nowMs : 0,
    ...when('createdAt', booking.createdAtMs),
    ...when('confirmedAt', booking.confirmedAtMs),
    ...when('cancelledAt', booking.cancelledAtMs),
    ...when('expiredAt', booking.expiredAtMs),
    ...(expiredBy && { expiredBy }),
    ...(details && { details }),
  };
};

export const iso = (epochMs: number): string => new Date(epochMs).toISOString();

/** Foreign writers may have written anything here; what is no time is left out. */
const when = (name: string, epochMs: number | undefined): Record<string, string> =>
  typeof epochMs === 'number' && Number.isFinite(epochMs) && Math.abs(epochMs) <= 8.64e15
    ? { [name]: iso(epochMs) }
    : {};
