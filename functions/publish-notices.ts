/**
 * Timers of notices came: look at their bookings and tell of those that are still held. Part of expire-booking, whose queue
 * they come from; it waits for no deadline, so its batch holds no notice up.
 */
import type { SQSRecord } from 'aws-lambda';
import { COUNTS } from './contract.ts';
import { noticeEventOf } from './core/booking-events.ts';
import type { Booking } from './core/booking-status.ts';
import type { ExpiryTimer } from './core/expiry-timer.ts';
import { isToBeNoticed, noticeAtMs } from './core/notices.ts';
import type { Clock, EventPublisher } from './core/ports.ts';
import { iso } from './runtime/clock.ts';
import type { Telemetry } from './runtime/telemetry.ts';

export interface NoticePorts {
  /** What these bookings are now, read consistently. @throws Error if they cannot be read */
  readonly store: { read(bookingIds: readonly string[]): Promise<Map<string, Booking>> };
  readonly bus: EventPublisher;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  readonly noticeBeforeMs: number;
}

/** A notice that is due, and the messages that ask for it. */
export interface DueNotice {
  readonly timer: ExpiryTimer;
  readonly messages: readonly SQSRecord[];
}

/** Publishes the notices of those that are still to be told of. Returns the messages of those that could not be. */
export const publishNotices = async (
  notices: readonly DueNotice[],
  { store, bus, clock, telemetry, noticeBeforeMs }: NoticePorts,
): Promise<{ readonly message: SQSRecord; readonly error: Error }[]> => {
  if (notices.length === 0) return [];
  const failed = (which: readonly DueNotice[], error: Error) =>
    which.flatMap(({ messages }) => messages.map((message) => ({ message, error })));
  let found: Map<string, Booking>;
  try {
    found = await store.read([...new Set(notices.map(({ timer }) => timer.bookingId))]);
  } catch (error) {
    telemetry.error('bookings not read: their notices come again', { error });
    return failed(notices, error instanceof Error ? error : new Error(String(error)));
  }
  const nowMs = clock();
  const events = notices.flatMap((notice) => {
    const { bookingId, expiresAtMs } = notice.timer;
    const booking = found.get(bookingId);
    if (!isToBeNoticed(notice.timer, booking, nowMs, noticeBeforeMs)) return [];
    return { notice, event: noticeEventOf(booking, expiresAtMs, noticeAtMs(expiresAtMs, noticeBeforeMs), iso) };
  });
  const unpublished = await bus.publish(events.map(({ event }) => event));
  const errors = new Map(unpublished.map(({ event, error }) => [event, error]));
  const published = events.filter(({ event }) => !errors.has(event)).map(({ event }) => event.detail.eventId);
  if (notices.length > events.length) telemetry.count(COUNTS.noticesNotNeeded, notices.length - events.length);
  if (published.length > 0) {
    telemetry.count(COUNTS.noticesPublished, published.length);
    telemetry.info('notices published', { eventIds: published });
  }
  return events.flatMap(({ notice, event }) => {
    const error = errors.get(event);
    if (error) telemetry.error('notice not published', { bookingId: notice.timer.bookingId, error });
    return error ? failed([notice], error) : [];
  });
};
