/**
 * What the service relies on of transactions, asked of each implementation alike: the one in memory, the embedded engine, and
 * with DYNAMODB_ENDPOINT another one.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { isPermanent } from '../../functions/adapters/permanent-error.ts';
import type { AnyOf, Clause, ConditionalWrite } from '../../functions/table/conditional-write.ts';
import type { Item } from '../../functions/table/item.ts';
import type { TransactedWrite } from '../../functions/table/transaction.ts';
import { MAX_ITEM_BYTES } from '../memory/item-size.ts';
import { ENGINES, MEMORY, type OpenTable } from './implementations.ts';
import { keyOf, N, S } from './items.ts';

const absent = (attribute: string): Clause => ({ attribute, is: 'absent' });
const equal = (attribute: string, value: string | number): Clause => ({ attribute, is: 'equal', value });
const between = (attribute: string, from: number, through: number): Clause => ({
  attribute,
  is: 'between',
  from,
  through,
});
/** Fulfilled by nothing. */
const NEVER: AnyOf = [[equal('state', 'never')]];
const ALWAYS: AnyOf = [[absent('never')]];

describe.each([MEMORY, ...ENGINES])('transactions: $name', ({ start, differences }) => {
  let running: Awaited<ReturnType<typeof start>>;
  let open: OpenTable;
  beforeAll(async () => {
    running = await start();
  });
  afterAll(() => running.stop());
  beforeEach(async () => {
    open = await running.open();
  });
  const put = (id: string, attributes: Item, anyOf: AnyOf = ALWAYS): TransactedWrite => ({
    kind: 'put',
    table: open.name,
    item: { ...keyOf(id), ...attributes },
    anyOf,
  });
  const update = (id: string, set: ConditionalWrite['set'], condition: readonly Clause[]): TransactedWrite => ({
    kind: 'update',
    table: open.name,
    key: keyOf(id),
    write: { set, remove: ['gone'], condition },
  });
  const remove = (id: string, anyOf: AnyOf): TransactedWrite => ({
    kind: 'delete',
    table: open.name,
    key: keyOf(id),
    anyOf,
  });
  const transact = (...writes: TransactedWrite[]) => open.transactions.transact(writes);
  const get = (id: string) => open.table.get(keyOf(id));

  test('all writes are made at once', async () => {
    await open.put({ ...keyOf('bob'), state: S('old'), gone: N(1), kept: N(2) });
    await open.put({ ...keyOf('cat'), state: S('old') });
    const answer = await transact(
      put('ann', { state: S('new') }, [[absent('bookingId')]]),
      update('bob', { state: 'new' }, [equal('state', 'old')]),
      remove('cat', [[equal('state', 'old')]]),
    );
    expect(answer).toEqual({ kind: 'made' });
    expect(await get('ann')).toEqual({ ...keyOf('ann'), state: S('new') });
    expect(await get('bob')).toEqual({ ...keyOf('bob'), state: S('new'), kept: N(2) });
    expect(await get('cat')).toBeUndefined();
  });

  test('or none, and each write says whether it was refused, and what it found', async () => {
    const bob = { ...keyOf('bob'), state: S('old'), list: { L: [N(1), S('x')] } };
    await open.put(bob);
    const answer = await transact(
      put('ann', { state: S('new') }),
      update('bob', { state: 'new' }, [equal('state', 'never')]),
      remove('cat', NEVER),
      put('dan', { state: S('new') }, NEVER),
    );
    expect(answer).toEqual({
      kind: 'refused',
      writes: [
        { refused: false },
        { refused: true, found: bob },
        { refused: true, found: undefined },
        { refused: true, found: undefined },
      ],
    });
    expect(await Promise.all(['ann', 'bob', 'cat', 'dan'].map(get))).toEqual([undefined, bob, undefined, undefined]);
  });

  const HELD = { state: S('HELD'), owner: S('ann'), until: N(100) };
  const alternatives = (owner: string, now: number): AnyOf => [
    [absent('bookingId')],
    [equal('state', 'HELD'), between('until', 10, now)],
    [equal('state', 'HELD'), equal('owner', owner)],
  ];
  test.each<[string, Item | undefined, AnyOf, boolean]>([
    ['the first alternative', undefined, alternatives('bob', 50), true],
    ['the second one, at its limit', HELD, alternatives('bob', 100), true],
    ['the second one, just before its limit', HELD, alternatives('bob', 99), false],
    ['the third one', HELD, alternatives('ann', 50), true],
    ['half of the second and half of the third one', { ...HELD, state: S('TAKEN') }, alternatives('ann', 100), false],
    ['none', { other: N(1) }, alternatives('ann', 100), false],
  ])('a condition holds by %s', async (_, item, anyOf, isMade) => {
    if (item) await open.put({ ...keyOf('seat'), ...item });
    for (const write of [put('seat', { by: S('put') }, anyOf), remove('seat', anyOf)]) {
      const before = await get('seat');
      const answer = await transact(write, put('other', { by: S('put') }));
      expect(answer.kind).toBe(isMade ? 'made' : 'refused');
      if (!isMade) expect(await get('seat')).toEqual(before);
      expect(await get('other')).toEqual(isMade ? { ...keyOf('other'), by: S('put') } : undefined);
      if (item) await open.put({ ...keyOf('seat'), ...item });
      else await open.delete(keyOf('seat'));
    }
  });

  test('an update makes an item where all that it asks for is that something is absent', async () => {
    expect(await transact(update('ann', { n: 1 }, [absent('n')]))).toEqual({ kind: 'made' });
    expect(await get('ann')).toEqual({ ...keyOf('ann'), n: N(1) });
  });

  const large = (bytes: number) => ({ text: S('x'.repeat(bytes)) });
  const expectMistake = async (...writes: TransactedWrite[]): Promise<void> => {
    const error = await transact(...writes).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(isPermanent(error), String(error)).toBe(true);
    expect(await get('first')).toBeUndefined();
  };
  test('what one write is too large for, none is made of, and trying again is of no use', async () => {
    await open.put({ ...keyOf('full'), ...large(MAX_ITEM_BYTES - 1_000) });
    await expectMistake(put('first', {}), put('ann', large(MAX_ITEM_BYTES)));
    await expectMistake(put('first', {}), update('full', { more: 'x'.repeat(2_000) }, [absent('more')]));
    expect((await get('full'))?.more).toBeUndefined();
  });

  test('a condition that fails is an answer, also where another write is too large for its item', async () => {
    await open.put({ ...keyOf('full'), ...large(MAX_ITEM_BYTES - 1_000) });
    const grows = update('full', { more: 'x'.repeat(2_000) }, [absent('more')]);
    expect((await transact(put('first', {}, NEVER), grows)).kind).toBe('refused');
  });

  test.each<[string, () => TransactedWrite[]]>([
    ['two writes of one item', () => [put('first', {}), update('first', { n: 1 }, [absent('n')])]],
    ['a put and a delete of one item', () => [put('first', {}), remove('first', ALWAYS)]],
    ['a number that is none', () => [put('first', {}), put('ann', { n: { N: 'soon' } })]],
    ['an empty key', () => [put('first', {}), put('', {})]],
    [
      'more than a hundred',
      () => Array.from({ length: 101 }, (_, index) => put(index === 0 ? 'first' : `${index}`, {})),
    ],
    ['none', () => []],
  ])('a mistake makes nothing: %s', async (_, writes) => {
    await expectMistake(...writes());
  });

  test('a transaction never writes a key', async () => {
    const writes = [put('first', {}), update('ann', { bookingId: 'bob' }, [absent('n')])];
    if (differences.includes('takes writes of the key in transactions')) {
      expect(await transact(...writes)).toEqual({ kind: 'made' });
    } else {
      await expectMistake(...writes);
    }
  });

  test('the stream has each write that changed something, and nothing of what was refused', async () => {
    await open.put({ ...keyOf('bob'), state: S('old') });
    await transact(put('ann', {}), remove('bob', [[equal('state', 'old')]]), remove('cat', ALWAYS));
    await transact(put('dan', {}), put('ann', {}, NEVER));
    const told = (await open.changes()).map(({ eventName, key }) => `${eventName} ${key?.bookingId?.S}`);
    expect(told.sort()).toEqual(['INSERT ann', 'INSERT bob', 'REMOVE bob']);
  });
});
