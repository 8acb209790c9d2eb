/** What must be true of bookings, in as few lines as it can be said: the whole truth that every history is checked against. */
import type { BookingStatus } from '../../functions/core/booking-status.ts';

export interface ModelBooking {
  readonly status: BookingStatus;
  /** Undefined where its writer gave none that anyone acts on. */
  readonly expiresAtMs: number | undefined;
}

export type Answer = 'done' | 'unchanged' | 'refused' | 'missing';

/** A booking is a register. Time alone expires it: nothing here waits for a timer or a sweep. */
export class Model {
  readonly bookings = new Map<string, ModelBooking>();

  effective(id: string, nowMs: number): BookingStatus | undefined {
    const booking = this.bookings.get(id);
    if (booking?.status !== 'PENDING' || booking.expiresAtMs === undefined) return booking?.status;
    return nowMs >= booking.expiresAtMs ? 'EXPIRED' : 'PENDING';
  }

  create(id: string, expiresAtMs: number | undefined): Answer {
    if (this.bookings.has(id)) return 'unchanged';
    this.bookings.set(id, { status: 'PENDING', expiresAtMs });
    return 'done';
  }

  settle(id: string, status: 'CONFIRMED' | 'CANCELLED', nowMs: number): Answer {
    const booking = this.bookings.get(id);
    if (booking === undefined) return 'missing';
    if (booking.status === status) return 'unchanged';
    const from = booking.expiresAtMs === undefined ? undefined : this.effective(id, nowMs);
    if (from !== 'PENDING' && !(booking.status === 'CONFIRMED' && status === 'CANCELLED')) return 'refused';
    this.bookings.set(id, { ...booking, status });
    return 'done';
  }

  extend(id: string, expiresAtMs: number, nowMs: number): Answer {
    const booking = this.bookings.get(id);
    if (booking === undefined) return 'missing';
    if (booking.expiresAtMs === undefined || this.effective(id, nowMs) !== 'PENDING') return 'refused';
    this.bookings.set(id, { ...booking, expiresAtMs });
    return 'done';
  }

  delete(id: string): void {
    this.bookings.delete(id);
  }
}
