/** Moves of a booking with slots while others move it, or its slots, between two requests of theirs. */
import { expect, test } from 'vitest';
import { BookingStore } from '../../functions/adapters/booking-store.ts';
import { SlottedBookings } from '../../functions/adapters/slotted-bookings.ts';
import { MINUTE_MS } from '../../functions/core/hold-time.ts';
import { BOOKINGS_SHAPE, SLOT_ATTRIBUTES } from '../../functions/table/shape.ts';
import type { TransactionAnswer, Transactions } from '../../functions/table/transaction.ts';
import { MemoryTable } from '../memory/memory-table.ts';
import { MemoryTransactions } from '../memory/memory-transactions.ts';
import { BOOKINGS_SCHEMA } from '../memory/schemas.ts';
import { TableState } from '../memory/table-state.ts';

const NOW = 1_790_000_000_000;

test.each(['confirm', 'cancel'] as const)('%s tells the deadline that the booking has by then', async (move) => {
  const { store, other, before } = await givenBooking();
  before(() => other.extend('ann', 2 * MINUTE_MS, NOW));
  const outcome = await store[move]('ann', NOW);
  expect(outcome).toMatchObject({ kind: 'moved', booking: { expiresAtMs: NOW + 2 * MINUTE_MS } });
  expect(await other.get('ann')).toEqual(outcome.kind === 'moved' && outcome.booking);
});

const BUSY: TransactionAnswer = { kind: 'busy', reason: 'TransactionConflict' };

test('a creation that is repeated finds its booking also where others are at its slots', async () => {
  const { store, other, before } = await givenBooking();
  await other.confirm('ann', NOW);
  before(async () => BUSY);
  const again = { bookingId: 'ann', holdMs: MINUTE_MS, slotIds: ['seat'] };
  expect(await store.create(again, NOW)).toMatchObject({ kind: 'exists', booking: { status: 'CONFIRMED' } });
  before(async () => BUSY);
  const next = { ...again, bookingId: 'bob' };
  expect(await store.create(next, NOW)).toEqual({ kind: 'slots-taken', slots: [{ slotId: 'seat' }] });
});

/** A booking of one slot, its store, and another one. What comes before a transaction is there just before it. */
const givenBooking = async () => {
  const bookings = new TableState(BOOKINGS_SCHEMA);
  const slots = new TableState({ key: SLOT_ATTRIBUTES.slotId });
  const tables = new Map([
    ['bookings', bookings],
    ['slots', slots],
  ]);
  const storeOver = (transactions: Transactions) => {
    const ports = { slotsTable: 'slots', bookingsTable: 'bookings', shape: BOOKINGS_SHAPE };
    const table = new MemoryTable(bookings);
    const slotted = new SlottedBookings({ transactions, slots: new MemoryTable(slots), bookings: table, ...ports });
    return new BookingStore(table, 1, { slotted });
  };
  const memory = new MemoryTransactions(tables);
  const other = storeOver(memory);
  await other.create({ bookingId: 'ann', holdMs: MINUTE_MS, slotIds: ['seat'] }, NOW);
  let events: (() => Promise<unknown>)[] = [];
  const store = storeOver({
    transact: async (writes) => {
      const answer = await events.shift()?.();
      return isAnswer(answer) ? answer : memory.transact(writes);
    },
  });
  return {
    store,
    other,
    /** These come before the next transactions, one each. One that answers stands for the transaction. */
    before: (...next: (() => Promise<unknown>)[]) => {
      events = next;
    },
  };
};

const isAnswer = (value: unknown): value is TransactionAnswer =>
  typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'busy';
