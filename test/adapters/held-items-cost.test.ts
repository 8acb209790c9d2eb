/** What a hold costs in write units on tables of five makes, as the engine counts them: table and index together. */
import { DynamoDBDocumentClient, PutCommand } from '@aws-sdk/lib-dynamodb';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { tableClient } from '../../client/index.ts';
import { DynamoDbTable } from '../../functions/adapters/dynamodb-table.ts';
import { HeldItems } from '../../functions/adapters/held-items.ts';
import { adoptionOf } from '../../functions/core/expiry-decisions.ts';
import { MINUTE_MS } from '../../functions/core/hold-time.ts';
import { NO_CAPACITY_OF_BATCHES, tellsCapacityOfBatches } from '../support/abilities.ts';
import { type Engines, startEngines } from '../support/engines.ts';
import { FIVE_TABLES } from '../support/five-tables.ts';
import { heldItem, idOf, openTable } from '../support/open-table.ts';
import { patientClient } from '../support/store.ts';

const NOW = 1_800_000_000_000;
const SHARD_COUNT = 10;
const SETTINGS = { timerLeadMs: 1_000, sweepIntervalMs: 5 * MINUTE_MS };

let engines: Engines;
beforeAll(async () => {
  engines = await startEngines();
});
afterAll(() => engines.stop());

describe.each(FIVE_TABLES)('a hold of $name', (make) => {
  const open = async () => {
    const client = patientClient(engines.dynamodb.endpoint);
    const table = await openTable(make, client);
    const used = { writeUnits: 0 };
    client.middlewareStack.add(
      (next, { commandName }) =>
        async (args) => {
          const isRead = ['GetItemCommand', 'BatchGetItemCommand', 'ScanCommand', 'QueryCommand'].includes(
            String(commandName),
          );
          if (isRead) return next(args);
          Object.assign(args.input, { ReturnConsumedCapacity: 'TOTAL' });
          const result = await next(args);
          const told = (result.output as { ConsumedCapacity?: unknown }).ConsumedCapacity ?? [];
          for (const { CapacityUnits = 0 } of [told].flat() as { CapacityUnits?: number }[]) {
            used.writeUnits += CapacityUnits;
          }
          return result;
        },
      { step: 'initialize', name: 'capacity', priority: 'high' },
    );
    const held = new HeldItems(new DynamoDbTable(client, table.name), make.shape);
    /** What something costs. */
    const unitsOf = async (act: () => Promise<unknown>): Promise<number> => {
      used.writeUnits = 0;
      await act();
      return used.writeUnits;
    };
    return { client, table, held, unitsOf };
  };
  const id = idOf(make, 'ann');

  test('that its owner writes bare costs two units to be put into the index, and two to expire', async ({ skip }) => {
    skip(!(await tellsCapacityOfBatches(engines.rawClient, engines.table)), NO_CAPACITY_OF_BATCHES);
    const { table, held, unitsOf } = await open();
    expect(await unitsOf(() => table.put(heldItem(make, 'ann', NOW)))).toBe(
      // In milliseconds the sort key of the index is there, but without a shard the item is not in it.
      1,
    );
    const { seen } = await held.pendingItems(undefined);
    const adoptions = seen.flatMap((each) => adoptionOf(each, NOW - 60_000, SHARD_COUNT, SETTINGS) ?? []);
    expect(await unitsOf(() => held.adopt(adoptions, () => undefined))).toBe(2);
    expect(await unitsOf(() => held.expire([id], 'timer', NOW))).toBe(2);
  });

  test('that its owner writes with the client and a shard is put into the index by the same write', async ({
    skip,
  }) => {
    skip(!(await tellsCapacityOfBatches(engines.rawClient, engines.table)), NO_CAPACITY_OF_BATCHES);
    const { client, table, held, unitsOf } = await open();
    const documents = DynamoDBDocumentClient.from(client);
    const input = tableClient(make.description, { shardCount: SHARD_COUNT }).newItem(
      { key: make.keyOf('ann'), holdMs: 60_000 },
      NOW - 60_000,
    );
    expect(await unitsOf(() => documents.send(new PutCommand({ TableName: table.name, ...input })))).toBe(2);
    const { seen } = await held.pendingItems(undefined);
    expect(seen.flatMap((each) => adoptionOf(each, NOW - 60_000, SHARD_COUNT, SETTINGS) ?? [])).toEqual([]);
    expect(await unitsOf(() => held.expire([id], 'timer', NOW))).toBe(2);
  });
});
