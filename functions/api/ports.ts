/** Ports of the HTTP API: what it asks of the bookings table, as interfaces that the adapters satisfy. */
import type { Booking, MoveOutcome } from '../core/booking-status.ts';

/** What creating a booking takes. */
export interface NewBooking {
  readonly bookingId: string;
  /** Length of the hold, ms: 1 second to 366 days. */
  readonly holdMs: number;
  readonly requestHash?: string;
  /** The caller's own data, as JSON. */
  readonly details?: Record<string, unknown>;
}

/**
 * exists: there is an item with this id already; it is left as it is. Without a booking it is an item of another kind.
 */
export type CreateOutcome =
  | { readonly kind: 'created'; readonly booking: Booking }
  | { readonly kind: 'exists'; readonly booking: Booking | undefined };

/** Bookings as customers use them, one by one. Every move is decided by the condition of its write. */
export interface CustomerBookings {
  /**
   * Creates a PENDING booking whose hold starts now. One that exists already is reported as a read reports it.
   *
   * @throws InvalidHoldError if the hold is too short or too long
   */
  create(booking: NewBooking, nowMs: number): Promise<CreateOutcome>;
  /**
   * The booking for somebody who relies on it. What is reported stays true: one that has lapsed and is PENDING is expired
   * before it is reported, so that a payment on its way cannot land after "EXPIRED" was said.
   *
   * @throws Error of the engine, also if the expiry could not be made: then nothing may be said
   */
  read(bookingId: string, nowMs: number): Promise<Booking | undefined>;
  confirm(bookingId: string, nowMs: number): Promise<MoveOutcome>;
  cancel(bookingId: string, nowMs: number): Promise<MoveOutcome>;
  /**
   * Gives a PENDING booking a new hold that starts now. One that has this very deadline already is left as it is.
   *
   * @throws InvalidHoldError if the hold is too short or too long
   */
  extend(bookingId: string, holdMs: number, nowMs: number): Promise<MoveOutcome>;
}

/** How far a list has come in each shard: deadline, with all its digits, and id of the last booking that was listed. */
export type ShardPositions = Readonly<Record<string, [expiresAtMs: string, bookingId: string]>>;

/** Which PENDING bookings a list is to have. */
export interface ListRange {
  readonly fromMs: number;
  readonly throughMs: number;
  readonly limit: number;
  /** Where the last page ended; empty for the first. */
  readonly after: ShardPositions;
}

/** One page of a list. */
export interface ListPage {
  readonly bookings: readonly Booking[];
  /** Absent on the last page. */
  readonly after?: ShardPositions;
}

/** The PENDING bookings as a list. */
export interface PendingList {
  /** One page of all counted shards' PENDING bookings with deadlines in a range, soonest first. */
  listPending(range: ListRange): Promise<ListPage>;
}
