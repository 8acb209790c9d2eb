/** What a booking is, what it may be called, and what an attempt to move it results in. The moves are in moves.ts. */

export const BOOKING_STATUSES = ['PENDING', 'CONFIRMED', 'CANCELLED', 'EXPIRED'] as const;
export type BookingStatus = (typeof BOOKING_STATUSES)[number];

/** Who marked a booking EXPIRED: its timer on time, a sweep that found it overdue, or a read or a refusal that said so. */
export const EXPIRED_BY = ['timer', 'sweep', 'read'] as const;
export type ExpiredBy = (typeof EXPIRED_BY)[number];

/**
 * A booking as it was read. Anybody may have written the item, so only id and status are certain; an attribute that makes
 * no sense is left out.
 */
export interface Booking {
  /** The text of its key. */
  readonly bookingId: string;
  /** Names and values of its key, where that is more than a text. */
  readonly key?: Readonly<Record<string, string | number>>;
  /** One of ours, or a foreign writer's own word, which counts as settled. */
  readonly status: string;
  /** Deadline, epoch ms, rounded up to a whole one; absent if there is none that anyone acts on. */
  readonly expiresAtMs?: number;
  /** Why there is no usable deadline. */
  readonly deadlineProblem?: string;
  /** When this deadline was set, by creation or extension, epoch ms. */
  readonly holdStartedAtMs?: number;
  /** Shard of the index; present only while PENDING. */
  readonly pendingShard?: number;
  readonly createdAtMs?: number;
  readonly confirmedAtMs?: number;
  readonly cancelledAtMs?: number;
  readonly expiredAtMs?: number;
  readonly expiredBy?: ExpiredBy;
  /** Slots that it claims, each once; absent if it claims none. */
  readonly slotIds?: readonly string[];
  /** When it was confirmed although its hold had lapsed, epoch ms. */
  readonly revivedAtMs?: number;
  /** When somebody was told that it can be confirmed no more, because slots of it are another booking's, epoch ms. */
  readonly slotsLostAtMs?: number;
  readonly lostSlotIds?: readonly string[];
  /** What the creating request asked for, so that its repetition is distinguished from another request with the same id. */
  readonly requestHash?: string;
  /** Whose booking it is, in the words of whoever created it. */
  readonly customerId?: string;
  /** The caller's own data, as JSON. */
  readonly details?: Readonly<Record<string, unknown>>;
}

/** What every read reports: a PENDING booking whose hold has lapsed is EXPIRED, marked or not. */
export const effectiveStatus = (
  { status, expiresAtMs }: { readonly status: string; readonly expiresAtMs?: number },
  nowMs: number,
): string => (status === 'PENDING' && expiresAtMs !== undefined && nowMs >= expiresAtMs ? 'EXPIRED' : status);

/**
 * Outcome of a customer's move.
 * moved: it was made now. unchanged: it had been made before, so that a repeated request is answered with the same.
 * refused: the booking's effective status does not allow it. missing: there is no such booking.
 * slots-taken: slots of it are another booking's. An extension may be tried again; a confirmation is refused for good.
 * too-long: an extension would hold it for longer than the deployment allows.
 */
export type MoveOutcome =
  | { readonly kind: 'moved'; readonly booking: Booking }
  | { readonly kind: 'unchanged'; readonly booking: Booking }
  | { readonly kind: 'refused'; readonly found: string; readonly booking: Booking; readonly judgedAtMs: number }
  | { readonly kind: 'slots-taken'; readonly booking: Booking; readonly slots: readonly TakenSlot[] }
  | { readonly kind: 'too-long'; readonly booking: Booking; readonly latestMs: number }
  | { readonly kind: 'missing' };

/** A slot that is another booking's. */
export interface TakenSlot {
  readonly slotId: string;
  /** When its hold lapses, epoch ms; absent for one that is TAKEN, or whose item does not say. */
  readonly heldUntilMs?: number;
}

/**
 * Outcome of expiring one booking. Only `failed` is worth another try, unless it is permanent; in every other case there
 * is nothing left to do.
 * settled: CONFIRMED or CANCELLED in time. extended: its deadline is later than now, and has its own timer.
 * invalid-deadline: PENDING with a deadline that nobody acts on. no-booking: the item has no status that could be read.
 * refused: the write was refused, and the reason could not be read.
 */
export type ExpireOutcome =
  | { readonly kind: 'expired'; readonly expiredAtMs: number }
  | { readonly kind: 'settled'; readonly status: string }
  | { readonly kind: 'already-expired' }
  | { readonly kind: 'extended'; readonly expiresAtMs: number }
  | { readonly kind: 'invalid-deadline'; readonly reason: string }
  | { readonly kind: 'missing' }
  | { readonly kind: 'no-booking' }
  | { readonly kind: 'refused' }
  | { readonly kind: 'failed'; readonly error: Error };

/** Why the condition of an expiry failed, from the booking as it stands now. */
export const expiryRefusalOf = (found: Booking, nowMs: number): ExpireOutcome => {
  if (found.status === 'EXPIRED') return { kind: 'already-expired' };
  if (found.status !== 'PENDING') return { kind: 'settled', status: found.status };
  if (found.expiresAtMs === undefined) {
    return { kind: 'invalid-deadline', reason: found.deadlineProblem ?? 'it has no deadline' };
  }
  return found.expiresAtMs > nowMs ? { kind: 'extended', expiresAtMs: found.expiresAtMs } : { kind: 'refused' };
};

/** Outcome of putting one booking into the index. unneeded: it has been settled, or another has done it. */
export type AdoptOutcome =
  | { readonly kind: 'adopted' }
  | { readonly kind: 'unneeded' }
  | { readonly kind: 'failed'; readonly error: Error };
