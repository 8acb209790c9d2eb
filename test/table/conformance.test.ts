/**
 * What the service relies on of a table, asked of each implementation alike: the one in memory, the embedded engine, and with
 * DYNAMODB_ENDPOINT another one, Amazon's DynamoDB Local for example.
 */
import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { isPermanent } from '../../functions/adapters/permanent-error.ts';
import type { Clause, ConditionalWrite } from '../../functions/table/conditional-write.ts';
import type { Item } from '../../functions/table/item.ts';
import { BOOKINGS_SHAPE } from '../../functions/table/shape.ts';
import type { IndexPage, IndexQuery, Table } from '../../functions/table/table.ts';
import { itemBytes, MAX_ITEM_BYTES } from '../memory/item-size.ts';
import { type Difference, ENGINES, MEMORY, type OpenTable, type ToldChange } from './implementations.ts';
import { allRows, byId, idOf, keyOf, N, S } from './items.ts';

const DEADLINE = 1_800_000_000_000;

describe.each([MEMORY, ...ENGINES])('a table: $name', ({ start, differences }) => {
  let running: Awaited<ReturnType<typeof start>>;
  let open: OpenTable;
  let table: Table;
  beforeAll(async () => {
    running = await start();
  });
  afterAll(() => running.stop());
  beforeEach(async () => {
    open = await running.open();
    table = open.table;
  });
  const differs = (difference: Difference): boolean => differences.includes(difference);
  const given = (attributes: Item, id = 'ann'): Promise<void> => open.put({ ...keyOf(id), ...attributes });

  describe('conditions', () => {
    const held = { status: S('PENDING'), expiresAtMs: N(DEADLINE) };
    test.each<[name: string, item: Item, condition: Clause[], isFulfilled: boolean]>([
      ['the same text', held, [equal('status', 'PENDING')], true],
      ['another text', held, [equal('status', 'pending')], false],
      ['text that is compared with a number', held, [equal('status', 1)], false],
      ['a number that is compared with the same digits as text', held, [equal('expiresAtMs', String(DEADLINE))], false],
      ['the same number in other digits', { n: N('7.50') }, [stored('n', N('0.75E1'))], true],
      [
        'numbers that differ in the 38th digit',
        { n: N('1'.repeat(38)) },
        [stored('n', N(`${'1'.repeat(37)}2`))],
        false,
      ],
      ['minus zero and zero', { n: N('-0') }, [equal('n', 0)], true],
      ['a number above', held, [above('expiresAtMs', DEADLINE - 1)], true],
      ['a number that is the same, and so not above', held, [above('expiresAtMs', DEADLINE)], false],
      ['a number above by its last digit of 38', { n: N(`${'1'.repeat(37)}.1`) }, [above('n', 1.1)], true],
      ['a negative number', { n: N('-20') }, [above('n', -3)], false],
      ['a number of more digits, as numbers and not as text', { n: N('1000') }, [above('n', 999)], true],
      ['text that is compared as if it were a number', held, [above('status', 5)], false],
      ['an absent attribute that is compared', held, [above('other', 5)], false],
      ['an absent attribute that must be something', held, [equal('other', 'x')], false],
      ['the start of a range', held, [between('expiresAtMs', DEADLINE, DEADLINE + 5)], true],
      ['the end of a range', held, [between('expiresAtMs', DEADLINE - 5, DEADLINE)], true],
      ['a fraction beyond the end of a range', { n: N('5.01') }, [between('n', 1, 5)], false],
      ['text and a range', { n: S('5') }, [between('n', 1, 9)], false],
      ['an absent attribute that must be absent', held, [absent('other')], true],
      ['an attribute that must be absent', held, [absent('status')], false],
      ['an attribute without a value, which is there', { other: { NULL: true } }, [absent('other')], false],
      ['all parts but one', held, [equal('status', 'PENDING'), above('expiresAtMs', DEADLINE)], false],
      ['all parts', held, [equal('status', 'PENDING'), absent('other')], true],
      ['a set in another order', { s: { SS: ['b', 'a'] } }, [stored('s', { SS: ['a', 'b'] })], true],
      ['a set with one member less', { s: { SS: ['b', 'a'] } }, [stored('s', { SS: ['a'] })], false],
      [
        'a map',
        { m: { M: { a: S('x'), b: { L: [N(1)] } } } },
        [stored('m', { M: { b: { L: [N(1)] }, a: S('x') } })],
        true,
      ],
      ['a list in another order', { l: { L: [N(1), N(2)] } }, [stored('l', { L: [N(2), N(1)] })], false],
    ])('%s', async (_, item, condition, isFulfilled) => {
      await given(item);
      const write = { set: { seen: 1 }, remove: [], condition };
      const whole = (await table.get(keyOf('ann'))) ?? {};
      const made = { ...whole, seen: N(1) };
      expect(await table.write(keyOf('ann'), write)).toEqual(
        isFulfilled ? { kind: 'made', item: made } : { kind: 'refused', found: whole },
      );
      expect(await table.get(keyOf('ann'))).toEqual(isFulfilled ? made : whole);
      // The same write as one of many, in DynamoDB's other language.
      await given(item, 'bob');
      const [answer] = await table.writeMany([{ key: keyOf('bob'), write }]);
      expect(answer?.kind).toBe(isFulfilled ? 'made' : 'refused');
      expect((await table.get(keyOf('bob')))?.seen).toEqual(isFulfilled ? N(1) : undefined);
    });

    test('a range that ends before it starts is a mistake of whoever asks', async () => {
      await given(held);
      const write = { set: { seen: 1 }, remove: [], condition: [between('expiresAtMs', 10, 5)] };
      await expect(table.write(keyOf('ann'), write)).rejects.toThrow(/BETWEEN/);
      const [answer] = await table.writeMany([{ key: keyOf('ann'), write }]);
      const isTaken = differs('takes ranges that end before they start in batches');
      expect(answer?.kind).toBe(isTaken ? 'refused' : 'failed');
    });

    test('an update creates the item where all that it asks for is that something is absent', async () => {
      const write = { set: { n: 1 }, remove: [], condition: [absent('n')] };
      expect(await table.write(keyOf('ann'), write)).toEqual({ kind: 'made', item: { ...keyOf('ann'), n: N(1) } });
    });

    test('one of many writes never creates an item', async () => {
      const write = { set: { n: 1 }, remove: [], condition: [absent('n')] };
      expect(await table.writeMany([{ key: keyOf('ann'), write }])).toEqual([{ kind: 'refused', found: undefined }]);
      expect(await table.get(keyOf('ann'))).toBeUndefined();
    });
  });

  describe('writes', () => {
    test('a write sets and removes attributes and leaves the others alone', async () => {
      await given({ status: S('PENDING'), pendingShard: N(1), details: { M: { a: { BOOL: true } } } });
      const write: ConditionalWrite = {
        set: { status: 'EXPIRED', at: 5 },
        remove: ['pendingShard', 'no'],
        condition: [],
      };
      const condition = [equal('status', 'PENDING')];
      await table.write(keyOf('ann'), { ...write, condition });
      const after = { ...keyOf('ann'), status: S('EXPIRED'), at: N(5), details: { M: { a: { BOOL: true } } } };
      expect(await table.get(keyOf('ann'))).toEqual(after);
    });

    test('a creation is refused where there is an item, whatever it is, and tells what it found', async () => {
      const item = { ...keyOf('ann'), n: N(1) };
      expect(await table.create(item, 'bookingId')).toEqual({ kind: 'made', item });
      const other = { ...keyOf('ann'), n: N(2) };
      expect(await table.create(other, 'bookingId')).toEqual({ kind: 'refused', found: item });
    });

    test('each of many writes has its own answer', async () => {
      await given({ status: S('PENDING') });
      await given({ status: S('CONFIRMED') }, 'bob');
      const write = { set: { status: 'EXPIRED' }, remove: [], condition: [equal('status', 'PENDING')] };
      const answers = await table.writeMany(['ann', 'bob', 'carl'].map((id) => ({ key: keyOf(id), write })));
      expect(answers).toEqual([
        { kind: 'made', item: undefined },
        { kind: 'refused', found: { ...keyOf('bob'), status: S('CONFIRMED') } },
        { kind: 'refused', found: undefined },
      ]);
    });

    test('more writes than one request takes are made all the same', async () => {
      const ids = Array.from({ length: 60 }, (_, index) => `many-${index}`);
      for (const id of ids) await given({ n: N(0) }, id);
      const write = { set: { n: 1 }, remove: [], condition: [equal('n', 0)] };
      const answers = await table.writeMany(ids.map((id) => ({ key: keyOf(id), write })));
      expect(answers.map(({ kind }) => kind)).toEqual(ids.map(() => 'made'));
    });

    test('numbers are kept in their shortest form, with all their digits', async () => {
      const digits = ['007.50', '1E3', '-0', '1'.repeat(38), '0.0000001', '+5', '-12.340'];
      for (const [index, number] of digits.entries()) await given({ n: { N: number } }, `n-${index}`);
      const items = await Promise.all(digits.map((_, index) => table.get(keyOf(`n-${index}`))));
      expect(items.map((item) => item?.n?.N)).toEqual(['7.5', '1000', '0', '1'.repeat(38), '0.0000001', '5', '-12.34']);
    });

    test('so are numbers inside of lists and maps', async () => {
      await given({ l: { L: [N('1.0')] }, m: { M: { x: N('1E1') } } });
      const [inList, inMap] = differs('keeps the spelling of inner numbers') ? ['1.0', '1E1'] : ['1', '10'];
      const item = await table.get(keyOf('ann'));
      expect(item).toMatchObject({ l: { L: [N(inList)] }, m: { M: { x: N(inMap) } } });
    });

    test.each<[name: string, item: Item]>([
      ['a number of 39 digits', { ...keyOf('ann'), n: N('1'.repeat(39)) }],
      ['a number that is too large', { ...keyOf('ann'), n: N('1E126') }],
      ['a number that is too small', { ...keyOf('ann'), n: N('1E-131') }],
      ['a number that is none', { ...keyOf('ann'), n: N('0x1') }],
      ['an empty set', { ...keyOf('ann'), s: { SS: [] } }],
      ['a set that holds something twice', { ...keyOf('ann'), s: { NS: ['1', '1.0'] } }],
      ['a key of the index that is no number', { ...keyOf('ann'), pendingShard: S('1') }],
      ['a deadline that is no number', { ...keyOf('ann'), expiresAtMs: S('soon') }],
      ['an empty key', { ...keyOf(''), n: N(1) }],
      ['a key of another type', { bookingId: N(1) }],
      ['no key', { n: N(1) }],
      ['a key that is too long', keyOf('x'.repeat(2_049))],
      ['more bytes than an item may have', { ...keyOf('ann'), fill: S('x'.repeat(MAX_ITEM_BYTES)) }],
    ])('are never taken: %s', async (_, item) => {
      const error = await open.put(item).then(
        () => 'taken',
        (thrown: Error) => thrown,
      );
      expect(error).toMatchObject({ name: 'ValidationException' });
      expect(isPermanent(error)).toBe(true);
    });

    test('an item may be filled to the last byte, and then takes nothing that makes it longer', async () => {
      const id = 'a name that is as long as forty letters.';
      const empty = { ...keyOf(id), status: S('PENDING'), fill: S('') };
      await open.put({ ...empty, fill: S('x'.repeat(MAX_ITEM_BYTES - itemBytes(empty))) });
      const condition = [equal('status', 'PENDING')];
      const longer = { set: { status: 'CONFIRMED' }, remove: [], condition };
      await expect(table.write(keyOf(id), longer)).rejects.toMatchObject({ name: 'ValidationException' });
      expect((await table.writeMany([{ key: keyOf(id), write: longer }]))[0]?.kind).toBe('failed');
      const asLong = { set: { status: 'EXPIRED' }, remove: [], condition };
      expect((await table.write(keyOf(id), asLong)).kind).toBe('made');
    });

    test('an update of the key is refused', async () => {
      await given({ n: N(1) });
      const write = { set: { bookingId: 'bob' }, remove: [], condition: [equal('n', 1)] };
      await expect(table.write(keyOf('ann'), write)).rejects.toMatchObject({ name: 'ValidationException' });
    });

    test('an update never gives a key of the index another type', async () => {
      await given({ n: N(1) });
      const write = { set: { pendingShard: 'one' }, remove: [], condition: [equal('n', 1)] };
      const kind = await table.write(keyOf('ann'), write).then(
        (answer) => answer.kind,
        ({ name }) => name,
      );
      const isTaken = differs('takes index keys of any type in updates');
      expect(kind).toBe(isTaken ? 'made' : 'ValidationException');
    });
  });

  describe('reads', () => {
    test('many items come in any order, with the attributes that were asked for, without those that do not exist', async () => {
      await given({ n: N(1), m: N(2) });
      await given({ n: N(3) }, 'bob');
      const keys = ['ann', 'bob', 'carl'].map(keyOf);
      const items = await table.getMany(keys, { consistent: true, attributes: ['bookingId', 'm'], settle: true });
      expect(byId(items)).toEqual([{ ...keyOf('ann'), m: N(2) }, keyOf('bob')]);
    });

    test('a key that is asked for twice is a mistake of whoever asks', async () => {
      const twice = table.getMany([keyOf('ann'), keyOf('ann')], { consistent: true, settle: true });
      await expect(twice).rejects.toMatchObject({ name: 'ValidationException' });
    });

    test('a scan gives what fulfils its condition, page by page', async () => {
      for (let number = 0; number < 7; number += 1) {
        await given(
          { status: S(number % 2 === 0 ? 'PENDING' : 'EXPIRED'), fill: S('x'.repeat(250_000)) },
          `b-${number}`,
        );
      }
      const pages: (readonly Item[])[] = [];
      let cursor: Item | undefined;
      do {
        const page: IndexPage = await table.scan([equal('status', 'PENDING')], ['bookingId'], cursor);
        pages.push(page.items);
        cursor = page.cursor;
      } while (cursor !== undefined);
      expect(pages.length).toBeGreaterThan(1);
      expect(byId(pages.flat())).toEqual(['b-0', 'b-2', 'b-4', 'b-6'].map(keyOf));
    });
  });

  describe('the index', () => {
    const bookings: [id: string, shard: number, deadline: string][] = [
      ['late', 1, `${DEADLINE + 20}`],
      ['early', 1, `${DEADLINE}`],
      ['half', 1, `${DEADLINE}.5`],
      ['same', 1, `${DEADLINE}`],
      ['other', 2, `${DEADLINE + 1}`],
    ];
    const givenBookings = async (): Promise<void> => {
      for (const [id, shard, deadline] of bookings) {
        await given({ pendingShard: N(shard), expiresAtMs: N(deadline), holdStartedAtMs: N(5), other: S('x') }, id);
      }
    };
    const shard = (number: number, from = DEADLINE, through = DEADLINE + 100): IndexQuery => ({
      index: BOOKINGS_SHAPE.indexName,
      partition: { pendingShard: number },
      sortKey: 'expiresAtMs',
      from,
      through,
    });

    test('gives the items of a partition by sort key, as numbers', async () => {
      await givenBookings();
      const deadlines = (await allRows(table, shard(1))).map(({ expiresAtMs }) => expiresAtMs?.N);
      expect(deadlines).toEqual([`${DEADLINE}`, `${DEADLINE}`, `${DEADLINE}.5`, `${DEADLINE + 20}`]);
    });

    test('holds its keys, the table’s key and what is projected, and nothing else', async () => {
      await givenBookings();
      expect(await allRows(table, shard(2))).toEqual([
        { ...keyOf('other'), pendingShard: N(2), expiresAtMs: N(DEADLINE + 1), holdStartedAtMs: N(5) },
      ]);
    });

    test('gives both ends of a range and nothing beyond', async () => {
      await givenBookings();
      expect(await ids(table, shard(1, DEADLINE + 1, DEADLINE + 20))).toEqual(['late']);
      expect(await ids(table, shard(1, DEADLINE, DEADLINE))).toEqual(['early', 'same']);
      expect(await ids(table, shard(1, DEADLINE + 1, DEADLINE + 19))).toEqual([]);
      expect(await ids(table, shard(7))).toEqual([]);
    });

    test('gives every item once, page by page, also those with the same deadline', async () => {
      await givenBookings();
      for (const limit of [1, 2, 3]) {
        expect((await ids(table, { ...shard(1), limit })).sort()).toEqual(['early', 'half', 'late', 'same']);
      }
      const { items } = await table.query({ ...shard(1), limit: 2 });
      expect(items).toHaveLength(2);
    });

    test('goes on after an item that has left it meanwhile', async () => {
      await givenBookings();
      const { cursor, items } = await table.query({ ...shard(1), limit: 3 });
      await open.delete(keyOf('half'));
      expect(items.map(({ bookingId }) => bookingId?.S)).toContain('half');
      expect(await ids(table, { ...shard(1), cursor })).toEqual(['late']);
    });

    test('has an item only while it has both keys', async () => {
      await given({ pendingShard: N(1) });
      await given({ expiresAtMs: N(DEADLINE) }, 'bob');
      expect(await ids(table, shard(1))).toEqual([]);
      const condition = [equal('pendingShard', 1)];
      await table.write(keyOf('ann'), { set: { expiresAtMs: DEADLINE }, remove: [], condition });
      expect(await ids(table, shard(1))).toEqual(['ann']);
      await table.write(keyOf('ann'), { set: {}, remove: ['pendingShard'], condition });
      expect(await ids(table, shard(1))).toEqual([]);
    });

    test('lets an item move to another partition and another place', async () => {
      await givenBookings();
      const condition = [equal('other', 'x')];
      await table.write(keyOf('early'), {
        set: { pendingShard: 2, expiresAtMs: DEADLINE + 50 },
        remove: [],
        condition,
      });
      expect(await ids(table, shard(1))).toEqual(['same', 'half', 'late']);
      expect(await ids(table, shard(2))).toEqual(['other', 'early']);
    });

    test('forgets what was deleted', async () => {
      await givenBookings();
      await open.delete(keyOf('other'));
      expect(await ids(table, shard(2))).toEqual([]);
    });

    test('counts over all pages', async () => {
      await givenBookings();
      expect(await table.count(shard(1))).toBe(4);
      expect(await table.count(shard(1, DEADLINE + 1))).toBe(1);
    });

    test('refuses a range that ends before it starts', async () => {
      await expect(table.query(shard(1, 10, 5))).rejects.toMatchObject({ name: 'ValidationException' });
    });

    test('refuses to begin outside of the range', async () => {
      await givenBookings();
      const cursor = { ...keyOf('late'), pendingShard: N(1), expiresAtMs: N(DEADLINE + 500) };
      const kind = await table.query({ ...shard(1), cursor }).then(
        ({ items }) => items.length,
        ({ name }) => name,
      );
      expect(kind).toBe(differs('begins outside of the range') ? 0 : 'ValidationException');
    });
  });

  describe('the stream', () => {
    test('tells each change of an item in its order, as it was before and is after', async () => {
      await given({ n: N(1) });
      await table.write(keyOf('ann'), { set: { n: 2 }, remove: [], condition: [equal('n', 1)] });
      await table.writeMany([{ key: keyOf('ann'), write: { set: {}, remove: ['n'], condition: [equal('n', 2)] } }]);
      await open.delete(keyOf('ann'));
      const key = keyOf('ann');
      const images: [ToldChange['eventName'], Item | undefined, Item | undefined][] = [
        ['INSERT', undefined, { ...key, n: N(1) }],
        ['MODIFY', { ...key, n: N(1) }, { ...key, n: N(2) }],
        ['MODIFY', { ...key, n: N(2) }, key],
        ['REMOVE', key, undefined],
      ];
      expect(await open.changes()).toEqual(
        images.map(([eventName, oldImage, newImage]) => ({ eventName, key, oldImage, newImage })),
      );
    });

    test('tells nothing of a write that was refused, and nothing of a deletion of nothing', async () => {
      await given({ n: N(1) });
      const write = { set: { n: 2 }, remove: [], condition: [equal('n', 5)] };
      await table.write(keyOf('ann'), write);
      await table.writeMany([{ key: keyOf('ann'), write }]);
      await open.delete(keyOf('bob'));
      expect(await open.changes()).toHaveLength(1);
    });

    test('tells nothing of a write that changes nothing', async () => {
      await given({ n: N('1') });
      await given({ n: N('1.0') });
      await table.write(keyOf('ann'), { set: { n: 1 }, remove: ['other'], condition: [equal('n', 1)] });
      expect(await open.changes()).toHaveLength(differs('records what did not change') ? 3 : 1);
    });

    test('tells of changes of different items in the order in which they were made', async () => {
      for (const [index, id] of ['ann', 'bob', 'carl', 'ann', 'bob'].entries()) await given({ n: N(index) }, id);
      const order = (await open.changes()).map(({ key }) => key?.bookingId?.S);
      expect(order).toEqual(['ann', 'bob', 'carl', 'ann', 'bob']);
    });
  });
});

const equal = (attribute: string, value: string | number): Clause => ({ attribute, is: 'equal', value });
const stored = (attribute: string, value: AttributeValue): Clause => ({
  attribute,
  is: 'equal',
  value: { stored: value },
});
const above = (attribute: string, value: number): Clause => ({ attribute, is: 'above', value });
const between = (attribute: string, from: number, through: number): Clause => ({
  attribute,
  is: 'between',
  from,
  through,
});
const absent = (attribute: string): Clause => ({ attribute, is: 'absent' });

/** Their ids in the order of the index; those with the same deadline by name, because there the index has no order. */
const ids = async (table: Table, query: IndexQuery): Promise<string[]> => {
  const items = await allRows(table, query);
  const deadline = (item: Item): number => Number(item.expiresAtMs?.N);
  return items.sort((a, b) => deadline(a) - deadline(b) || (idOf(a) < idOf(b) ? -1 : 1)).map(idOf);
};
