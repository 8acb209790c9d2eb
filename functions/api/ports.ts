/** Ports of the HTTP API: what it asks of the bookings table, as interfaces that the adapters satisfy. */
import type { Booking, MoveOutcome, TakenSlot } from '../core/booking-status.ts';
import type { Slot } from '../core/slots.ts';

/** What creating a booking takes. */
export interface NewBooking {
  readonly bookingId: string;
  /** Length of the hold, ms: 1 second to 366 days. */
  readonly holdMs: number;
  readonly requestHash?: string;
  /** Whose booking it is: lists go by it. */
  readonly customerId?: string;
  /** The caller's own data, as JSON. */
  readonly details?: Record<string, unknown>;
  /** Slots that it claims, all or none: at most `MAX_SLOTS`, each once. */
  readonly slotIds?: readonly string[];
}

/**
 * exists: there is an item with this id already; it is left as it is. Without a booking it is an item of another kind.
 * slots-taken: nothing was created, because these slots are another booking's.
 */
export type CreateOutcome =
  | { readonly kind: 'created'; readonly booking: Booking }
  | { readonly kind: 'exists'; readonly booking: Booking | undefined }
  | { readonly kind: 'slots-taken'; readonly slots: readonly TakenSlot[] };

/** How a payment is taken. */
export interface ConfirmOptions {
  /**
   * What becomes of a booking whose hold has lapsed, if it has slots. `revive`: it is confirmed if each of them is free or still
   * its own, and refused for good otherwise.
   * @default - it is refused
   */
  readonly ifLapsed?: 'revive' | undefined;
}

/** Thrown when others were in the way for all the time that there was. Nothing was made, and another try makes sense. */
export class ContentionError extends Error {
  override readonly name = 'ContentionError';
}

/** Bookings as customers use them, one by one. Every move is decided by the condition of its write. */
export interface CustomerBookings {
  /**
   * Creates a PENDING booking whose hold starts now. One that exists already is reported as a read reports it.
   *
   * @throws InvalidHoldError if the hold is too short or too long; ContentionError if others were at its slots for all the time
   */
  create(booking: NewBooking, nowMs: number): Promise<CreateOutcome>;
  /**
   * The booking for somebody who relies on it. What is reported stays true: one that has lapsed and is PENDING is expired
   * before it is reported, so that a payment on its way cannot land after "EXPIRED" was said.
   *
   * @throws Error of the engine, also if the expiry could not be made: then nothing may be said
   */
  read(bookingId: string, nowMs: number): Promise<Booking | undefined>;
  /** @throws ContentionError if others were at the booking or its slots for all the time; the same for `cancel` */
  confirm(bookingId: string, nowMs: number, options?: ConfirmOptions): Promise<MoveOutcome>;
  cancel(bookingId: string, nowMs: number): Promise<MoveOutcome>;
  /**
   * Gives a PENDING booking a new hold that starts now. One that has this very deadline already is left as it is.
   *
   * @throws InvalidHoldError if the hold is too short or too long; ContentionError as for `confirm`
   */
  extendOnlyIf(bookingId: string, holdMs: number, nowMs: number, onlyIf: ExtendOnlyIf): Promise<ExtendOutcome>;
}

/** The slots, for looking on. */
export interface SlotLookup {
  /**
   * Slots, read consistently, in the order in which they were asked for. It writes nothing.
   *
   * @param slotIds at most `MAX_LOOKUP`, each once
   * @param nowMs the clock by which holds are judged
   */
  lookUp(slotIds: readonly string[], nowMs: number): Promise<Slot[]>;
}

/** refused: it is held. missing: there is no such booking. */
export type DeleteOutcome =
  | { readonly kind: 'deleted' }
  | { readonly kind: 'refused'; readonly booking: Booking }
  | { readonly kind: 'missing' };

/** Deletes bookings that are over. */
export interface BookingDeletion {
  /**
   * Deletes a booking that is settled or expired. One that has lapsed and is PENDING is expired first, as by a read.
   *
   * @throws Error of the engine; ContentionError if it changed each time between being looked at and being deleted
   */
  delete(bookingId: string, nowMs: number): Promise<DeleteOutcome>;
}

/** What an extension may require of the booking beside that it is PENDING and has not lapsed. */
export interface ExtendOnlyIf {
  /** Whether the booking is as its caller saw it. */
  readonly isAsSeen?: (booking: Booking) => boolean;
  /**
   * When this extension was tried first, epoch ms. A hold that started later is of a newer extension, and this one has
   * nothing left to do.
   */
  readonly firstTriedAtMs?: number;
}

/** changed: the booking is not as its caller saw it, and was left as it is. */
export type ExtendOutcome = MoveOutcome | { readonly kind: 'changed'; readonly booking: Booking };

/** The answer that a request got, to be given again. */
export interface KeptAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** A request that goes by an idempotency key. */
export interface KeyedRequest {
  /** Names the caller and the key together. */
  readonly recordId: string;
  /** What is asked for, as a hash: a request with the same key that asks for something else is another request. */
  readonly requestHash: string;
}

/** The right to answer a request, until it is answered or the time for that is over. */
export interface Claim {
  readonly recordId: string;
  readonly claimId: string;
  /** When the request was tried first, by this claim or by one that never answered, epoch ms. */
  readonly firstTriedAtMs: number;
}

/**
 * What comes of asking for a request's claim.
 * claimed: nobody has answered it, and it is this caller's to answer. answered: it was. in-flight: another is at it.
 * other-request: the key was used for something else.
 */
export type ClaimOutcome =
  | { readonly kind: 'claimed'; readonly claim: Claim }
  | { readonly kind: 'answered'; readonly answer: KeptAnswer }
  | { readonly kind: 'in-flight' }
  | { readonly kind: 'other-request' };

/** Remembers for a day what was answered to a request with an idempotency key. */
export interface IdempotencyRecords {
  claim(request: KeyedRequest, nowMs: number): Promise<ClaimOutcome>;
  /**
   * Keeps the answer to a claimed request. If the claim was taken over meanwhile, the answer that was kept first counts.
   *
   * @returns the answer to give; undefined if whoever took over has not answered yet
   */
  keep(claim: Claim, answer: KeptAnswer): Promise<KeptAnswer | undefined>;
  /** Gives the claim back without an answer, so that the next try need not wait. */
  release(claim: Claim): Promise<void>;
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

/** How far a list of a customer's bookings has come: when the last one that was listed was created, and its id. */
export type CustomerPosition = readonly [listedAtMs: string, bookingId: string];

/** One page of a customer's bookings. */
export interface CustomerPage {
  readonly bookings: readonly Booking[];
  /** Absent on the last page. */
  readonly after?: CustomerPosition;
}

/** Bookings that are listed newest first. */
export interface NewestFirst {
  /** One page of a customer's bookings of any status, by when they were created. */
  listOfCustomer(
    customerId: string,
    page: { readonly limit: number; readonly after: CustomerPosition | undefined },
  ): Promise<CustomerPage>;
  /**
   * One page of the bookings that are CONFIRMED, CANCELLED or EXPIRED, by when they became so. Absent where the deployment
   * keeps no such list.
   */
  readonly listSettled?: (
    status: string,
    page: { readonly limit: number; readonly after: ShardPositions },
  ) => Promise<ListPage>;
}
