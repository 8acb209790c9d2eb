/**
 * The bookings table in simulated time: what partitions take in a second, and how long a round trip is. It makes the
 * service's own writes, whose conditions it reads as they are; only expiries are in this world.
 */

import { shardOf } from '../../functions/core/pending-shard.ts';
import { MAX_WRITES_AT_ONCE } from '../../functions/core/ports.ts';
import type { ConditionalWrite } from '../../functions/table/conditional-write.ts';
import type { Item } from '../../functions/table/item.ts';
import type { BatchedWriteAnswer, IndexPage, IndexQuery, KeyedWrite, Table } from '../../functions/table/table.ts';
import type { Assumptions } from './assumptions.ts';
import type { Kernel } from './kernel.ts';

const CORE_MB = 1_769;
/** Pause before the first retry of a throttled request; doubles, and a random part of it is taken (AWS SDK, standard mode). */
const THROTTLED_PAUSE_MS = 500;
const SDK_ATTEMPTS = 3;

interface SimulatedBooking {
  readonly bookingId: string;
  readonly expiresAtMs: number;
  readonly holdStartedAtMs: number;
  readonly shard: number;
  readonly tablePartition: number;
  expiredAtMs: number | undefined;
}

/** Spends a second's worth of units at most, refilled as time goes. */
class Partition {
  readonly #perSecond: number;
  #units: number;
  #refilledAtMs: number;

  constructor(perSecond: number, nowMs: number) {
    this.#perSecond = perSecond;
    this.#units = perSecond;
    this.#refilledAtMs = nowMs;
  }

  has(nowMs: number): boolean {
    this.#units = Math.min(this.#perSecond, this.#units + ((nowMs - this.#refilledAtMs) * this.#perSecond) / 1_000);
    this.#refilledAtMs = nowMs;
    return this.#units >= 1;
  }

  spend(): void {
    this.#units -= 1;
  }
}

/** How many bookings were expired how, and how late. */
export interface TableCounts {
  early: number;
  bySweep: number;
  throttled: number;
  /** When each was committed less its deadline, in ms: throttling comes between the clock that was read and the commit. */
  readonly lagsMs: number[];
}

type Attempt = 'made' | 'throttled' | { readonly found: Item | undefined };

/** Bookings and their index, shared by all who work on them. */
export class SimulatedBookings {
  readonly counts: TableCounts = { early: 0, bySweep: 0, throttled: 0, lagsMs: [] };
  readonly #kernel: Kernel;
  readonly #bookings = new Map<string, SimulatedBooking>();
  readonly #index: SimulatedBooking[][];
  readonly #unsorted = new Set<SimulatedBooking[]>();
  readonly #indexPartitions: Partition[];
  readonly #tablePartitions: Partition[];

  constructor(kernel: Kernel, shardCount: number, { partitionWritesPerSecond, tablePartitions }: Assumptions) {
    this.#kernel = kernel;
    this.#index = Array.from({ length: shardCount }, () => []);
    const partition = () => new Partition(partitionWritesPerSecond, kernel.now());
    this.#indexPartitions = Array.from({ length: shardCount }, partition);
    this.#tablePartitions = Array.from({ length: tablePartitions }, partition);
  }

  get size(): number {
    return this.#bookings.size;
  }

  left(): number {
    return [...this.#bookings.values()].filter(({ expiredAtMs }) => expiredAtMs === undefined).length;
  }

  add(bookingId: string, expiresAtMs: number, shard: number): Item {
    const holdStartedAtMs = this.#kernel.now();
    const tablePartition = shardOf(bookingId, this.#tablePartitions.length);
    const booking = { bookingId, expiresAtMs, holdStartedAtMs, shard, tablePartition, expiredAtMs: undefined };
    this.#bookings.set(bookingId, booking);
    const entries = this.#index[shard] as SimulatedBooking[];
    if (expiresAtMs < (entries.at(-1)?.expiresAtMs ?? 0)) this.#unsorted.add(entries);
    entries.push(booking);
    return itemOf(booking);
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
    const index = this.#indexPartitions[booking.shard] as Partition;
    const table = this.#tablePartitions[booking.tablePartition] as Partition;
    const atMs = this.#kernel.now();
    if (!index.has(atMs) || !table.has(atMs)) {
      this.counts.throttled += 1;
      return 'throttled';
    }
    table.spend();
    if (booking.expiredAtMs !== undefined || booking.expiresAtMs > nowMs) return { found: itemOf(booking) };
    index.spend();
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
      if (entry.expiredAtMs === undefined) items.push(itemOf(entry));
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
    const answers: Promise<BatchedWriteAnswer>[] = [];
    for (let start = 0; start < writes.length; start += MAX_WRITES_AT_ONCE) {
      const together = writes.slice(start, start + MAX_WRITES_AT_ONCE);
      await this.#kernel.sleep(this.roundTripMs());
      answers.push(...together.map(({ key, write }) => this.#answer(key.bookingId?.S ?? '', write)));
    }
    return Promise.all(answers);
  }

  /** A throttled statement is tried again as an update of its own, with the SDK's retries. */
  async #answer(bookingId: string, write: ConditionalWrite): Promise<BatchedWriteAnswer> {
    for (let attempt = 0; ; attempt += 1) {
      const attempted = this.#bookings.expire(bookingId, write);
      if (attempted === 'made') return { kind: 'made', item: undefined };
      if (attempted !== 'throttled') return { kind: 'refused', found: attempted.found };
      if (attempt >= SDK_ATTEMPTS) return { kind: 'failed', error: new Error('throttled') };
      const pauseMs = attempt === 0 ? 0 : this.#chance() * THROTTLED_PAUSE_MS * 2 ** (attempt - 1);
      await this.#kernel.sleep(pauseMs + this.roundTripMs());
    }
  }

  async getMany(keys: readonly Item[]): Promise<Item[]> {
    await this.#kernel.sleep(this.roundTripMs());
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

const itemOf = ({ bookingId, expiresAtMs, holdStartedAtMs, shard, expiredAtMs }: SimulatedBooking): Item => ({
  bookingId: { S: bookingId },
  status: { S: expiredAtMs === undefined ? 'PENDING' : 'EXPIRED' },
  expiresAtMs: { N: String(expiresAtMs) },
  holdStartedAtMs: { N: String(holdStartedAtMs) },
  ...(expiredAtMs === undefined ? { pendingShard: { N: String(shard) } } : { expiredAtMs: { N: String(expiredAtMs) } }),
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
