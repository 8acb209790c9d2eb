/** The bookings table as customers use it, booking by booking. Every move is decided by the condition of its write. */
import {
  type ConfirmOptions,
  ContentionError,
  type CreateOutcome,
  type CustomerBookings,
  type ExtendOnlyIf,
  type ExtendOutcome,
  type NewBooking,
} from '../api/ports.ts';
import { type Booking, effectiveStatus, type MoveOutcome, type TakenSlot } from '../core/booking-status.ts';
import { deadlineOf } from '../core/hold-time.ts';
import {
  cancelConfirmedMove,
  cancelMove,
  confirmMove,
  expireMove,
  expireWithoutTraceMove,
  extendMove,
  LOOKS,
  loseSlotsMove,
  type Move,
  reviveMove,
  type SeenHold,
} from '../core/moves.ts';
import { shardOf } from '../core/pending-shard.ts';
import { asStored, type Item, readBooking, readSlotIds, readStatus, seenHold } from '../table/item.ts';
import { BOOKINGS_SHAPE, OWN_ATTRIBUTES, type TableShape } from '../table/shape.ts';
import { freeSlot, holdSlot, isOwn, takeSlot } from '../table/slot-items.ts';
import type { Table, WriteAnswer } from '../table/table.ts';
import { writeOfMove } from '../table/write-of-move.ts';
import { newItem } from './new-booking.ts';
import { isPermanent } from './permanent-error.ts';
import type { SlottedAnswer, SlottedBookings, SlotWrite } from './slotted-bookings.ts';

/** What a store of bookings has beside its table. */
export interface BookingStoreOptions {
  /** The bookings table's, with what its deployment has it keep of bookings that are settled or expired. @default BOOKINGS_SHAPE */
  readonly shape?: TableShape;
  /** Where bookings with slots are moved. @default - none: such bookings are refused by an error */
  readonly slotted?: SlottedBookings | undefined;
  /** The longest time from its creation on that an extension may hold a booking for, ms. @default - any */
  readonly maxHoldMs?: number | undefined;
}

export class BookingStore implements CustomerBookings {
  readonly #table: Table;
  readonly #shardCount: number;
  readonly #shape: TableShape;
  readonly #slots: SlottedBookings | undefined;
  readonly #maxHoldMs: number;

  /**
   * @param table the bookings table
   * @param shardCount number of shards of the index that bookings are spread over
   */
  constructor(
    table: Table,
    shardCount: number,
    { shape = BOOKINGS_SHAPE, slotted, maxHoldMs = Number.POSITIVE_INFINITY }: BookingStoreOptions = {},
  ) {
    this.#table = table;
    this.#shardCount = shardCount;
    this.#shape = shape;
    this.#slots = slotted;
    this.#maxHoldMs = maxHoldMs;
  }

  async create(booking: NewBooking, nowMs: number): Promise<CreateOutcome> {
    const { bookingId, slotIds = [] } = booking;
    const expiresAtMs = deadlineOf(booking.holdMs, nowMs);
    const item = newItem(booking, expiresAtMs, shardOf(bookingId, this.#shardCount), nowMs);
    const answer: SlottedAnswer =
      slotIds.length === 0
        ? { ...(await this.#table.create(item, KEY_ATTRIBUTE)), atMs: nowMs }
        : await this.#slotted.create(item, slotIds, expiresAtMs, this, nowMs);
    switch (answer.kind) {
      case 'made':
        return { kind: 'created', booking: bookingOf(item) as Booking };
      case 'refused':
        return { kind: 'exists', booking: bookingOf(await this.#madeTrue(bookingId, answer.found, answer.atMs)) };
      case 'slots-taken':
        return { kind: 'slots-taken', slots: answer.slots };
    }
  }

  /** The booking as stored, read consistently: for looking on. Whoever acts on what it says calls `read`. */
  async get(bookingId: string): Promise<Booking | undefined> {
    return bookingOf(await this.#table.get(keyOf(bookingId)));
  }

  async read(bookingId: string, nowMs: number): Promise<Booking | undefined> {
    return bookingOf(await this.#madeTrue(bookingId, await this.#table.get(keyOf(bookingId)), nowMs));
  }

  /** An item as it may be reported: one that has lapsed and is PENDING is expired first. */
  async #madeTrue(bookingId: string, item: Item | undefined, nowMs: number): Promise<Item | undefined> {
    const booking = bookingOf(item);
    if (booking?.status !== 'PENDING' || effectiveStatus(booking, nowMs) !== 'EXPIRED') return item;
    const answer = await this.#write(bookingId, expireMove(nowMs, 'read')).catch((error) => {
      // A nearly full item takes its status alone.
      if (!isPermanent(error)) throw error;
      return this.#write(bookingId, expireWithoutTraceMove(nowMs));
    });
    return answer.kind === 'made' ? answer.item : answer.found;
  }

  confirm(bookingId: string, nowMs: number, options: ConfirmOptions = {}): Promise<MoveOutcome> {
    return this.#confirm(bookingId, nowMs, options, LOOKS);
  }

  /** @param looks how often it may begin anew, because the booking has changed meanwhile or is another one */
  async #confirm(bookingId: string, nowMs: number, options: ConfirmOptions, looks: number): Promise<MoveOutcome> {
    if (looks === 0) throw changesTooOften('confirmed');
    const answer = await this.#settle(bookingId, confirmMove, take, nowMs);
    const { atMs } = answer;
    const again = () => this.#confirm(bookingId, atMs, options, looks - 1);
    if (answer.kind === 'slots-taken') return this.#loseSlots(bookingId, answer, atMs, again);
    const found = answer.kind === 'refused' ? bookingOf(answer.found) : undefined;
    if (found && hasLostSlots(found)) return lostSlots(found);
    const outcome = await this.#outcomeOf(bookingId, answer, 'CONFIRMED', again);
    const mayRevive = options.ifLapsed === 'revive' && outcome.kind === 'refused' && outcome.found === 'EXPIRED';
    return mayRevive && outcome.booking.slotIds ? this.#revive(bookingId, atMs, again) : outcome;
  }

  /**
   * Confirms a booking that is marked as EXPIRED. One that is refused once is refused for good.
   *
   * @param again confirms it from the beginning
   */
  async #revive(bookingId: string, nowMs: number, again: () => Promise<MoveOutcome>): Promise<MoveOutcome> {
    let item = await this.#table.get(keyOf(bookingId));
    let triedAtMs = nowMs;
    for (let looks = 0; looks < LOOKS; looks += 1) {
      const booking = bookingOf(item);
      if (item === undefined || booking === undefined) return { kind: 'missing' };
      // Another one that has its id since.
      if (booking.status === 'PENDING') return again();
      if (booking.status === 'CONFIRMED') return { kind: 'unchanged', booking };
      if (hasLostSlots(booking)) return lostSlots(booking);
      if (booking.status !== 'EXPIRED' || booking.slotIds === undefined) {
        return { kind: 'refused', found: booking.status, booking, judgedAtMs: triedAtMs };
      }
      const seenSlots = asStored(item, OWN_ATTRIBUTES.slotIds);
      const seenExpiredAtMs = asStored(item, this.#shape.attributes.expiredAtMs);
      const revive = (atMs: number) => reviveMove(atMs, seenSlots, seenExpiredAtMs);
      const answer = await this.#slotted.revive(item, booking.slotIds, revive, this, triedAtMs);
      triedAtMs = answer.atMs;
      if (answer.kind === 'slots-taken') {
        return this.#loseSlots(bookingId, { ...answer, item }, answer.atMs, again);
      }
      item = answer.kind === 'made' ? answer.item : answer.found;
      if (answer.kind === 'made') return { kind: 'moved', booking: bookingOf(item) as Booking };
    }
    throw changesTooOften('revived');
  }

  /** Notes that slots are another booking's, and only then says so. If the booking has changed, it is asked for once more. */
  async #loseSlots(
    bookingId: string,
    { item, slots }: Extract<SettleAnswer, { kind: 'slots-taken' }>,
    nowMs: number,
    again: () => Promise<MoveOutcome>,
  ): Promise<MoveOutcome> {
    const { status } = this.#shape;
    const ids = slots.map(({ slotId }) => slotId);
    const move = loseSlotsMove(nowMs, ids, seenHold(this.#shape, item), asStored(item, status.attribute));
    const answer = await this.#write(bookingId, move);
    const booking = answer.kind === 'made' ? bookingOf(answer.item) : undefined;
    return booking ? lostSlots(booking) : again();
  }

  /** A confirmed booking is cancelled by a second write, on condition of the very payment that the first one found. */
  async cancel(bookingId: string, nowMs: number): Promise<MoveOutcome> {
    let answer = await this.#settle(bookingId, cancelMove, freeSlot, nowMs);
    for (let looks = 0; answer.kind === 'refused'; looks += 1) {
      const { found } = answer;
      if (found === undefined || readStatus(BOOKINGS_SHAPE, found) !== 'CONFIRMED') break;
      if (looks === LOOKS) throw changesTooOften('cancelled');
      const seenConfirmedAtMs = asStored(found, OWN_ATTRIBUTES.confirmedAtMs);
      const seenSlots = asStored(found, OWN_ATTRIBUTES.slotIds);
      const moveAt = (tryMs: number) => cancelConfirmedMove(tryMs, seenConfirmedAtMs, seenSlots);
      answer = await this.#moveWithItsSlots(bookingId, found, moveAt, freeSlot, answer.atMs);
    }
    if (answer.kind === 'slots-taken') throw new Error('a cancellation leaves slots alone that are not its own');
    const { atMs } = answer;
    return this.#outcomeOf(bookingId, answer, 'CANCELLED', () => this.cancel(bookingId, atMs));
  }

  /**
   * Makes a move that takes nothing but the booking's id. Most bookings have no slots: the write that says so comes first, and
   * is all that they cost. It finds the slots of those that have some.
   */
  async #settle(
    bookingId: string,
    move: (nowMs: number, seen: SeenHold | undefined) => Move,
    slotWrite: SlotWrite,
    nowMs: number,
  ): Promise<SettleAnswer> {
    let answer: SettleAnswer = { ...(await this.#write(bookingId, move(nowMs, undefined))), atMs: nowMs };
    let seen: string | undefined;
    for (let looks = 0; answer.kind === 'refused'; looks += 1) {
      const { found } = answer;
      const hold = found && seenHold(BOOKINGS_SHAPE, found);
      // Refused for another reason than its hold.
      if (found === undefined || hold?.slots === undefined || JSON.stringify(hold) === seen) break;
      const booking = bookingOf(found);
      if (booking === undefined || effectiveStatus(booking, answer.atMs) !== 'PENDING') break;
      if (looks === LOOKS) throw changesTooOften('settled');
      seen = JSON.stringify(hold);
      answer = await this.#moveWithItsSlots(bookingId, found, (atMs) => move(atMs, hold), slotWrite, answer.atMs);
    }
    return answer;
  }

  /** @param found the booking; the move is on condition of the slots that it has there */
  async #moveWithItsSlots(
    bookingId: string,
    found: Item,
    moveAt: (nowMs: number) => Move,
    slotWrite: SlotWrite,
    nowMs: number,
  ): Promise<SettleAnswer> {
    const slotIds = readSlotIds(found);
    if (slotIds === undefined) return { ...(await this.#write(bookingId, moveAt(nowMs))), atMs: nowMs };
    const skipsLost = slotWrite === freeSlot;
    const answer = await this.#slotted.move(found, slotIds, moveAt, slotWrite, nowMs, { skipsLost });
    return answer.kind === 'slots-taken' ? { ...answer, item: found } : answer;
  }

  /** The same without any further condition. */
  async extend(bookingId: string, holdMs: number, nowMs: number): Promise<MoveOutcome> {
    const outcome = await this.extendOnlyIf(bookingId, holdMs, nowMs, {});
    if (outcome.kind === 'changed') throw new Error('an extension that requires nothing was told that it did');
    return outcome;
  }

  /** The write is on condition of the hold that was seen, so that a late duplicate of it never undoes a newer extension. */
  async extendOnlyIf(bookingId: string, holdMs: number, nowMs: number, onlyIf: ExtendOnlyIf): Promise<ExtendOutcome> {
    const { isAsSeen, firstTriedAtMs = nowMs } = onlyIf;
    const expiresAtMs = deadlineOf(holdMs, nowMs);
    const shard = shardOf(bookingId, this.#shardCount);
    const hold: SlotWrite = (table, slotId, owner) => holdSlot(table, slotId, owner, expiresAtMs, isOwn(owner));
    let answer: SettleAnswer = { kind: 'refused', found: await this.#table.get(keyOf(bookingId)), atMs: nowMs };
    let lastSeen: string | undefined;
    for (let looks = 0; answer.kind === 'refused'; looks += 1) {
      const { found } = answer;
      const booking = bookingOf(found);
      if (found === undefined || booking === undefined) break;
      if (effectiveStatus(booking, answer.atMs) !== 'PENDING') break;
      if (hasLostSlots(booking)) return lostSlots(booking);
      // What an earlier try of this extension did, or a newer extension after it, stays as it is.
      if (firstTriedAtMs < nowMs && (booking.holdStartedAtMs ?? 0) >= firstTriedAtMs)
        return { kind: 'unchanged', booking };
      if (isAsSeen?.(booking) === false) return { kind: 'changed', booking };
      if (booking.expiresAtMs === expiresAtMs) return { kind: 'unchanged', booking };
      const latestMs = (booking.createdAtMs ?? booking.holdStartedAtMs ?? nowMs) + this.#maxHoldMs;
      if (expiresAtMs > latestMs) return { kind: 'too-long', booking, latestMs };
      // Refused as it was seen: then its deadline is none, and not moved by somebody else.
      const seen = seenHold(BOOKINGS_SHAPE, found);
      if (JSON.stringify(seen) === lastSeen) break;
      if (looks === LOOKS) throw changesTooOften('extended');
      lastSeen = JSON.stringify(seen);
      const moveAt = (atMs: number) => extendMove(expiresAtMs, shard, seen, atMs);
      answer = await this.#moveWithItsSlots(bookingId, found, moveAt, hold, answer.atMs);
    }
    if (answer.kind === 'slots-taken') {
      return { kind: 'slots-taken', booking: bookingOf(answer.item) as Booking, slots: answer.slots };
    }
    return this.#outcomeOf(bookingId, answer, undefined, () => this.extendOnlyIf(bookingId, holdMs, nowMs, onlyIf));
  }

  /**
   * A refusal says what the booking is, and stays true as a read does.
   *
   * @param statusAfter the status that the move leads to: found already, the move had been made before
   * @param again makes the move once more: for a booking that had lapsed when the move was refused, and that somebody else's
   *   payment or extension, still on its way then, has reached before its expiry
   */
  async #outcomeOf<Outcome>(
    bookingId: string,
    answer: WriteAnswer & { readonly atMs: number },
    statusAfter: string | undefined,
    again: () => Promise<Outcome>,
  ): Promise<MoveOutcome | Outcome> {
    const { atMs: nowMs } = answer;
    const item = answer.kind === 'made' ? answer.item : await this.#madeTrue(bookingId, answer.found, nowMs);
    const booking = bookingOf(item);
    if (booking === undefined) return { kind: 'missing' };
    if (answer.kind === 'made') return { kind: 'moved', booking };
    if (booking.status === statusAfter) return { kind: 'unchanged', booking };
    if (item !== answer.found && effectiveStatus(booking, nowMs) !== 'EXPIRED') return again();
    return { kind: 'refused', found: effectiveStatus(booking, nowMs), booking, judgedAtMs: nowMs };
  }

  get #slotted(): SlottedBookings {
    if (this.#slots) return this.#slots;
    throw new NoSlotsTableError('this deployment has no slots table: bring it to the present version, then try again');
  }

  #write(bookingId: string, move: Move): Promise<WriteAnswer> {
    return this.#table.write(keyOf(bookingId), writeOfMove(this.#shape, move));
  }
}

/** Somebody else moved it each time. That decides nothing, so it is no refusal: the next try may come to an answer. */
const changesTooOften = (what: string): ContentionError =>
  new ContentionError(`it changed ${LOOKS} times while it was ${what}`);

/** Thrown for a booking with slots where the deployment is of a version that had none. */
export class NoSlotsTableError extends Error {
  override readonly name = 'NoSlotsTableError';
}

/** The answer to a move of a booking with or without slots, by the clock of its last try, with the booking as it was seen. */
type SettleAnswer = { readonly atMs: number } & (
  | WriteAnswer
  | { readonly kind: 'slots-taken'; readonly slots: readonly TakenSlot[]; readonly item: Item }
);

/** Whether somebody has been told that it can never be confirmed. */
const hasLostSlots = ({ status, slotsLostAtMs }: Booking): boolean =>
  slotsLostAtMs !== undefined && (status === 'PENDING' || status === 'EXPIRED');

const lostSlots = (booking: Booking): MoveOutcome => ({
  kind: 'slots-taken',
  booking,
  slots: (booking.lostSlotIds ?? []).map((slotId) => ({ slotId })),
});

const take: SlotWrite = (table, slotId, owner) => takeSlot(table, slotId, owner, isOwn(owner));

const KEY_ATTRIBUTE = BOOKINGS_SHAPE.key.partition.name;
const keyOf = (bookingId: string): Item => ({ [KEY_ATTRIBUTE]: { S: bookingId } });

/** The booking of an item of the bookings table. */
const bookingOf = (item: Item | undefined): Booking | undefined => readBooking(BOOKINGS_SHAPE, item);
