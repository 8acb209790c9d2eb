/** An application's own moves on tables of five makes, against a real engine: all but a hold, which is in hold.test.ts. */
import { NumberValueImpl } from '@aws-sdk/util-dynamodb';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { type Attributes, InvalidMoveError, tableClient } from '../../client/index.ts';
import {
  deadlineIn,
  engineOfTheFile,
  givenHeld,
  MINUTE,
  NOW,
  type OpenScene,
  openScene,
  refusal,
  SCENES,
  type Scene,
  SHARD_COUNT,
  sceneOf,
  seenIfText,
  strangersItem,
} from './scenes.ts';

const engine = engineOfTheFile();

describe.each(SCENES)('of $name', (scene: Scene) => {
  let table: OpenScene;
  beforeAll(async () => {
    table = await openScene(scene, engine.raw);
  });

  describe('a new item', () => {
    test('is held until its deadline, and in the index under it at once', async () => {
      const { key, expiresAtMs } = await givenHeld(table);
      const item = await table.read(key);
      expect(item).toMatchObject({ ...key, ...table.shape.only, held_by: 'ann' });
      expect(table.client.deadlineOf(item)).toBe(expiresAtMs);
      expect(table.client.isHeld(item, expiresAtMs - 1)).toBe(true);
      expect(table.client.isHeld(item, expiresAtMs)).toBe(false);
      expect(table.client.effectiveStatus(item, expiresAtMs)).toBe(table.shape.status.expired);
      expect(await table.indexed(key)).toEqual([expiresAtMs]);
    });

    test('never takes the place of another', async () => {
      const { key, item, expiresAtMs } = await givenHeld(table);
      const again = table.client.newItem({ key, holdMs: 2 * MINUTE, attributes: { held_by: 'bob' } }, NOW);
      expect(await refusal(table, () => table.put(again))).toMatchObject({ kind: 'held', expiresAtMs });
      expect(await table.read(key)).toEqual(item);
    });

    test('leaves the shard to the service where the count of shards is not known', async () => {
      const client = tableClient(scene.description);
      const { Item } = client.newItem({ key: table.newKey(), holdMs: MINUTE }, NOW);
      expect(Object.keys(Item)).not.toContain(table.shape.attributes.pendingShard);
      expect(Item).toHaveProperty([table.shape.attributes.holdStartedAtMs], NOW);
    });
  });

  describe('a confirmation', () => {
    test('one millisecond before the deadline is made, and the item leaves the index', async () => {
      const { key, item, expiresAtMs } = await givenHeld(table);
      const move = { key, status: table.paid, set: { receipt: 7 }, seen: item, where: { held_by: 'ann' } };
      await table.update(table.client.confirm(move, expiresAtMs - 1));
      const confirmed = await table.read(key);
      expect(confirmed).toMatchObject({ [table.shape.status.attribute]: table.paid, receipt: 7, held_by: 'ann' });
      expectNothingOfTheService(table, confirmed);
      expect(await table.indexed(key)).toEqual([]);
      expect(table.client.effectiveStatus(confirmed, expiresAtMs)).toBe(table.paid);
    });

    test('at the deadline is refused, and changes nothing', async () => {
      const { key, item, expiresAtMs } = await givenHeld(table);
      for (const seen of [{ seen: item }, seenIfText(table, item)]) {
        const late = () => table.update(table.client.confirm({ key, status: table.paid, ...seen }, expiresAtMs));
        expect(await refusal(table, late, expiresAtMs)).toMatchObject({ kind: 'lapsed', expiresAtMs });
        expect(await table.read(key)).toEqual(item);
      }
    });

    test('that is repeated is told as made before', async () => {
      const { key, item } = await givenHeld(table);
      const confirm = () => table.update(table.client.confirm({ key, status: table.paid, seen: item }, NOW));
      await confirm();
      const done = { status: table.paid, where: { held_by: 'ann' } };
      expect(await refusal(table, confirm, NOW, { done })).toMatchObject({ kind: 'done' });
      expect(await refusal(table, confirm, NOW)).toMatchObject({ kind: 'settled', status: table.paid });
      const bobs = { done: { ...done, where: { held_by: 'bob' } } };
      expect(await refusal(table, confirm, NOW, bobs)).toMatchObject({ kind: 'settled', status: table.paid });
    });

    test('by the holder before is refused, after somebody else holds it', async () => {
      const { key, item, expiresAtMs } = await givenHeld(table);
      await table.update(table.client.hold({ key, holdMs: MINUTE, set: { held_by: 'bob' }, seen: item }, expiresAtMs));
      const bobs = (await table.read(key)) ?? {};
      const byName = { key, status: table.paid, where: { held_by: 'ann' }, seen: bobs };
      const refusedByName = await refusal(
        table,
        () => table.update(table.client.confirm(byName, expiresAtMs)),
        expiresAtMs,
      );
      expect(refusedByName).toMatchObject({ kind: 'held' });
      // Ann's clock is behind: to her the hold still runs.
      const byHold = { key, status: table.paid, seen: item };
      const refusedByHold = await refusal(table, () => table.update(table.client.confirm(byHold, expiresAtMs - 1)));
      expect(refusedByHold).toMatchObject({ kind: 'held' });
      expect(await table.read(key)).toEqual(bobs);
    });

    test('may remove the deadline, which a settled item needs no more', async () => {
      const { key, item } = await givenHeld(table);
      const remove = [table.shape.deadline.attribute, 'held_by'];
      await table.update(table.client.confirm({ key, status: table.paid, remove, seen: item }, NOW));
      const status = { [table.shape.status.attribute]: table.paid };
      expect(await table.read(key)).toEqual({ ...key, ...table.shape.only, ...status });
    });
  });

  describe('a cancellation', () => {
    test('before the deadline gives the item back, without what an expiry removes', async () => {
      const { key, item, expiresAtMs } = await givenHeld(table);
      const { status, onExpire } = table.shape;
      await table.update(table.client.cancel({ key, status: status.expired, seen: item }, expiresAtMs - 1));
      const free = await table.read(key);
      expect(table.client.effectiveStatus(free, NOW)).toBe(status.expired);
      expectNothingOfTheService(table, free);
      for (const name of onExpire.remove) expect(free).not.toHaveProperty([name]);
      await table.update(table.client.hold({ key, holdMs: MINUTE, set: { held_by: 'bob' }, seen: free ?? {} }, NOW));
      expect(await table.read(key)).toMatchObject({ held_by: 'bob' });
    });

    test('at the deadline is refused', async () => {
      const { key, item, expiresAtMs } = await givenHeld(table);
      for (const seen of [{ seen: item }, seenIfText(table, item)]) {
        const late = () => table.update(table.client.cancel({ key, status: 'returned', ...seen }, expiresAtMs));
        expect(await refusal(table, late, expiresAtMs)).toMatchObject({ kind: 'lapsed' });
        expect(await table.read(key)).toEqual(item);
      }
    });
  });

  describe('an extension', () => {
    test('gives a new deadline, in the index too', async () => {
      const { key, item, expiresAtMs } = await givenHeld(table);
      const move = { key, holdMs: 5 * MINUTE, set: { extended: true }, seen: item };
      await table.update(table.client.extend(move, expiresAtMs - 1));
      const extended = await table.read(key);
      const deadlineMs = table.client.deadlineAfter(5 * MINUTE, expiresAtMs - 1);
      expect(table.client.deadlineOf(extended)).toBe(deadlineMs);
      expect(extended).toMatchObject({ held_by: 'ann', extended: true });
      expect(await table.indexed(key)).toEqual([deadlineMs]);
      const status = table.shape.status.pending.at(-1) ?? '';
      await table.update(table.client.extend({ key, holdMs: MINUTE, status, seen: extended ?? {} }, expiresAtMs));
      expect(await table.read(key)).toHaveProperty([table.shape.status.attribute], status);
    });

    test('that arrives late, after a newer one, is refused', async () => {
      const { key, item, expiresAtMs } = await givenHeld(table);
      const first = table.client.extend({ key, holdMs: 5 * MINUTE, seen: item }, NOW + 1);
      await table.update(first);
      const seen = (await table.read(key)) ?? {};
      await table.update(table.client.extend({ key, expiresAtMs, seen }, NOW + 2));
      const newest = await table.read(key);
      // The deadline is the first one again; the start of the hold is not.
      expect(table.client.deadlineOf(newest)).toBe(expiresAtMs);
      expect(await refusal(table, () => table.update(first))).toMatchObject({ kind: 'held', expiresAtMs });
      const byDeadline = { key, holdMs: 5 * MINUTE, seen: deadlineIn(table, seen) };
      const stale = await refusal(table, () => table.update(table.client.extend(byDeadline, NOW + 3)));
      expect(stale).toMatchObject({ kind: 'held', expiresAtMs });
      expect(await table.read(key)).toEqual(newest);
    });

    test('of the deadline that was seen alone is made', async () => {
      const { key, item } = await givenHeld(table);
      const move = { key, holdMs: 5 * MINUTE, seen: deadlineIn(table, item) };
      await table.update(table.client.extend(move, NOW));
      expect(table.client.deadlineOf(await table.read(key))).toBe(table.client.deadlineAfter(5 * MINUTE, NOW));
    });

    test('of what a refusal found is made: items of errors are read as well', async () => {
      const { key, item } = await givenHeld(table);
      await table.update(table.client.extend({ key, holdMs: 2 * MINUTE, seen: item }, NOW + 1));
      const stale = await refusal(table, () =>
        table.update(table.client.extend({ key, holdMs: 3 * MINUTE, seen: item }, NOW + 2)),
      );
      if (stale?.kind !== 'held') throw new Error(`unexpected ${JSON.stringify(stale)}`);
      await table.update(table.client.extend({ key, holdMs: 3 * MINUTE, seen: stale.item }, NOW + 2));
      expect(table.client.deadlineOf(await table.read(key))).toBe(table.client.deadlineAfter(3 * MINUTE, NOW + 2));
    });

    test('at the deadline is refused', async () => {
      const { key, item, expiresAtMs } = await givenHeld(table);
      const late = () => table.update(table.client.extend({ key, holdMs: MINUTE, seen: item }, expiresAtMs));
      expect(await refusal(table, late, expiresAtMs)).toMatchObject({ kind: 'lapsed', expiresAtMs });
    });

    test('of an item that a stranger wrote with status and deadline alone is made', async () => {
      const key = table.newKey();
      const item = strangersItem(table, key, NOW + MINUTE);
      await table.write(item);
      await table.update(table.client.extend({ key, holdMs: 5 * MINUTE, seen: item }, NOW));
      expect(await table.indexed(key)).toEqual([table.client.deadlineAfter(5 * MINUTE, NOW)]);
    });
  });

  test('an owner who writes without conditions is never undone', async () => {
    const { key, item, expiresAtMs } = await givenHeld(table);
    const paid = { ...key, ...table.shape.only, [table.shape.status.attribute]: table.paid, by: 'the owner' };
    await table.write(paid);
    const { client } = table;
    const moves = [
      () => client.confirm({ key, status: 'other', seen: item }, NOW),
      () => client.cancel({ key, status: 'other', seen: item }, NOW),
      () => client.extend({ key, holdMs: MINUTE, seen: item }, NOW),
      () => client.hold({ key, holdMs: MINUTE, seen: item }, expiresAtMs),
    ];
    for (const move of moves) {
      const refused = await refusal(table, () => table.update(move()));
      expect(refused).toMatchObject({ kind: 'settled', status: table.paid });
    }
    expect(await table.read(key)).toEqual(paid);
  });

  test.each(otherDeadlines(scene))('a deadline of %s neither runs nor lapses', async (_, deadline) => {
    const { client, shape } = table;
    const key = table.newKey();
    const item = strangersItem(table, key, NOW + MINUTE);
    if (deadline === undefined) delete item[shape.deadline.attribute];
    else item[shape.deadline.attribute] = deadline;
    await table.write(item);
    const word = shape.status.pending[0];
    const moves = [
      () => client.confirm({ key, status: table.paid, seen: item }, NOW),
      () => client.extend({ key, holdMs: MINUTE, seen: item }, NOW),
      // These ask the engine, where deadlines are numbers.
      () => client.confirm({ key, status: table.paid, ...seenIfText(table, item) }, NOW),
      () => client.hold({ key, holdMs: MINUTE, ...seenIfText(table, item) }, NOW + 2 * MINUTE),
    ];
    for (const move of moves) {
      expect(await refusal(table, () => table.update(move()))).toMatchObject({ kind: 'invalid-deadline' });
    }
    expect(client.effectiveStatus(item, NOW + 2 * MINUTE)).toBe(word);
    expect(client.readDeadline(item)).toMatchObject({ reason: expect.stringContaining(shape.deadline.attribute) });
    expect(await table.read(key)).toEqual(item);
  });

  test.each([
    ['no status', undefined],
    ['a number as status', 7],
  ])('an item with %s is refused as one of another kind, whatever its deadline', async (_, status) => {
    const { client, shape } = table;
    const key = table.newKey();
    const { [shape.status.attribute]: __, ...others } = strangersItem(table, key, NOW - MINUTE);
    const item = { ...others, ...(status !== undefined && { [shape.status.attribute]: status }) };
    await table.write(item);
    const moves = [
      () => client.confirm({ key, status: table.paid, seen: item }, NOW),
      () => client.cancel({ key, status: 'returned', seen: item }, NOW),
      () => client.extend({ key, holdMs: MINUTE, seen: item }, NOW),
      () => client.hold({ key, holdMs: MINUTE, seen: item }, NOW),
    ];
    for (const move of moves) {
      expect(await refusal(table, () => table.update(move()))).toMatchObject({ kind: 'other-kind' });
    }
    expect(await table.read(key)).toEqual(item);
  });

  test('a hold belongs to whoever acts before its deadline, and is free to the others from it on', async () => {
    const around = fc.integer({ min: -1_500, max: 1_500 });
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1_000, max: 10 * MINUTE }), around, async (holdMs, away) => {
        const { key, item, expiresAtMs } = await givenHeld(table, holdMs);
        expect(expiresAtMs).toBeGreaterThanOrEqual(NOW + holdMs);
        const nowMs = expiresAtMs + away;
        const seen = seenIfText(table, item);
        const confirm = () => table.update(table.client.confirm({ key, status: table.paid, ...seen }, nowMs));
        const hold = () => table.update(table.client.hold({ key, holdMs: MINUTE, ...seen }, nowMs));
        const [mayConfirm, mayHold] = [away < 0, away >= 0];
        const [first, second] = mayConfirm ? [hold, confirm] : [confirm, hold];
        expect(await refusal(table, first, nowMs)).toMatchObject({ kind: mayHold ? 'lapsed' : 'held' });
        await second();
      }),
      { numRuns: 20 },
    );
  });

  test('of two items of one transaction, the one that refused it is told by its place', async () => {
    const [one, other] = [await givenHeld(table), await givenHeld(table)];
    const { client } = table;
    await table.update(client.extend({ key: other.key, holdMs: 5 * MINUTE, seen: other.item }, NOW + 1));
    const both = () =>
      table.transact((TableName) =>
        [one, other].map(({ key, item }) => ({
          Update: { TableName, ...client.confirm({ key, status: table.paid, seen: deadlineIn(table, item) }, NOW) },
        })),
      );
    const at = async (place: number | undefined) =>
      refusal(table, both, NOW, place === undefined ? {} : { at: place }).catch((error) => error.name);
    expect(await at(0)).toBe('TransactionCanceledException');
    expect(await at(undefined)).toBe('TransactionCanceledException');
    expect(await at(1)).toMatchObject({ kind: 'held' });
    expect(await table.read(one.key)).toEqual(one.item);
  });
});

describe('in a table of many kinds', () => {
  test('items of other kinds are never touched, whatever their status', async () => {
    const table = await openScene(sceneOf('single-table'), engine.raw);
    const key = table.newKey();
    const invoice = { ...strangersItem(table, key, NOW + MINUTE), entity: 'Invoice' };
    await table.write(invoice);
    const moves = [
      () => table.client.confirm({ key, status: table.paid }, NOW),
      () => table.client.extend({ key, holdMs: MINUTE, seen: invoice }, NOW),
      () => table.client.hold({ key, holdMs: MINUTE }, NOW + 2 * MINUTE),
    ];
    for (const move of moves) {
      expect(await refusal(table, () => table.update(move()))).toMatchObject({ kind: 'other-kind' });
    }
    expect(await table.read(key)).toEqual(invoice);
    expect(table.client.effectiveStatus(invoice, NOW + 2 * MINUTE)).toBe('HELD');
    await table.write({ ...invoice, orderStatus: 'OPEN' });
    const hold = () => table.update(table.client.hold({ key, holdMs: MINUTE }, NOW));
    expect(await refusal(table, hold)).toMatchObject({ kind: 'other-kind' });
  });
});

test('a deadline of more digits than JavaScript holds is extended, if it was read with all of them', async () => {
  const table = await openScene(sceneOf('tickets'), engine.raw);
  const key = table.newKey();
  const digits = '1790000060.1234567890123456789';
  const item = { ...strangersItem(table, key, NOW + MINUTE), expires_at: NumberValueImpl.from(digits) };
  await table.write(item);
  const rounded = { ...item, expires_at: Number(digits) };
  const inexact = () => table.update(table.client.extend({ key, holdMs: 5 * MINUTE, seen: rounded }, NOW));
  expect(await refusal(table, inexact)).toMatchObject({ kind: 'held', expiresAtMs: 1_790_000_060_124 });
  await table.update(table.client.extend({ key, holdMs: 5 * MINUTE, seen: item }, NOW));
  expect(table.client.deadlineOf(await table.read(key))).toBe(table.client.deadlineAfter(5 * MINUTE, NOW));
});

test('where deadlines are text, no move is made without having seen one', () => {
  const client = tableClient(sceneOf('day-passes').description, { shardCount: SHARD_COUNT });
  const key = { pass: 'monday' };
  const moves = [
    () => client.confirm({ key, status: 'paid' }, NOW),
    () => client.cancel({ key, status: 'lapsed' }, NOW),
    () => client.hold({ key, holdMs: MINUTE }, NOW),
    () => client.extend({ key, holdMs: MINUTE } as never, NOW),
  ];
  for (const move of moves) {
    expect(move).toThrow(InvalidMoveError);
    expect(move).toThrow(/seen must be the item as it was read, or its valid until, got nothing/);
  }
});

/** Deadlines that are none in a table, among those that it takes at all. */
function otherDeadlines({ description }: Scene): [written: string, deadline: string | number | undefined][] {
  const unit = description.deadline?.unit ?? 'milliseconds';
  const numbers: [string, number][] = [
    ['seconds', 1_790_000_060],
    ['milliseconds', 1_790_000_060_000],
    ['microseconds', 1_790_000_060_000_000],
  ];
  const texts: [string, string][] = [
    ['text without an offset', '2026-09-21T13:34:20'],
    ['digits as text', '1790000060'],
  ];
  return [
    ...numbers.filter(([written]) => written !== unit),
    // In milliseconds the deadline is a key of the index: DynamoDB takes a number only.
    ...(unit === 'milliseconds' ? [] : texts),
    ['no kind', undefined],
  ];
}

const expectNothingOfTheService = ({ shape }: OpenScene, item: Attributes | undefined): void => {
  const { pendingShard, holdStartedAtMs, expiresAtMs } = shape.attributes;
  const added = [pendingShard, holdStartedAtMs, ...(shape.deadline.unit === 'milliseconds' ? [] : [expiresAtMs])];
  for (const name of added) expect(item).not.toHaveProperty([name]);
};
