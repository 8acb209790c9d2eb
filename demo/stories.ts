/** What the customers of the planned bookings do, each at its time, and what they are answered. */
import type { BookingStore } from '../functions/adapters/booking-store.ts';
import { effectiveStatus, type MoveOutcome } from '../functions/core/booking-status.ts';
import { waitUntil } from '../functions/runtime/clock.ts';
import type { Planned } from './plan.ts';

export interface Stories {
  /** What was answered to each customer who paid, cancelled or extended, by id. */
  readonly answers: ReadonlyMap<string, MoveOutcome>;
  /** Bookings that a read after their deadline did not report as EXPIRED. */
  readonly misreported: readonly string[];
  /** How many bookings customers have brought to their end so far. */
  ended(): number;
  /** Resolves when every customer has finished. */
  readonly done: Promise<unknown>;
}

/** @param sendTimerAgain sends a booking's timer a second time, so many seconds later */
export const startStories = (
  planned: readonly Planned[],
  store: BookingStore,
  sendTimerAgain: (booking: Planned, delaySeconds: number) => Promise<unknown>,
): Stories => {
  const answers = new Map<string, MoveOutcome>();
  const misreported: string[] = [];
  let settled = 0;
  // A request that came too late was quicker than the timer: its refusal had to be made true.
  const expiredByRequest = new Set<string>();
  const answered = (bookingId: string, outcome: MoveOutcome): void => {
    answers.set(bookingId, outcome);
    if (outcome.kind === 'refused' && outcome.booking.expiredBy === 'read') expiredByRequest.add(bookingId);
  };
  const play = async (booking: Planned): Promise<void> => {
    const { bookingId, fate, expiresAtMs } = booking;
    const settle = async (kind: 'confirm' | 'cancel'): Promise<void> => {
      const outcome = await store[kind](bookingId, Date.now());
      answered(bookingId, outcome);
      if (outcome.kind === 'moved') settled += 1;
    };
    switch (fate) {
      case 'paid':
        await waitUntil(expiresAtMs - 3_000 + Math.random() * 1_500);
        return settle('confirm');
      case 'paid-at-the-last-moment':
        // From 60 ms before to 20 ms after: who wins is decided by the write.
        await waitUntil(expiresAtMs - 60 + Math.floor(Math.random() * 80));
        return settle('confirm');
      case 'paid-too-late': {
        await waitUntil(expiresAtMs);
        const found = await store.get(bookingId);
        if (found && effectiveStatus(found, Date.now()) !== 'EXPIRED') misreported.push(bookingId);
        return settle('confirm');
      }
      case 'cancelled':
        await waitUntil(expiresAtMs - 2_000);
        return settle('cancel');
      case 'extended':
        await waitUntil(expiresAtMs - 2_000);
        answered(bookingId, await store.extend(bookingId, 5_000, Date.now()));
        return;
      case 'timer-twice':
        await sendTimerAgain(booking, Math.max(0, Math.floor((expiresAtMs - Date.now() - 1_000) / 1_000)));
        return;
    }
  };
  const done = Promise.all(planned.map(play));
  // Waited for by whoever watches; until then a failure must not end the process.
  done.catch(() => {});
  return { answers, misreported, ended: () => settled + expiredByRequest.size, done };
};
