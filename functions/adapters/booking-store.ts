/** Reads and writes bookings, one by one and many at once. Every move is decided by the condition of its write. */
import {
  type AdoptOutcome,
  type Booking,
  type ExpiredBy,
  type ExpireOutcome,
  effectiveStatus,
  expiryRefusalOf,
  type MoveOutcome,
} from '../core/booking-status.ts';
import type { SeenBooking } from '../core/expiry-decisions.ts';
import { deadlineOf } from '../core/hold-time.ts';
import {
  type Adoption,
  adoptMove,
  type ConditionalWrite,
  cancelConfirmedMove,
  cancelMove,
  confirmMove,
  expireMove,
  expireWithoutTraceMove,
  extendMove,
  isPending,
  leaveIndexMove,
} from '../core/moves.ts';
import { shardOf } from '../core/pending-shard.ts';
import { asStored, type Item, type Json, jsonAttribute, readBooking, seenBooking, seenHold } from '../table/item.ts';
import type { BatchedWriteAnswer, Table, WriteAnswer } from '../table/table.ts';
import { isPermanent } from './permanent-error.ts';

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

/** How often a move looks again at a booking that changed between its look and its write. Each time somebody else moved it. */
const LOOKS = 5;

/** What decides whether a sweep finds a booking and judges it rightly. */
const INDEXED_ATTRIBUTES = ['bookingId', 'status', 'expiresAtMs', 'holdStartedAtMs', 'pendingShard'];
/** What a snapshot needs of a booking: whether there is anything to do for its timer. */
const SNAPSHOT_ATTRIBUTES = ['bookingId', 'status', 'expiresAtMs'];

export class BookingStore {
  readonly #table: Table;
  readonly #shardCount: number;

  /**
   * @param table the bookings table
   * @param shardCount number of shards of the index that bookings are spread over
   */
  constructor(table: Table, shardCount: number) {
    this.#table = table;
    this.#shardCount = shardCount;
  }

  /**
   * Creates a PENDING booking whose hold starts now. One that exists already is reported as a read reports it.
   *
   * @throws InvalidHoldError if the hold is too short or too long
   */
  async create({ bookingId, holdMs, requestHash, details }: NewBooking, nowMs: number): Promise<CreateOutcome> {
    const item: Item = {
      bookingId: { S: bookingId },
      status: { S: 'PENDING' },
      expiresAtMs: { N: String(deadlineOf(holdMs, nowMs)) },
      holdStartedAtMs: { N: String(nowMs) },
      pendingShard: { N: String(shardOf(bookingId, this.#shardCount)) },
      createdAtMs: { N: String(nowMs) },
      ...(requestHash && { requestHash: { S: requestHash } }),
      ...(details && { details: jsonAttribute(details as Json) }),
    };
    const answer = await this.#table.create(item, 'bookingId');
    if (answer.kind === 'refused') {
      return { kind: 'exists', booking: readBooking(await this.#madeTrue(bookingId, answer.found, nowMs)) };
    }
    return { kind: 'created', booking: readBooking(item) as Booking };
  }

  /** The booking as stored, read consistently: for looking on. Whoever acts on what it says calls `read`. */
  async get(bookingId: string): Promise<Booking | undefined> {
    return readBooking(await this.#table.get(keyOf(bookingId)));
  }

  /**
   * The booking for somebody who relies on it. What is reported stays true: one that has lapsed and is PENDING is expired
   * before it is reported, so that a payment on its way cannot land after "EXPIRED" was said.
   *
   * @throws Error of the engine, also if the expiry could not be made: then nothing may be said
   */
  async read(bookingId: string, nowMs: number): Promise<Booking | undefined> {
    return readBooking(await this.#madeTrue(bookingId, await this.#table.get(keyOf(bookingId)), nowMs));
  }

  /** An item as it may be told of: one that has lapsed and is PENDING is expired first. */
  async #madeTrue(bookingId: string, item: Item | undefined, nowMs: number): Promise<Item | undefined> {
    const booking = readBooking(item);
    if (booking?.status !== 'PENDING' || effectiveStatus(booking, nowMs) !== 'EXPIRED') return item;
    const answer = await this.#write(bookingId, expireMove(nowMs, 'read')).catch((error) => {
      // A nearly full item takes its status alone.
      if (!isPermanent(error)) throw error;
      return this.#write(bookingId, expireWithoutTraceMove(nowMs));
    });
    return answer.kind === 'made' ? answer.item : answer.found;
  }

  async confirm(bookingId: string, nowMs: number): Promise<MoveOutcome> {
    return this.#outcomeOf(bookingId, await this.#write(bookingId, confirmMove(nowMs)), 'CONFIRMED', nowMs);
  }

  /** A confirmed booking is cancelled by a second write, on condition of the very payment that the first one found. */
  async cancel(bookingId: string, nowMs: number): Promise<MoveOutcome> {
    let answer = await this.#write(bookingId, cancelMove(nowMs));
    for (let looks = 0; looks < LOOKS && answer.kind === 'refused'; looks += 1) {
      if (answer.found?.status?.S !== 'CONFIRMED') break;
      answer = await this.#write(bookingId, cancelConfirmedMove(nowMs, asStored(answer.found, 'confirmedAtMs')));
    }
    return this.#outcomeOf(bookingId, answer, 'CANCELLED', nowMs);
  }

  /**
   * Gives a PENDING booking a new hold that starts now. The write is on condition of the hold that was seen, so that a
   * late duplicate of it never undoes a newer extension. One that has this very deadline already is left as it is.
   *
   * @throws InvalidHoldError if the hold is too short or too long
   */
  async extend(bookingId: string, holdMs: number, nowMs: number): Promise<MoveOutcome> {
    const expiresAtMs = deadlineOf(holdMs, nowMs);
    const shard = shardOf(bookingId, this.#shardCount);
    let answer: WriteAnswer = { kind: 'refused', found: await this.#table.get(keyOf(bookingId)) };
    let seen: string | undefined;
    for (let looks = 0; looks < LOOKS && answer.kind === 'refused'; looks += 1) {
      const booking = readBooking(answer.found);
      if (answer.found === undefined || booking === undefined) break;
      if (effectiveStatus(booking, nowMs) !== 'PENDING') break;
      if (booking.expiresAtMs === expiresAtMs) return { kind: 'unchanged', booking };
      // Refused as it was seen: then its deadline is none, and not moved by somebody else.
      const hold = seenHold(answer.found);
      if (JSON.stringify(hold) === seen) break;
      seen = JSON.stringify(hold);
      answer = await this.#write(bookingId, extendMove(expiresAtMs, shard, hold, nowMs));
    }
    return this.#outcomeOf(bookingId, answer, undefined, nowMs);
  }

  /**
   * A refusal says what the booking is, and stays true as a read does.
   *
   * @param statusAfter the status that the move leads to: found already, the move had been made before
   */
  async #outcomeOf(
    bookingId: string,
    answer: WriteAnswer,
    statusAfter: string | undefined,
    nowMs: number,
  ): Promise<MoveOutcome> {
    const item = answer.kind === 'made' ? answer.item : await this.#madeTrue(bookingId, answer.found, nowMs);
    const booking = readBooking(item);
    if (booking === undefined) return { kind: 'missing' };
    if (answer.kind === 'made') return { kind: 'moved', booking };
    if (booking.status === statusAfter) return { kind: 'unchanged', booking };
    return { kind: 'refused', found: effectiveStatus(booking, nowMs), booking, judgedAtMs: nowMs };
  }

  #write(bookingId: string, write: ConditionalWrite): Promise<WriteAnswer> {
    return this.#table.write(keyOf(bookingId), write);
  }

  /** A page of the table's PENDING items, in whatever shard they are: for finding those that are in none. */
  async pendingItems(
    cursor: Item | undefined,
  ): Promise<{ readonly seen: readonly SeenBooking[]; readonly cursor?: Item }> {
    const page = await this.#table.scan([isPending], INDEXED_ATTRIBUTES, cursor);
    return {
      seen: page.items.flatMap((item) => seenBooking(item) ?? []),
      ...(page.cursor && { cursor: page.cursor }),
    };
  }

  /**
   * What these bookings are now. Read consistently: an older view could show another booking that had the same id before, or
   * a settled one that has been set back to PENDING since. A booking that is left out was not found or not read in time;
   * either way nothing is known of it.
   */
  async glimpse(bookingIds: readonly string[]): Promise<Map<string, Booking>> {
    const items = await this.#table.getMany(bookingIds.map(keyOf), {
      consistent: true,
      attributes: SNAPSHOT_ATTRIBUTES,
      settle: false,
    });
    const bookings = items.flatMap((item) => readBooking(item) ?? []);
    return new Map(bookings.map((booking) => [booking.bookingId, booking]));
  }

  /**
   * Makes bookings EXPIRED that are PENDING and lapsed, 25 in one round trip. Never throws: each booking has its outcome.
   *
   * @param bookingIds each at most once: DynamoDB refuses two statements on one item
   * @param nowMs the clock, read after any waiting, epoch ms
   */
  async expire(
    bookingIds: readonly string[],
    expiredBy: ExpiredBy,
    nowMs: number,
  ): Promise<Map<string, ExpireOutcome>> {
    const outcomes = await this.#expireBy(expireMove(nowMs, expiredBy), bookingIds, nowMs);
    // A nearly full item takes no time and no name of who expired it any more; its status it does.
    const unfit = bookingIds.filter((id) => {
      const outcome = outcomes.get(id);
      return outcome?.kind === 'failed' && isPermanent(outcome.error);
    });
    if (unfit.length === 0) return outcomes;
    return new Map([...outcomes, ...(await this.#expireBy(expireWithoutTraceMove(nowMs), unfit, nowMs))]);
  }

  async #expireBy(
    write: ConditionalWrite,
    bookingIds: readonly string[],
    nowMs: number,
  ): Promise<Map<string, ExpireOutcome>> {
    const answers = await this.#table.writeMany(bookingIds.map((id) => ({ key: keyOf(id), write })));
    return new Map(bookingIds.map((id, index) => [id, expireOutcomeOf(answers[index], nowMs)]));
  }

  /**
   * Puts bookings into the index that their writers left out of it, on condition that they still have the deadline that
   * was seen. One that has changed since is looked at again. Never throws: each booking has its outcome.
   *
   * @param decideAgain what a booking still lacks, as it is found now; undefined if nothing
   */
  async adopt(
    adoptions: readonly Adoption[],
    decideAgain: (found: SeenBooking) => Adoption | undefined,
  ): Promise<Map<string, AdoptOutcome>> {
    const answers = await this.#table.writeMany(
      adoptions.map((adoption) => ({ key: keyOf(adoption.bookingId), write: adoptMove(adoption) })),
    );
    const outcomes = await Promise.all(
      adoptions.map(async (adoption, index): Promise<[string, AdoptOutcome]> => {
        const outcome = await this.#adoptOutcome(adoption, answers[index], decideAgain).catch(
          (error): AdoptOutcome => ({ kind: 'failed', error: asError(error) }),
        );
        return [adoption.bookingId, outcome];
      }),
    );
    return new Map(outcomes);
  }

  async #adoptOutcome(
    adoption: Adoption,
    answer: BatchedWriteAnswer | undefined,
    decideAgain: (found: SeenBooking) => Adoption | undefined,
  ): Promise<AdoptOutcome> {
    if (answer?.kind === 'made') return { kind: 'adopted' };
    if (answer?.kind === 'failed' && isPermanent(answer.error) && adoption.holdStartedAtMs !== undefined) {
      // A nearly full item may take the shard alone: the start of its hold only spares it a timer.
      const { holdStartedAtMs: _, ...shardAlone } = adoption;
      return this.#adoptAlone(shardAlone, decideAgain);
    }
    if (answer?.kind === 'failed') return answer;
    const missing = await this.#lackOf(adoption.bookingId, decideAgain);
    return missing ? this.#adoptAlone(missing, decideAgain) : { kind: 'unneeded' };
  }

  /** A refusal alone does not mean that the booking is in the index: whoever changed it may have left it out again. */
  async #adoptAlone(
    adoption: Adoption,
    decideAgain: (found: SeenBooking) => Adoption | undefined,
  ): Promise<AdoptOutcome> {
    let next: Adoption | undefined = adoption;
    for (let looks = 0; looks < LOOKS && next !== undefined; looks += 1) {
      const answer = await this.#write(next.bookingId, adoptMove(next));
      if (answer.kind === 'made') return { kind: 'adopted' };
      next = await this.#lackOf(next.bookingId, decideAgain);
    }
    return next === undefined
      ? { kind: 'unneeded' }
      : { kind: 'failed', error: new Error(`it changed ${LOOKS} times while it was put into the index`) };
  }

  async #lackOf(
    bookingId: string,
    decideAgain: (found: SeenBooking) => Adoption | undefined,
  ): Promise<Adoption | undefined> {
    const found = seenBooking((await this.#table.getMany([keyOf(bookingId)], { consistent: true, settle: true }))[0]);
    return found?.booking.status === 'PENDING' ? decideAgain(found) : undefined;
  }

  /**
   * Takes items out of the index that are not PENDING: a foreign writer settled them without doing so, or gave them no
   * status. Does nothing to a PENDING booking.
   *
   * @throws Error if one of them could not be read or written
   */
  async leaveIndex(bookingIds: readonly string[]): Promise<void> {
    const items = await this.#table.getMany(bookingIds.map(keyOf), {
      consistent: true,
      attributes: ['bookingId', 'status', 'pendingShard'],
      settle: true,
    });
    const writes = items
      .filter(({ status, pendingShard }) => status?.S !== 'PENDING' && pendingShard !== undefined)
      .map((item) => ({ key: keyOf(item.bookingId?.S ?? ''), write: leaveIndexMove(asStored(item, 'status')) }));
    const failed = (await this.#table.writeMany(writes)).find((answer) => answer.kind === 'failed');
    if (failed) throw failed.error;
  }
}

const keyOf = (bookingId: string): Item => ({ bookingId: { S: bookingId } });

const expireOutcomeOf = (answer: BatchedWriteAnswer | undefined, nowMs: number): ExpireOutcome => {
  switch (answer?.kind) {
    case 'made':
      return { kind: 'expired', expiredAtMs: nowMs };
    case 'refused': {
      const booking = readBooking(answer.found);
      if (booking) return expiryRefusalOf(booking, nowMs);
      return { kind: answer.found === undefined ? 'missing' : 'no-booking' };
    }
    case 'unread':
      return { kind: 'refused' };
    case 'failed':
      return { kind: 'failed', error: answer.error };
    case undefined:
      return { kind: 'failed', error: new Error('the table gave no answer') };
  }
};

const asError = (thrown: unknown): Error => (thrown instanceof Error ? thrown : new Error(String(thrown)));
