/**
 * What bookings cost at DynamoDB: requests, and capacity units as the engine counts them. The figures of bookings without slots
 * were measured by this very program on the last version that had none.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PROJECT_DIRECTORY } from '../../service/project.ts';
import { NO_CAPACITY_OF_BATCHES, tellsCapacityOfBatches } from '../support/abilities.ts';
import { type Cost, costsOf } from '../support/costs.ts';
import { type Engines, startEngines } from '../support/engines.ts';

const NOW = 1_800_000_000_000;
const MINUTE = 60_000;

let engines: Engines;
let costOf: ReturnType<typeof costsOf>;
let tellsUnits: boolean;
beforeAll(async () => {
  engines = await startEngines();
  tellsUnits = await tellsCapacityOfBatches(engines.rawClient, engines.table);
  costOf = costsOf(engines.rawClient);
});
afterAll(() => engines.stop());

/** What each act costs, by its name. */
const costs = async (slotCount: number): Promise<Record<string, Cost>> => {
  const { store, held } = engines;
  const id = (name: string) => `${name}-with-${slotCount}`;
  const create = (name: string) => {
    const slotIds = Array.from({ length: slotCount }, (_, index) => `${id(name)}-${index}`);
    return store.create({ bookingId: id(name), holdMs: MINUTE, ...(slotCount > 0 && { slotIds }) }, NOW);
  };
  const found: Record<string, Cost> = {
    create: await costOf(() => create('paid')),
    'create again': await costOf(() => create('paid')),
    read: await costOf(() => store.read(id('paid'), NOW)),
    extend: await costOf(() => store.extend(id('paid'), 2 * MINUTE, NOW)),
    confirm: await costOf(() => store.confirm(id('paid'), NOW)),
    'confirm again': await costOf(() => store.confirm(id('paid'), NOW)),
    'cancel after payment': await costOf(() => store.cancel(id('paid'), NOW)),
  };
  for (const name of ['given-up', 'lapsed', 'late', 'read-late', 'extended-late']) await create(name);
  return {
    ...found,
    cancel: await costOf(() => store.cancel(id('given-up'), NOW)),
    'cancel again': await costOf(() => store.cancel(id('given-up'), NOW)),
    expire: await costOf(() => held.expire([id('lapsed')], 'timer', NOW + MINUTE)),
    revive: await costOf(() => store.confirm(id('lapsed'), NOW + MINUTE, { ifLapsed: 'revive' })),
    'confirm late': await costOf(() => store.confirm(id('late'), NOW + MINUTE)),
    'read late': await costOf(() => store.read(id('read-late'), NOW + MINUTE)),
    'extend late': await costOf(() => store.extend(id('extended-late'), MINUTE, NOW + MINUTE)),
  };
};

const requestsIn = (all: Record<string, Cost>) =>
  Object.fromEntries(Object.entries(all).map(([name, { requests }]) => [name, requests]));
/** Write units, and read units behind them. A request that is refused tells none. */
const unitsIn = (all: Record<string, Cost>) =>
  Object.fromEntries(Object.entries(all).map(([name, { writeUnits, readUnits }]) => [name, [writeUnits, readUnits]]));

describe('a booking without slots', () => {
  test('costs what it cost before there were any', async ({ skip }) => {
    const found = await costs(0);
    expect(requestsIn(found)).toEqual({
      create: 'PutItem 1',
      'create again': 'PutItem 1',
      read: 'GetItem 1',
      extend: 'GetItem 1, UpdateItem 1',
      confirm: 'UpdateItem 1',
      'confirm again': 'UpdateItem 1',
      'cancel after payment': 'UpdateItem 2',
      cancel: 'UpdateItem 1',
      'cancel again': 'UpdateItem 1',
      expire: 'BatchExecuteStatement 1',
      // A confirmation that is refused.
      revive: 'UpdateItem 1',
      'confirm late': 'UpdateItem 2',
      'read late': 'GetItem 1, UpdateItem 1',
      'extend late': 'GetItem 1, UpdateItem 1',
    });
    skip(!tellsUnits, NO_CAPACITY_OF_BATCHES);
    expect(unitsIn(found)).toEqual({
      create: [2, 0],
      'create again': [0, 0],
      read: [0, 1],
      extend: [3, 1],
      confirm: [2, 0],
      'confirm again': [0, 0],
      'cancel after payment': [1, 0],
      cancel: [2, 0],
      'cancel again': [0, 0],
      expire: [2, 0],
      revive: [0, 0],
      'confirm late': [2, 0],
      'read late': [2, 1],
      'extend late': [2, 1],
    });
  });
});

describe('a booking with slots', () => {
  const requests = {
    // It looks first, so that what is taken costs no transaction.
    create: 'BatchGetItem 1, TransactWriteItems 1',
    'create again': 'BatchGetItem 1, TransactWriteItems 1',
    read: 'GetItem 1',
    extend: 'GetItem 1, TransactWriteItems 1',
    // The update is refused: it finds the slots.
    confirm: 'UpdateItem 1, TransactWriteItems 1',
    'confirm again': 'UpdateItem 1',
    'cancel after payment': 'UpdateItem 1, TransactWriteItems 1',
    cancel: 'UpdateItem 1, TransactWriteItems 1',
    'cancel again': 'UpdateItem 1',
    expire: 'BatchExecuteStatement 1',
    revive: 'UpdateItem 1, GetItem 1, BatchGetItem 1, TransactWriteItems 1',
    'confirm late': 'UpdateItem 2',
    'read late': 'GetItem 1, UpdateItem 1',
    'extend late': 'GetItem 1, UpdateItem 1',
  };

  test.for([1, 10])(
    'costs two units more for each of its %i at each move, and none when it lapses',
    async (count, { skip }) => {
      const found = await costs(count);
      expect(requestsIn(found)).toEqual(requests);
      skip(!tellsUnits, NO_CAPACITY_OF_BATCHES);
      const units = unitsIn(found);
      expect(units).toMatchObject({
        create: [3 + 2 * count, count],
        extend: [4 + 2 * count, 1],
        confirm: [3 + 2 * count, 0],
        cancel: [3 + 2 * count, 0],
        'cancel after payment': [2 + 2 * count, 0],
        revive: [2 + 2 * count, 1 + count],
        expire: [2, 0],
      });
      expect(documented(count)).toEqual(
        Object.fromEntries(
          ['create', 'extend', 'confirm', 'cancel', 'cancel after payment', 'revive', 'expire'].map((name) => [
            name,
            units[name]?.[0],
          ]),
        ),
      );
    },
  );
});

/** The write units that docs/slots.md tells of a booking with so many slots. */
const documented = (count: number): Record<string, number> => {
  const text = readFileSync(join(PROJECT_DIRECTORY, 'docs', 'slots.md'), 'utf8');
  const column = { 0: 1, 1: 2, 10: 3 }[count] ?? 0;
  const rows = [...text.matchAll(/^\| (create|extend|confirm|cancel|cancel after payment|revive|expire) \|(.*)\|$/gm)];
  return Object.fromEntries(rows.map(([, name = '', cells = '']) => [name, Number(cells.split('|')[column - 1])]));
};
