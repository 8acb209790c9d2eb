/** Bookings that somebody else moves between each look and its write: that decides nothing, so it must not be told as a refusal. */
import { describe, expect, test } from 'vitest';
import { BookingErasure } from '../../functions/adapters/booking-erasure.ts';
import { BookingStore } from '../../functions/adapters/booking-store.ts';
import { USUAL_PATIENCE } from '../../functions/adapters/contention.ts';
import { SlottedBookings } from '../../functions/adapters/slotted-bookings.ts';
import { ContentionError } from '../../functions/api/ports.ts';
import { MINUTE_MS } from '../../functions/core/hold-time.ts';
import { LOOKS } from '../../functions/core/moves.ts';
import type { Item } from '../../functions/table/item.ts';
import { BOOKINGS_SHAPE, SLOT_ATTRIBUTES } from '../../functions/table/shape.ts';
import type { Transactions } from '../../functions/table/transaction.ts';
import { MemoryTable } from '../memory/memory-table.ts';
import { MemoryTransactions } from '../memory/memory-transactions.ts';
import { BOOKINGS_SCHEMA } from '../memory/schemas.ts';
import { TableState } from '../memory/table-state.ts';

const NOW = 1_790_000_000_000;
const ANN = { bookingId: 'ann', holdMs: MINUTE_MS };

describe.each([
  ['with slots', ['seat']],
  ['without slots', undefined],
])('a booking %s that is moved before each write', (_, slotIds) => {
  test('is extended by a later request, and nobody is told that it is not held', async () => {
    const { store, other, beforeWrites } = given();
    await other.create({ ...ANN, ...(slotIds && { slotIds }) }, NOW);
    beforeWrites((write) => other.extend('ann', 2 * MINUTE_MS + write, NOW));
    await expect(store.extend('ann', 5 * MINUTE_MS, NOW)).rejects.toThrow(ContentionError);
    beforeWrites(() => undefined);
    expect((await store.extend('ann', 5 * MINUTE_MS, NOW)).kind).toBe('moved');
  });

  test('is extended if they come to an end in time', async () => {
    const { store, other, beforeWrites } = given();
    await other.create({ ...ANN, ...(slotIds && { slotIds }) }, NOW);
    beforeWrites((write) => (write < LOOKS ? other.extend('ann', 2 * MINUTE_MS + write, NOW) : undefined));
    expect((await store.extend('ann', 5 * MINUTE_MS, NOW)).kind).toBe('moved');
  });
});

test.each(['confirm', 'cancel'] as const)(
  'a payment or cancellation of a booking that is extended each time is no refusal: %s',
  async (move) => {
    const { store, other, beforeWrites } = given();
    await other.create({ ...ANN, slotIds: ['seat'] }, NOW);
    beforeWrites((write) => other.extend('ann', 2 * MINUTE_MS + write, NOW));
    await expect(store[move]('ann', NOW)).rejects.toThrow(ContentionError);
    beforeWrites(() => undefined);
    expect((await store[move]('ann', NOW)).kind).toBe('moved');
  },
);

test('a revival that finds another booking under the id each time is no refusal', async () => {
  const { store, other, erase, beforeWrites } = given();
  const lapse = async (atMs: number) => {
    erase('ann');
    await other.create({ ...ANN, slotIds: ['seat'] }, atMs - MINUTE_MS);
    await other.read('ann', atMs);
  };
  await lapse(NOW);
  beforeWrites((write) => lapse(NOW + write));
  await expect(store.confirm('ann', NOW, { ifLapsed: 'revive' })).rejects.toThrow(ContentionError);
});

test('a deletion that finds the booking changed each time is no failure of ours', async () => {
  const { bookings, store, other } = given();
  await other.create(ANN, NOW);
  await other.confirm('ann', NOW);
  class ChangingTable extends MemoryTable {
    async delete(key: Item) {
      return { kind: 'refused' as const, found: bookings.get(key) };
    }
  }
  const erasure = new BookingErasure(new ChangingTable(bookings), store, BOOKINGS_SHAPE);
  await expect(erasure.delete('ann', NOW)).rejects.toThrow(ContentionError);
});

/** A store, and another one over the same tables that nobody is in the way of. */
const given = () => {
  const bookings = new TableState(BOOKINGS_SCHEMA);
  const slots = new TableState({ key: SLOT_ATTRIBUTES.slotId });
  const memory = new MemoryTransactions(
    new Map([
      ['bookings', bookings],
      ['slots', slots],
    ]),
  );
  let writes = 0;
  let comes: (write: number) => unknown = () => undefined;
  const others = async () => {
    writes += 1;
    await comes(writes);
  };
  class TableWithTraffic extends MemoryTable {
    override async write(...request: Parameters<MemoryTable['write']>) {
      await others();
      return super.write(...request);
    }
  }
  const transact: Transactions['transact'] = async (request) => {
    await others();
    return memory.transact(request);
  };
  const storeOver = (transactions: Transactions, table: MemoryTable) => {
    const ports = { slotsTable: 'slots', bookingsTable: 'bookings', shape: BOOKINGS_SHAPE, patience: USUAL_PATIENCE };
    return new BookingStore(table, 1, {
      slotted: new SlottedBookings({ transactions, slots: new MemoryTable(slots), bookings: table, ...ports }),
    });
  };
  return {
    bookings,
    store: storeOver({ transact }, new TableWithTraffic(bookings)),
    other: storeOver(memory, new MemoryTable(bookings)),
    /** Comes before each write of the store, which is counted from 1. */
    beforeWrites: (next: (write: number) => unknown) => {
      writes = 0;
      comes = next;
    },
    erase: (bookingId: string) => bookings.delete({ bookingId: { S: bookingId } }),
  };
};
