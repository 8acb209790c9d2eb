/** What callers of `slotsClient` give: checked before anything is made of it. */
import { MAX_HOLD_MS, readTimeMs, SECOND_MS } from '../functions/core/hold-time.ts';
import { OWN_ATTRIBUTES, type TableShape } from '../functions/table/shape.ts';
import { expectOwn, expectShardCount, type HoldLength, InvalidMoveError } from './input.ts';
import type { LapsedSlot } from './lapsed-slots.ts';
import { type Attributes, shown, storedIn } from './values.ts';

/** Where the service's tables are, and how it was deployed. */
export interface SlotsClientOptions {
  /** Name of the bookings table: the stack's output `BookingsTableName`. */
  readonly bookingsTable: string;
  /** Name of the slots table: the stack's output `SlotsTableName`. */
  readonly slotsTable: string;
  /**
   * How many shards of the index new holds are spread over: the service's own count, or fewer. Without it the service puts each
   * new booking into the index, by one write more.
   * @default - the service chooses the shard
   */
  readonly shardCount?: number;
  /** As the service was deployed: the longest time from its creation on that an extension may hold a booking. @default - any */
  readonly maxHoldSeconds?: number;
  /** As the service was deployed: when DynamoDB deletes bookings that are settled or expired. @default - never */
  readonly retentionDays?: number;
  /** As the service was deployed: whether it lists settled and expired bookings. Needs `shardCount`. @default false */
  readonly listSettled?: boolean;
}

export type NewBookingWithSlots = HoldLength & {
  readonly bookingId: string;
  /** 1 to 50 slots, each once, of 1 to 512 bytes. It gets all of them, or is not made. */
  readonly slotIds: readonly string[];
  /** Whose booking it is: bookings are listed by it. @default - nobody's */
  readonly customerId?: string;
  /** Attributes of the application's own. `details` is a map that events carry. */
  readonly attributes?: Attributes;
  /** Slots among them whose hold by another booking has lapsed. @default - none is known */
  readonly lapsed?: readonly LapsedSlot[];
};

/** What every move takes. */
export interface BookingMove {
  /** The booking as it was read, with all its attributes. */
  readonly seen: Attributes;
  /** Attributes of the application's own that get a value with the move. */
  readonly set?: Attributes;
}

export interface ReviveBooking extends BookingMove {
  /** Slots of it that another booking held since, and whose hold has lapsed. @default - none is known */
  readonly lapsed?: readonly LapsedSlot[];
}

export interface CancelBooking extends BookingMove {
  /**
   * Slots that are left as they are, because another booking has them by now: those of an earlier refusal.
   * @default - all are given back
   */
  readonly except?: readonly string[];
}

export interface LoseSlots {
  readonly seen: Attributes;
  /** The slots that were another booking's when the confirmation was refused. */
  readonly slotIds: readonly string[];
}

/** @throws InvalidMoveError for options that cannot be */
export const optionsOf = (options: SlotsClientOptions): SlotsClientOptions => {
  const { bookingsTable, slotsTable, shardCount, maxHoldSeconds, retentionDays, listSettled = false } = options ?? {};
  expectName('bookingsTable', bookingsTable);
  expectName('slotsTable', slotsTable);
  if (bookingsTable === slotsTable) {
    throw new InvalidMoveError(
      `slotsTable must be another table than bookingsTable, got ${shown(slotsTable)} for both`,
    );
  }
  expectShardCount(shardCount);
  expectWhole('maxHoldSeconds', maxHoldSeconds, MAX_HOLD_MS / SECOND_MS);
  expectWhole('retentionDays', retentionDays, MAX_RETENTION_DAYS);
  if (typeof listSettled !== 'boolean') {
    throw new InvalidMoveError(`listSettled must be true or false, got ${shown(listSettled)}`);
  }
  if (listSettled && shardCount === undefined) {
    throw new InvalidMoveError('shardCount must be given with listSettled: the list has as many shards, got nothing');
  }
  return { ...options };
};

/** Ten years, as in the service's own settings. */
const MAX_RETENTION_DAYS = 3_650;

/** A table's name, or its ARN (Amazon DynamoDB API Reference, TransactWriteItems). */
const expectName = (where: string, given: unknown): void => {
  if (typeof given === 'string' && given !== '') return;
  throw new InvalidMoveError(`${where} must be the name of a table, got ${shown(given)}`);
};

const expectWhole = (where: string, given: number | undefined, most: number): void => {
  if (given === undefined || (Number.isInteger(given) && given >= 1 && given <= most)) return;
  throw new InvalidMoveError(`${where} must be a whole number from 1 to ${most}, got ${shown(given)}`);
};

/** Of these the application may write one: what is its own. */
const KEPT_BY_THE_SERVICE: readonly string[] = Object.values(OWN_ATTRIBUTES).filter(
  (name) => name !== OWN_ATTRIBUTES.details,
);

/** @throws InvalidMoveError unless all are values of attributes of the application's own, or the booking's details */
export const expectOwnOfBooking = (where: string, shape: TableShape, attributes: Attributes): void => {
  expectOwn(where, shape, attributes);
  const kept = Object.keys(attributes).find((name) => KEPT_BY_THE_SERVICE.includes(name));
  if (kept === undefined) return;
  throw new InvalidMoveError(
    `${where} must name attributes of your own only, got ${shown(kept)}, which is kept by the service`,
  );
};

/** @throws InvalidMoveError for a deadline that the deployment allows no extension to */
export const expectWithin = (
  maxHoldSeconds: number | undefined,
  { attributes }: TableShape,
  seen: Attributes,
  expiresAtMs: number,
  nowMs: number,
): void => {
  if (maxHoldSeconds === undefined) return;
  const timeIn = (name: string) => readTimeMs(storedIn(seen, name)?.N);
  const startedAtMs = timeIn(OWN_ATTRIBUTES.createdAtMs) ?? timeIn(attributes.holdStartedAtMs) ?? nowMs;
  const latestMs = startedAtMs + maxHoldSeconds * SECOND_MS;
  if (expiresAtMs <= latestMs) return;
  throw new InvalidMoveError(
    `extend: the deadline must be at most ${latestMs}, ${maxHoldSeconds} s after the booking's creation, got ${expiresAtMs}`,
  );
};
