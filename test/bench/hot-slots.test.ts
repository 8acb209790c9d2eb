/** Crowds in the simulation: correct whatever is throttled, and limited as DynamoDB limits. */
import { describe, expect, test } from 'vitest';
import { type Crowd, playHotCrowd } from '../../bench/simulation/hot-slots.ts';
import { Kernel, seededChance } from '../../bench/simulation/kernel.ts';
import { SimulatedTransactions } from '../../bench/simulation/simulated-transactions.ts';
import type { Item } from '../../functions/table/item.ts';
import { holdSlot, isAsSeenFree } from '../../functions/table/slot-items.ts';

const START_MS = 1_800_000_000_000;
const crowd = (changes: Partial<Crowd>): Crowd => ({
  buyers: 100,
  withinMs: 0,
  slots: 1,
  claims: 1,
  partitions: 4,
  ...changes,
});

describe('a simulated crowd', () => {
  test.each([
    ['at one moment', {}],
    ['beyond what a partition takes', { buyers: 1_500 }],
    ['with several slots each', { buyers: 300, withinMs: 500, slots: 20, claims: 3 }],
  ])('%s is answered whole, and no slot is sold twice', async (_, changes) => {
    const asked = crowd(changes);
    const { given, refused, busy, answerMs, soldTwice } = await playHotCrowd(asked, 1);
    expect(soldTwice).toBe(0);
    expect(given).toBeGreaterThan(0);
    expect(given + refused + busy).toBe(asked.buyers);
    expect(answerMs.length).toBe(asked.buyers);
    // One slot has one owner.
    if (asked.slots === 1) expect(given).toBe(1);
  });

  test('has the same outcome for the same seed', async () => {
    const asked = crowd({ withinMs: 100, slots: 20 });
    expect(await playHotCrowd(asked, 7)).toEqual(await playHotCrowd(asked, 7));
    expect(await playHotCrowd(asked, 7)).not.toEqual(await playHotCrowd(asked, 8));
  });

  test('is throttled above 500 tries of one slot a second, of two units each, and answered by reads instead', async () => {
    const below = await playHotCrowd(crowd({ buyers: 500 }), 1);
    expect(below).toMatchObject({ throttledTries: 0, busy: 0 });
    const above = await playHotCrowd(crowd({ buyers: 600 }), 1);
    // They come within some milliseconds, in which a few units more are there.
    expect(above).toMatchObject({ refused: 599, busy: 0 });
    expect(above.throttledTries).toBeGreaterThan(90);
    expect(above.throttledTries).toBeLessThanOrEqual(100);
  });

  test('hears 503 where the reads of one slot do not suffice either', async () => {
    const { busy, given } = await playHotCrowd(crowd({ buyers: 12_000 }), 1);
    expect(busy).toBeGreaterThan(0);
    expect(given).toBe(1);
  });
});

describe('simulated transactions', () => {
  const open = () => {
    const kernel = new Kernel(START_MS);
    const transactions = new SimulatedTransactions(kernel, seededChance(1), 1);
    const claim = (owner: string, nowMs: number, seen?: Item) =>
      transactions.transact([holdSlot('slots', 'seat', owner, nowMs + 1_000, isAsSeenFree(seen))]);
    return { kernel, transactions, claim };
  };

  test('that meet at an item are in each other’s way, and one of them is made', async () => {
    const { kernel, transactions, claim } = open();
    const both = Promise.all([claim('a', START_MS), claim('b', START_MS)]);
    await kernel.run(START_MS + 100);
    expect((await both).map(({ kind }) => kind).toSorted()).toEqual(['busy', 'made']);
    expect(transactions.counts.conflicts).toBe(1);
  });

  test('are refused where the slot is not as it was seen any more, and made where it is', async () => {
    const { kernel, claim } = open();
    const held = (owner: string) => ({
      bookingId: { S: owner },
      state: { S: 'HELD' },
      heldUntilMs: { N: String(START_MS + 1_000) },
    });
    const story = (async () => {
      const kinds = [(await claim('a', START_MS)).kind];
      kinds.push((await claim('b', START_MS + 1_000)).kind);
      kinds.push((await claim('b', START_MS + 1_000, held('c'))).kind);
      kinds.push((await claim('b', START_MS + 1_000, held('a'))).kind);
      return kinds;
    })();
    await kernel.run(START_MS + 100);
    expect(await story).toEqual(['made', 'refused', 'refused', 'made']);
  });

  test('show readers only what is committed', async () => {
    const { kernel, transactions, claim } = open();
    const slots = transactions.tableOf('slots');
    const read = () => slots.getMany([{ slotId: { S: 'seat' } }], { consistent: true, settle: true });
    const made = claim('a', START_MS);
    const early = read();
    await kernel.run(START_MS + 100);
    await made;
    const late = read();
    await kernel.run(START_MS + 200);
    expect([await early, await late]).toEqual([[], [expect.objectContaining({ bookingId: { S: 'a' } })]]);
  });
});
