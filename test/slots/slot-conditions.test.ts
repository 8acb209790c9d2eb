/** On what condition each write of a slot is made, of every item that anybody may have put there. */
import { describe, expect, test } from 'vitest';
import type { Item } from '../../functions/table/item.ts';
import { SLOT_ATTRIBUTES } from '../../functions/table/shape.ts';
import { claimSlot, freeSlot, holdSlot, retakeSlot, takeSlot } from '../../functions/table/slot-items.ts';
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

/** Every write of ann's: to claim, to hold for longer, to take, to take again, to give back. */
const WRITES: Readonly<Record<string, TransactedWrite>> = {
  claims: claimSlot('slots', 'seat', 'ann', LATER, NOW),
  holds: holdSlot('slots', 'seat', 'ann', LATER),
  takes: takeSlot('slots', 'seat', 'ann'),
  retakes: retakeSlot('slots', 'seat', 'ann', NOW),
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
  test.each<[string, Item | undefined, readonly string[]]>([
    ['a slot without an item', undefined, all],
    ['one that she holds', held('ann', LATER), all],
    ['one that she held', held('ann', NOW - 1), all],
    ['one that is hers for good', taken('ann'), ['holds', 'takes', 'retakes', 'frees']],
    ['one that another holds', held('bob', NOW + 1), []],
    ['one whose hold by another lapses now', held('bob', NOW), ['claims', 'retakes']],
    ['one that is another’s for good', taken('bob'), []],
    ['one that is another’s for good, with a time that has passed', { ...held('bob', NOW), state: S('TAKEN') }, []],
    [
      'one that is hers for good, with a time that has passed',
      { ...held('ann', NOW), state: S('TAKEN') },
      ['holds', 'takes', 'retakes', 'frees'],
    ],
    ['one with a word that is none of ours', { ...held('bob', NOW), state: S('FREE') }, []],
    ['one that is held until a time in seconds', held('bob', NOW / 1_000), []],
    ['one that is held until a text', { ...held('bob', NOW), heldUntilMs: S(String(NOW)) }, []],
    ['one that is held until nobody says when', { bookingId: S('bob'), state: S('HELD') }, []],
    ['one that nobody is said to have', { state: S('HELD'), heldUntilMs: N(NOW + 1) }, []],
    ['an item that says nothing', {}, []],
  ])('with %s', async (_, item, expected) => {
    const made: string[] = [];
    for (const [name, write] of Object.entries(WRITES)) if (await isMade(write, item)) made.push(name);
    expect(made).toEqual(expected);
  });
});

test('a clock before all time asks for nothing that no condition may ask', async () => {
  expect(await isMade(claimSlot('slots', 'seat', 'ann', LATER, 0), held('bob', LATER))).toBe(false);
});

test('what is taken is never purged, and what is held not before a week after its time', () => {
  const purgeAtOf = (write: TransactedWrite | undefined) =>
    write?.kind === 'put' ? write.item[SLOT_ATTRIBUTES.purgeAt] : undefined;
  expect([WRITES.takes, WRITES.retakes].map(purgeAtOf)).toEqual([undefined, undefined]);
  const weekAfter = N(Math.ceil(LATER / 1_000) + 7 * 86_400);
  expect([WRITES.claims, WRITES.holds].map(purgeAtOf)).toEqual([weekAfter, weekAfter]);
});
