/** A move that is refused because the hold has lapsed, while somebody else's move from before the deadline is still on its way. */
import { expect, test } from 'vitest';
import { BookingStore } from '../../functions/adapters/booking-store.ts';
import { MINUTE_MS } from '../../functions/core/hold-time.ts';
import { MemoryTable } from '../memory/memory-table.ts';
import { BOOKINGS_SCHEMA } from '../memory/schemas.ts';
import { TableState } from '../memory/table-state.ts';

const NOW = 1_790_000_000_000;
const BEFORE = NOW + MINUTE_MS - 1;
const AT = NOW + MINUTE_MS;

test('a cancellation finds the payment that arrives between its refusal and the expiry, and cancels it', async () => {
  const { store, arrivesAfterRefusal } = await givenBooking();
  arrivesAfterRefusal((other) => other.confirm('ann', BEFORE));
  expect(await store.cancel('ann', AT)).toMatchObject({ kind: 'moved', booking: { status: 'CANCELLED' } });
});

test('a payment finds the extension that arrives between its refusal and the expiry, and confirms it', async () => {
  const { store, arrivesAfterRefusal } = await givenBooking();
  arrivesAfterRefusal((other) => other.extend('ann', 2 * MINUTE_MS, BEFORE));
  expect(await store.confirm('ann', AT)).toMatchObject({ kind: 'moved', booking: { status: 'CONFIRMED' } });
});

test('an extension finds the one that arrives between its look and the expiry, and extends on from it', async () => {
  const { store, arrivesAfterRefusal } = await givenBooking();
  arrivesAfterRefusal((other) => other.extend('ann', 2 * MINUTE_MS, BEFORE));
  const extended = { kind: 'moved', booking: { expiresAtMs: AT + 5 * MINUTE_MS } };
  expect(await store.extend('ann', 5 * MINUTE_MS, AT)).toMatchObject(extended);
});

test('a payment finds the cancellation that arrives between its refusal and the expiry, and is refused for it', async () => {
  const { store, arrivesAfterRefusal } = await givenBooking();
  arrivesAfterRefusal((other) => other.cancel('ann', BEFORE));
  expect(await store.confirm('ann', AT)).toMatchObject({ kind: 'refused', found: 'CANCELLED' });
});

test('without any of them the booking is expired before its move is refused', async () => {
  const { store } = await givenBooking();
  expect(await store.confirm('ann', AT)).toMatchObject({ kind: 'refused', found: 'EXPIRED' });
  expect((await store.get('ann'))?.status).toBe('EXPIRED');
});

/** A PENDING booking that lapses at AT, and its store. What arrives after a refusal is there just before the expiry. */
const givenBooking = async () => {
  const state = new TableState(BOOKINGS_SCHEMA);
  const other = new BookingStore(new MemoryTable(state), 1);
  await other.create({ bookingId: 'ann', holdMs: MINUTE_MS }, NOW);
  let arrive: (() => Promise<unknown>) | undefined;
  class TableWithTraffic extends MemoryTable {
    override async write(...request: Parameters<MemoryTable['write']>) {
      const [, { set }] = request;
      if (set.status === 'EXPIRED') {
        await arrive?.();
        arrive = undefined;
      }
      return super.write(...request);
    }
  }
  return {
    store: new BookingStore(new TableWithTraffic(state), 1),
    arrivesAfterRefusal: (move: (other: BookingStore) => Promise<unknown>) => {
      arrive = () => move(other);
    },
  };
};
