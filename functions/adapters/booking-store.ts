/** The bookings table as customers use it, booking by booking. Every move is decided by the condition of its write. */
import type { CreateOutcome, CustomerBookings, ExtendOnlyIf, ExtendOutcome, NewBooking } from '../api/ports.ts';
import { type Booking, effectiveStatus, type MoveOutcome } from '../core/booking-status.ts';
import { deadlineOf } from '../core/hold-time.ts';
import {
  cancelConfirmedMove,
  cancelMove,
  confirmMove,
  expireMove,
  expireWithoutTraceMove,
  extendMove,
  LOOKS,
  type Move,
} from '../core/moves.ts';
import { shardOf } from '../core/pending-shard.ts';
import { asStored, type Item, type Json, jsonAttribute, readBooking, readStatus, seenHold } from '../table/item.ts';
import { BOOKINGS_SHAPE, OWN_ATTRIBUTES, type TableShape } from '../table/shape.ts';
import type { Table, WriteAnswer } from '../table/table.ts';
import { writeOfMove } from '../table/write-of-move.ts';
import { isPermanent } from './permanent-error.ts';

export class BookingStore implements CustomerBookings {
  readonly #table: Table;
  readonly #shardCount: number;
  readonly #shape: TableShape;

  /**
   * @param table the bookings table
   * @param shardCount number of shards of the index that bookings are spread over
   * @param shape the bookings table's, with what its deployment has it keep of bookings that are settled or expired
   */
  constructor(table: Table, shardCount: number, shape: TableShape = BOOKINGS_SHAPE) {
    this.#table = table;
    this.#shardCount = shardCount;
    this.#shape = shape;
  }

  async create(
    { bookingId, holdMs, requestHash, customerId, details }: NewBooking,
    nowMs: number,
  ): Promise<CreateOutcome> {
    const { status, deadline, attributes } = BOOKINGS_SHAPE;
    const item: Item = {
      ...keyOf(bookingId),
      [status.attribute]: { S: 'PENDING' },
      [deadline.attribute]: { N: String(deadlineOf(holdMs, nowMs)) },
      [attributes.holdStartedAtMs]: { N: String(nowMs) },
      [attributes.pendingShard]: { N: String(shardOf(bookingId, this.#shardCount)) },
      [OWN_ATTRIBUTES.createdAtMs]: { N: String(nowMs) },
      ...(requestHash && { [OWN_ATTRIBUTES.requestHash]: { S: requestHash } }),
      ...(customerId !== undefined && {
        [OWN_ATTRIBUTES.listedFor]: { S: customerId },
        [OWN_ATTRIBUTES.listedAtMs]: { N: String(nowMs) },
      }),
      ...(details && { [OWN_ATTRIBUTES.details]: jsonAttribute(details as Json) }),
    };
    const answer = await this.#table.create(item, KEY_ATTRIBUTE);
    if (answer.kind === 'refused') {
      return { kind: 'exists', booking: bookingOf(await this.#madeTrue(bookingId, answer.found, nowMs)) };
    }
    return { kind: 'created', booking: bookingOf(item) as Booking };
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

  async confirm(bookingId: string, nowMs: number): Promise<MoveOutcome> {
    const answer = await this.#write(bookingId, confirmMove(nowMs));
    return this.#outcomeOf(bookingId, answer, 'CONFIRMED', nowMs, () => this.confirm(bookingId, nowMs));
  }

  /** A confirmed booking is cancelled by a second write, on condition of the very payment that the first one found. */
  async cancel(bookingId: string, nowMs: number): Promise<MoveOutcome> {
    let answer = await this.#write(bookingId, cancelMove(nowMs));
    for (let looks = 0; looks < LOOKS && answer.kind === 'refused'; looks += 1) {
      if (answer.found === undefined || readStatus(BOOKINGS_SHAPE, answer.found) !== 'CONFIRMED') break;
      const seenConfirmedAtMs = asStored(answer.found, OWN_ATTRIBUTES.confirmedAtMs);
      answer = await this.#write(bookingId, cancelConfirmedMove(nowMs, seenConfirmedAtMs));
    }
    return this.#outcomeOf(bookingId, answer, 'CANCELLED', nowMs, () => this.cancel(bookingId, nowMs));
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
    let answer: WriteAnswer = { kind: 'refused', found: await this.#table.get(keyOf(bookingId)) };
    let seen: string | undefined;
    for (let looks = 0; looks < LOOKS && answer.kind === 'refused'; looks += 1) {
      const booking = bookingOf(answer.found);
      if (answer.found === undefined || booking === undefined) break;
      if (effectiveStatus(booking, nowMs) !== 'PENDING') break;
      // What an earlier try of this extension did, or a newer extension after it, stays as it is.
      if (firstTriedAtMs < nowMs && (booking.holdStartedAtMs ?? 0) >= firstTriedAtMs)
        return { kind: 'unchanged', booking };
      if (isAsSeen?.(booking) === false) return { kind: 'changed', booking };
      if (booking.expiresAtMs === expiresAtMs) return { kind: 'unchanged', booking };
      // Refused as it was seen: then its deadline is none, and not moved by somebody else.
      const hold = seenHold(BOOKINGS_SHAPE, answer.found);
      if (JSON.stringify(hold) === seen) break;
      seen = JSON.stringify(hold);
      answer = await this.#write(bookingId, extendMove(expiresAtMs, shard, hold, nowMs));
    }
    return this.#outcomeOf(bookingId, answer, undefined, nowMs, () =>
      this.extendOnlyIf(bookingId, holdMs, nowMs, onlyIf),
    );
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
    answer: WriteAnswer,
    statusAfter: string | undefined,
    nowMs: number,
    again: () => Promise<Outcome>,
  ): Promise<MoveOutcome | Outcome> {
    const item = answer.kind === 'made' ? answer.item : await this.#madeTrue(bookingId, answer.found, nowMs);
    const booking = bookingOf(item);
    if (booking === undefined) return { kind: 'missing' };
    if (answer.kind === 'made') return { kind: 'moved', booking };
    if (booking.status === statusAfter) return { kind: 'unchanged', booking };
    if (item !== answer.found && effectiveStatus(booking, nowMs) !== 'EXPIRED') return again();
    return { kind: 'refused', found: effectiveStatus(booking, nowMs), booking, judgedAtMs: nowMs };
  }

  #write(bookingId: string, move: Move): Promise<WriteAnswer> {
    return this.#table.write(keyOf(bookingId), writeOfMove(this.#shape, move));
  }
}

const KEY_ATTRIBUTE = BOOKINGS_SHAPE.key.partition.name;
const keyOf = (bookingId: string): Item => ({ [KEY_ATTRIBUTE]: { S: bookingId } });

/** The booking of an item of the bookings table. */
const bookingOf = (item: Item | undefined): Booking | undefined => readBooking(BOOKINGS_SHAPE, item);
