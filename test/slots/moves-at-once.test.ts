/** Moves of a booking with slots while others move it, or its slots, between two requests of theirs. */
import { describe, expect, test } from 'vitest';
import { BookingStore } from '../../functions/adapters/booking-store.ts';
import { USUAL_PATIENCE } from '../../functions/adapters/contention.ts';
import { SlottedBookings } from '../../functions/adapters/slotted-bookings.ts';
import { ContentionError } from '../../functions/api/ports.ts';
import { MINUTE_MS } from '../../functions/core/hold-time.ts';
import { BOOKINGS_SHAPE, OWN_ATTRIBUTES, SLOT_ATTRIBUTES } from '../../functions/table/shape.ts';
import type { TransactedWrite, TransactionAnswer, Transactions } from '../../functions/table/transaction.ts';
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

/** The booking is gone, and another one has its id, with the same hold of other slots. */
const replaced = async ({ other, erase }: Given, settle = true): Promise<void> => {
  if (settle) await other.cancel('ann', NOW);
  await erase('ann');
  await other.create({ bookingId: 'ann', holdMs: MINUTE_MS, slotIds: ['other seat'] }, NOW);
};

describe('a booking that is gone meanwhile, with another one under its id, is not taken for it', () => {
  test.each<[string, (store: BookingStore) => Promise<{ readonly kind: string }>, string]>([
    ['a confirmation', (store) => store.confirm('ann', NOW), 'CONFIRMED'],
    ['a cancellation', (store) => store.cancel('ann', NOW), 'CANCELLED'],
    ['an extension', (store) => store.extend('ann', 2 * MINUTE_MS, NOW), 'PENDING'],
  ])('by %s', async (_, move, status) => {
    const given = await givenBooking();
    given.before(() => replaced(given));
    expect((await move(given.store)).kind).toBe('moved');
    // What it claims is written, and what the one before it claimed is not.
    expect((await given.other.get('ann'))?.status).toBe(status);
    expect(await given.slotIds()).toEqual(status === 'CANCELLED' ? [] : ['other seat']);
  });

  test('by a revival', async () => {
    const given = await givenBooking();
    await given.other.read('ann', NOW + MINUTE_MS);
    given.before(() => replaced(given, false));
    const outcome = await given.store.confirm('ann', NOW + MINUTE_MS, { ifLapsed: 'revive' });
    expect(outcome).toMatchObject({ kind: 'moved', booking: { slotIds: ['other seat'] } });
    // The one before it had lapsed and left its slot as it was.
    expect(await given.slotIds()).toEqual(['seat', 'other seat']);
    expect(await given.stateOf('seat')).toBe('HELD');
  });

  test('by a revival of one that expired at another time', async () => {
    const given = await givenBooking();
    await given.other.read('ann', NOW + MINUTE_MS);
    given.before(async () => {
      await given.erase('ann');
      await given.other.create({ bookingId: 'ann', holdMs: MINUTE_MS, slotIds: ['seat'] }, NOW);
      await given.other.read('ann', NOW + 2 * MINUTE_MS);
      throw new Error('the answer that counts is that of the next try');
    });
    const late = given.store.confirm('ann', NOW + MINUTE_MS, { ifLapsed: 'revive' });
    await expect(late).rejects.toThrow('the next try');
    // The transaction that was sent before arrives now.
    expect(await given.arriveLate()).toMatchObject({ kind: 'refused' });
    expect((await given.other.get('ann'))?.status).toBe('EXPIRED');
  });

  test('by a cancellation that saw another payment', async () => {
    const given = await givenBooking();
    await given.other.confirm('ann', NOW);
    given.before(async () => {
      await given.other.cancel('ann', NOW);
      await given.erase('ann');
      await given.other.create({ bookingId: 'ann', holdMs: MINUTE_MS, slotIds: ['seat'] }, NOW);
      await given.other.confirm('ann', NOW + 1);
      throw new Error('the answer that counts is that of the next try');
    });
    await expect(given.store.cancel('ann', NOW)).rejects.toThrow('the next try');
    expect(await given.arriveLate()).toMatchObject({ kind: 'refused' });
    expect((await given.other.get('ann'))?.status).toBe('CONFIRMED');
  });

  test('by the note that its slots are lost', async () => {
    const given = await givenBooking();
    await given.steal();
    given.beforeLoss(() => replaced(given));
    expect(await given.store.confirm('ann', NOW)).toMatchObject({ kind: 'moved' });
    expect((await given.other.get('ann'))?.slotsLostAtMs).toBeUndefined();
  });

  test('by that note where it has the same slots in a hold of its own', async () => {
    const given = await givenBooking();
    await given.steal();
    given.beforeLoss(async () => {
      await given.other.cancel('ann', NOW);
      await given.erase('ann');
      await given.other.cancel('bob', NOW);
      await given.other.create({ bookingId: 'ann', holdMs: 2 * MINUTE_MS, slotIds: ['seat'] }, NOW + 1);
    });
    expect(await given.store.confirm('ann', NOW + 2)).toMatchObject({ kind: 'moved' });
    expect((await given.other.get('ann'))?.slotsLostAtMs).toBeUndefined();
  });
});

describe('a booking whose payment was refused for good meanwhile', () => {
  /** Somebody else has its slot, and gives it back once the payment was refused. */
  const refusedFor = async (given: Given, nowMs: number, revives: boolean): Promise<void> => {
    const asked = revives ? ({ ifLapsed: 'revive' } as const) : {};
    await given.steal();
    expect((await given.other.confirm('ann', nowMs, asked)).kind).toBe('slots-taken');
    await given.other.cancel('bob', nowMs);
  };

  test('is not confirmed', async () => {
    const given = await givenBooking();
    given.before(() => refusedFor(given, NOW, false));
    expect(await given.store.confirm('ann', NOW)).toMatchObject({ kind: 'slots-taken', slots: [{ slotId: 'seat' }] });
  });

  test('is not extended', async () => {
    const given = await givenBooking();
    given.before(() => refusedFor(given, NOW, false));
    expect((await given.store.extend('ann', 2 * MINUTE_MS, NOW)).kind).toBe('slots-taken');
    expect(await given.slotIds()).toEqual([]);
  });

  test('is not revived', async () => {
    const given = await givenBooking();
    await given.other.read('ann', NOW + MINUTE_MS);
    given.before(() => refusedFor(given, NOW + MINUTE_MS, true));
    const outcome = await given.store.confirm('ann', NOW + MINUTE_MS, { ifLapsed: 'revive' });
    expect(outcome.kind).toBe('slots-taken');
  });

  test('keeps the first refusal', async () => {
    const given = await givenBooking();
    await given.steal();
    given.beforeLoss(async () => {
      await given.other.confirm('ann', NOW - 5);
    });
    await given.store.confirm('ann', NOW);
    expect((await given.other.get('ann'))?.slotsLostAtMs).toBe(NOW - 5);
  });

  test('is not refused if it was cancelled before that was noted', async () => {
    const given = await givenBooking();
    await given.steal();
    given.beforeLoss(() => given.other.cancel('ann', NOW));
    expect(await given.store.confirm('ann', NOW)).toMatchObject({ kind: 'refused', found: 'CANCELLED' });
    expect((await given.other.get('ann'))?.slotsLostAtMs).toBeUndefined();
  });
});

test('an answer has the start of the hold that was there by then', async () => {
  const given = await givenBooking();
  given.before(async () => {
    await given.other.extend('ann', 2 * MINUTE_MS, NOW);
    await given.other.extend('ann', MINUTE_MS - 7, NOW + 7);
  });
  const outcome = await given.store.confirm('ann', NOW + 9);
  expect(outcome).toMatchObject({ kind: 'moved', booking: { holdStartedAtMs: NOW + 7 } });
});

/** What a caller of ours does, and what others do before its transaction arrives, late. */
type Late = readonly [name: string, move: Move, others: Move, status: string];
type Move = (store: BookingStore) => Promise<unknown>;
const LAPSED = NOW + MINUTE_MS;
const revive: Move = (store) => store.confirm('ann', LAPSED, { ifLapsed: 'revive' });
const expired: Move = (store) => store.read('ann', LAPSED);
const confirmed: Move = (store) => store.confirm('ann', NOW);
const cancelled: Move = (store) => store.cancel('ann', NOW);
const extended: Move = (store) => store.extend('ann', 5_000, NOW);

describe('a transaction that arrives after another move changes nothing', () => {
  const held: readonly Late[] = [
    ['a payment after a cancellation', confirmed, cancelled, 'CANCELLED'],
    ['a payment after an expiry', confirmed, expired, 'EXPIRED'],
    ['a cancellation after the payment', cancelled, confirmed, 'CONFIRMED'],
    ['a cancellation after an expiry', cancelled, expired, 'EXPIRED'],
    ['an extension after the payment', extended, confirmed, 'CONFIRMED'],
    ['an extension after a newer one', extended, (other) => other.extend('ann', 9_000, NOW), 'PENDING'],
  ];
  const cancelRevived: Move = async (other) => {
    await revive(other);
    await other.cancel('ann', LAPSED);
  };
  test.each<readonly [...Late, before: Move]>([
    ...held.map((late) => [...late, async () => undefined] as const),
    ['a revival after a cancellation', revive, cancelRevived, 'CANCELLED', expired],
    ['a second revival', revive, revive, 'CONFIRMED', expired],
    ['a second cancellation', cancelled, (other) => other.cancel('ann', NOW + 1), 'CANCELLED', confirmed],
  ])('%s', async (_, move, others, status, before) => {
    const given = await givenBooking();
    await before(given.other);
    given.before(async () => {
      await others(given.other);
      throw new Error('nobody hears of it');
    });
    await expect(move(given.store)).rejects.toThrow('nobody hears of it');
    const there = await given.other.get('ann');
    expect(there?.status).toBe(status);
    expect(await given.arriveLate()).toMatchObject({ kind: 'refused' });
    expect(await given.other.get('ann')).toEqual(there);
  });
});

/** A transaction that was sent before, and arrives when others have done this. */
const arrivingAfter = async (given: Given, move: Move, others: () => Promise<unknown>) => {
  given.before(async () => {
    await others();
    throw new Error('nobody hears of it');
  });
  await expect(move(given.store)).rejects.toThrow('nobody hears of it');
  return given.arriveLate();
};

test('a revival of a slot without an item that arrives after the cancellation changes nothing', async () => {
  const given = await givenBooking();
  await expired(given.other);
  await given.purge();
  const late = await arrivingAfter(given, revive, async () => {
    await revive(given.other);
    await given.other.cancel('ann', LAPSED);
  });
  expect([late.kind, (await given.other.get('ann'))?.status]).toEqual(['refused', 'CANCELLED']);
});

test.each<[string, Move, Move]>([
  ['a revival', revive, expired],
  ['a cancellation of what is paid', cancelled, confirmed],
])('%s that arrives late finds another booking with other slots and the same times', async (_, move, before) => {
  const given = await givenBooking();
  await before(given.other);
  const late = await arrivingAfter(given, move, async () => {
    await replaced(given, false);
    await before(given.other);
  });
  expect(late.kind).toBe('refused');
});

test('a cancellation leaves a slot that is another booking’s', async () => {
  const given = await givenBooking();
  await given.steal();
  expect((await given.store.cancel('ann', NOW)).kind).toBe('moved');
  expect(await given.slotIds()).toEqual(['seat']);
});

test.each(['confirm', 'cancel', 'extend'] as const)(
  '%s is refused where the hold lapses while others are in the way: each try is judged by its own clock',
  async (move) => {
    const given = await givenBooking();
    given.before(...Array.from({ length: 3 }, () => async () => BUSY));
    const { store } = given;
    const outcome = await (move === 'extend' ? store.extend('ann', 5_000, LAPSED - 1) : store[move]('ann', LAPSED - 1));
    expect(outcome).toMatchObject({ kind: 'refused', found: 'EXPIRED' });
  },
);

test.each(['confirm', 'extend'] as const)(
  '%s takes no slot that is another booking’s since it looked',
  async (move) => {
    const given = await givenBooking();
    given.before(() => given.steal());
    const outcome = await (move === 'confirm'
      ? given.store.confirm('ann', NOW)
      : given.store.extend('ann', 5_000, NOW));
    expect(outcome).toMatchObject({ kind: 'slots-taken', slots: [{ slotId: 'seat' }] });
    expect(await given.other.confirm('bob', NOW)).toMatchObject({ kind: 'moved' });
  },
);

type Given = Awaited<ReturnType<typeof givenBooking>>;

/** A booking of one slot, its store, and another one. What comes before a transaction is there just before it. */
const givenBooking = async () => {
  const bookings = new TableState(BOOKINGS_SCHEMA);
  const slots = new TableState({ key: SLOT_ATTRIBUTES.slotId });
  const tables = new Map([
    ['bookings', bookings],
    ['slots', slots],
  ]);
  const memory = new MemoryTransactions(tables);
  let beforeTransactions: (() => Promise<unknown>)[] = [];
  let beforeLoss: (() => Promise<unknown>) | undefined;
  let beforeEachLoss: (() => Promise<unknown>) | undefined;
  let last: readonly TransactedWrite[] = [];
  class TableWithTraffic extends MemoryTable {
    override async write(...request: Parameters<MemoryTable['write']>) {
      const isLoss = OWN_ATTRIBUTES.slotsLostAtMs in request[1].set;
      if (isLoss) await beforeEachLoss?.();
      const come = isLoss ? beforeLoss : undefined;
      if (come) {
        beforeLoss = undefined;
        await come();
      }
      return super.write(...request);
    }
  }
  let elapsedMs = 0;
  const patience = {
    ...USUAL_PATIENCE,
    elapsed: () => elapsedMs,
    pause: async (ms: number) => {
      elapsedMs += Math.ceil(ms);
    },
    random: () => 1,
  };
  const storeOver = (transactions: Transactions, table: MemoryTable) => {
    const ports = { slotsTable: 'slots', bookingsTable: 'bookings', shape: BOOKINGS_SHAPE, patience };
    return new BookingStore(table, 1, {
      slotted: new SlottedBookings({ transactions, slots: new MemoryTable(slots), bookings: table, ...ports }),
    });
  };
  const other = storeOver(memory, new MemoryTable(bookings));
  await other.create({ bookingId: 'ann', holdMs: MINUTE_MS, slotIds: ['seat'] }, NOW);
  const transact = async (writes: readonly TransactedWrite[]): Promise<TransactionAnswer> => {
    last = writes;
    const answer = await beforeTransactions.shift()?.();
    return isAnswer(answer) ? answer : memory.transact(writes);
  };
  return {
    store: storeOver({ transact }, new TableWithTraffic(bookings)),
    other,
    /** These come before the next transactions, one each. One that answers stands for the transaction. */
    before: (...next: (() => Promise<unknown>)[]) => {
      beforeTransactions = next;
    },
    /** This comes before a refusal of a payment is noted. */
    beforeLoss: (come: () => Promise<unknown>) => {
      beforeLoss = come;
    },
    /** The same before each of them. */
    beforeEachLoss: (come: () => Promise<unknown>) => {
      beforeEachLoss = come;
    },
    /** Somebody writes into the booking what it claims, against the rules. */
    claimWithoutAsking: (slotIds: readonly string[]) => {
      const found = bookings.get({ bookingId: { S: 'ann' } });
      bookings.put({ ...found, slotIds: { L: slotIds.map((S) => ({ S })) } });
    },
    /** The last transaction of the store arrives. */
    arriveLate: () => memory.transact(last),
    erase: async (bookingId: string) => bookings.delete({ bookingId: { S: bookingId } }),
    /** Somebody deletes the item of the slot, against the rules, and another booking claims it. */
    steal: async () => {
      slots.delete({ slotId: { S: 'seat' } });
      await other.create({ bookingId: 'bob', holdMs: 60 * MINUTE_MS, slotIds: ['seat'] }, NOW);
    },
    /** The item of its slot is gone. */
    purge: async () => slots.delete({ slotId: { S: 'seat' } }),
    stateOf: async (slotId: string) => slots.get({ slotId: { S: slotId } })?.state?.S,
    /** Slots that have an item. */
    slotIds: async () => [...slots.items].map(({ slotId }) => slotId?.S),
  };
};

const isAnswer = (value: unknown): value is TransactionAnswer =>
  typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'busy';

test('a payment whose booking claims something else each time that its refusal is to be noted is given up', async () => {
  const given = await givenBooking();
  await given.steal();
  let rewritten = 0;
  given.beforeEachLoss(async () => {
    rewritten += 1;
    given.claimWithoutAsking(['seat', `seat-${rewritten}`]);
  });
  // Busy, and no error of the service: the next try may come to an answer.
  await expect(given.store.confirm('ann', NOW)).rejects.toBeInstanceOf(ContentionError);
});
