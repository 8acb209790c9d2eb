/** Holding an item that is free, on tables of five makes, against a real engine. */
import { beforeAll, describe, expect, test } from 'vitest';
import type { Attributes, Hold, UpdateInput } from '../../client/index.ts';
import {
  deadlineIn,
  engineOfTheFile,
  expiredByTheService,
  givenHeld,
  MINUTE,
  NOW,
  type OpenScene,
  openScene,
  refusal,
  SCENES,
  type Scene,
} from './scenes.ts';

const engine = engineOfTheFile();

describe.each(SCENES)('a hold of $name', (scene: Scene) => {
  let table: OpenScene;
  beforeAll(async () => {
    table = await openScene(scene, engine.raw);
  });

  test('of an item that lapsed is made without any mark, from its deadline on and not before', async () => {
    const { key, item, expiresAtMs } = await givenHeld(table);
    const hold = (nowMs: number) => () =>
      table.update(table.client.hold({ key, holdMs: 5 * MINUTE, set: { held_by: 'bob' }, seen: item }, nowMs));
    expect(await refusal(table, hold(expiresAtMs - 1), expiresAtMs - 1)).toMatchObject({ kind: 'held', expiresAtMs });
    expect(await table.read(key)).toEqual(item);
    await hold(expiresAtMs)();
    const held = await table.read(key);
    expect(held).toMatchObject({ held_by: 'bob' });
    const deadlineMs = table.client.deadlineAfter(5 * MINUTE, expiresAtMs);
    expect(table.client.deadlineOf(held)).toBe(deadlineMs);
    expect(await table.indexed(key)).toEqual([deadlineMs]);
  });

  test('of an item that the service expired leaves no trace of that', async () => {
    const { key, item } = await givenHeld(table);
    const expired = expiredByTheService(table, item);
    await table.write(expired);
    expect(await table.indexed(key)).toEqual([]);
    const seen = { key, holdMs: MINUTE, seen: expired };
    await table.update(table.client.hold(seen, NOW + MINUTE));
    const held = await table.read(key);
    expect(table.client.isHeld(held, NOW + MINUTE)).toBe(true);
    expect(held).not.toHaveProperty([table.shape.attributes.expiredAtMs]);
    expect(held).not.toHaveProperty([table.shape.attributes.expiredBy]);
    expect(await table.indexed(key)).toHaveLength(1);
  });

  test('is got by one of many who want it at once', async () => {
    const { key, item, expiresAtMs } = await givenHeld(table);
    const customers = ['bob', 'cleo', 'dora', 'eve', 'finn'];
    const hold = (held_by: string) =>
      table.client.hold({ key, holdMs: MINUTE, set: { held_by }, seen: item }, expiresAtMs);
    const results = await Promise.allSettled(customers.map((customer) => table.update(hold(customer))));
    const winners = customers.filter((_, index) => results[index]?.status === 'fulfilled');
    expect(winners).toHaveLength(1);
    expect(await table.read(key)).toMatchObject({ held_by: winners[0] });
  });

  test('of an item that was paid is refused, also after its deadline, unless its word is one that is free', async () => {
    const { key, item, expiresAtMs } = await givenHeld(table);
    await table.update(table.client.confirm({ key, status: table.paid, seen: item }, NOW));
    const hold = (from?: readonly string[]) => () =>
      table.update(table.client.hold({ key, holdMs: MINUTE, seen: item, ...(from && { from }) }, expiresAtMs));
    expect(await refusal(table, hold(), expiresAtMs)).toMatchObject({ kind: 'settled', status: table.paid });
    await hold(['returned', table.paid])();
    expect(table.client.isHeld(await table.read(key), expiresAtMs)).toBe(true);
  });

  test('makes no item', async () => {
    const key = table.newKey();
    const seen = { [table.shape.status.attribute]: table.shape.status.expired };
    const hold = () => table.update(table.client.hold({ key, holdMs: MINUTE, seen }, NOW));
    expect(await refusal(table, hold)).toEqual({ kind: 'missing' });
    expect(await table.read(key)).toBeUndefined();
  });

  describe('that arrives again, after its item was given back', () => {
    /** Ann holds an item and gives it back. Then her request arrives once more. */
    const lateDuplicate = async (
      key: Attributes,
      seen: NonNullable<Hold['seen']>,
      nowMs: number,
      remove: readonly string[] = [],
    ) => {
      const hold = table.client.hold({ key, holdMs: MINUTE, set: { held_by: 'ann' }, seen }, nowMs);
      await table.update(hold);
      const held = (await table.read(key)) ?? {};
      const { status } = table.shape;
      await table.update(table.client.cancel({ key, status: status.expired, seen: held, remove }, nowMs + 1_000));
      const free = await table.read(key);
      const refused = await refusal(table, () => table.update(hold), nowMs + 2_000);
      expect(await table.read(key)).toEqual(free);
      return refused;
    };
    const givenFree = async () => {
      const { key, item } = await givenHeld(table);
      const free = expiredByTheService(table, item);
      await table.write(free);
      return { key, free };
    };

    test('does not take an item again that was seen to be free', async () => {
      const { key, free } = await givenFree();
      const settled = { kind: 'settled', status: table.shape.status.expired };
      expect(await lateDuplicate(key, free, NOW + MINUTE)).toMatchObject(settled);
    });

    test('does not either where the deadline goes with the hold: the mark of the expiry before went too', async () => {
      const { attribute } = table.shape.deadline;
      const { key, free } = await givenFree();
      const { [attribute]: _, ...bare } = free;
      await table.write(bare);
      expect(await lateDuplicate(key, bare, NOW + MINUTE, [attribute])).toMatchObject({ kind: 'settled' });
    });

    test('does not take an item again that was seen to have lapsed', async () => {
      const { key, item, expiresAtMs } = await givenHeld(table);
      expect(await lateDuplicate(key, item, expiresAtMs)).toMatchObject({ kind: 'settled' });
    });

    test('does not take an item again of which the deadline alone was seen', async () => {
      const { key, free } = await givenFree();
      expect(await lateDuplicate(key, deadlineIn(table, free), NOW + MINUTE)).toMatchObject({ kind: 'settled' });
    });

    test('takes it again where nothing was seen: then a condition of its own must keep it from that', async () => {
      if (scene.description.deadline?.unit === 'iso8601') return;
      const { key } = await givenFree();
      const move = { key, holdMs: MINUTE, set: { held_by: 'ann', revision: 2 } };
      const [bound, unbound] = [{ ...move, where: { revision: 1 } }, move].map((each) =>
        table.client.hold(each, NOW + MINUTE),
      ) as [UpdateInput, UpdateInput];
      await table.update(unbound);
      await table.update(table.client.cancel({ key, status: table.shape.status.expired }, NOW + MINUTE));
      expect(await refusal(table, () => table.update(bound))).toMatchObject({ kind: 'settled' });
      await table.update(unbound);
      expect(table.client.isHeld(await table.read(key), NOW + MINUTE)).toBe(true);
    });
  });

  describe('of an item that was seen to be held', () => {
    test.each<[string, (item: Attributes) => Attributes]>([
      ['is made after the service has freed it', (item) => expiredByTheService(table, item)],
      [
        'is made after the service has freed it and removed its deadline',
        (item) => {
          const { [table.shape.deadline.attribute]: _, ...others } = expiredByTheService(table, item);
          return others;
        },
      ],
    ])('%s', async (_, freed) => {
      const { key, item, expiresAtMs } = await givenHeld(table);
      await table.write(freed(item));
      await table.update(table.client.hold({ key, holdMs: MINUTE, seen: item }, expiresAtMs));
      expect(table.client.isHeld(await table.read(key), expiresAtMs)).toBe(true);
    });
  });
});
