/**
 * The moves of bookings with slots, for an application that writes to the service's own tables itself. Nothing is sent from here.
 *
 *   none ──create──▶ PENDING ──confirm──▶ CONFIRMED ──cancel──▶ CANCELLED
 *                     │ ├────cancel─────────────────────────────▲
 *                     │ └────extend──▶ PENDING with a new deadline
 *                     └──the service, or expire──▶ EXPIRED ──revive──▶ CONFIRMED
 *
 * Each is one transaction over the booking and its slots, with the very conditions of the service; expiry alone writes no slot.
 * `nowMs` is the caller's clock, read just before the request: DynamoDB has none in its conditions. `seen` is the booking as it
 * was read, consistently: its slots stand in it, and the move is on condition that they are still these.
 */
import {
  cancelConfirmedMove,
  cancelMove,
  confirmMove,
  expireMove,
  extendMove,
  loseSlotsMove,
  type Move,
  reviveMove,
} from '../functions/core/moves.ts';
import { shardOf } from '../functions/core/pending-shard.ts';
import { MAX_LOOKUP, MAX_SLOTS } from '../functions/core/slots.ts';
import { bookingsTable, OWN_ATTRIBUTES, type TableShape, tableShape } from '../functions/table/shape.ts';
import {
  freeSlot,
  holdSlot,
  isOwn,
  type SlotDeletion,
  type SlotPut,
  slotKey,
  takeSlot,
} from '../functions/table/slot-items.ts';
import { writeOfMove } from '../functions/table/write-of-move.ts';
import {
  plainItem,
  putOfNew,
  slotItemOf,
  type TransactInput,
  type UpdateOfTable,
  updateOf,
} from './document-writes.ts';
import { askedDeadline, type HoldLength, InvalidMoveError, wholeNow } from './input.ts';
import { claimConditions, isLapsed, ownerFrom } from './lapsed-slots.ts';
import { statusOf } from './reading.ts';
import { asSeen, idOf, keyOf, shardSeen, slotsAmong, slotsSeen } from './seen-booking.ts';
import { lostSlotIdsIn, slotIdsGiven, slotIdsIn } from './slot-ids.ts';
import { readSlots, type SlotState, slotFrom } from './slot-reading.ts';
import {
  type BookingMove,
  type CancelBooking,
  expectOwnOfBooking,
  expectWithin,
  type LoseSlots,
  type NewBookingWithSlots,
  optionsOf,
  type ReviveBooking,
  type SlotsClientOptions,
} from './slots-client-input.ts';
import { type SlotsRefusal, slotsRefusalIn } from './slots-refusal.ts';
import { type Attributes, shown, storedIn } from './values.ts';

/** Input of a BatchGetCommand of `@aws-sdk/lib-dynamodb`. */
export interface LookUpInput {
  RequestItems: Record<string, { Keys: Record<string, unknown>[]; ConsistentRead: true }>;
}

/**
 * A client for bookings with slots.
 *
 * @throws InvalidMoveError for options that cannot be
 */
export const slotsClient = (options: SlotsClientOptions): SlotsClient => new SlotsClient(optionsOf(options));

/** Made by `slotsClient`. Every time is epoch milliseconds; every method is pure but for the default of its clock. */
export class SlotsClient {
  readonly #options: SlotsClientOptions;
  readonly #shape: TableShape;

  constructor(options: SlotsClientOptions) {
    this.#options = options;
    const { retentionDays, listSettled, shardCount } = options;
    this.#shape = tableShape(
      bookingsTable({
        ...(retentionDays !== undefined && { purgeAfterDays: retentionDays }),
        ...(listSettled && shardCount !== undefined && { listShards: shardCount }),
      }),
    );
  }

  /**
   * A new booking that is held together with its slots. A slot may be claimed that nobody has, and one of
   * `lapsed`. Without `lapsed`, one whose hold has lapsed is refused as `slots-lapsed`.
   *
   * @throws InvalidMoveError
   */
  create(given: NewBookingWithSlots, nowMs: number = Date.now()): TransactInput {
    const now = wholeNow(nowMs);
    const { bookingId, customerId, attributes = {} } = given;
    const { status, deadline, attributes: added } = this.#shape;
    const key = keyOf('create: bookingId', bookingId);
    const slotIds = slotIdsGiven('create: slotIds', given.slotIds, MAX_SLOTS);
    if (customerId !== undefined && (typeof customerId !== 'string' || customerId === '')) {
      throw new InvalidMoveError(`create: customerId must be text that is not empty, got ${shown(customerId)}`);
    }
    expectOwnOfBooking('create: attributes', this.#shape, attributes);
    const expiresAtMs = Math.ceil(askedDeadline('create', given, now));
    const item = {
      ...attributes,
      ...key,
      [status.attribute]: 'PENDING',
      [deadline.attribute]: expiresAtMs,
      [added.holdStartedAtMs]: now,
      ...this.#shardOf(bookingId),
      [OWN_ATTRIBUTES.createdAtMs]: now,
      ...(customerId !== undefined && {
        [OWN_ATTRIBUTES.listedFor]: customerId,
        [OWN_ATTRIBUTES.listedAtMs]: now,
      }),
      [OWN_ATTRIBUTES.slotIds]: [...slotIds],
    };
    const { bookingsTable, slotsTable } = this.#options;
    const conditionOf = claimConditions('create', slotIds, bookingId, given.lapsed ?? [], now);
    const claims = slotIds.map((slotId) =>
      slotItemOf(holdSlot(slotsTable, slotId, bookingId, expiresAtMs, conditionOf(slotId))),
    );
    return { TransactItems: [{ Put: putOfNew(bookingsTable, item, this.#shape.key.partition.name) }, ...claims] };
  }

  /**
   * PENDING → CONFIRMED, before its deadline, with its slots TAKEN. If slots of it are another booking's, it can never be
   * confirmed: write `loseSlots` before you tell anybody.
   *
   * @throws InvalidMoveError
   */
  confirm(given: BookingMove, nowMs: number = Date.now()): TransactInput {
    const now = wholeNow(nowMs);
    const { slotIds, seenHold } = slotsSeen('confirm', given.seen);
    return this.#transaction('confirm', given, confirmMove(now, seenHold), slotIds, (table, slotId, owner) =>
      takeSlot(table, slotId, owner, isOwn(owner)),
    );
  }

  /**
   * EXPIRED → CONFIRMED: it was paid after its deadline, and each of its slots is free or still its own; those
   * whose other hold has lapsed are given as `lapsed`. A booking that has lapsed
   * and is not marked yet is marked first: `expire`.
   *
   * @throws InvalidMoveError
   */
  revive(given: ReviveBooking, nowMs: number = Date.now()): TransactInput {
    const now = wholeNow(nowMs);
    const { slotIds, seenSlots } = slotsSeen('revive', given.seen);
    const conditionOf = claimConditions('revive', slotIds, idOf('revive', given.seen), given.lapsed ?? [], now);
    const seenExpiredAtMs = asSeen('revive', given.seen, this.#shape.attributes.expiredAtMs);
    const move = reviveMove(now, seenSlots, seenExpiredAtMs);
    return this.#transaction('revive', given, move, slotIds, (table, slotId, owner) =>
      takeSlot(table, slotId, owner, conditionOf(slotId)),
    );
  }

  /**
   * PENDING, before its deadline, or CONFIRMED → CANCELLED: as it was seen. Its slots are free at once.
   *
   * @throws InvalidMoveError
   */
  cancel(given: CancelBooking, nowMs: number = Date.now()): TransactInput {
    const now = wholeNow(nowMs);
    const { seen, except = [] } = given;
    const { slotIds, seenSlots, seenHold } = slotsSeen('cancel', seen);
    const left = new Set(except.length === 0 ? [] : slotsAmong('cancel: except', except, slotIds));
    const isPaid = statusOf(this.#shape, seen) === 'CONFIRMED';
    const move = isPaid
      ? cancelConfirmedMove(now, asSeen('cancel', seen, OWN_ATTRIBUTES.confirmedAtMs), seenSlots)
      : cancelMove(now, seenHold);
    const givenBack = slotIds.filter((slotId) => !left.has(slotId));
    return this.#transaction('cancel', given, move, givenBack, freeSlot);
  }

  /**
   * A new deadline for a PENDING booking and its slots, on condition of the hold that was seen.
   *
   * @throws InvalidMoveError also for a deadline beyond `maxHoldSeconds`
   */
  extend(given: BookingMove & HoldLength, nowMs: number = Date.now()): TransactInput {
    const now = wholeNow(nowMs);
    const { seen } = given;
    const { slotIds, seenHold } = slotsSeen('extend', seen);
    const expiresAtMs = Math.ceil(askedDeadline('extend', given, now));
    expectWithin(this.#options.maxHoldSeconds, this.#shape, seen, expiresAtMs, now);
    const { shardCount } = this.#options;
    const bookingId = idOf('extend', seen);
    const shard = shardCount === undefined ? shardSeen(seen) : shardOf(bookingId, shardCount);
    const move = extendMove(expiresAtMs, shard, seenHold, now);
    return this.#transaction('extend', given, move, slotIds, (table, slotId, owner) =>
      holdSlot(table, slotId, owner, expiresAtMs, isOwn(owner)),
    );
  }

  /**
   * Notes that a booking can never be confirmed, because slots of it are another booking's: input of an UpdateCommand. The slots
   * may be free again a second later, and a repeated request must not be answered differently. If this write is refused, the
   * booking has changed: read it and confirm it again.
   *
   * @throws InvalidMoveError
   */
  loseSlots(given: LoseSlots, nowMs: number = Date.now()): UpdateOfTable {
    const now = wholeNow(nowMs);
    const { seen } = given;
    const { slotIds, seenHold } = slotsSeen('loseSlots', seen);
    const lost = slotsAmong('loseSlots: slotIds', given.slotIds, slotIds);
    const seenStatus = asSeen('loseSlots', seen, this.#shape.status.attribute);
    return this.#update('loseSlots', seen, loseSlotsMove(now, lost, seenHold, seenStatus));
  }

  /**
   * PENDING → EXPIRED, from its deadline on, for whoever cannot wait until the service has marked it: input of an UpdateCommand.
   * It writes no slot.
   *
   * @throws InvalidMoveError
   */
  expire({ seen }: { readonly seen: Attributes }, nowMs: number = Date.now()): UpdateOfTable {
    return this.#update('expire', seen, expireMove(wholeNow(nowMs), 'read'));
  }

  /**
   * Asks what slots are: input of a BatchGetCommand. It may leave `UnprocessedKeys`, which are asked for again.
   *
   * @param slotIds 1 to 100
   * @throws InvalidMoveError
   */
  lookUp(slotIds: readonly string[]): LookUpInput {
    const Keys = slotIdsGiven('lookUp: slotIds', slotIds, MAX_LOOKUP).map((slotId) => plainItem(slotKey(slotId)));
    return { RequestItems: { [this.#options.slotsTable]: { Keys, ConsistentRead: true } } };
  }

  /**
   * The bookings whose holds of slots have lapsed: they are read, because they have the last word.
   *
   * @param items what was found of slots, in any order: `Responses[slotsTable]`
   */
  ownersOfLapsed(items: readonly Attributes[], nowMs: number = Date.now()): string[] {
    const now = wholeNow(nowMs);
    const lapsed = items.map((item) => slotFrom('', item)).filter((slot) => isLapsed(slot, now));
    return [...new Set(lapsed.flatMap(({ bookingId }) => bookingId ?? []))];
  }

  /**
   * What slots are, in the order in which they are named.
   *
   * @param items what was found of them, in any order: `Responses[slotsTable]`
   * @param owners those of `ownersOfLapsed`, as they were read; the others are taken to be gone
   */
  slotsIn(
    slotIds: readonly string[],
    items: readonly Attributes[],
    owners: readonly Attributes[],
    nowMs: number = Date.now(),
  ): SlotState[] {
    return readSlots(
      slotIds,
      items,
      owners.flatMap((owner) => ownerFrom(owner) ?? []),
      wholeNow(nowMs),
    );
  }

  /** The slots that a booking claims; undefined if it claims none: then it is moved by `tableClient`, in one write. */
  slotsOf(booking: Attributes): readonly string[] | undefined {
    return slotIdsIn(booking);
  }

  /** Whether the confirmation of a booking was refused for good, and by which slots. */
  lostSlotsOf(booking: Attributes): readonly string[] | undefined {
    return storedIn(booking, OWN_ATTRIBUTES.slotsLostAtMs) === undefined ? undefined : lostSlotIdsIn(booking);
  }

  /**
   * Why a move was not made.
   *
   * @param error whatever sending it has thrown
   * @param input what was sent
   * @returns undefined if it is no refusal: then whether the move was made is not known, and the error is the caller's
   */
  refusalOf(
    error: unknown,
    input: TransactInput | UpdateOfTable,
    nowMs: number = Date.now(),
  ): SlotsRefusal | undefined {
    return slotsRefusalIn(this.#shape, error, input, wholeNow(nowMs));
  }

  #transaction(
    name: string,
    { seen, set = {} }: BookingMove,
    move: Move,
    slotIds: readonly string[],
    slotWrite: (table: string, slotId: string, owner: string) => SlotPut | SlotDeletion,
  ): TransactInput {
    expectOwnOfBooking(`${name}: set`, this.#shape, set);
    const owner = idOf(name, seen);
    const slots = slotIds.map((slotId) => slotItemOf(slotWrite(this.#options.slotsTable, slotId, owner)));
    return { TransactItems: [{ Update: this.#update(name, seen, move, set) }, ...slots] };
  }

  #update(name: string, seen: Attributes, move: Move, set: Attributes = {}): UpdateOfTable {
    const key = keyOf(`${name}: seen.${this.#shape.key.partition.name}`, idOf(name, seen));
    return updateOf(this.#options.bookingsTable, key, writeOfMove(this.#shape, move), set);
  }

  #shardOf(bookingId: string): Record<string, number> {
    const { shardCount } = this.#options;
    return shardCount === undefined ? {} : { [this.#shape.attributes.pendingShard]: shardOf(bookingId, shardCount) };
  }
}
