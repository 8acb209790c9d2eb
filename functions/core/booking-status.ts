/**
 * The status machine of a booking and the one conditional write of each move.
 *
 *   PENDING ──confirm, before the deadline──▶ CONFIRMED ──cancel──▶ CANCELLED
 *      │ ├────cancel, before the deadline──────────────────────────────▲
 *      │ └────extend, before the deadline──▶ PENDING with a new deadline
 *      └──────expire, from the deadline on──▶ EXPIRED
 *
 * Nothing else is legal, and nothing leads back to PENDING. Each move is one write whose condition holds the whole
 * rule, so that no order of customers, timers, duplicates and sweeps can break it. `nowMs` is the clock of whoever
 * makes the move, read just before the write: DynamoDB has no clock in its conditions.
 */
import { EARLIEST_DEADLINE_MS, readDeadline } from './hold-time.ts';

export const BOOKING_STATUSES = ['PENDING', 'CONFIRMED', 'CANCELLED', 'EXPIRED'] as const;
export type BookingStatus = (typeof BOOKING_STATUSES)[number];

/** Who marked a booking EXPIRED: its timer on time, or a sweep that found it overdue. */
export type ExpiredBy = 'timer' | 'sweep';

/** An item of the bookings table as the service writes it. Foreign writers may leave out all but the first three. */
export interface Booking {
  readonly bookingId: string;
  readonly status: BookingStatus;
  /** Deadline, epoch ms. */
  readonly expiresAtMs: number;
  /** When this deadline was set, by creation or extension, epoch ms. */
  readonly holdStartedAtMs?: number;
  /** Shard of the index; present only while PENDING. */
  readonly pendingShard?: number;
  readonly createdAtMs?: number;
  readonly confirmedAtMs?: number;
  readonly cancelledAtMs?: number;
  readonly expiredAtMs?: number;
  readonly expiredBy?: ExpiredBy;
  /** What the creating request asked for, so that its repetition is told from another request with the same id. */
  readonly requestHash?: string;
  /** The caller's own data. */
  readonly details?: Readonly<Record<string, unknown>>;
}

/** What every read reports: a PENDING booking whose hold has lapsed is EXPIRED, marked or not. */
export const effectiveStatus = (
  { status, expiresAtMs }: { readonly status: BookingStatus; readonly expiresAtMs?: number },
  nowMs: number,
): BookingStatus => {
  if (status !== 'PENDING') return status;
  const deadline = readDeadline(expiresAtMs);
  return deadline.valid && nowMs >= deadline.expiresAtMs ? 'EXPIRED' : 'PENDING';
};

/** What a customer's application may ask for. To expire is the service's own move: see `expireUpdate`. */
export type Move =
  | { readonly kind: 'confirm' }
  | { readonly kind: 'cancel' }
  | { readonly kind: 'extend'; readonly expiresAtMs: number; readonly pendingShard: number };

/** Expressions of one conditional update, in the form that DynamoDB's UpdateItem takes. */
export interface ConditionalUpdate {
  readonly UpdateExpression: string;
  readonly ConditionExpression: string;
  readonly ExpressionAttributeNames: Record<string, string>;
  readonly ExpressionAttributeValues: Record<string, string | number>;
}

const names = { '#status': 'status', '#expiresAtMs': 'expiresAtMs' };
const isPending = '#status = :pending';
const isConfirmed = '#status = :confirmed';
const holdStillRuns = '#expiresAtMs > :nowMs';
/** The lower bound keeps a deadline in seconds, which is always below now, from being taken for a lapsed one. */
const holdHasLapsed = '#expiresAtMs BETWEEN :earliestMs AND :nowMs';

/** The conditional write of a customer's move. */
export const moveUpdate = (move: Move, nowMs: number): ConditionalUpdate => {
  switch (move.kind) {
    case 'confirm':
      return {
        UpdateExpression: 'SET #status = :confirmed, confirmedAtMs = :nowMs REMOVE pendingShard',
        ConditionExpression: `${isPending} AND ${holdStillRuns}`,
        ExpressionAttributeNames: names,
        ExpressionAttributeValues: { ':pending': 'PENDING', ':confirmed': 'CONFIRMED', ':nowMs': nowMs },
      };
    case 'cancel':
      return {
        UpdateExpression: 'SET #status = :cancelled, cancelledAtMs = :nowMs REMOVE pendingShard',
        ConditionExpression: `(${isPending} AND ${holdStillRuns}) OR ${isConfirmed}`,
        ExpressionAttributeNames: names,
        ExpressionAttributeValues: {
          ':pending': 'PENDING',
          ':confirmed': 'CONFIRMED',
          ':cancelled': 'CANCELLED',
          ':nowMs': nowMs,
        },
      };
    case 'extend':
      return {
        UpdateExpression: 'SET #expiresAtMs = :newExpiresAtMs, holdStartedAtMs = :nowMs, pendingShard = :pendingShard',
        ConditionExpression: `${isPending} AND ${holdStillRuns}`,
        ExpressionAttributeNames: names,
        ExpressionAttributeValues: {
          ':pending': 'PENDING',
          ':newExpiresAtMs': move.expiresAtMs,
          ':pendingShard': move.pendingShard,
          ':nowMs': nowMs,
        },
      };
  }
};

/**
 * Outcome of a customer's move.
 * moved: it was made now. unchanged: it had been made before, so that a repeated request is answered with the same.
 * refused: the booking's effective status does not allow it. missing: there is no such booking.
 */
export type MoveOutcome =
  | { readonly kind: 'moved'; readonly booking: Booking }
  | { readonly kind: 'unchanged'; readonly booking: Booking }
  | { readonly kind: 'refused'; readonly found: BookingStatus; readonly booking: Booking; readonly judgedAtMs: number }
  | { readonly kind: 'missing' };

const STATUS_AFTER = { confirm: 'CONFIRMED', cancel: 'CANCELLED', extend: undefined } as const;

/** Why the condition of a move failed, from the item that the failed write found. */
export const refusalOf = (move: Move, found: Booking | undefined, nowMs: number): MoveOutcome => {
  if (found === undefined) return { kind: 'missing' };
  if (found.status === STATUS_AFTER[move.kind]) return { kind: 'unchanged', booking: found };
  return { kind: 'refused', found: effectiveStatus(found, nowMs), booking: found, judgedAtMs: nowMs };
};

/** PENDING → EXPIRED for one booking, as UpdateItem takes it. The same write as `expireStatement`. */
export const expireUpdate = (nowMs: number, expiredBy: ExpiredBy): ConditionalUpdate => ({
  UpdateExpression: 'SET #status = :expired, expiredAtMs = :nowMs, expiredBy = :expiredBy REMOVE pendingShard',
  ConditionExpression: `${isPending} AND ${holdHasLapsed}`,
  ExpressionAttributeNames: names,
  ExpressionAttributeValues: {
    ':pending': 'PENDING',
    ':expired': 'EXPIRED',
    ':earliestMs': EARLIEST_DEADLINE_MS,
    ':nowMs': nowMs,
    ':expiredBy': expiredBy,
  },
});

/** One PartiQL statement with its parameters, in the form that BatchExecuteStatement takes. */
export interface Statement {
  readonly Statement: string;
  readonly Parameters: (string | number)[];
}

/**
 * PENDING → EXPIRED for one booking as a PartiQL statement, of which 25 fit into one round trip.
 * What stands beside the key in WHERE is a condition on the write (Amazon DynamoDB Developer Guide, PartiQL update
 * statements). An UPDATE never creates an item: of a booking that does not exist, the condition fails.
 */
export const expireStatement = (
  tableName: string,
  bookingId: string,
  nowMs: number,
  expiredBy: ExpiredBy,
): Statement => ({
  Statement:
    `UPDATE "${tableName}" SET "status" = 'EXPIRED', "expiredAtMs" = ?, "expiredBy" = ? REMOVE "pendingShard" ` +
    `WHERE "bookingId" = ? AND "status" = 'PENDING' AND "expiresAtMs" BETWEEN ? AND ?`,
  Parameters: [nowMs, expiredBy, bookingId, EARLIEST_DEADLINE_MS, nowMs],
});

/**
 * Outcome of expiring one booking. Only `failed` is worth another try; in every other case there is nothing left to do.
 * settled: CONFIRMED or CANCELLED in time. extended: its deadline is later than now, and has its own timer.
 * invalid-deadline: PENDING with a deadline that nobody acts on. refused: the write was refused, and the reason could
 * not be read.
 */
export type ExpireOutcome =
  | { readonly kind: 'expired'; readonly expiredAtMs: number }
  | { readonly kind: 'settled'; readonly status: 'CONFIRMED' | 'CANCELLED' }
  | { readonly kind: 'already-expired' }
  | { readonly kind: 'extended'; readonly expiresAtMs: number }
  | { readonly kind: 'invalid-deadline'; readonly reason: string }
  | { readonly kind: 'missing' }
  | { readonly kind: 'refused' }
  | { readonly kind: 'failed'; readonly error: Error };

/** The part of a booking that tells why it was not expired. Foreign writers may have left the deadline out. */
export interface BookingSnapshot {
  readonly status: BookingStatus;
  readonly expiresAtMs?: number;
}

/** Why the condition of an expiry failed, from the item as it stands now. */
export const expiryRefusalOf = (found: BookingSnapshot | undefined, nowMs: number): ExpireOutcome => {
  if (found === undefined) return { kind: 'missing' };
  if (found.status === 'EXPIRED') return { kind: 'already-expired' };
  if (found.status !== 'PENDING') return { kind: 'settled', status: found.status };
  const deadline = readDeadline(found.expiresAtMs);
  if (!deadline.valid) return { kind: 'invalid-deadline', reason: deadline.reason };
  return deadline.expiresAtMs > nowMs ? { kind: 'extended', expiresAtMs: deadline.expiresAtMs } : { kind: 'refused' };
};

/** The attributes that make a sweep find a booking whose writer left them out, or had them wrong. */
export interface Adoption {
  readonly bookingId: string;
  /** The deadline that was seen. If it has changed since, the newer record speaks for the booking. */
  readonly seenExpiresAtMs: number;
  readonly pendingShard: number;
  readonly holdStartedAtMs: number;
}

/** The conditional write of an adoption, as UpdateItem takes it. The same write as `adoptStatement`. */
export const adoptUpdate = ({ seenExpiresAtMs, pendingShard, holdStartedAtMs }: Adoption): ConditionalUpdate => ({
  UpdateExpression: 'SET pendingShard = :pendingShard, holdStartedAtMs = :holdStartedAtMs',
  ConditionExpression: `${isPending} AND #expiresAtMs = :seenExpiresAtMs`,
  ExpressionAttributeNames: names,
  ExpressionAttributeValues: {
    ':pending': 'PENDING',
    ':seenExpiresAtMs': seenExpiresAtMs,
    ':pendingShard': pendingShard,
    ':holdStartedAtMs': holdStartedAtMs,
  },
});

/** An adoption as a PartiQL statement, of which 25 fit into one round trip. */
export const adoptStatement = (tableName: string, adoption: Adoption): Statement => ({
  Statement:
    `UPDATE "${tableName}" SET "pendingShard" = ?, "holdStartedAtMs" = ? ` +
    `WHERE "bookingId" = ? AND "status" = 'PENDING' AND "expiresAtMs" = ?`,
  Parameters: [adoption.pendingShard, adoption.holdStartedAtMs, adoption.bookingId, adoption.seenExpiresAtMs],
});
