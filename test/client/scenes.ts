/** Tables of five makes, as their owners describe them, on a real engine. */
import { randomUUID } from 'node:crypto';
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import {
  DynamoDBDocumentClient,
  GetCommand,
  PutCommand,
  QueryCommand,
  TransactWriteCommand,
  type TransactWriteCommandInput,
  UpdateCommand,
} from '@aws-sdk/lib-dynamodb';
import { afterAll, beforeAll } from 'vitest';
import {
  type Attributes,
  type PutInput,
  type Refusal,
  type TableClient,
  tableClient,
  type UpdateInput,
} from '../../client/index.ts';
import { LEGAL_SHARDS } from '../../functions/core/pending-shard.ts';
import { writtenDeadline } from '../../functions/table/deadline.ts';
import { openDynamoDb } from '../../local/open-engines.ts';
import { FIVE_TABLES, type TableOfAMake } from '../support/five-tables.ts';
import { createTableOf } from '../support/open-table.ts';
import { patientClient } from '../support/store.ts';

export const SHARD_COUNT = 3;
/** No whole second: it is rounded where deadlines are seconds. */
export const NOW = 1_790_000_000_123;
export const MINUTE = 60_000;

/** A DynamoDB engine for the tests of a file, and a client of it. */
export const engineOfTheFile = (): { readonly raw: DynamoDBClient } => {
  let engine: Awaited<ReturnType<typeof openDynamoDb>>;
  let raw: DynamoDBClient;
  beforeAll(async () => {
    engine = await openDynamoDb();
    raw = patientClient(engine.endpoint);
  });
  afterAll(async () => {
    raw.destroy();
    await engine.stop();
  });
  return {
    get raw() {
      return raw;
    },
  };
};

export interface Scene extends TableOfAMake {
  /** The key of an item of its own. */
  readonly newKey: () => Record<string, unknown>;
}

export const SCENES: readonly Scene[] = FIVE_TABLES.map((make) => ({
  ...make,
  newKey: () => ({ ...make.keyOf(randomUUID()) }),
}));

/** A scene's table on an engine, and what tests do to it. */
export interface OpenScene extends Scene {
  readonly client: TableClient;
  put(input: PutInput): Promise<void>;
  update(input: UpdateInput): Promise<void>;
  transact(items: (table: string) => TransactWriteCommandInput['TransactItems']): Promise<void>;
  /** Puts an item without any condition, as its owner may. */
  write(item: Attributes): Promise<void>;
  read(key: Attributes): Promise<Record<string, unknown> | undefined>;
  /** The deadlines, epoch ms, under which the index has an item. */
  indexed(key: Attributes): Promise<unknown[]>;
}

export const openScene = async (scene: Scene, raw: DynamoDBClient): Promise<OpenScene> => {
  const { shape } = scene;
  const TableName = await createTableOf(shape, raw);
  const documents = DynamoDBDocumentClient.from(raw);
  return {
    ...scene,
    client: tableClient(scene.description, { shardCount: SHARD_COUNT }),
    put: async (input) => {
      await documents.send(new PutCommand({ TableName, ...input }));
    },
    update: async (input) => {
      await documents.send(new UpdateCommand({ TableName, ...input }));
    },
    transact: async (items) => {
      await documents.send(new TransactWriteCommand({ TransactItems: items(TableName) }));
    },
    write: async (Item) => {
      await documents.send(new PutCommand({ TableName, Item }));
    },
    read: async (Key) => (await documents.send(new GetCommand({ TableName, Key, ConsistentRead: true }))).Item,
    indexed: async (key) => {
      const pages = await Promise.all(
        LEGAL_SHARDS.slice(0, SHARD_COUNT).map((shard) =>
          documents.send(
            new QueryCommand({
              TableName,
              IndexName: shape.indexName,
              KeyConditionExpression: '#shard = :shard',
              ExpressionAttributeNames: { '#shard': shape.attributes.pendingShard },
              ExpressionAttributeValues: { ':shard': shard },
            }),
          ),
        ),
      );
      const isIt = (item: Attributes) => Object.entries(key).every(([name, value]) => item[name] === value);
      const found = pages.flatMap(({ Items = [] }) => Items.filter(isIt));
      return found.map((item) => item[shape.attributes.expiresAtMs]);
    },
  };
};

export const sceneOf = (name: string): Scene => {
  const scene = SCENES.find((each) => each.name === name);
  if (scene === undefined) throw new Error(`there is no scene ${name}`);
  return scene;
};

export const givenHeld = async (table: OpenScene, holdMs = MINUTE) => {
  const key = table.newKey();
  const input = table.client.newItem({ key, holdMs, attributes: { held_by: 'ann' } }, NOW);
  await table.put(input);
  return { key, item: input.Item, expiresAtMs: table.client.deadlineAfter(holdMs, NOW) };
};

/** Without it, the condition alone decides: where it can. */
export const seenIfText = ({ shape }: OpenScene, item: Attributes): { readonly seen?: Attributes } =>
  shape.deadline.unit === 'iso8601' ? { seen: item } : {};

/** As much as a program writes that knows nothing of the service. */
export const strangersItem = ({ shape }: OpenScene, key: Attributes, expiresAtMs: number): Record<string, unknown> => {
  const written: { readonly N?: string; readonly S?: string } = writtenDeadline(shape, expiresAtMs);
  return {
    ...key,
    ...shape.only,
    [shape.status.attribute]: shape.status.pending[0],
    [shape.deadline.attribute]: written.S ?? Number(written.N),
  };
};

export const expiredByTheService = ({ shape }: OpenScene, item: Attributes): Record<string, unknown> => {
  const { pendingShard, holdStartedAtMs, expiredAtMs, expiredBy } = shape.attributes;
  const { [pendingShard]: _, [holdStartedAtMs]: __, ...others } = item;
  return { ...others, [shape.status.attribute]: shape.status.expired, [expiredAtMs]: NOW, [expiredBy]: 'timer' };
};

export const deadlineIn = ({ shape }: OpenScene, item: Attributes): string | number =>
  item[shape.deadline.attribute] as string | number;

/** Why a move is not made. */
export const refusal = async (
  { client }: OpenScene,
  move: () => Promise<void>,
  nowMs = NOW,
  options: Parameters<OpenScene['client']['refusalOf']>[1] = {},
): Promise<Refusal | undefined> => {
  try {
    await move();
  } catch (error) {
    const refused = client.refusalOf(error, options, nowMs);
    if (refused === undefined) throw error;
    return refused;
  }
  throw new Error('it was made');
};
