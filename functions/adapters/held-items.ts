/** Items of a table of any shape as the service acts on them: many at once, in as few round trips as the table allows. */
import {
  type AdoptOutcome,
  type Booking,
  type ExpiredBy,
  type ExpireOutcome,
  expiryRefusalOf,
} from '../core/booking-status.ts';
import type { SeenBooking } from '../core/expiry-decisions.ts';
import {
  type Adoption,
  type AsStored,
  adoptMove,
  expireMove,
  expireWithoutTraceMove,
  leaveIndexMove,
  type Move,
} from '../core/moves.ts';
import type { ConditionalWrite } from '../table/conditional-write.ts';
import { asStored, type Item, isOfKind, readBooking, readStatus, seenBooking } from '../table/item.ts';
import { keyOfText, keyText } from '../table/key-text.ts';
import type { TableShape } from '../table/shape.ts';
import type { BatchedWriteAnswer, Table, WriteAnswer } from '../table/table.ts';
import { isPendingIn, writeOfMove } from '../table/write-of-move.ts';
import { isPermanent, UnprocessableError } from './permanent-error.ts';

/** How often a move looks again at a booking that changed between its look and its write. Each time somebody else moved it. */
const LOOKS = 5;

/** A move that expires a booking. A nearly full item takes its status alone. */
type ExpiryMove = (seenDeadline: AsStored | undefined) => Move;

export class HeldItems {
  readonly #table: Table;
  readonly #shape: TableShape;

  /**
   * @param table the table that the items are in
   * @param shape what it looks like
   */
  constructor(table: Table, shape: TableShape) {
    this.#table = table;
    this.#shape = shape;
  }

  /** A page of the table's PENDING items, in whatever shard they are: for finding those that are in none. */
  async pendingItems(
    cursor: Item | undefined,
  ): Promise<{ readonly seen: readonly SeenBooking[]; readonly cursor?: Item }> {
    const page = await this.#table.scan(isPendingIn(this.#shape), this.#indexedAttributes, cursor);
    return {
      seen: page.items.flatMap((item) => seenBooking(this.#shape, item) ?? []),
      ...(page.cursor && { cursor: page.cursor }),
    };
  }

  /**
   * What these bookings are now. Read consistently: an older view could show another booking that had the same id before, or
   * a settled one that has been set back to PENDING since. A booking that is left out was not found or not read in time;
   * either way nothing is known of it.
   */
  async glimpse(bookingIds: readonly string[]): Promise<Map<string, Booking>> {
    const items = await this.#table.getMany(this.#keysOf(bookingIds), {
      consistent: true,
      attributes: this.#snapshotAttributes,
      settle: false,
    });
    const bookings = items.flatMap((item) => readBooking(this.#shape, item) ?? []);
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
    const outcomes = await this.#expireBy((seen) => expireMove(nowMs, expiredBy, seen), bookingIds, nowMs);
    // A nearly full item takes no time and no name of who expired it any more; its status it does.
    const unfit = bookingIds.filter((id) => {
      const outcome = outcomes.get(id);
      return outcome?.kind === 'failed' && isPermanent(outcome.error);
    });
    if (unfit.length === 0) return outcomes;
    const bare = await this.#expireBy((seen) => expireWithoutTraceMove(nowMs, seen), unfit, nowMs);
    return new Map([...outcomes, ...bare]);
  }

  #expireBy(moveOf: ExpiryMove, bookingIds: readonly string[], nowMs: number): Promise<Map<string, ExpireOutcome>> {
    return this.#shape.deadline.unit === 'iso8601'
      ? this.#expireAsSeen(moveOf, bookingIds, nowMs)
      : this.#expireByClock(moveOf(undefined), bookingIds, nowMs);
  }

  /** Where deadlines are numbers the condition of the write compares them with the clock. */
  async #expireByClock(move: Move, bookingIds: readonly string[], nowMs: number): Promise<Map<string, ExpireOutcome>> {
    const write = writeOfMove(this.#shape, move);
    const answers = await this.#writeMany(bookingIds.map((bookingId) => ({ bookingId, write })));
    return new Map(bookingIds.map((id) => [id, this.#expireOutcomeOf(answers.get(id), nowMs)]));
  }

  /**
   * Where deadlines are text each is read, judged, and a part of the write's condition exactly as it was read. One that has
   * changed in between is judged again.
   */
  async #expireAsSeen(
    moveOf: ExpiryMove,
    bookingIds: readonly string[],
    nowMs: number,
  ): Promise<Map<string, ExpireOutcome>> {
    const outcomes = new Map<string, ExpireOutcome>();
    let left = bookingIds;
    for (let looks = 0; looks < LOOKS && left.length > 0; looks += 1) {
      const found = await this.#read(left).catch(asError);
      if (found instanceof Error) {
        for (const id of left) outcomes.set(id, { kind: 'failed', error: found });
        return outcomes;
      }
      const lapsed = new Map<string, Move>();
      for (const id of left) {
        const item = found.get(id);
        const booking = readBooking(this.#shape, item);
        const isLapsed = booking?.status === 'PENDING' && (booking.expiresAtMs ?? Number.POSITIVE_INFINITY) <= nowMs;
        if (item !== undefined && isLapsed) lapsed.set(id, moveOf(asStored(item, this.#shape.deadline.attribute)));
        else outcomes.set(id, this.#expireOutcomeOf({ kind: 'refused', found: item }, nowMs));
      }
      const writes = Array.from(lapsed, ([bookingId, move]) => ({ bookingId, write: writeOfMove(this.#shape, move) }));
      const answers = await this.#writeMany(writes);
      for (const id of lapsed.keys()) outcomes.set(id, this.#expireOutcomeOf(answers.get(id), nowMs));
      left = [...lapsed.keys()].filter(
        (id) => answers.get(id)?.kind === 'refused' && outcomes.get(id)?.kind === 'refused',
      );
    }
    for (const id of left) outcomes.set(id, { kind: 'failed', error: changesTooOften('expired') });
    return outcomes;
  }

  #expireOutcomeOf(answer: BatchedWriteAnswer | undefined, nowMs: number): ExpireOutcome {
    switch (answer?.kind) {
      case 'made':
        return { kind: 'expired', expiredAtMs: nowMs };
      case 'refused': {
        const booking = readBooking(this.#shape, answer.found);
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
    const answers = await this.#writeMany(
      adoptions.map((adoption) => ({
        bookingId: adoption.bookingId,
        write: writeOfMove(this.#shape, adoptMove(adoption)),
      })),
    );
    const outcomes = await Promise.all(
      adoptions.map(async (adoption): Promise<[string, AdoptOutcome]> => {
        const answer = answers.get(adoption.bookingId);
        const outcome = await this.#adoptOutcome(adoption, answer, decideAgain).catch(
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
    return next === undefined ? { kind: 'unneeded' } : { kind: 'failed', error: changesTooOften('put into the index') };
  }

  async #lackOf(
    bookingId: string,
    decideAgain: (found: SeenBooking) => Adoption | undefined,
  ): Promise<Adoption | undefined> {
    const [item] = await this.#table.getMany(this.#keysOf([bookingId]), { consistent: true, settle: true });
    const found = seenBooking(this.#shape, item);
    return found?.booking.status === 'PENDING' ? decideAgain(found) : undefined;
  }

  /**
   * Takes items out of the index that are not PENDING: a foreign writer settled them without doing so, or gave them no
   * status. Does nothing to a PENDING booking, and nothing to an item of another kind.
   *
   * @throws Error if one of them could not be read or written
   */
  async leaveIndex(bookingIds: readonly string[]): Promise<void> {
    const { status, attributes } = this.#shape;
    const writes = Array.from(await this.#read(bookingIds))
      .filter(([, item]) => isOfKind(this.#shape, item) && item[attributes.pendingShard] !== undefined)
      .filter(([, item]) => readStatus(this.#shape, item) !== 'PENDING')
      .map(([bookingId, item]) => ({
        bookingId,
        write: writeOfMove(this.#shape, leaveIndexMove(asStored(item, status.attribute))),
      }));
    const failed = [...(await this.#writeMany(writes)).values()].find((answer) => answer.kind === 'failed');
    if (failed) throw failed.error;
  }

  #write(bookingId: string, move: Move): Promise<WriteAnswer> {
    return this.#table.write(this.#keyOf(bookingId), writeOfMove(this.#shape, move));
  }

  /** Many conditional writes, each with its answer. Never throws. */
  async #writeMany(
    writes: readonly { readonly bookingId: string; readonly write: ConditionalWrite }[],
  ): Promise<Map<string, BatchedWriteAnswer>> {
    const keyed = writes.flatMap(({ bookingId, write }) => {
      const key = keyOfText(this.#shape, bookingId);
      return key ? [{ bookingId, key, write }] : [];
    });
    const answers = keyed.length > 0 ? await this.#table.writeMany(keyed) : [];
    const answered = new Map(keyed.map(({ bookingId }, index) => [bookingId, answers[index]]));
    return new Map(
      writes.map(({ bookingId }): [string, BatchedWriteAnswer] => [
        bookingId,
        answered.get(bookingId) ?? { kind: 'failed', error: noKey(bookingId) },
      ]),
    );
  }

  /** What decides about items, read consistently, by the texts of their keys. Those that do not exist are left out. */
  async #read(bookingIds: readonly string[]): Promise<Map<string, Item>> {
    const items = await this.#table.getMany(this.#keysOf(bookingIds), {
      consistent: true,
      attributes: this.#indexedAttributes,
      settle: true,
    });
    return new Map(items.map((item) => [keyText(this.#shape, item) ?? '', item]));
  }

  /** @throws UnprocessableError for a text that is no key of this table */
  #keyOf(bookingId: string): Item {
    const key = keyOfText(this.#shape, bookingId);
    if (key === undefined) throw noKey(bookingId);
    return key;
  }

  #keysOf(bookingIds: readonly string[]): Item[] {
    return bookingIds.map((id) => keyOfText(this.#shape, id)).filter((key) => key !== undefined);
  }

  /** What a snapshot needs of a booking: whether there is anything to do for its timer. */
  get #snapshotAttributes(): string[] {
    const { key, status, deadline, only } = this.#shape;
    return [
      key.partition.name,
      ...(key.sort ? [key.sort.name] : []),
      status.attribute,
      deadline.attribute,
      // A table of many kinds may tell them apart by its key.
      ...Object.keys(only).filter((name) => name !== key.partition.name && name !== key.sort?.name),
    ];
  }

  /** What decides whether a sweep finds a booking and judges it rightly. */
  get #indexedAttributes(): string[] {
    const { holdStartedAtMs, pendingShard, expiresAtMs, expiredAtMs } = this.#shape.attributes;
    return [...new Set([...this.#snapshotAttributes, expiresAtMs, holdStartedAtMs, pendingShard, expiredAtMs])];
  }
}

const noKey = (bookingId: string): Error =>
  new UnprocessableError(`${JSON.stringify(bookingId)} is the key of no item of this table`);

const changesTooOften = (what: string): Error => new Error(`it changed ${LOOKS} times while it was ${what}`);

const asError = (thrown: unknown): Error => (thrown instanceof Error ? thrown : new Error(String(thrown)));
