/** A table seen through its sparse index: what is PENDING, by deadline. It only reads. */
import pMap from 'p-map';
import type { ListPage, ListRange, PendingList } from '../api/ports.ts';
import type { Booking } from '../core/booking-status.ts';
import { wholePart } from '../core/decimal.ts';
import { EARLIEST_DEADLINE_MS, readDeadline, readTimeMs } from '../core/hold-time.ts';
import { LEGAL_SHARDS } from '../core/pending-shard.ts';
import type { PendingPage, PendingPages, PendingRange, PendingRow } from '../core/ports.ts';
import { type Item, readBooking } from '../table/item.ts';
import { keyOfText, keyText } from '../table/key-text.ts';
import type { TableShape } from '../table/shape.ts';
import type { IndexQuery, Table } from '../table/table.ts';

/** Queries under way at once when a list looks into every shard. */
const CONCURRENT_QUERIES = 16;
/** Rows of one page where all are read. */
const PAGE_SIZE = 1_000;

export class PendingIndex implements PendingPages<Item>, PendingList {
  readonly #table: Table;
  readonly #shape: TableShape;
  readonly #shardCount: number;

  /**
   * @param table the table that the index is of
   * @param shape what it looks like
   * @param shardCount number of shards of the index that bookings are spread over, and that lists look into
   */
  constructor(table: Table, shape: TableShape, shardCount: number) {
    this.#table = table;
    this.#shape = shape;
    this.#shardCount = shardCount;
  }

  async pendingPage(range: PendingRange<Item>): Promise<PendingPage<Item>> {
    const { items, cursor } = await this.#table.query(this.#queryOf(range));
    return { rows: items.flatMap((item) => this.#rowOf(item) ?? []), ...(cursor && { cursor }) };
  }

  /** All PENDING bookings of a shard with deadlines up to a time, soonest first, read page by page as they are asked for. */
  async *pendingRows(shard: number, throughMs: number): AsyncGenerator<PendingRow> {
    let cursor: Item | undefined;
    do {
      const page = await this.pendingPage({ shard, throughMs, limit: PAGE_SIZE, cursor });
      yield* page.rows;
      cursor = page.cursor;
    } while (cursor !== undefined);
  }

  /** How many PENDING bookings of all legal shards have deadlines in a range. Reads the index, but transfers none of it. */
  async countPending(fromMs: number, throughMs: number): Promise<number> {
    const counts = await pMap(LEGAL_SHARDS, (shard) => this.#table.count(this.#queryOf({ shard, fromMs, throughMs })), {
      concurrency: CONCURRENT_QUERIES,
    });
    return counts.reduce((sum, count) => sum + count, 0);
  }

  /** Every shard is asked for a whole page, because the next bookings may all be in one of them. */
  async listPending({ fromMs, throughMs, limit, after }: ListRange): Promise<ListPage> {
    const pages = await pMap(
      LEGAL_SHARDS.slice(0, this.#shardCount),
      async (shard) => {
        const [digits, bookingId] = after[shard] ?? [];
        const position = readDeadline(digits);
        if (position.valid && position.expiresAtMs > throughMs) return { items: [], isLast: true };
        // A position before the range, because time has gone on, is none: DynamoDB refuses to start outside of it. All
        // digits count there, as many as a double does not hold.
        const isWithin = digits !== undefined && position.valid && (wholePart(digits)?.floor ?? 0) >= fromMs;
        const cursor = isWithin && bookingId !== undefined ? this.#cursorOf(bookingId, digits, shard) : undefined;
        const page = await this.#table.query(this.#queryOf({ shard, fromMs, throughMs, limit, cursor }));
        return { items: page.items.map((item) => ({ item, shard })), isLast: page.cursor === undefined };
      },
      { concurrency: CONCURRENT_QUERIES },
    );
    const found = pages
      .flatMap((page) => page.items)
      .flatMap(({ item, shard }) => {
        const row = this.#rowOf(item);
        return row ? [{ ...row, shard, digits: item[this.#shape.attributes.expiresAtMs]?.N ?? '' }] : [];
      });
    // A stable sort: rows of one shard keep the index's own order, which is what its cursor goes by.
    const rows = found.sort((a, b) => a.expiresAtMs - b.expiresAtMs);
    const taken = rows.slice(0, limit);
    const isLast = rows.length === taken.length && pages.every((page) => page.isLast);
    const positions = Object.fromEntries(
      taken.map(({ shard, digits, bookingId }) => [shard, [digits, bookingId] as [string, string]]),
    );
    const bookings = await this.#read(taken.map(({ bookingId }) => bookingId));
    return { bookings, ...(!isLast && { after: { ...after, ...positions } }) };
  }

  /** Whole bookings in the order of their ids; those that are not PENDING any more are left out. */
  async #read(bookingIds: readonly string[]): Promise<Booking[]> {
    const keys = bookingIds.map((id) => keyOfText(this.#shape, id)).filter((key) => key !== undefined);
    const items = await this.#table.getMany(keys, { consistent: false, settle: true });
    const found = new Map(
      items.flatMap((item) => readBooking(this.#shape, item) ?? []).map((each) => [each.bookingId, each]),
    );
    return bookingIds.flatMap((bookingId) => {
      const booking = found.get(bookingId);
      return booking?.status === 'PENDING' ? [booking] : [];
    });
  }

  #queryOf({
    shard,
    fromMs = 0,
    throughMs,
    limit,
    cursor,
  }: Omit<PendingRange<Item>, 'limit'> & { readonly limit?: number }): IndexQuery {
    const { indexName, attributes } = this.#shape;
    return {
      index: indexName,
      partition: { [attributes.pendingShard]: shard },
      sortKey: attributes.expiresAtMs,
      from: Math.max(EARLIEST_DEADLINE_MS, fromMs),
      through: throughMs,
      ...(limit !== undefined && { limit }),
      cursor,
    };
  }

  #cursorOf(bookingId: string, digits: string, shard: number): Item {
    const { pendingShard, expiresAtMs } = this.#shape.attributes;
    return {
      ...keyOfText(this.#shape, bookingId),
      [expiresAtMs]: { N: digits },
      [pendingShard]: { N: String(shard) },
    };
  }

  /** The index holds keys and the start of the hold only: its rows are PENDING by being there. */
  #rowOf(item: Item): PendingRow | undefined {
    const { attributes } = this.#shape;
    const bookingId = keyText(this.#shape, item);
    const expiresAtMs = readTimeMs(item[attributes.expiresAtMs]?.N);
    const holdStartedAtMs = readTimeMs(item[attributes.holdStartedAtMs]?.N);
    if (bookingId === undefined || expiresAtMs === undefined) return undefined;
    return { bookingId, expiresAtMs, ...(holdStartedAtMs !== undefined && { holdStartedAtMs }) };
  }
}
