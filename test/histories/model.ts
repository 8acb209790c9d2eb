/** What must be true of bookings, in as few lines as it can be said: the whole truth that every history is checked against. */

export interface ModelBooking {
  /** Undefined where the item has no status that is text: it is no booking, and nobody may touch it. */
  readonly status: string | undefined;
  /** Rounded up; undefined where its writer gave none that anyone acts on. */
  readonly expiresAtMs: number | undefined;
  /** Whether the deadline that nobody acts on is beyond all time: then it is a hold that does not end. */
  readonly isEndless?: boolean;
}

export type Answer = 'done' | 'unchanged' | 'refused' | 'missing';

/** A move of an application, with the clock of whoever makes it. */
export type ModelMove =
  | { readonly kind: 'create' | 'extend'; readonly expiresAtMs: number; readonly nowMs: number }
  | { readonly kind: 'confirm' | 'cancel'; readonly nowMs: number };

/**
 * What a booking is by a clock. This is also the one rule for marking it: whoever marks bookings EXPIRED may do it from the
 * moment on at which the deadline has passed by its own clock, and never before. Time alone marks nothing.
 */
export const effective = (booking: ModelBooking | undefined, nowMs: number): string | undefined => {
  if (booking?.status !== 'PENDING' || booking.expiresAtMs === undefined) return booking?.status;
  return nowMs >= booking.expiresAtMs ? 'EXPIRED' : 'PENDING';
};

/** A booking after somebody was told by this clock what it is: what was said is so from then on. */
export const told = (booking: ModelBooking | undefined, nowMs: number): ModelBooking | undefined =>
  booking && { ...booking, status: effective(booking, nowMs) };

/** The answer to a move, and the booking after it. */
export const moved = (booking: ModelBooking | undefined, move: ModelMove): [Answer, ModelBooking | undefined] => {
  if (move.kind === 'create') {
    return booking
      ? ['unchanged', told(booking, move.nowMs)]
      : ['done', { status: 'PENDING', expiresAtMs: move.expiresAtMs }];
  }
  if (booking?.status === undefined) return ['missing', booking];
  const isHeld =
    effective(booking, move.nowMs) === 'PENDING' && (booking.expiresAtMs !== undefined || booking.isEndless === true);
  const refused: [Answer, ModelBooking | undefined] = ['refused', told(booking, move.nowMs)];
  if (move.kind === 'extend') {
    if (!isHeld) return refused;
    if (booking.expiresAtMs === move.expiresAtMs) return ['unchanged', booking];
    return ['done', { status: 'PENDING', expiresAtMs: move.expiresAtMs }];
  }
  const status = move.kind === 'confirm' ? 'CONFIRMED' : 'CANCELLED';
  if (booking.status === status) return ['unchanged', booking];
  const isAllowed = isHeld || (booking.status === 'CONFIRMED' && move.kind === 'cancel');
  return isAllowed ? ['done', { ...booking, status }] : refused;
};
