/**
 * What the service tells the world about a booking, on the EventBridge bus. Consumers read these: a field may be added,
 * but none is renamed, removed or given another meaning while `version` is 1. docs/booking-events.schema.json says the
 * same as JSON Schema.
 */
import type { BookingStatus, ExpiredBy } from './booking-status.ts';
import { readDeadline } from './hold-time.ts';

/** `source` of every event. */
export const EVENT_SOURCE = 'booking-expiry';
export const EVENT_VERSION = 1;

/** `detail-type` of an event, by the status that the booking has reached. */
export const DETAIL_TYPES = {
  EXPIRED: 'BookingExpired',
  CONFIRMED: 'BookingConfirmed',
  CANCELLED: 'BookingCancelled',
} as const;
export type DetailType = (typeof DETAIL_TYPES)[keyof typeof DETAIL_TYPES];

/** `detail` of an event. Times are ISO 8601, UTC. */
export interface BookingEventDetail {
  readonly version: typeof EVENT_VERSION;
  /** The same for every delivery of the same change: consumers drop repetitions by it. */
  readonly eventId: string;
  readonly bookingId: string;
  /** The deadline; null if the booking had no usable one. */
  readonly expiresAt: string | null;
  /** BookingExpired only: when it was marked. */
  readonly expiredAt?: string;
  /** BookingExpired only: ms between the deadline and the mark, never negative. */
  readonly lagMs?: number;
  readonly expiredBy?: ExpiredBy;
  /** BookingConfirmed only. */
  readonly confirmedAt?: string;
  /** BookingCancelled only. */
  readonly cancelledAt?: string;
  /** What the booking's writer kept with it. */
  readonly details?: Readonly<Record<string, unknown>>;
}

export interface BookingEvent {
  readonly detailType: DetailType;
  readonly detail: BookingEventDetail;
  /** When the change was made, epoch ms. */
  readonly timeMs: number;
}

/** A booking as the stream shows it after a change. Of what a foreign writer wrote, only id and status are certain. */
export interface ChangedBooking {
  readonly bookingId: string;
  readonly status: BookingStatus;
  readonly expiresAtMs?: number;
  readonly expiredAtMs?: number;
  readonly expiredBy?: ExpiredBy;
  readonly confirmedAtMs?: number;
  readonly cancelledAtMs?: number;
  readonly details?: Readonly<Record<string, unknown>>;
}

/**
 * The event of a change of status, if it is one to tell.
 *
 * @param before the status before the change; undefined if there was no booking
 * @param changedAtMs when the stream recorded the change: for foreign writers who do not say when, epoch ms
 * @param iso turns epoch ms into ISO 8601
 */
export const eventOf = (
  booking: ChangedBooking,
  before: BookingStatus | undefined,
  changedAtMs: number,
  iso: (epochMs: number) => string,
): BookingEvent | undefined => {
  const { bookingId, status, details, expiredBy } = booking;
  if (status === 'PENDING' || status === before || before === undefined) return undefined;
  const deadline = readDeadline(booking.expiresAtMs);
  const stated = { EXPIRED: booking.expiredAtMs, CONFIRMED: booking.confirmedAtMs, CANCELLED: booking.cancelledAtMs }[
    status
  ];
  const time = readDeadline(stated);
  const timeMs = time.valid ? time.expiresAtMs : changedAtMs;
  return {
    detailType: DETAIL_TYPES[status],
    timeMs,
    detail: {
      version: EVENT_VERSION,
      // A booking reaches a status at one time: its id, the status and that time name the change.
      eventId: `${bookingId}:${status}:${timeMs}`,
      bookingId,
      expiresAt: deadline.valid ? iso(deadline.expiresAtMs) : null,
      ...(status === 'EXPIRED' && { expiredAt: iso(timeMs) }),
      ...(status === 'EXPIRED' && deadline.valid && { lagMs: Math.max(0, timeMs - deadline.expiresAtMs) }),
      ...(status === 'EXPIRED' && expiredBy && { expiredBy }),
      ...(status === 'CONFIRMED' && { confirmedAt: iso(timeMs) }),
      ...(status === 'CANCELLED' && { cancelledAt: iso(timeMs) }),
      ...(details && { details }),
    },
  };
};
