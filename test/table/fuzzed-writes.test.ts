/** Random writes and reads, made on the table in memory and on each engine: they answer alike and end up the same. */
import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Clause, ConditionalWrite, Value } from '../../functions/table/conditional-write.ts';
import type { Item } from '../../functions/table/item.ts';
import { BOOKINGS_SHAPE } from '../../functions/table/shape.ts';
import type { BatchedWriteAnswer, Table } from '../../functions/table/table.ts';
import { ENGINES, MEMORY, type OpenTable, type ToldChange } from './implementations.ts';
import { allRows, byId, keyOf, N, S } from './items.ts';

const IDS = ['ann', 'bob', 'carl'];

type Command =
  | { readonly do: 'put'; readonly id: string; readonly item: Item }
  | { readonly do: 'delete'; readonly id: string }
  | { readonly do: 'create'; readonly id: string; readonly item: Item }
  | { readonly do: 'write'; readonly id: string; readonly write: ConditionalWrite }
  | { readonly do: 'writeMany'; readonly ids: readonly string[]; readonly write: ConditionalWrite }
  | {
      readonly do: 'query';
      readonly shard: number;
      readonly from: number;
      readonly span: number;
      readonly limit: number;
    }
  | { readonly do: 'scan'; readonly condition: readonly Clause[] }
  | { readonly do: 'getMany'; readonly ids: readonly string[]; readonly attributes: readonly string[] };

const id = fc.constantFrom(...IDS);
const ids = fc.uniqueArray(id, { minLength: 1 });
/** Few numbers, so that they often meet, in several spellings. */
const digits = fc.constantFrom(
  '0',
  '1',
  '2',
  '10',
  '1.0',
  '1.5',
  '-1',
  '1E1',
  `${'9'.repeat(37)}.5`,
  `${'9'.repeat(37)}.4`,
);
const words = ['PENDING', 'CONFIRMED', '1', ''];
const text = fc.constantFrom(...words);
/** In their shortest form: into it, not every engine brings numbers of an update or inside of a list. */
const shortest = fc.constantFrom('0', '1', '2', '10', '1.5', '-1', `${'9'.repeat(37)}.5`, `${'9'.repeat(37)}.4`);
const kept: fc.Arbitrary<AttributeValue> = fc.oneof(
  text.map(S),
  shortest.map(N),
  fc.boolean().map((BOOL) => ({ BOOL })),
  fc.constant({ NULL: true } as const),
  fc.uniqueArray(fc.constantFrom('a', 'b', 'c'), { minLength: 1 }).map((SS) => ({ SS })),
  fc.uniqueArray(fc.constantFrom('1', '2', '3'), { minLength: 1 }).map((NS) => ({ NS })),
  fc.array(shortest.map(N), { maxLength: 2 }).map((L) => ({ L })),
  fc.dictionary(fc.constantFrom('x', 'y'), text.map(S)).map((M) => ({ M })),
);
const others = fc.oneof({ weight: 3, arbitrary: kept }, { weight: 1, arbitrary: digits.map(N) });
/** Sometimes of a type that a key of the index cannot have: then the whole item is refused. */
const indexKey = fc.oneof({ weight: 9, arbitrary: digits.map(N) }, { weight: 1, arbitrary: text.map(S) });
/** A name that stands in no expression as it is. */
const ODD = ':an odd-näme of its #own';
const attributes: fc.Arbitrary<Item> = fc.record(
  {
    status: others,
    expiresAtMs: indexKey,
    pendingShard: indexKey,
    holdStartedAtMs: others,
    other: others,
    [ODD]: others,
  },
  { requiredKeys: [] },
);
const NAMES = ['status', 'expiresAtMs', 'pendingShard', 'holdStartedAtMs', 'other', ODD];
const name = fc.constantFrom(...NAMES);
const value: fc.Arbitrary<Value> = fc.oneof(
  text,
  fc.integer({ min: -1, max: 11 }),
  kept.map((each) => ({ stored: each })),
);
const clause: fc.Arbitrary<Clause> = fc.oneof(
  fc.record({ attribute: name, is: fc.constant('equal' as const), value }),
  fc.record({
    attribute: name,
    is: fc.constant('in' as const),
    values: fc.uniqueArray(text, { minLength: 1, maxLength: words.length }),
  }),
  fc.record({ attribute: name, is: fc.constant('above' as const), value: fc.integer({ min: -2, max: 11 }) }),
  fc
    .record({ attribute: name, from: fc.integer({ min: -2, max: 5 }), span: fc.nat(9) })
    .map(({ span, ...each }) => ({ ...each, is: 'between' as const, through: each.from + span })),
  fc.record({ attribute: name, is: fc.constant('absent' as const) }),
);
/** DynamoDB refuses to set and remove the same attribute, and takes keys of the index as numbers only. */
const write: fc.Arbitrary<ConditionalWrite> = fc
  .record({
    set: fc.record(
      { status: value, other: value, [ODD]: value, expiresAtMs: fc.nat(11), pendingShard: fc.nat(2) },
      { requiredKeys: [] },
    ),
    removing: fc.uniqueArray(name),
    condition: fc.array(clause, { minLength: 1, maxLength: 2 }),
  })
  .map(({ set, removing, condition }) => ({
    set,
    remove: removing.filter((each) => !Object.keys(set).includes(each)),
    condition,
  }))
  .filter(({ set, remove }) => Object.keys(set).length + remove.length > 0);
/** As the service makes them: each asks for a value, so that none creates an item, and removes one attribute at the most. */
const batchedWrite: fc.Arbitrary<ConditionalWrite> = write
  .map(({ set, remove, condition }) => ({ set, remove: remove.slice(0, 1), condition }))
  .filter(({ condition }) => condition.some(({ is }) => is !== 'absent'))
  // DynamoDB Local takes such a name in no statement: then each is an update of its own, in any order.
  .filter(
    ({ set, remove, condition }) =>
      !(ODD in set) && !remove.includes(ODD) && condition.every(({ attribute }) => attribute !== ODD),
  );

const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('put' as const), id, item: attributes }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('delete' as const), id }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('create' as const), id, item: attributes }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('write' as const), id, write }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('writeMany' as const), ids, write: batchedWrite }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('query' as const),
      shard: fc.nat(2),
      from: fc.integer({ min: -2, max: 10 }),
      span: fc.nat(12),
      limit: fc.integer({ min: 1, max: 3 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('scan' as const),
      condition: fc.array(clause, { minLength: 1, maxLength: 2 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('getMany' as const),
      ids,
      attributes: fc.uniqueArray(name).map((names) => ['bookingId', ...names]),
    }),
  },
);

/** What was answered, as far as the port promises it. */
const carriedOut = async ({ table, put, delete: remove }: OpenTable, what: Command): Promise<unknown> => {
  switch (what.do) {
    case 'put':
      return put({ ...keyOf(what.id), ...what.item });
    case 'delete':
      return remove(keyOf(what.id));
    case 'create':
      return (await table.create({ ...keyOf(what.id), ...what.item }, 'bookingId')).kind;
    case 'write':
      return table.write(keyOf(what.id), what.write);
    case 'writeMany': {
      const answers = await table.writeMany(what.ids.map((each) => ({ key: keyOf(each), write: what.write })));
      return answers.map((answer) => told(answer, what.write));
    }
    case 'query':
      return rowsOf(table, what);
    case 'scan':
      return byId((await table.scan(what.condition, ['bookingId', 'status'], undefined)).items);
    case 'getMany':
      return byId(
        await table.getMany(what.ids.map(keyOf), { consistent: true, attributes: what.attributes, settle: true }),
      );
  }
};

/**
 * Not every engine tells all of an item that a batched write found: what the write is about, it does. A statement that it does
 * not take, for an odd name for example, is made by an update of its own, which answers with the item too.
 */
const told = (answer: BatchedWriteAnswer, { set, remove, condition }: ConditionalWrite): unknown => {
  if (answer.kind === 'failed') return { failed: answer.error.name };
  if (answer.kind === 'made') return { kind: 'made' };
  if (answer.kind !== 'refused' || answer.found === undefined) return answer;
  const names = ['bookingId', ...Object.keys(set), ...remove, ...condition.map(({ attribute }) => attribute)];
  const found = Object.entries(answer.found).filter(([each]) => names.includes(each));
  return { kind: 'refused', found: Object.fromEntries(found) };
};

const rowsOf = async (
  table: Table,
  { shard, from, span, limit }: Extract<Command, { do: 'query' }>,
): Promise<Item[]> => {
  const rows = await allRows(table, {
    index: BOOKINGS_SHAPE.indexName,
    partition: { pendingShard: shard },
    sortKey: 'expiresAtMs',
    from,
    through: from + span,
    limit,
  });
  // Among those with the same sort key the index has no order.
  const sortKey = (item: Item): number => Number(item.expiresAtMs?.N);
  expect(rows.map(sortKey)).toEqual(rows.map(sortKey).sort((a, b) => a - b));
  return byId(rows);
};

/** Changes that changed something: an engine may tell of others. */
const realChanges = (changes: readonly ToldChange[]): ToldChange[] =>
  changes.filter(({ oldImage, newImage }) => JSON.stringify(sorted(oldImage)) !== JSON.stringify(sorted(newImage)));
const sorted = (item: Item | undefined) => item && Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1));

/** Sets have no order. */
const withoutOrder = (given: unknown): unknown => {
  if (Array.isArray(given)) return given.map(withoutOrder);
  if (typeof given !== 'object' || given === null) return given;
  return Object.fromEntries(
    Object.entries(given).map(([key, member]) => [
      key,
      key === 'SS' || key === 'NS' ? [...(member as string[])].sort() : withoutOrder(member),
    ]),
  );
};

/** What is in it at the end: its items, its index and its stream. */
const contents = async (open: OpenTable): Promise<unknown> => {
  const keys = IDS.map(keyOf);
  const shards = await Promise.all(
    [0, 1, 2].map((shard) => rowsOf(open.table, { do: 'query', shard, from: -5, span: 100, limit: 50 })),
  );
  return {
    items: byId(await open.table.getMany(keys, { consistent: true, settle: true })),
    shards,
    changes: realChanges(await open.changes()),
  };
};

describe.each(ENGINES)('the table in memory beside the $name', ({ start }) => {
  let engine: Awaited<ReturnType<typeof start>>;
  let memory: Awaited<ReturnType<typeof start>>;
  beforeAll(async () => {
    [engine, memory] = await Promise.all([start(), MEMORY.start()]);
  });
  afterAll(() => engine.stop());

  test('answers random writes and reads alike, and holds the same afterwards', async () => {
    const property = fc.asyncProperty(fc.array(command, { minLength: 5, maxLength: 25 }), async (commands) => {
      const [one, other] = await Promise.all([engine.open(), memory.open()]);
      const answer = async (open: OpenTable, what: Command) =>
        carriedOut(open, what).catch((error: Error) => ({ refused: error.name }));
      for (const what of commands) {
        expect(withoutOrder(await answer(other, what))).toEqual(withoutOrder(await answer(one, what)));
      }
      expect(withoutOrder(await contents(other))).toEqual(withoutOrder(await contents(one)));
    });
    await fc.assert(property, { numRuns: 100, interruptAfterTimeLimit: 60_000, markInterruptAsFailure: false });
  });
});
