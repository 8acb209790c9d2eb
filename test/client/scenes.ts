/** Tables of five makes, as their owners describe them, on a real engine. */
import { randomUUID } from 'node:crypto';
import {
  CreateTableCommand,
  type DynamoDBClient,
  type KeySchemaElement,
  type ScalarAttributeType,
} from '@aws-sdk/client-dynamodb';
import {
  DynamoDBDocumentClient,
  GetCommand,
  PutCommand,
  QueryCommand,
  TransactWriteCommand,
  type TransactWriteCommandInput,
  UpdateCommand,
} from '@aws-sdk/lib-dynamodb';
import {
  type Attributes,
  type PutInput,
  type TableClient,
  type TableDescription,
  tableClient,
  type UpdateInput,
} from '../../client/index.ts';
import { LEGAL_SHARDS } from '../../functions/core/pending-shard.ts';
import { type TableShape, tableShape } from '../../functions/table/shape.ts';

export const SHARD_COUNT = 3;

export interface Scene {
  readonly name: string;
  readonly description: TableDescription;
  /** The key of an item of its own. */
  readonly newKey: () => Record<string, unknown>;
  /** The word of an item that was paid. */
  readonly paid: string;
}

export const SCENES: readonly Scene[] = [
  {
    name: 'our own bookings',
    description: {},
    newKey: () => ({ bookingId: randomUUID() }),
    paid: 'CONFIRMED',
  },
  {
    name: 'tickets in seconds',
    description: {
      key: { partition: 'event_id', sort: 'ticket_id' },
      status: { attribute: 'state', pending: ['reserved'], expired: 'available' },
      deadline: { attribute: 'held_until', unit: 'seconds' },
      onExpire: { remove: ['held_by'] },
    },
    newKey: () => ({ event_id: 'concert-7', ticket_id: randomUUID() }),
    paid: 'sold',
  },
  {
    name: 'day passes in ISO text',
    description: {
      key: { partition: 'pass' },
      status: { attribute: 'status', pending: 'held', expired: 'free' },
      deadline: { attribute: 'valid until', unit: 'iso8601' },
      attributes: { expiresAtMs: 'expiry-deadline', pendingShard: 'expiry-shard' },
    },
    newKey: () => ({ pass: randomUUID() }),
    paid: 'paid',
  },
  {
    name: 'a table of many kinds',
    description: {
      key: { partition: 'PK', sort: 'SK' },
      status: { attribute: 'order', pending: 'HELD', expired: 'OPEN' },
      deadline: { attribute: 'until', unit: 'seconds' },
      only: { entity: 'Ticket' },
    },
    newKey: () => ({ PK: 'EVENT#7', SK: `TICKET#${randomUUID()}` }),
    paid: 'SOLD',
  },
  {
    name: 'orders with numbers for keys',
    description: {
      key: { partition: { name: 'order', type: 'N' } },
      status: { attribute: 'phase', pending: ['draft', 'awaiting payment'], expired: 'dropped' },
      deadline: { attribute: 'dropAt' },
      indexName: 'held.orders',
    },
    newKey: () => ({ order: Math.floor(Math.random() * Number.MAX_SAFE_INTEGER) }),
    paid: 'paid',
  },
];

/** A scene's table on an engine, and what tests do to it. */
export interface OpenScene extends Scene {
  readonly shape: TableShape;
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
  const shape = tableShape(scene.description);
  const TableName = `client-${randomUUID()}`;
  await raw.send(createTable(TableName, shape));
  const documents = DynamoDBDocumentClient.from(raw);
  return {
    ...scene,
    shape,
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

const createTable = (TableName: string, { key, attributes, indexName }: TableShape): CreateTableCommand => {
  const types = new Map<string, ScalarAttributeType>([
    [key.partition.name, key.partition.type],
    ...(key.sort ? [[key.sort.name, key.sort.type] as const] : []),
    [attributes.pendingShard, 'N'],
    [attributes.expiresAtMs, 'N'],
  ]);
  const keys: KeySchemaElement[] = [{ AttributeName: key.partition.name, KeyType: 'HASH' }];
  if (key.sort) keys.push({ AttributeName: key.sort.name, KeyType: 'RANGE' });
  return new CreateTableCommand({
    TableName,
    BillingMode: 'PAY_PER_REQUEST',
    KeySchema: keys,
    AttributeDefinitions: [...types].map(([AttributeName, AttributeType]) => ({ AttributeName, AttributeType })),
    GlobalSecondaryIndexes: [
      {
        IndexName: indexName,
        KeySchema: [
          { AttributeName: attributes.pendingShard, KeyType: 'HASH' },
          { AttributeName: attributes.expiresAtMs, KeyType: 'RANGE' },
        ],
        Projection: { ProjectionType: 'KEYS_ONLY' },
      },
    ],
  });
};
