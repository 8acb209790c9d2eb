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
import { type Attributes, type PutInput, type TableClient, tableClient, type UpdateInput } from '../../client/index.ts';
import { LEGAL_SHARDS } from '../../functions/core/pending-shard.ts';
import { FIVE_TABLES, type TableOfAMake } from '../support/five-tables.ts';
import { createTableOf } from '../support/open-table.ts';

export const SHARD_COUNT = 3;

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
