/** A process of the service in a history: the real store over tables that it reaches by requests, each in its turn. */
import { BookingErasure } from '../../functions/adapters/booking-erasure.ts';
import { BookingStore } from '../../functions/adapters/booking-store.ts';
import { HeldItems } from '../../functions/adapters/held-items.ts';
import { SlottedBookings } from '../../functions/adapters/slotted-bookings.ts';
import { BOOKINGS_SHAPE } from '../../functions/table/shape.ts';
import type { DeletingTable } from '../../functions/table/table.ts';
import type { TransactionAnswer } from '../../functions/table/transaction.ts';
import type { Backend } from './backend.ts';
import type { Fault } from './steps.ts';
import { tellBooking, tellCreated, tellDeleted, tellMoved, tellSlot } from './telling.ts';
import type { Act, Told } from './truth.ts';
import type { Turns } from './turns.ts';

const SHARD_COUNT = 3;
/** What the explained truth calls a request to be: any that did not come to an end. */
class Crash extends Error {
  override readonly name = 'Crash';
}

/** How a process stands in time. */
export interface ProcessClock {
  readonly nowMs: () => number;
  readonly pass: (ms: number) => void;
}

/** @param fault what goes wrong with its requests */
export const startProcess = (backend: Backend, turns: Turns, clock: ProcessClock, fault: Fault | undefined) => {
  let requests = 0;
  let tries = 0;
  let transactions = 0;
  const befall = () => {
    if (fault?.kind !== 'network') return undefined;
    tries += 1;
    return tries > fault.afterTries && tries <= fault.afterTries + fault.times ? fault.befalls : undefined;
  };
  const send = <T>(carryOut: () => Promise<T>): Promise<T> => {
    if (fault?.kind === 'crash' && requests > fault.atRequest) return Promise.reject(new Crash('crashed before'));
    const isLast = fault?.kind === 'crash' && requests === fault.atRequest;
    requests += 1;
    return turns.take(async () => {
      if (isLast) {
        if (fault.carriedOut) await carryOut();
        throw new Crash('crashed now');
      }
      backend.befallBy(befall);
      return carryOut();
    });
  };
  const transact = async (carryOut: () => Promise<TransactionAnswer>): Promise<TransactionAnswer> => {
    transactions += 1;
    if (fault?.kind !== 'busy' || transactions > fault.times) return carryOut();
    if (fault.carriedOut && transactions === 1) await carryOut();
    return { kind: 'busy', reason: 'TransactionConflict' };
  };
  const bookings = overRequests(backend.bookings, send);
  const slotted = new SlottedBookings({
    transactions: { transact: (writes) => send(() => transact(() => backend.transactions.transact(writes))) },
    slots: { getMany: (keys, options) => send(() => backend.slots.getMany(keys, options)) },
    slotsTable: backend.slotsTable,
    bookings,
    bookingsTable: backend.bookingsTable,
    shape: BOOKINGS_SHAPE,
    patience: {
      limitMs: 1_000,
      elapsed: clock.nowMs,
      pause: async (ms) => clock.pass(Math.ceil(ms)),
      random: () => 0.5,
    },
  });
  const store = new BookingStore(bookings, SHARD_COUNT, { slotted });
  const erasure = new BookingErasure(bookings, store, BOOKINGS_SHAPE);
  const held = new HeldItems(bookings, BOOKINGS_SHAPE);

  /** Does it, by the process's clock. @throws whatever kept it from being answered */
  return async (act: Act): Promise<Told | undefined> => {
    const nowMs = clock.nowMs();
    if (act.do === 'look-up') return tellSlot(await slotted.lookUp([act.slotId], nowMs), nowMs);
    const { id } = act;
    switch (act.do) {
      case 'create': {
        const booking = { bookingId: id, holdMs: act.expiresAtMs - nowMs, slotIds: act.slotIds };
        return tellCreated(await store.create(booking, nowMs), nowMs);
      }
      case 'confirm':
        return tellMoved(await store.confirm(id, nowMs, act.revives ? { ifLapsed: 'revive' } : {}));
      case 'cancel':
        return tellMoved(await store.cancel(id, nowMs));
      case 'extend':
        return tellMoved(await store.extend(id, act.expiresAtMs - nowMs, nowMs));
      case 'read': {
        const booking = await store.read(id, nowMs);
        return booking ? tellBooking('found', booking, nowMs) : { kind: 'missing' };
      }
      case 'delete':
        return tellDeleted(await erasure.delete(id, nowMs), nowMs);
      case 'expire':
        await held.expire([id], 'sweep', nowMs);
        return undefined;
    }
  };
};

const overRequests = (table: DeletingTable, send: <T>(carryOut: () => Promise<T>) => Promise<T>): DeletingTable => ({
  create: (...given) => send(() => table.create(...given)),
  write: (...given) => send(() => table.write(...given)),
  writeMany: (...given) => send(() => table.writeMany(...given)),
  get: (...given) => send(() => table.get(...given)),
  getMany: (...given) => send(() => table.getMany(...given)),
  delete: (...given) => send(() => table.delete(...given)),
  query: (...given) => table.query(...given),
  scan: (...given) => table.scan(...given),
  count: (...given) => table.count(...given),
});
