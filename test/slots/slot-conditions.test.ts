/** On what condition each write of a slot is made, of every item that anybody may have put there. */
import { describe, expect, test } from 'vitest';
import type { Item } from '../../functions/table/item.ts';
import { SLOT_ATTRIBUTES } from '../../functions/table/shape.ts';
import { freeSlot, holdSlot, isAsSeenFree, isOwn, isOwnHold, takeSlot } from '../../functions/table/slot-items.ts';
import type { TransactedWrite } from '../../functions/table/transaction.ts';
import { MemoryTransactions } from '../memory/memory-transactions.ts';
import { TableState } from '../memory/table-state.ts';
import { N, S } from '../table/items.ts';

const NOW = 1_790_000_000_000;
const LATER = NOW + 60_000;
const held = (bookingId: string, heldUntilMs: number): Item => ({
  bookingId: S(bookingId),
  state: S('HELD'),
  heldUntilMs: N(heldUntilMs),
});
const taken = (bookingId: string): Item => ({ bookingId: S(bookingId), state: S('TAKEN') });

/** Every write of ann's that goes by whose the slot is: to hold for longer or anew, to take, to give back. */
const WRITES: Readonly<Record<string, TransactedWrite>> = {
  holds: holdSlot('slots', 'seat', 'ann', LATER, isOwn('ann')),
  'holds anew': holdSlot('slots', 'seat', 'ann', LATER, isOwnHold('ann')),
  takes: takeSlot('slots', 'seat', 'ann', isOwn('ann')),
  frees: freeSlot('slots', 'seat', 'ann'),
};

const isMade = async (write: TransactedWrite, item: Item | undefined): Promise<boolean> => {
  const slots = new TableState({ key: SLOT_ATTRIBUTES.slotId });
  if (item) slots.put({ slotId: S('seat'), ...item });
  const answer = await new MemoryTransactions(new Map([['slots', slots]])).transact([write]);
  return answer.kind === 'made';
};

describe('ann', () => {
  const all = Object.keys(WRITES);
  const forGood = ['holds', 'takes', 'frees'];
  test.each<[string, Item | undefined, readonly string[]]>([
    ['a slot without an item', undefined, forGood],
    ['one that she holds', held('ann', LATER), all],
    ['one that she held', held('ann', NOW - 1), all],
    ['one that is hers for good', taken('ann'), forGood],
    ['one that another holds', held('bob', NOW + 1), []],
    ['one that another held', held('bob', NOW), []],
    ['one that is another’s for good', taken('bob'), []],
    ['one that is hers for good, with a time', { ...held('ann', NOW), state: S('TAKEN') }, forGood],
    ['one that nobody is said to have', { state: S('HELD'), heldUntilMs: N(NOW + 1) }, []],
    ['an item that says nothing', {}, []],
  ])('with %s', async (_, item, expected) => {
    const made: string[] = [];
    for (const [name, write] of Object.entries(WRITES)) if (await isMade(write, item)) made.push(name);
    expect(made).toEqual(expected);
  });
});

describe('a slot that was seen to be free', () => {
  const seen = held('bob', NOW);
  const claims = (item: Item | undefined) => [
    holdSlot('slots', 'seat', 'ann', LATER, isAsSeenFree(item)),
    takeSlot('slots', 'seat', 'ann', isAsSeenFree(item)),
  ];

  test.each<[string, Item | undefined]>([
    ['without an item', undefined],
    ['as the hold of another that lapsed', seen],
    ['as one that nobody is said to have', { state: S('HELD'), heldUntilMs: N(NOW) }],
  ])('%s is got while it is so', async (_, item) => {
    for (const write of claims(item)) expect(await isMade(write, item)).toBe(true);
  });

  test.each<[string, Item | undefined, Item | undefined]>([
    ['without an item and has one since', undefined, seen],
    ['as a hold that lapsed and is gone since', seen, undefined],
    ['as a hold that lapsed and is a third one’s since', seen, held('eve', NOW)],
    ['as a hold that lapsed and is held for longer since', seen, held('bob', LATER)],
    ['as a hold that lapsed and was sold since', seen, { ...seen, state: S('TAKEN') }],
    ['as one that nobody is said to have, and has an owner since', { state: S('HELD'), heldUntilMs: N(NOW) }, seen],
  ])('%s is not', async (_, before, after) => {
    for (const write of claims(before)) expect(await isMade(write, after)).toBe(false);
  });
});

test('what is taken is never purged, and what is held not before a week after its time', () => {
  const purgeAtOf = (write: TransactedWrite | undefined) =>
    write?.kind === 'put' ? write.item[SLOT_ATTRIBUTES.purgeAt] : undefined;
  expect(purgeAtOf(WRITES.takes)).toBeUndefined();
  const weekAfter = N(Math.ceil(LATER / 1_000) + 7 * 86_400);
  expect([WRITES['holds anew'], WRITES.holds].map(purgeAtOf)).toEqual([weekAfter, weekAfter]);
});
