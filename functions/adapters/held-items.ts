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
  LOOKS,
  leaveIndexMove,
  type Move,
} from '../core/moves.ts';
import type { BookingAdopter, BookingExpirer, IndexCleaner, PendingItems, PendingItemsPage } from '../core/ports.ts';
import { asStored, type Item, isOfKind, readBooking, readStatus, seenBooking } from '../table/item.ts';
import type { TableShape } from '../table/shape.ts';
import type { BatchedWriteAnswer, Table } from '../table/table.ts';
import { isPendingIn, writeOfMove } from '../table/write-of-move.ts';
import { KeyedItems, noKey } from './keyed-items.ts';
import { isPermanent } from './permanent-error.ts';

/** A move that expires a booking. */
type ExpiryMove = (seenDeadline: AsStored | undefined) => Move;

export class HeldItems implements BookingExpirer, BookingAdopter, IndexCleaner, PendingItems<Item> {
  readonly #table: Table;
  readonly #items: KeyedItems;
  readonly #shape: TableShape;

  /**
   * @param table the table that the items are in
   * @param shape what it looks like
   */
  constructor(table: Table, shape: TableShape) {
    this.#table = table;
    this.#items = new KeyedItems(table, shape);
    this.#shape = shape;
  }

  async pendingItems(cursor: Item | undefined): Promise<PendingItemsPage<Item>> {
    const page = await this.#table.scan(isPendingIn(this.#shape), this.#indexedAttributes, cursor);
    return {
      seen: page.items.flatMap((item) => seenBooking(this.#shape, item) ?? []),
      ...(page.cursor && { cursor: page.cursor }),
    };
  }

  /** What these bookings are now, read consistently. What the engine leaves unprocessed is left out, not asked for again. */
  async glimpse(bookingIds: readonly string[]): Promise<Map<string, Booking>> {
    const items = await this.#items.read(bookingIds, { attributes: this.#snapshotAttributes, settle: false });
    const bookings = [...items.values()].flatMap((item) => readBooking(this.#shape, item) ?? []);
    return new Map(bookings.map((booking) => [booking.bookingId, booking]));
  }

  /** What these bookings are now, whole, read consistently. One that is left out does not exist, or is no booking. */
  async read(bookingIds: readonly string[]): Promise<Map<string, Booking>> {
    const items = [...(await this.#items.read(bookingIds)).values()].filter((item) => isOfKind(this.#shape, item));
    const bookings = items.flatMap((item) => readBooking(this.#shape, item) ?? []);
    return new Map(bookings.map((booking) => [booking.bookingId, booking]));
  }

  /** @param bookingIds each at most once: DynamoDB refuses two statements on one item */
  async expire(
    bookingIds: readonly string[],
    expiredBy: ExpiredBy,
    nowMs: number,
  ): Promise<Map<string, ExpireOutcome>> {
    const outcomes = await this.#expireBy((seen) => expireMove(nowMs, expiredBy, seen), bookingIds, nowMs);
    // A nearly full item takes no time and no name of who expired it any more; its status it may.
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
    const answers = await this.#items.writeMany(bookingIds.map((bookingId) => ({ bookingId, write })));
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
    const isKey = (id: string): boolean => this.#items.isKey(id);
    const outcomes = new Map<string, ExpireOutcome>(
      bookingIds.filter((id) => !isKey(id)).map((id) => [id, { kind: 'failed', error: noKey(id) }]),
    );
    let left = bookingIds.filter(isKey);
    for (let looks = 0; looks < LOOKS && left.length > 0; looks += 1) {
      const found = await this.#items.read(left, { attributes: this.#indexedAttributes }).catch(asError);
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
      const answers = await this.#items.writeMany(writes);
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

  async adopt(
    adoptions: readonly Adoption[],
    decideAgain: (found: SeenBooking) => Adoption | undefined,
  ): Promise<Map<string, AdoptOutcome>> {
    const answers = await this.#items.writeMany(
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
      const answer = await this.#items.write(next.bookingId, writeOfMove(this.#shape, adoptMove(next)));
      if (answer.kind === 'made') return { kind: 'adopted' };
      next = await this.#lackOf(next.bookingId, decideAgain);
    }
    return next === undefined ? { kind: 'unneeded' } : { kind: 'failed', error: changesTooOften('put into the index') };
  }

  async #lackOf(
    bookingId: string,
    decideAgain: (found: SeenBooking) => Adoption | undefined,
  ): Promise<Adoption | undefined> {
    const items = await this.#items.read([bookingId]);
    const found = seenBooking(this.#shape, items.get(bookingId));
    return found?.booking.status === 'PENDING' ? decideAgain(found) : undefined;
  }

  async leaveIndex(bookingIds: readonly string[]): Promise<void> {
    const { status, attributes } = this.#shape;
    const writes = Array.from(await this.#items.read(bookingIds, { attributes: this.#indexedAttributes }))
      .filter(([, item]) => isOfKind(this.#shape, item) && item[attributes.pendingShard] !== undefined)
      .filter(([, item]) => readStatus(this.#shape, item) !== 'PENDING')
      .map(([bookingId, item]) => ({
        bookingId,
        write: writeOfMove(this.#shape, leaveIndexMove(asStored(item, status.attribute))),
      }));
    const failed = [...(await this.#items.writeMany(writes)).values()].find((answer) => answer.kind === 'failed');
    if (failed) throw failed.error;
  }

  /** What a snapshot needs of a booking: whether there is anything to do for its timer. */
  get #snapshotAttributes(): string[] {
    const { key, status, deadline, only } = this.#shape;
    return [
      key.partition.name,
      ...(key.sort ? [key.sort.name] : []),
      status.attribute,
      deadline.attribute,
      // A table of many kinds may distinguish them by its key.
      ...Object.keys(only).filter((name) => name !== key.partition.name && name !== key.sort?.name),
    ];
  }

  /** What decides whether a sweep finds a booking and judges it rightly. */
  get #indexedAttributes(): string[] {
    const { holdStartedAtMs, pendingShard, expiresAtMs, expiredAtMs } = this.#shape.attributes;
    return [...new Set([...this.#snapshotAttributes, expiresAtMs, holdStartedAtMs, pendingShard, expiredAtMs])];
  }
}

const changesTooOften = (what: string): Error => new Error(`it changed ${LOOKS} times while it was ${what}`);

const asError = (thrown: unknown): Error => (thrown instanceof Error ? thrown : new Error(String(thrown)));
