/** The booking service in memory: its two tables, servers with clocks of their own, and a sweep. */
import type { Bookings } from '../../docs/examples/payments/ports.ts';
import { BookingStore } from '../../functions/adapters/booking-store.ts';
import type { Patience } from '../../functions/adapters/contention.ts';
import { HeldItems } from '../../functions/adapters/held-items.ts';
import { SlottedBookings } from '../../functions/adapters/slotted-bookings.ts';
import type { CustomerBookings } from '../../functions/api/ports.ts';
import type { Booking } from '../../functions/core/booking-status.ts';
import { DAY_MS } from '../../functions/core/hold-time.ts';
import type { Clock } from '../../functions/core/ports.ts';
import { type Item, readBooking } from '../../functions/table/item.ts';
import { BOOKINGS_SHAPE, SLOT_ATTRIBUTES } from '../../functions/table/shape.ts';
import { MemoryTable } from '../memory/memory-table.ts';
import { MemoryTransactions } from '../memory/memory-transactions.ts';
import { BOOKINGS_SCHEMA } from '../memory/schemas.ts';
import { TableState } from '../memory/table-state.ts';
import { slowTable, slowTransactions, type TableGate } from './slow-tables.ts';

/** What makes answers of a store's outcomes. */
export type AnswerMaker = new (store: CustomerBookings, clock: Clock) => Bookings;

/** A server of the service, or whatever else reaches its tables. */
export interface ServerOptions {
  readonly gate: TableGate;
  readonly clock: Clock;
  readonly patience: Patience;
}

const BOOKINGS = 'bookings';
const SLOTS = 'slots';
const KEY = BOOKINGS_SHAPE.key.partition.name;
const SHARDS = 4;

export class Service {
  readonly #bookings = new TableState(BOOKINGS_SCHEMA, { hasStream: false });
  readonly #slots = new TableState({ key: SLOT_ATTRIBUTES.slotId }, { hasStream: false });
  readonly #transactions = new MemoryTransactions(
    new Map([
      [BOOKINGS, this.#bookings],
      [SLOTS, this.#slots],
    ]),
  );
  readonly #maxHoldMs: number;

  /** @param maxHoldMs the longest time from its creation on that an extension holds a booking for, ms */
  constructor(maxHoldMs: number) {
    this.#maxHoldMs = maxHoldMs;
  }

  /** The service as a server of it answers. */
  server(Answers: AnswerMaker, { gate, clock, patience }: ServerOptions): Bookings {
    const table = slowTable(new MemoryTable(this.#bookings), gate);
    const slotted = new SlottedBookings({
      transactions: slowTransactions(this.#transactions, gate),
      slots: slowTable(new MemoryTable(this.#slots), gate),
      slotsTable: SLOTS,
      bookings: table,
      bookingsTable: BOOKINGS,
      shape: BOOKINGS_SHAPE,
      patience,
    });
    return new Answers(new BookingStore(table, SHARDS, { slotted, maxHoldMs: this.#maxHoldMs }), clock);
  }

  /** Expires what has lapsed by a clock, as timers and sweeps do. */
  async sweep(gate: TableGate, clock: Clock): Promise<void> {
    const ids = this.bookings.filter(({ status }) => status === 'PENDING').map(({ bookingId }) => bookingId);
    const held = new HeldItems(slowTable(new MemoryTable(this.#bookings), gate), BOOKINGS_SHAPE);
    if (ids.length > 0) await held.expire(ids, 'sweep', clock());
  }

  /** Deletes what has been over for a day, as a short `retentionDays` has it done. Paid bookings are kept here, to be looked at. */
  deleteOld(nowMs: number): void {
    for (const { bookingId, status, expiredAtMs, cancelledAtMs } of this.bookings) {
      const overAtMs = expiredAtMs ?? cancelledAtMs ?? Number.POSITIVE_INFINITY;
      const isOver = status === 'EXPIRED' || status === 'CANCELLED';
      if (isOver && overAtMs + DAY_MS <= nowMs) this.#bookings.delete({ [KEY]: { S: bookingId } });
    }
  }

  /** All bookings as they are stored. */
  get bookings(): Booking[] {
    return Array.from(this.#bookings.items, bookingOf).filter((booking) => booking !== undefined);
  }
}

/** They are looked at after each step, and seldom change. */
const read = new WeakMap<Item, Booking | undefined>();
const bookingOf = (item: Item): Booking | undefined => {
  if (!read.has(item)) read.set(item, readBooking(BOOKINGS_SHAPE, item));
  return read.get(item);
};
