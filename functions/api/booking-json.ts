/** A booking as the HTTP API shows it: times in ISO 8601, and the effective status. */
import type { InferOutput } from 'valibot';
import { type Booking, effectiveStatus } from '../core/booking-status.ts';
import { iso } from '../runtime/clock.ts';
import type { bookingResponse } from './schemas.ts';

export type BookingJson = InferOutput<typeof bookingResponse>;

export const bookingJson = (booking: Booking, nowMs: number): BookingJson => {
  const { bookingId, expiresAtMs, expiredBy, slotIds, customerId, details } = booking;
  const status = effectiveStatus(booking, nowMs);
  return {
    bookingId,
    status,
    expiresAt: expiresAtMs === undefined ? null : iso(expiresAtMs),
    remainingMs: status === 'PENDING' && expiresAtMs !== undefined ? expiresAtMs - nowMs : 0,
    ...when('createdAt', booking.createdAtMs),
    ...when('confirmedAt', booking.confirmedAtMs),
    ...when('cancelledAt', booking.cancelledAtMs),
    ...when('expiredAt', booking.expiredAtMs),
    ...(expiredBy && { expiredBy }),
    ...(slotIds && { slotIds: [...slotIds] }),
    ...when('revivedAt', booking.revivedAtMs),
    ...when('slotsLostAt', booking.slotsLostAtMs),
    ...(customerId !== undefined && { customerId }),
    ...(details && { details: { ...details } }),
  };
};

const when = (name: string, epochMs: number | undefined): Record<string, string> =>
  epochMs === undefined ? {} : { [name]: iso(epochMs) };
