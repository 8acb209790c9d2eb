/**
 * The bookings table in simulated time: what partitions take in a second, and how long a round trip is. It makes the
 * service's own writes, whose conditions it reads as they are; only expiries are in this world.
 */

import { MAX_WRITES_AT_ONCE } from '../../functions/core/ports.ts';
import type { ConditionalWrite } from '../../functions/table/conditional-write.ts';
import type { Item } from '../../functions/table/item.ts';
import type { BatchedWriteAnswer, IndexPage, IndexQuery, KeyedWrite, Table } from '../../functions/table/table.ts';
import type { Assumptions } from './assumptions.ts';
import { Allowance, type Kernel, seededChance } from './kernel.ts';

const CORE_MB = 1_769;
/** Pause before the first retry of a throttled request; doubles, and a random part of it is taken (AWS SDK, standard mode). */
const THROTTLED_PAUSE_MS = 500;
const SDK_ATTEMPTS = 3;

interface SimulatedBooking {
  readonly bookingId: string;
  readonly expiresAtMs: number;
  readonly holdStartedAtMs: number;
  readonly shard: number;
  readonly indexPartition: Allowance;
  readonly tablePartition: Allowance;
  /** Undefined while it is PENDING. */
  ended: 'EXPIRED' | 'CONFIRMED' | undefined;
  expiredAtMs: number | undefined;
}

/** How many bookings were expired how, and how late. */
export interface TableCounts {
  early: number;
  bySweep: number;
  throttled: number;
  /** Writes of the application itself that found a partition full: here they are made all the same, on AWS they are tried again. */
  crowded: number;
  /** Bookings that were paid in time. */
  confirmed: number;
  /** Write units of the table that expiries took, refused ones among them; the index took one more for each that was made. */
  tableWrites: number;
  /** Bookings that were read while their timers waited: a read unit each. */
  reads: number;
  /** When each was committed less its deadline, in ms: throttling comes between the clock that was read and the commit. */
  readonly lagsMs: number[];
}

type Attempt = 'made' | 'throttled' | { readonly found: Item | undefined };

/** Bookings and their index, shared by all who work on them. */
export class SimulatedBookings {
  readonly counts: TableCounts = {
    early: 0,
    bySweep: 0,
    throttled: 0,
    crowded: 0,
    confirmed: 0,
    tableWrites: 0,
    reads: 0,
    lagsMs: [],
  };
  readonly #kernel: Kernel;
  readonly #bookings = new Map<string, SimulatedBooking>();
  readonly #index: SimulatedBooking[][];
  readonly #unsorted = new Set<SimulatedBooking[]>();
  readonly #indexPartitions: Allowance[];
  readonly #tablePartitions: Allowance[];

  constructor(kernel: Kernel, shardCount: number, assumptions: Assumptions) {
    const { partitionWritesPerSecond, tablePartitions, indexPartitions } = assumptions;
    this.#kernel = kernel;
    this.#index = Array.from({ length: shardCount }, () => []);
    // A partition has a second's worth of units at most.
    const partitions = (count: number) =>
      Array.from(
        { length: count },
        () => new Allowance(partitionWritesPerSecond, partitionWritesPerSecond, kernel.now()),
      );
    const ofIndex = partitions(indexPartitions ?? shardCount);
    this.#indexPartitions = Array.from(
      { length: shardCount },
      (_, shard) => ofIndex[indexPartitions === null ? shard : scattered(shard, ofIndex.length)] as Allowance,
    );
    this.#tablePartitions = partitions(tablePartitions);
  }

  get size(): number {
    return this.#bookings.size;
  }

  left(): number {
    let left = 0;
    for (const { ended } of this.#bookings.values()) if (ended === undefined) left += 1;
    return left;
  }

  /** The application writes a booking. What it takes of the partitions is missing for expiries. */
  add(bookingId: string, expiresAtMs: number, shard: number): Item {
    const nowMs = this.#kernel.now();
    const indexPartition = this.#indexPartitions[shard] as Allowance;
    const tablePartition = this.#tablePartitions[
      scattered(this.#bookings.size, this.#tablePartitions.length)
    ] as Allowance;
    const booking: SimulatedBooking = {
      bookingId,
      expiresAtMs,
      holdStartedAtMs: nowMs,
      shard,
      indexPartition,
      tablePartition,
      ended: undefined,
      expiredAtMs: undefined,
    };
    this.#bookings.set(bookingId, booking);
    const entries = this.#index[shard] as SimulatedBooking[];
    if (expiresAtMs < (entries.at(-1)?.expiresAtMs ?? 0)) this.#unsorted.add(entries);
    entries.push(booking);
    this.#writtenByApplication(booking);
    return itemOf(booking);
  }

  /** The application confirms a booking, if its hold has not lapsed. */
  confirm(bookingId: string): void {
    const nowMs = this.#kernel.now();
    const booking = this.#bookings.get(bookingId);
    if (booking === undefined || booking.ended !== undefined || booking.expiresAtMs <= nowMs) return;
    booking.ended = 'CONFIRMED';
    this.counts.confirmed += 1;
    this.#writtenByApplication(booking);
  }

  #writtenByApplication({ tablePartition, indexPartition }: SimulatedBooking): void {
    const nowMs = this.#kernel.now();
    if (tablePartition.left(nowMs) < 1 || indexPartition.left(nowMs) < 1) this.counts.crowded += 1;
    tablePartition.take(nowMs);
    indexPartition.take(nowMs);
  }

  get(bookingId: string): Item | undefined {
    const booking = this.#bookings.get(bookingId);
    return booking && itemOf(booking);
  }

  /** One try of an expiry. */
  expire(bookingId: string, write: ConditionalWrite): Attempt {
    const nowMs = Number(write.set.expiredAtMs);
    const booking = this.#bookings.get(bookingId);
    if (booking === undefined) return { found: undefined };
    const { indexPartition, tablePartition } = booking;
    const atMs = this.#kernel.now();
    if (indexPartition.left(atMs) < 1 || tablePartition.left(atMs) < 1) {
      this.counts.throttled += 1;
      return 'throttled';
    }
    tablePartition.take(atMs);
    this.counts.tableWrites += 1;
    if (booking.ended !== undefined || booking.expiresAtMs > nowMs) return { found: itemOf(booking) };
    indexPartition.take(atMs);
    booking.ended = 'EXPIRED';
    booking.expiredAtMs = nowMs;
    if (nowMs < booking.expiresAtMs) this.counts.early += 1;
    if (write.set.expiredBy === 'sweep') this.counts.bySweep += 1;
    this.counts.lagsMs.push(atMs - booking.expiresAtMs);
    return 'made';
  }

  page({ partition, from, through, limit = 250, cursor }: IndexQuery): IndexPage {
    const entries = this.#index[partition.pendingShard ?? 0] ?? [];
    if (this.#unsorted.delete(entries)) entries.sort((a, b) => a.expiresAtMs - b.expiresAtMs);
    const items: Item[] = [];
    let place = cursor?.place?.N === undefined ? firstFrom(entries, from) : Number(cursor.place.N);
    for (; place < entries.length && items.length < limit; place += 1) {
      const entry = entries[place] as SimulatedBooking;
      if (entry.expiresAtMs > through) break;
      if (entry.ended === undefined) items.push(itemOf(entry));
    }
    return { items, ...(items.length === limit && { cursor: { place: { N: String(place) } } }) };
  }
}

/** The table as one Lambda sees it: its round trips take the CPU that its memory buys. */
export class SimulatedTable implements Table {
  readonly #kernel: Kernel;
  readonly #bookings: SimulatedBookings;
  readonly #memoryMb: number;
  readonly #assumptions: Assumptions;
  readonly #chance: () => number;

  constructor(
    kernel: Kernel,
    bookings: SimulatedBookings,
    memoryMb: number,
    assumptions: Assumptions,
    chance: () => number,
  ) {
    this.#kernel = kernel;
    this.#bookings = bookings;
    this.#memoryMb = memoryMb;
    this.#assumptions = assumptions;
    this.#chance = chance;
  }

  /** How long one request takes, ms. */
  roundTripMs(): number {
    const { roundTripMs, callCpuMs } = this.#assumptions;
    return roundTripMs * (0.7 + 0.6 * this.#chance()) + callCpuMs * Math.max(1, CORE_MB / this.#memoryMb);
  }

  async writeMany(writes: readonly KeyedWrite[]): Promise<BatchedWriteAnswer[]> {
    const answers: (BatchedWriteAnswer | Promise<BatchedWriteAnswer>)[] = [];
    for (let start = 0; start < writes.length; start += MAX_WRITES_AT_ONCE) {
      const together = writes.slice(start, start + MAX_WRITES_AT_ONCE);
      await this.#kernel.sleep(this.roundTripMs());
      for (const { key, write } of together) {
        const bookingId = key.bookingId?.S ?? '';
        const attempted = this.#bookings.expire(bookingId, write);
        answers.push(attempted === 'throttled' ? this.#again(bookingId, write) : answerOf(attempted));
      }
    }
    return Promise.all(answers);
  }

  /** A throttled statement is tried again as an update of its own, with the SDK's retries. */
  async #again(bookingId: string, write: ConditionalWrite): Promise<BatchedWriteAnswer> {
    for (let attempt = 0; attempt < SDK_ATTEMPTS; attempt += 1) {
      const pauseMs = attempt === 0 ? 0 : this.#chance() * THROTTLED_PAUSE_MS * 2 ** (attempt - 1);
      await this.#kernel.sleep(pauseMs + this.roundTripMs());
      const attempted = this.#bookings.expire(bookingId, write);
      if (attempted !== 'throttled') return answerOf(attempted);
    }
    return { kind: 'failed', error: THROTTLED };
  }

  async getMany(keys: readonly Item[]): Promise<Item[]> {
    await this.#kernel.sleep(this.roundTripMs());
    this.#bookings.counts.reads += keys.length;
    return keys.map((key) => this.#bookings.get(key.bookingId?.S ?? '')).filter((item) => item !== undefined);
  }

  async query(query: IndexQuery): Promise<IndexPage> {
    await this.#kernel.sleep(this.roundTripMs());
    return this.#bookings.page(query);
  }

  // Neither an expiry nor a sweep's look into the index makes these requests.
  create = notSimulated;
  write = notSimulated;
  get = notSimulated;
  scan = notSimulated;
  count = notSimulated;
}

const notSimulated = (): never => {
  throw new Error('this request is not simulated');
};

/** One for all: a trace of each would take most of the time. */
const THROTTLED = new Error('throttled');

const answerOf = (attempted: Exclude<Attempt, 'throttled'>): BatchedWriteAnswer =>
  attempted === 'made' ? { kind: 'made', item: undefined } : { kind: 'refused', found: attempted.found };

/** A place that looks random and is the same for the same number: as a hash puts keys on partitions, some get more than others. */
const scattered = (number: number, places: number): number => Math.floor(seededChance(number)() * places);

const itemOf = ({ bookingId, expiresAtMs, holdStartedAtMs, shard, ended, expiredAtMs }: SimulatedBooking): Item => ({
  bookingId: { S: bookingId },
  status: { S: ended ?? 'PENDING' },
  expiresAtMs: { N: String(expiresAtMs) },
  holdStartedAtMs: { N: String(holdStartedAtMs) },
  ...(ended === undefined && { pendingShard: { N: String(shard) } }),
  ...(expiredAtMs !== undefined && { expiredAtMs: { N: String(expiredAtMs) } }),
});

/** Place of the first entry with a deadline from some time on. */
const firstFrom = (entries: readonly SimulatedBooking[], fromMs: number): number => {
  let low = 0;
  let high = entries.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((entries[middle]?.expiresAtMs ?? 0) < fromMs) low = middle + 1;
    else high = middle;
  }
  return low;
};
