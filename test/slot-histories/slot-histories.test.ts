import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import type { Item } from '../../functions/table/item.ts';
import type { AnyOf, TransactedWrite } from '../../functions/table/transaction.ts';
import type { Backend } from './backend.ts';
import { memoryBackend } from './memory-backend.ts';
import { Play } from './play.ts';
import { SLOT_BACKENDS, SlotPlayer } from './player.ts';
import { BrokenPromise } from './promises.ts';
import { slotHistories } from './random-steps.ts';
import { type Doing, type Step, sentence } from './steps.ts';

/** SLOT_HISTORIES=100000 plays more of them in memory, and one for each hundred on the engine. */
const HISTORIES = Number(process.env.SLOT_HISTORIES ?? 2_500);
const PER_ENGINE_HISTORY = 100;
const players = SLOT_BACKENDS.map((name) => ({ name, player: new SlotPlayer(name) }));
afterAll(async () => {
  for (const { player } of players) await player.stop();
});

describe('whatever happens to bookings that claim the same slots', () => {
  test.each(players)('the promises hold after every request of random histories: $name', async ({ name, player }) => {
    const share = name === 'slots' ? 1 : 1 / PER_ENGINE_HISTORY;
    // Another seed in every run: what one run misses, another finds. A failure prints its seed and its shortest history.
    await fc.assert(fc.asyncProperty(slotHistories(25), player.play), {
      numRuns: Math.ceil(HISTORIES * share),
      // As many as there is time for on a busy machine: a campaign is another command.
      interruptAfterTimeLimit: name === 'slots' ? 6_000 : 30_000,
      markInterruptAsFailure: false,
    });
  });
});

const doing = (deed: Doing['deed'], offMs = 0): Step => ({
  is: 'done',
  doings: [{ deed, fault: undefined, offMs }],
  turns: [0],
});
const create = (id: string, slotId = 'seat-1', offMs = 0): Step =>
  doing({ do: 'create', id, holdMs: 5_000, slotIds: [slotId] }, offMs);
const confirm = (id: string, revives = false): Step => doing({ do: 'confirm', id, revives });
const cancel = (id: string): Step => doing({ do: 'cancel', id });
const toDeadline = (id: string, offsetMs = 0): Step => ({ is: 'time-goes-to-deadline', id, offsetMs });

describe('the check itself', () => {
  const play = async (steps: readonly Step[], backend: Backend = memoryBackend(false)): Promise<void> => {
    const one = new Play(backend);
    for (const step of steps) await one.step(step);
    await one.end();
  };

  test.each<[string, Step[]]>([
    [
      'a slot that is sold, given back and sold again',
      [create('ann'), confirm('ann'), cancel('ann'), create('bob'), confirm('bob')],
    ],
    [
      'one that is given at the deadline, and its old booking',
      [create('ann'), toDeadline('ann'), create('bob'), confirm('ann', true)],
    ],
    ['one that is free at the deadline, and a revival', [create('ann'), toDeadline('ann'), confirm('ann', true)]],
    [
      'one that a clock ahead takes from whoever holds it',
      [create('ann'), create('bob', 'seat-1', 60_000), confirm('ann')],
    ],
  ])('is content with %s', async (_, steps) => {
    await expect(play(steps)).resolves.toBeUndefined();
  });

  /** The same tables, whose transactions hold by other conditions. */
  const withConditions = (replace: (write: TransactedWrite) => AnyOf): Backend => {
    const backend = memoryBackend(false);
    const change = (write: TransactedWrite): TransactedWrite =>
      write.kind === 'update' || write.table === 'bookings' ? write : { ...write, anyOf: replace(write) };
    const transact: Backend['transactions']['transact'] = (writes) => backend.transactions.transact(writes.map(change));
    return { ...backend, transactions: { transact } };
  };
  const always: AnyOf = [[]];
  /** The same, where nobody sees what slots are before a transaction. */
  const unseen = (backend: Backend): Backend => ({ ...backend, slots: { ...backend.slots, getMany: async () => [] } });
  const conditionOf = (write: TransactedWrite): AnyOf => (write.kind === 'update' ? always : write.anyOf);

  test.each<[string, Step[], () => Backend, RegExp]>([
    [
      'a slot that is sold twice',
      [create('ann'), confirm('ann'), create('bob'), confirm('bob')],
      () => unseen(withConditions(() => always)),
      /seat-1/,
    ],
    [
      'a hold that another takes',
      [create('ann'), create('bob')],
      () => unseen(withConditions(() => always)),
      /is held by ann/,
    ],
    [
      'a lapsed hold that is still refused at its millisecond',
      [create('ann'), toDeadline('ann'), create('bob')],
      () => {
        const backend = memoryBackend(false);
        const later = ({ heldUntilMs, ...item }: Item): Item => ({
          ...item,
          ...(heldUntilMs && { heldUntilMs: { N: String(Number(heldUntilMs.N) + 1) } }),
        });
        return {
          ...backend,
          slots: { ...backend.slots, getMany: async (...given) => (await backend.slots.getMany(...given)).map(later) },
        };
      },
      /nothing explains/,
    ],
    [
      'a paid slot whose item is lost',
      [create('ann'), confirm('ann'), { is: 'time-passes', ms: 1 }],
      () => {
        const backend = memoryBackend(false);
        const items: Backend['items'] = async () => {
          const all = await backend.items();
          return { ...all, slots: all.slots.filter(({ state }) => state?.S !== 'TAKEN') };
        };
        return { ...backend, items };
      },
      /was sold to ann/,
    ],
    [
      'a slot that nobody gets any more',
      [create('ann'), cancel('ann')],
      () =>
        withConditions((write) =>
          write.kind === 'delete' ? [[{ attribute: 'no', is: 'equal', value: 1 }]] : conditionOf(write),
        ),
      /nothing explains|lost to everybody/,
    ],
  ])('notices %s', async (_, steps, backend, message) => {
    const played = play(steps, backend());
    await expect(played).rejects.toThrow(BrokenPromise);
    await expect(played).rejects.toThrow(message);
  });

  test('tells a history as sentences', () => {
    expect([create('ann'), toDeadline('ann', -1), cancel('ann')].map(sentence).join('')).toBe(
      '\n  create {"id":"ann","holdMs":5000,"slotIds":["seat-1"]}\n  time goes on to -1 ms after the deadline of ann\n  cancel {"id":"ann"}',
    );
  });
});
