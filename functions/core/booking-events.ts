/**
 * What the service publishes about a booking, on the EventBridge bus. Consumers read these: a field may be added,
 * but none is renamed, removed or given another meaning while `version` is 1. docs/booking-events.schema.json says the
 * same as JSON Schema.
 */
import type { Booking, ExpiredBy } from './booking-status.ts';

/** `source` of every event. */
export const EVENT_SOURCE = 'booking-expiry';
export const EVENT_VERSION = 1;

/** `detail-type` of an event, by the status that the booking has reached. */
export const DETAIL_TYPES = {
  EXPIRED: 'BookingExpired',
  CONFIRMED: 'BookingConfirmed',
  CANCELLED: 'BookingCancelled',
} as const;
/** `detail-type` of a revival: it was EXPIRED, and is CONFIRMED. In place of BookingConfirmed, and published in any case. */
export const REVIVED_DETAIL_TYPE = 'BookingRevived';
/** `detail-type` of a notice: its deadline comes near. */
export const NOTICE_DETAIL_TYPE = 'BookingExpiring';
export type DetailType =
  | (typeof DETAIL_TYPES)[keyof typeof DETAIL_TYPES]
  | typeof REVIVED_DETAIL_TYPE
  | typeof NOTICE_DETAIL_TYPE;

/** `detail` of an event. Times are ISO 8601, UTC. */
export interface BookingEventDetail {
  readonly version: typeof EVENT_VERSION;
  /** The same for every delivery of the same change: consumers drop repetitions by it. */
  readonly eventId: string;
  readonly bookingId: string;
  /** Names and values of the item's key, where that is more than a text. */
  readonly key?: Readonly<Record<string, string | number>>;
  /** The deadline; null if the booking had no usable one. */
  readonly expiresAt: string | null;
  /** BookingExpired only: when it was marked. */
  readonly expiredAt?: string;
  /** BookingExpired only: ms between the deadline and the mark, never negative. */
  readonly lagMs?: number;
  readonly expiredBy?: ExpiredBy;
  /** BookingConfirmed and BookingRevived only. */
  readonly confirmedAt?: string;
  /** BookingRevived only: when it was confirmed although its hold had lapsed. */
  readonly revivedAt?: string;
  /** The slots that it claims; absent if it claims none. */
  readonly slotIds?: readonly string[];
  /** BookingCancelled only. */
  readonly cancelledAt?: string;
  /** What the booking's writer kept with it, if that is a map: numbers of too many digits as text, binary as Base64. */
  readonly details?: Readonly<Record<string, unknown>>;
  /** True where the details would make the event larger than the bus takes: read them from the booking. */
  readonly detailsOmitted?: true;
}

export interface BookingEvent {
  readonly detailType: DetailType;
  readonly detail: BookingEventDetail;
  /** When the change was made, epoch ms. */
  readonly timeMs: number;
}

/**
 * The event of a change of status, if it is one to publish.
 *
 * @param booking the booking after the change, as it was read: whatever another program wrote, the event is what the schema says
 * @param before the status before the change; undefined if there was no booking
 * @param changedAtMs when the stream recorded the change: for foreign writers who do not say when, epoch ms
 * @param iso turns epoch ms into ISO 8601
 */
export const eventOf = (
  booking: Booking,
  before: string | undefined,
  changedAtMs: number,
  iso: (epochMs: number) => string,
): BookingEvent | undefined => {
  const { bookingId, key, status, expiresAtMs, details, expiredBy, revivedAtMs, slotIds } = booking;
  if (!isToldOf(status) || status === before || before === undefined) return undefined;
  const stated = { EXPIRED: booking.expiredAtMs, CONFIRMED: booking.confirmedAtMs, CANCELLED: booking.cancelledAtMs };
  const timeMs = stated[status] ?? changedAtMs;
  const isRevival = status === 'CONFIRMED' && before === 'EXPIRED' && revivedAtMs !== undefined;
  return {
    detailType: isRevival ? REVIVED_DETAIL_TYPE : DETAIL_TYPES[status],
    timeMs,
    detail: {
      version: EVENT_VERSION,
      // A booking reaches a status at one time: its id, the status and that time name the change.
      eventId: `${bookingId}:${isRevival ? 'REVIVED' : status}:${timeMs}`,
      bookingId,
      ...(key && { key }),
      expiresAt: expiresAtMs === undefined ? null : iso(expiresAtMs),
      ...(status === 'EXPIRED' && { expiredAt: iso(timeMs) }),
      ...(status === 'EXPIRED' && expiresAtMs !== undefined && { lagMs: Math.max(0, timeMs - expiresAtMs) }),
      ...(status === 'EXPIRED' && expiredBy && { expiredBy }),
      ...(status === 'CONFIRMED' && { confirmedAt: iso(timeMs) }),
      ...(isRevival && { revivedAt: iso(revivedAtMs) }),
      ...(status === 'CANCELLED' && { cancelledAt: iso(timeMs) }),
      ...(slotIds && { slotIds }),
      ...(details && { details }),
    },
  };
};

/**
 * The event that tells that a booking's deadline comes near. The same for every delivery of the same notice.
 *
 * @param atMs when the notice was due, epoch ms
 */
export const noticeEventOf = (
  { bookingId, key, details }: Booking,
  expiresAtMs: number,
  atMs: number,
  iso: (epochMs: number) => string,
): BookingEvent => ({
  detailType: NOTICE_DETAIL_TYPE,
  timeMs: atMs,
  detail: {
    version: EVENT_VERSION,
    eventId: `${bookingId}:EXPIRING:${expiresAtMs}`,
    bookingId,
    ...(key && { key }),
    expiresAt: iso(expiresAtMs),
    ...(details && { details }),
  },
});

const isToldOf = (status: string): status is keyof typeof DETAIL_TYPES => Object.hasOwn(DETAIL_TYPES, status);

/** The same event without the writer's own data, where they would make it larger than the bus takes. */
export const withoutDetails = ({ detail: { details: _, ...detail }, ...event }: BookingEvent): BookingEvent => ({
  ...event,
  detail: { ...detail, detailsOmitted: true },
});
