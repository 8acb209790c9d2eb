/**
 * Ports: what the core needs done and leaves to others, as interfaces that the adapters satisfy. Those that more than one
 * Lambda needs are here too; what a single handler needs stands beside it.
 */
import type { BookingEvent } from './booking-events.ts';
import type { AdoptOutcome, ExpiredBy, ExpireOutcome } from './booking-status.ts';
import type { ScheduledTimer, SeenBooking } from './expiry-decisions.ts';
import type { Adoption } from './moves.ts';

/** The time now, epoch ms. */
export type Clock = () => number;

/** Whether an error meets the same item, message or event again however often it is tried. */
export type IsPermanent = (error: unknown) => boolean;

/** Most writes of one round trip: statements of one BatchExecuteStatement (Amazon DynamoDB API Reference). */
export const MAX_WRITES_AT_ONCE = 25;

/** Expires bookings. */
export interface BookingExpirer {
  /**
   * Makes bookings EXPIRED that are PENDING and lapsed, `MAX_WRITES_AT_ONCE` in one round trip. Never throws: each booking
   * has its outcome.
   *
   * @param bookingIds each at most once
   * @param nowMs the clock, read after any waiting, epoch ms
   */
  expire(bookingIds: readonly string[], expiredBy: ExpiredBy, nowMs: number): Promise<Map<string, ExpireOutcome>>;
}

/** Puts bookings into the index that their writers left out of it. */
export interface BookingAdopter {
  /**
   * Puts bookings into the index on condition that they still have the deadline that was seen. One that has changed since
   * is looked at again. Never throws: each booking has its outcome.
   *
   * @param decideAgain what a booking still lacks, as it is found now; undefined if nothing
   */
  adopt(
    adoptions: readonly Adoption[],
    decideAgain: (found: SeenBooking) => Adoption | undefined,
  ): Promise<Map<string, AdoptOutcome>>;
}

/** Takes items out of the index that do not belong there. */
export interface IndexCleaner {
  /**
   * Takes items out of the index that are not PENDING: a foreign writer settled them without doing so, or gave them no
   * status. Does nothing to a PENDING booking.
   *
   * @throws Error if one of them could not be read or written
   */
  leaveIndex(bookingIds: readonly string[]): Promise<void>;
}

/** A row of the index: a booking that was PENDING when the index last heard of it. */
export interface PendingRow {
  readonly bookingId: string;
  readonly expiresAtMs: number;
  readonly holdStartedAtMs?: number;
}

/** Rows of one shard of the index. */
export interface PendingRange<Cursor = unknown> {
  readonly shard: number;
  /** Deadlines from here, epoch ms; never below the earliest deadline that anyone acts on. */
  readonly fromMs?: number;
  /** Deadlines up to and including here, epoch ms. */
  readonly throughMs: number;
  readonly limit: number;
  /** Where the last page ended. */
  readonly cursor?: Cursor | undefined;
}

/** One page of a shard of the index, soonest deadline first. */
export interface PendingPage<Cursor = unknown> {
  readonly rows: readonly PendingRow[];
  /** Absent on the last page. */
  readonly cursor?: Cursor;
}

/** The index of PENDING bookings, shard by shard. */
export interface PendingPages<Cursor = unknown> {
  /** One page of a shard's PENDING bookings with deadlines in a range, soonest first. */
  pendingPage(range: PendingRange<Cursor>): Promise<PendingPage<Cursor>>;
}

/** One page of a table's PENDING items: what a megabyte of items holds. */
export interface PendingItemsPage<Cursor = unknown> {
  readonly seen: readonly SeenBooking[];
  /** Absent on the last page. */
  readonly cursor?: Cursor;
}

/** The table itself, read from end to end: it also has what the index has not. */
export interface PendingItems<Cursor = unknown> {
  /** A page of the table's PENDING items, in whatever shard they are: for finding those that are in none. */
  pendingItems(cursor: Cursor | undefined): Promise<PendingItemsPage<Cursor>>;
}

/** A timer that could not be sent, and why. */
export interface UnsentTimer {
  readonly scheduled: ScheduledTimer;
  readonly error: Error;
}

/** Sends timers. */
export interface TimerTransport {
  /** Sends timers in as few requests as it can. Never throws: what is not sent is returned, to be reported. */
  send(timers: readonly ScheduledTimer[]): Promise<readonly UnsentTimer[]>;
}

/** How far earlier sweeps have scheduled. */
export interface ScheduledThrough {
  /** The deadline through which earlier sweeps have scheduled, epoch ms; 0 if there was none. */
  readonly scheduledThroughMs: number;
  /** Notes another one, unless another sweep has since this was read. */
  moveTo(scheduledThroughMs: number): Promise<void>;
}

/** What a sweep needs to schedule bookings that come near. */
export interface SweepScheduling extends TimerTransport {
  readState(): Promise<ScheduledThrough>;
}

/** Publishes events. */
export interface EventPublisher {
  /** Publishes events in as few requests as it can. Never throws: what is not published is returned, to be reported. */
  publish(events: readonly BookingEvent[]): Promise<readonly { readonly event: BookingEvent; readonly error: Error }[]>;
}

/** What could not be processed, and why. */
export interface DeadLetter {
  /**
   * The body: for a message of a queue the very body that came, so that it can be moved back; for anything else what is
   * known of it, which is put into JSON.
   */
  readonly body: string | Readonly<Record<string, unknown>>;
  readonly reason: string;
}

/** Keeps what could not be processed, for people to look at. */
export interface DeadLetterBox {
  /** Puts letters into the box. Never throws: those that it did not take are returned. */
  put<T extends DeadLetter>(letters: readonly T[]): Promise<T[]>;
}
