import { PutCommand } from '@aws-sdk/lib-dynamodb';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { isPermanent, UnprocessableError } from '../../functions/adapters/permanent-error.ts';
import type { SeenBooking } from '../../functions/core/expiry-decisions.ts';
import { decodeTimer } from '../../functions/core/expiry-timer.ts';
import { DAY_MS, MINUTE_MS } from '../../functions/core/hold-time.ts';
import { type LeftOutPorts, type PatrolState, patrol, takeInAll } from '../../functions/core/left-out.ts';
import type { Item } from '../../functions/table/item.ts';
import { type Engines, SHARD_COUNT, startEngines } from '../support/engines.ts';

const NOW = 1_790_000_000_000;
const BEGINNING: PatrolState<Item> = { isWhole: false, givenUp: 0 };
let engines: Engines;

// A table of its own for each test: a patrol reads all that is in it.
beforeEach(async () => {
  engines = await startEngines();
});
afterEach(() => engines.stop());

const ports = (overrides: Partial<LeftOutPorts<Item>> = {}): LeftOutPorts<Item> => ({
  table: engines.held,
  store: engines.held,
  queue: engines.queue,
  clock: () => NOW,
  isPermanent,
  shardCount: SHARD_COUNT,
  settings: { timerLeadMs: 1_000, sweepIntervalMs: 5 * MINUTE_MS },
  ...overrides,
});
const write = (bookingId: string, inMs: number, more: object = {}) =>
  engines.documents.send(
    new PutCommand({
      TableName: engines.table,
      Item: { bookingId, status: 'PENDING', expiresAtMs: NOW + inMs, ...more },
    }),
  );

/** The table in pages of two items, as a large one has pages of a megabyte; counts how many are read. */
const inPages = () => {
  let pages = 0;
  let seen: readonly SeenBooking[] = [];
  const table: LeftOutPorts<Item>['table'] = {
    pendingItems: async (cursor) => {
      pages += 1;
      if (cursor === undefined) ({ seen } = await engines.held.pendingItems(undefined));
      const from = Number(cursor?.place?.N ?? 0);
      const isLast = from + 2 >= seen.length;
      return { seen: seen.slice(from, from + 2), ...(!isLast && { cursor: { place: { N: String(from + 2) } } }) };
    },
  };
  return { table, pages: () => pages };
};

describe('a booking that no sweep can see', () => {
  test('is expired if it has been overdue for 30 s', async () => {
    await write('overdue', -30_000);
    const { report } = await patrol(ports(), BEGINNING, 0, () => true);
    expect(report).toMatchObject({ found: 1, expired: 1, adopted: 0, lagsMs: [30_000], errors: [] });
    expect(await engines.store.get('overdue')).toMatchObject({ status: 'EXPIRED', expiredBy: 'sweep' });
  });

  test('is put into the index if it still runs, and gets its timer if it is near', async () => {
    await write('near', 60_000);
    await write('far', DAY_MS);
    const { report } = await patrol(ports(), BEGINNING, 0, () => true);
    expect(report).toMatchObject({ found: 2, expired: 0, adopted: 2 });
    for (const id of ['near', 'far']) expect((await engines.store.get(id))?.pendingShard).toBeGreaterThanOrEqual(0);
    await write('due', 500);
    await patrol(ports(), BEGINNING, 0, () => true);
    expect((await engines.drain()).map((body) => decodeTimer(body).bookingId)).toEqual(['due']);
  });

  test('is found whatever its shard is, if that is no legal one', async () => {
    for (const [index, pendingShard] of [200, -1, 0.5].entries()) await write(`b${index}`, DAY_MS, { pendingShard });
    await write('legal', DAY_MS, { pendingShard: 199 });
    expect((await patrol(ports(), BEGINNING, 0, () => true)).report).toMatchObject({ found: 3, adopted: 3 });
  });

  test('is left as it is without a usable deadline, or if it is settled', async () => {
    await write('in seconds', 0, { expiresAtMs: 1_790_000_000 });
    await write('paid', -60_000, { status: 'CONFIRMED' });
    expect((await patrol(ports(), BEGINNING, 0, () => true)).report).toMatchObject({ found: 0 });
  });
});

describe('a patrol', () => {
  beforeEach(async () => {
    for (let index = 0; index < 7; index += 1) await write(`b${index}`, DAY_MS, { pendingShard: 1 });
  });

  test('reads one page at each sweep, and goes on from there', async () => {
    const { table, pages } = inPages();
    let state = BEGINNING;
    for (let sweeps = 1; sweeps <= 4; sweeps += 1) {
      ({ state } = await patrol(ports({ table }), state, 0, () => true));
      expect(pages()).toBe(sweeps);
    }
    expect(state).toEqual(BEGINNING);
  });

  test('reads the whole table when records have been given up, once', async () => {
    const { table, pages } = inPages();
    const { state } = await patrol(ports({ table }), { ...BEGINNING, cursor: { place: { N: '4' } } }, 3, () => true);
    expect(pages()).toBe(4);
    expect(state).toEqual({ isWhole: false, givenUp: 3 });
    await patrol(ports({ table }), state, 3, () => true);
    expect(pages()).toBe(5);
  });

  test('reads the whole table from its beginning as soon as it meets a booking that was left out and is overdue', async () => {
    await write('overdue', -60_000);
    await write('overdue too', -60_000);
    const { table, pages } = inPages();
    let state = BEGINNING;
    let expired = 0;
    for (let sweeps = 0; sweeps < 5 && expired === 0; sweeps += 1) {
      const done = await patrol(ports({ table }), state, 0, () => true);
      ({ state } = done);
      ({ expired } = done.report);
    }
    expect(expired).toBe(2);
    expect(pages()).toBeGreaterThanOrEqual(5);
    expect(state.isWhole).toBe(false);
  });

  test('goes on page by page past a booking that is overdue and beyond help: each cycle would be two', async () => {
    await write('a beyond help', -60_000);
    const { table, pages } = inPages();
    const error = new UnprocessableError('no room for another word');
    const store: LeftOutPorts['store'] = {
      adopt: (...args) => engines.held.adopt(...args),
      expire: async (ids) => new Map(ids.map((id) => [id, { kind: 'failed', error }])),
    };
    let state = BEGINNING;
    const told: string[] = [];
    for (let sweeps = 1; sweeps <= 4; sweeps += 1) {
      const done = await patrol(ports({ table, store }), state, 0, () => true);
      ({ state } = done);
      told.push(...done.report.unprocessable.map(({ bookingId }) => bookingId));
      expect(pages()).toBe(sweeps);
    }
    expect(told).toEqual(['a beyond help']);
    expect(state).toEqual(BEGINNING);
  });

  test('that runs out of time goes on with the whole table at the next sweep', async () => {
    const { table, pages } = inPages();
    let asked = 0;
    const { state } = await patrol(ports({ table }), BEGINNING, 1, () => ++asked < 2);
    expect(pages()).toBe(2);
    expect(state).toMatchObject({ isWhole: true, givenUp: 1 });
    expect((await patrol(ports({ table }), state, 1, () => true)).state.isWhole).toBe(false);
    expect(pages()).toBe(4);
  });

  test('that cannot read on keeps what it has done, and begins there at the next sweep', async () => {
    const { table } = inPages();
    const breaking: typeof table = {
      pendingItems: (cursor) =>
        cursor?.place?.N === '4' ? Promise.reject(new Error('throttled')) : table.pendingItems(cursor),
    };
    await write('b0', -60_000);
    await write('b1', -60_000);
    await write('b2', -60_000);
    const { report, state } = await patrol(ports({ table: breaking }), BEGINNING, 1, () => true);
    expect(report.errors).toEqual([new Error('could not read on in the table')]);
    expect(state).toEqual({ isWhole: true, givenUp: 1, cursor: { place: { N: '4' } } });
    const rest = await patrol(ports({ table }), state, 1, () => true);
    expect(report.expired + rest.report.expired).toBe(3);
    expect(rest.state).toEqual({ isWhole: false, givenUp: 1 });
  });

  test('notes how far it came, unless another was quicker', async () => {
    const [first, second] = [await engines.notes.read(), await engines.notes.read()];
    await first.note({ cursor: { bookingId: { S: 'b3' } }, isWhole: true, givenUp: 2 });
    await second.note({ isWhole: false, givenUp: 0 });
    expect((await engines.notes.read()).state).toEqual({
      cursor: { bookingId: { S: 'b3' } },
      isWhole: true,
      givenUp: 2,
    });
    await (await engines.notes.read()).note({ isWhole: false, givenUp: 5 });
    expect((await engines.notes.read()).state).toEqual({ isWhole: false, givenUp: 5 });
  });
});

test('an operator may have the whole table looked at, and is told what was found', async () => {
  for (let index = 0; index < 5; index += 1) await write(`b${index}`, index % 2 === 0 ? -60_000 : DAY_MS);
  const { table } = inPages();
  const told: number[] = [];
  const report = await takeInAll(
    ports({ table }),
    () => true,
    ({ found }) => told.push(found),
  );
  expect(report).toMatchObject({ found: 5, expired: 3, adopted: 2, remaining: false });
  expect(told).toEqual([2, 4, 5]);
});
