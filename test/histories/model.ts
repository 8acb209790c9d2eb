/** What must be true of bookings, in as few lines as it can be said: the whole truth that every history is checked against. */

export interface ModelBooking {
  /** Undefined where the item has no status that is text: it is no booking, and nobody may touch it. */
  readonly status: string | undefined;
  /** Rounded up; undefined where its writer gave none that anyone acts on. */
  readonly expiresAtMs: number | undefined;
  /** Whether the deadline that nobody acts on is beyond all time: then it is a hold that does not end. */
  readonly isEndless?: boolean;
}

/** What differs between tables. */
export interface ModelRules {
  /** The words of a booking that was paid, and of one that was given back. */
  readonly paid: string;
  readonly cancelled: string;
  /** Deadlines are rounded up to whole ones of this, in ms. */
  readonly unitMs: number;
  /**
   * Whether it is the owner of the table who moves bookings, by the client, and not this service's own store. Then nobody
   * marks anything by reading, a paid booking stays paid, what has expired can be held again, and there is no move that
   * was made already.
   */
  readonly isOwners: boolean;
}

export const OUR_RULES: ModelRules = { paid: 'CONFIRMED', cancelled: 'CANCELLED', unitMs: 1, isOwners: false };

export type Answer = 'done' | 'unchanged' | 'refused' | 'missing';

/** A move of an application, with the clock of whoever makes it. */
export type ModelMove =
  | { readonly kind: 'create' | 'extend'; readonly expiresAtMs: number; readonly nowMs: number }
  | { readonly kind: 'hold'; readonly expiresAtMs: number; readonly nowMs: number; readonly isCancelledFree: boolean }
  /** To release is to give a booking back by the word that an expiry gives it. */
  | { readonly kind: 'confirm' | 'cancel' | 'release'; readonly nowMs: number };

/** The deadline of a hold that begins now. */
export const deadlineAfter = (holdMs: number, nowMs: number, { unitMs }: ModelRules): number =>
  Math.ceil((nowMs + holdMs) / unitMs) * unitMs;

/**
 * What a booking is by a clock. This is also the one rule for marking it: whoever marks bookings EXPIRED may do it from the
 * moment on at which the deadline has passed by its own clock, and never before. Time alone marks nothing.
 */
export const effective = (booking: ModelBooking | undefined, nowMs: number): string | undefined => {
  if (booking?.status !== 'PENDING' || booking.expiresAtMs === undefined) return booking?.status;
  return nowMs >= booking.expiresAtMs ? 'EXPIRED' : 'PENDING';
};

/** A booking after somebody was told by this clock what it is: what our own store has said is so from then on. */
export const told = (
  booking: ModelBooking | undefined,
  nowMs: number,
  { isOwners }: ModelRules = OUR_RULES,
): ModelBooking | undefined => (isOwners ? booking : booking && { ...booking, status: effective(booking, nowMs) });

/** The answer to a move, and the booking after it. */
export const moved = (
  booking: ModelBooking | undefined,
  move: ModelMove,
  rules: ModelRules = OUR_RULES,
): [Answer, ModelBooking | undefined] => {
  const { isOwners, paid, cancelled } = rules;
  const refused: [Answer, ModelBooking | undefined] = ['refused', told(booking, move.nowMs, rules)];
  if (move.kind === 'create') {
    if (booking === undefined) return ['done', { status: 'PENDING', expiresAtMs: move.expiresAtMs }];
    return isOwners ? refused : ['unchanged', told(booking, move.nowMs)];
  }
  if (booking === undefined) return ['missing', undefined];
  if (booking.status === undefined) return [isOwners ? 'refused' : 'missing', booking];
  const is = effective(booking, move.nowMs);
  const isHeld = is === 'PENDING' && (booking.expiresAtMs !== undefined || booking.isEndless === true);
  if (move.kind === 'hold') {
    const isFree = is === 'EXPIRED' || (move.isCancelledFree && is === cancelled);
    return isFree ? ['done', { status: 'PENDING', expiresAtMs: move.expiresAtMs }] : refused;
  }
  if (move.kind === 'extend') {
    if (!isHeld) return refused;
    if (booking.expiresAtMs === move.expiresAtMs && !isOwners) return ['unchanged', booking];
    return ['done', { status: 'PENDING', expiresAtMs: move.expiresAtMs }];
  }
  const status = { confirm: paid, cancel: cancelled, release: 'EXPIRED' }[move.kind];
  if (booking.status === status && !isOwners) return ['unchanged', booking];
  const isAllowed = isHeld || (booking.status === paid && move.kind === 'cancel' && !isOwners);
  return isAllowed ? ['done', { ...booking, status }] : refused;
};
