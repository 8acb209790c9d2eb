/** What the service does to items of tables of five makes, on a real engine: each write by itself. */
import type { AttributeValue, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { DynamoDbTable } from '../../functions/adapters/dynamodb-table.ts';
import { HeldItems } from '../../functions/adapters/held-items.ts';
import { PendingIndex } from '../../functions/adapters/pending-index.ts';
import { isPermanent } from '../../functions/adapters/permanent-error.ts';
import { adoptionOf, type SeenBooking } from '../../functions/core/expiry-decisions.ts';
import { DAY_MS, MINUTE_MS } from '../../functions/core/hold-time.ts';
import { isLeftOut } from '../../functions/core/left-out.ts';
import { shardOf } from '../../functions/core/pending-shard.ts';
import { writtenDeadline } from '../../functions/table/deadline.ts';
import type { Item } from '../../functions/table/item.ts';
import { type TableDescription, tableShape } from '../../functions/table/shape.ts';
import { itemBytes, MAX_ITEM_BYTES } from '../memory/item-size.ts';
import { type Engines, startEngines } from '../support/engines.ts';
import { BOOKINGS, DAY_PASSES, FIVE_TABLES, ORDERS, SINGLE_TABLE, TICKETS } from '../support/five-tables.ts';
import { heldItem, idOf, type OpenedTable, openTable, storedKey } from '../support/open-table.ts';
import { patientClient } from '../support/store.ts';

const SHARD_COUNT = 7;
const SETTINGS = { timerLeadMs: 1_000, sweepIntervalMs: 5 * MINUTE_MS };
/** A whole second, so that each unit has it as it is. */
const NOW = 1_800_000_000_000;

let engines: Engines;
beforeAll(async () => {
  engines = await startEngines();
});
afterAll(() => engines.stop());

describe.each(FIVE_TABLES)('an item of $name', (make) => {
  const { shape } = make;
  const { attributes } = shape;
  let table: OpenedTable;
  let held: HeldItems;
  let index: PendingIndex;
  let client: DynamoDBClient;
  let sequence = 0;
  let name: string;
  let id: string;
  beforeAll(async () => {
    table = await openTable(make, engines.rawClient);
    client = patientClient(engines.dynamodb.endpoint);
    const dynamodb = new DynamoDbTable(client, table.name);
    held = new HeldItems(dynamodb, shape);
    index = new PendingIndex(dynamodb, shape, SHARD_COUNT);
  });
  beforeEach(() => {
    sequence += 1;
    name = `item ${sequence}`;
    id = idOf(make, name);
  });

  const status = async (): Promise<string | undefined> => (await table.get(name))?.[shape.status.attribute]?.S;
  const expire = async (nowMs: number) => (await held.expire([id], 'timer', nowMs)).get(id);
  const seenNow = async (): Promise<SeenBooking | undefined> => {
    let cursor: Item | undefined;
    do {
      const page = await held.pendingItems(cursor);
      const found = page.seen.find(({ booking }) => booking.bookingId === id);
      if (found) return found;
      cursor = page.cursor;
    } while (cursor !== undefined);
    return undefined;
  };
  const decide = (found: SeenBooking) => adoptionOf(found, NOW, SHARD_COUNT, SETTINGS);
  const adopt = async (): Promise<string | undefined> => {
    const adoption = decide((await seenNow()) as SeenBooking);
    if (adoption === undefined) return undefined;
    return (await held.adopt([adoption], decide)).get(id)?.kind;
  };
  const rows = async () => {
    const page = await index.pendingPage({ shard: shardOf(id, SHARD_COUNT), throughMs: NOW + 1e9, limit: 1_000 });
    return page.rows.filter(({ bookingId }) => bookingId === id);
  };

  test('expires at its deadline and not a millisecond before, and becomes what its owner asked for', async () => {
    await table.put(heldItem(make, name, NOW));
    expect(await expire(NOW - 1)).toEqual({ kind: 'extended', expiresAtMs: NOW });
    expect(await expire(NOW)).toEqual({ kind: 'expired', expiredAtMs: NOW });
    const { set, remove } = shape.onExpire;
    const item = (await table.get(name)) ?? {};
    expect(item).toMatchObject({
      [shape.status.attribute]: { S: shape.status.expired },
      [attributes.expiredAtMs]: { N: String(NOW) },
      [attributes.expiredBy]: { S: 'timer' },
      ...Object.fromEntries(Object.entries(set).map(([attribute, value]) => [attribute, { BOOL: value }])),
    });
    for (const attribute of remove) expect(item).not.toHaveProperty([attribute]);
    for (const attribute of Object.keys(make.others).filter((each) => !remove.includes(each))) {
      expect(item).toHaveProperty([attribute]);
    }
    expect(await expire(NOW + 1)).toEqual({ kind: 'already-expired' });
  });

  test('that was paid or given back never expires', async () => {
    for (const word of [make.paid, make.cancelled]) {
      await table.put(heldItem(make, name, NOW, { word } as never));
      expect(await expire(NOW + 1_000)).toEqual({ kind: 'settled', status: word });
      expect(await status()).toBe(word);
    }
  });

  test('is held by each of the pending words', async () => {
    for (const word of shape.status.pending) {
      await table.put(heldItem(make, name, NOW, { word } as never));
      expect((await expire(NOW))?.kind).toBe('expired');
    }
  });

  test('that does not exist, or whose deadline is another since, is left alone', async () => {
    expect(await expire(NOW)).toEqual({ kind: 'missing' });
    await table.put(heldItem(make, name, NOW + 60_000));
    expect(await expire(NOW)).toEqual({ kind: 'extended', expiresAtMs: NOW + 60_000 });
  });

  test.each<[string, AttributeValue]>([
    ['of another type', { BOOL: true }],
    ['in minutes', { N: String(NOW / 60_000) }],
    ['that is a date without a time', { S: '2026-12-24' }],
  ])('with a deadline %s never expires, and its reason names the attribute', async (_, deadline) => {
    const key = shape.deadline.attribute;
    // DynamoDB itself refuses what the index cannot have as a key.
    if (shape.deadline.unit === 'milliseconds' && deadline.N === undefined) return;
    await table.put({ ...heldItem(make, name, NOW), [key]: deadline });
    const outcome = await expire(NOW + 1e10);
    expect(outcome?.kind).toBe('invalid-deadline');
    expect(outcome).toHaveProperty('reason', expect.stringContaining(key));
    expect(await seenNow()).toMatchObject({ booking: { status: 'PENDING' } });
    expect(await adopt()).toBeUndefined();
  });

  test('that its owner wrote bare is put into the index under its deadline, once', async () => {
    await table.put(heldItem(make, name, NOW + 60_000));
    expect(isLeftOut((await seenNow()) as SeenBooking)).toBe(true);
    expect(await adopt()).toBe('adopted');
    expect(await rows()).toEqual([{ bookingId: id, expiresAtMs: NOW + 60_000, holdStartedAtMs: NOW }]);
    expect(isLeftOut((await seenNow()) as SeenBooking)).toBe(false);
    expect(await adopt()).toBeUndefined();
  });

  test('whose owner moves the deadline and nothing else moves in the index too', async () => {
    await table.put(heldItem(make, name, NOW + 60_000));
    await adopt();
    const item = (await table.get(name)) ?? {};
    await table.put({ ...item, [shape.deadline.attribute]: writtenDeadline(shape, NOW + 600_000) });
    // In milliseconds the deadline is the index's own key.
    expect(await adopt()).toBe(shape.deadline.unit === 'milliseconds' ? undefined : 'adopted');
    expect(await rows()).toMatchObject([{ bookingId: id, expiresAtMs: NOW + 600_000 }]);
  });

  test('that has changed since it was seen is adopted as it is now', async () => {
    await table.put(heldItem(make, name, NOW + 60_000));
    const adoption = decide((await seenNow()) as SeenBooking);
    await table.put(heldItem(make, name, NOW + 120_000));
    const outcomes = await held.adopt(adoption ? [adoption] : [], decide);
    expect(outcomes.get(id)?.kind).toBe('adopted');
    expect(await rows()).toMatchObject([{ expiresAtMs: NOW + 120_000 }]);
  });

  test('leaves the index when it expires', async () => {
    await table.put(heldItem(make, name, NOW));
    await adopt();
    expect((await expire(NOW))?.kind).toBe('expired');
    expect(await rows()).toEqual([]);
    const item = await table.get(name);
    expect(item).not.toHaveProperty([attributes.pendingShard]);
    if (shape.deadline.unit !== 'milliseconds') expect(item).not.toHaveProperty([attributes.expiresAtMs]);
    // What can be held again has no start of an earlier hold. Ours keeps it: it never is.
    expect(item?.[attributes.holdStartedAtMs] === undefined).toBe(make.name !== 'bookings');
  });

  test('that its owner settled without a word to the index is taken out of it', async () => {
    await table.put(heldItem(make, name, NOW));
    await adopt();
    const item = (await table.get(name)) ?? {};
    await table.put({ ...item, [shape.status.attribute]: { S: make.paid } });
    await held.leaveIndex([id]);
    expect(await rows()).toEqual([]);
    expect(await status()).toBe(make.paid);
  });

  test('that is held stays in the index, whoever asks', async () => {
    await table.put(heldItem(make, name, NOW));
    await adopt();
    await held.leaveIndex([id]);
    expect(await rows()).toHaveLength(1);
  });

  test('is glimpsed as what it is', async () => {
    await table.put(heldItem(make, name, NOW));
    expect((await held.glimpse([id])).get(id)).toMatchObject({ bookingId: id, status: 'PENDING', expiresAtMs: NOW });
  });

  test('is one of 60 that expire together, each with its own outcome', async () => {
    const names = Array.from({ length: 60 }, (_, each) => `${name} of 60, ${each}`);
    const words = [shape.status.pending[0], make.paid, shape.status.expired];
    await Promise.all(
      names.map((each, position) => table.put(heldItem(make, each, NOW, { word: words[position % 3] } as never))),
    );
    const ids = names.map((each) => idOf(make, each));
    const outcomes = await held.expire(ids, 'sweep', NOW);
    const kinds = ['expired', 'settled', 'already-expired'];
    expect(ids.map((each) => outcomes.get(each)?.kind)).toEqual(ids.map((_, position) => kinds[position % 3]));
  });

  test('is never named by a text that is no key of the table', async () => {
    for (const text of ['', '["a"]', '["a","b","c"]', '[1,2]', '{}']) {
      if (shape.key.sort === undefined && shape.key.partition.type === 'S' && text !== '') continue;
      expect((await held.expire([text], 'timer', NOW)).get(text)?.kind).toBe('failed');
    }
  });
});

describe('an item of another kind', () => {
  test('that is in every other way like a held one is never touched', async () => {
    const { shape } = SINGLE_TABLE;
    const table = await openTable(SINGLE_TABLE, engines.rawClient);
    const held = new HeldItems(new DynamoDbTable(engines.rawClient, table.name), shape);
    const invoice = heldItem(SINGLE_TABLE, 'invoice', NOW, { entity: { S: 'Invoice' } });
    await table.put(invoice);
    const id = idOf(SINGLE_TABLE, 'invoice');
    expect((await held.expire([id], 'sweep', NOW)).get(id)).toEqual({ kind: 'no-booking' });
    expect(await table.get('invoice')).toEqual(invoice);
    expect(await held.pendingItems(undefined)).toEqual({ seen: [] });
    expect(await held.glimpse([id])).toEqual(new Map());
  });

  test('stays in the index that it is in, whatever its status', async () => {
    const { shape } = SINGLE_TABLE;
    const table = await openTable(SINGLE_TABLE, engines.rawClient);
    const held = new HeldItems(new DynamoDbTable(engines.rawClient, table.name), shape);
    const inIndex = { [shape.attributes.pendingShard]: { N: '3' }, [shape.attributes.expiresAtMs]: { N: String(NOW) } };
    const settled = heldItem(SINGLE_TABLE, 'invoice', NOW, {
      entity: { S: 'Invoice' },
      word: 'PAID',
      ...inIndex,
    } as never);
    const ours = heldItem(SINGLE_TABLE, 'ticket', NOW, { word: SINGLE_TABLE.paid, ...inIndex } as never);
    await Promise.all([settled, ours].map(table.put));
    await held.leaveIndex(['invoice', 'ticket'].map((name) => idOf(SINGLE_TABLE, name)));
    expect(await table.get('invoice')).toEqual(settled);
    expect(await table.indexed(3)).toMatchObject([storedKey(SINGLE_TABLE, 'invoice')]);
  });
});

describe('a nearly full item', () => {
  // Long enough for the embedded engine, which counts an update of an item with a short key too high.
  const NAME = 'as large as DynamoDB takes, and so that the engine counts the length of its keys right';
  const tableOf = async (more: TableDescription) => {
    const description = { status: { pending: 'held', expired: 'free' }, ...more };
    const make = { ...BOOKINGS, description, shape: tableShape(description) };
    const table = await openTable(make, engines.rawClient);
    const held = new HeldItems(new DynamoDbTable(engines.rawClient, table.name), make.shape);
    return {
      table,
      /** Puts an item with so many bytes left. */
      givenItem: async (bytesLeft: number, others: Item = {}): Promise<void> => {
        const item = { ...heldItem(make, NAME, NOW), ...others, fill: { S: '' } };
        const put = (left: number) =>
          table.put({ ...item, fill: { S: 'x'.repeat(MAX_ITEM_BYTES - itemBytes(item) - left) } });
        // DynamoDB Local counts some numbers a byte higher.
        await put(bytesLeft)
          .catch(() => put(bytesLeft + 1))
          .catch(() => put(bytesLeft + 2));
      },
      expire: async () => (await held.expire([NAME], 'timer', NOW)).get(NAME),
      withoutFill: async () => {
        const { fill, ...item } = (await table.get(NAME)) ?? {};
        return item;
      },
    };
  };
  const OLD_MARKS = { expiredAtMs: { N: String(NOW - DAY_MS) }, expiredBy: { S: 'sweep' } };

  test('expires without a trace, and keeps none of an earlier expiry: it would say the wrong time', async () => {
    const { givenItem, expire, withoutFill } = await tableOf({ onExpire: { set: { released: 'by expiry' } } });
    await givenItem(0, OLD_MARKS);
    expect(await expire()).toEqual({ kind: 'expired', expiredAtMs: NOW });
    expect(await withoutFill()).toEqual({
      bookingId: { S: NAME },
      status: { S: 'free' },
      expiresAtMs: { N: String(NOW) },
      released: { S: 'by expiry' },
    });
  });

  test('makes room for a longer word by what the service itself had noted', async () => {
    const { givenItem, expire, withoutFill } = await tableOf({ status: { pending: 'P', expired: 'EXPIRED' } });
    await givenItem(0, { holdStartedAtMs: { N: String(NOW - MINUTE_MS) } });
    expect(await expire()).toEqual({ kind: 'expired', expiredAtMs: NOW });
    expect(await withoutFill()).toEqual({
      bookingId: { S: NAME },
      status: { S: 'EXPIRED' },
      expiresAtMs: { N: String(NOW) },
    });
  });

  test.each<[string, TableDescription]>([
    ['for a longer word', { status: { pending: 'held', expired: 'available' } }],
    ['for what its owner sets', { onExpire: { set: { released: 'by expiry' } } }],
  ])('that has no room %s is never changed by half: it is beyond help, and stays as it is', async (_, more) => {
    const { table, givenItem, expire } = await tableOf(more);
    await givenItem(2);
    const before = await table.get(NAME);
    const outcome = await expire();
    expect(outcome?.kind).toBe('failed');
    expect(isPermanent(outcome?.kind === 'failed' && outcome.error)).toBe(true);
    expect(await table.get(NAME)).toEqual(before);
  });
});

describe('a deadline as text', () => {
  const { shape } = DAY_PASSES;
  const changing = async (to: string) => {
    const table = await openTable(DAY_PASSES, engines.rawClient);
    const client = patientClient(engines.dynamodb.endpoint);
    const item = heldItem(DAY_PASSES, 'ann', NOW);
    await table.put(item);
    let changes = 0;
    // Between the look and the write its owner writes it once more.
    client.middlewareStack.add(
      (next, { commandName }) =>
        async (args) => {
          if (commandName === 'BatchExecuteStatementCommand' && changes === 0) {
            changes += 1;
            await table.put({ ...item, [shape.deadline.attribute]: { S: to } });
          }
          return next(args);
        },
      { step: 'initialize', name: 'owner', priority: 'high' },
    );
    const id = idOf(DAY_PASSES, 'ann');
    const held = new HeldItems(new DynamoDbTable(client, table.name), shape);
    return (await held.expire([id], 'timer', NOW)).get(id);
  };

  test('that is spelled in another way meanwhile is judged again, and expires', async () => {
    const spelled = new Date(NOW).toISOString().replace('.000Z', '+00:00');
    expect(await changing(spelled)).toEqual({ kind: 'expired', expiredAtMs: NOW });
  });

  test('that is moved meanwhile is judged again, and does not', async () => {
    expect(await changing(new Date(NOW + 1).toISOString())).toEqual({ kind: 'extended', expiresAtMs: NOW + 1 });
  });

  test('that is no deadline any more meanwhile is reported as that', async () => {
    expect((await changing('soon'))?.kind).toBe('invalid-deadline');
  });
});

test('an item that can be held again under its key is not taken for its earlier hold', async () => {
  const { shape } = TICKETS;
  const table = await openTable(TICKETS, engines.rawClient);
  const held = new HeldItems(new DynamoDbTable(engines.rawClient, table.name), shape);
  const id = idOf(TICKETS, 'A-12');
  await table.put(heldItem(TICKETS, 'A-12', NOW));
  await held.expire([id], 'timer', NOW);
  const freed = (await table.get('A-12')) ?? {};
  await table.put({ ...freed, ...heldItem(TICKETS, 'A-12', NOW + 600_000) });
  const { seen } = await held.pendingItems(undefined);
  const [again] = seen;
  expect(again).toMatchObject({ booking: { status: 'PENDING', expiresAtMs: NOW + 600_000 } });
  // The start of the earlier hold, were it there, would not count.
  const old = { ...again, booking: { ...again?.booking, holdStartedAtMs: NOW - 60_000 } } as SeenBooking;
  expect(adoptionOf(old, NOW + 5_000, SHARD_COUNT, SETTINGS)).toMatchObject({ holdStartedAtMs: NOW + 5_000 });
  expect((await held.expire([id], 'timer', NOW + 599_999)).get(id)?.kind).toBe('extended');
});

test('a number as key has one text, however it is spelled', async () => {
  const table = await openTable(ORDERS, engines.rawClient);
  const held = new HeldItems(new DynamoDbTable(engines.rawClient, table.name), ORDERS.shape);
  const item = { ...heldItem(ORDERS, 'x', NOW), orderNumber: { N: '1.20e3' } };
  await table.put(item);
  expect((await held.expire(['1200'], 'timer', NOW)).get('1200')?.kind).toBe('expired');
  expect(storedKey(ORDERS, 'x')).toEqual({ orderNumber: { N: expect.stringMatching(/^\d+$/) } });
});
