/** Whether consumers receive the event of an expiry. */
import { DETAIL_TYPES, EVENT_SOURCE } from '../../functions/core/booking-events.ts';
import { SECOND_MS } from '../../functions/core/hold-time.ts';
import { systemClock } from '../../functions/runtime/clock.ts';
import { listen } from './event-listener.ts';
import type { Step } from './step.ts';

/** A rule may take a while until it is heard through: so one booking after the other, each with a short hold. */
const TRIES = 4;
const HOLD_MS = 2 * SECOND_MS;

export const event: Step = {
  name: 'event',
  title: 'an expiry is published on the bus as BookingExpired',
  run: async (verification) => {
    const { bookings, patienceMs } = verification;
    const firstId = bookings.newId('event');
    const ids: string[] = [];
    const next = await listen(verification, firstId.slice(0, firstId.lastIndexOf('-')));
    for (let tries = 1; tries <= TRIES; tries += 1) {
      const bookingId = tries === 1 ? firstId : bookings.newId('event');
      ids.push(bookingId);
      const expiresAtMs = systemClock() + HOLD_MS;
      await bookings.put(bookingId, expiresAtMs);
      await bookings.expired(bookingId, expiresAtMs + patienceMs);
      const untilMs = systemClock() + patienceMs / 2;
      while (systemClock() < untilMs) {
        for (const { source, 'detail-type': type, detail } of await next()) {
          if (source !== EVENT_SOURCE || type !== DETAIL_TYPES.EXPIRED || !ids.includes(detail.bookingId ?? ''))
            continue;
          if (!detail.eventId) throw new Error(`the event of ${detail.bookingId} has no eventId`);
          return `${type} of ${detail.bookingId} was heard${tries > 1 ? `, at try ${tries}` : ''}`;
        }
      }
    }
    throw new Error(
      `${TRIES} bookings expired and no ${DETAIL_TYPES.EXPIRED} of any was heard: look at publish-events, ` +
        'docs/runbook.md#stream-behind',
    );
  },
};
