/** Everything that the port `Table` is implemented by, so that one set of tests holds them side by side. */
import { randomUUID } from 'node:crypto';
import { CreateTableCommand, DeleteItemCommand, DynamoDBClient, PutItemCommand } from '@aws-sdk/client-dynamodb';
import {
  DescribeStreamCommand,
  DynamoDBStreamsClient,
  GetRecordsCommand,
  GetShardIteratorCommand,
} from '@aws-sdk/client-dynamodb-streams';
import { DynamoDbTable } from '../../functions/adapters/dynamodb-table.ts';
import { DynamoDbTransactions } from '../../functions/adapters/dynamodb-transactions.ts';
import type { Item } from '../../functions/table/item.ts';
import { BOOKINGS_SHAPE } from '../../functions/table/shape.ts';
import type { Table } from '../../functions/table/table.ts';
import type { Transactions } from '../../functions/table/transaction.ts';
import { externalEndpoint, LOCAL_CREDENTIALS, REGION, startDynamoDb } from '../../local/engines.ts';
import { MemoryTable } from '../memory/memory-table.ts';
import { MemoryTransactions } from '../memory/memory-transactions.ts';
import { BOOKINGS_SCHEMA } from '../memory/schemas.ts';
import { TableState } from '../memory/table-state.ts';

/** What a stream tells of one change. */
export interface ToldChange {
  readonly eventName: string | undefined;
  readonly key: Item | undefined;
  readonly oldImage: Item | undefined;
  readonly newImage: Item | undefined;
}

/** A new, empty bookings table. */
export interface OpenTable {
  readonly table: Table;
  /** The same table, by transactions. */
  readonly transactions: Transactions;
  /** What transactions call it. */
  readonly name: string;
  /** Puts an item without any condition, as a stranger may. */
  put(item: Item): Promise<void>;
  delete(key: Item): Promise<void>;
  /** All changes so far, in their order. */
  changes(): Promise<ToldChange[]>;
}

/** In what an engine is known to differ from DynamoDB as it is documented. */
export type Difference =
  /** A write that changes nothing makes a record. */
  | 'records what did not change'
  /** An update may give a key of the index another type: then the item leaves the index. */
  | 'takes index keys of any type in updates'
  /** Numbers inside of lists and maps stay as they were spelled. */
  | 'keeps the spelling of inner numbers'
  /** A page that is to begin outside of the range is empty instead of refused. */
  | 'begins outside of the range'
  /** A condition whose range ends before it starts is refused as not fulfilled, in a batch. */
  | 'takes ranges that end before they start in batches'
  /** A transaction may write the key of an item. */
  | 'takes writes of the key in transactions';

export interface Implementation {
  readonly name: string;
  readonly differences: readonly Difference[];
  start(): Promise<{ open(): Promise<OpenTable>; stop(): Promise<void> }>;
}

/** The table in memory. */
export const MEMORY: Implementation = {
  name: 'in memory',
  differences: [],
  start: async () => ({
    open: async () => {
      const state = new TableState(BOOKINGS_SCHEMA);
      return {
        table: new MemoryTable(state),
        transactions: new MemoryTransactions(new Map([['bookings', state]])),
        name: 'bookings',
        put: async (item) => {
          state.put(item);
        },
        delete: async (key) => state.delete(key),
        changes: async () => state.records.map(({ sequence: _, ...change }) => change),
      };
    },
    stop: async () => {},
  }),
};

const onEngine = (name: string, differences: readonly Difference[], endpoint: string | undefined): Implementation => ({
  name,
  differences,
  start: async () => {
    const engine = endpoint === undefined ? await startDynamoDb({ port: 0, portVariable: 'DYNAMODB_PORT' }) : undefined;
    const config = { region: REGION, credentials: LOCAL_CREDENTIALS, endpoint: endpoint ?? engine?.endpoint ?? '' };
    const client = new DynamoDBClient(config);
    const streams = new DynamoDBStreamsClient(config);
    return {
      open: () => openOnEngine(client, streams),
      stop: async () => {
        client.destroy();
        streams.destroy();
        await engine?.stop();
      },
    };
  },
});

const openOnEngine = async (client: DynamoDBClient, streams: DynamoDBStreamsClient): Promise<OpenTable> => {
  const TableName = `conformance-${randomUUID()}`;
  const { TableDescription } = await client.send(
    new CreateTableCommand({
      TableName,
      BillingMode: 'PAY_PER_REQUEST',
      KeySchema: [{ AttributeName: 'bookingId', KeyType: 'HASH' }],
      AttributeDefinitions: [
        { AttributeName: 'bookingId', AttributeType: 'S' },
        { AttributeName: 'pendingShard', AttributeType: 'N' },
        { AttributeName: 'expiresAtMs', AttributeType: 'N' },
      ],
      GlobalSecondaryIndexes: [
        {
          IndexName: BOOKINGS_SHAPE.indexName,
          KeySchema: [
            { AttributeName: 'pendingShard', KeyType: 'HASH' },
            { AttributeName: 'expiresAtMs', KeyType: 'RANGE' },
          ],
          Projection: { ProjectionType: 'INCLUDE', NonKeyAttributes: ['holdStartedAtMs'] },
        },
      ],
      StreamSpecification: { StreamEnabled: true, StreamViewType: 'NEW_AND_OLD_IMAGES' },
    }),
  );
  return {
    table: new DynamoDbTable(client, TableName),
    transactions: new DynamoDbTransactions(client),
    name: TableName,
    put: async (Item) => {
      await client.send(new PutItemCommand({ TableName, Item }));
    },
    delete: async (Key) => {
      await client.send(new DeleteItemCommand({ TableName, Key }));
    },
    changes: () => changesOf(streams, TableDescription?.LatestStreamArn),
  };
};

const changesOf = async (streams: DynamoDBStreamsClient, StreamArn: string | undefined): Promise<ToldChange[]> => {
  const { StreamDescription } = await streams.send(new DescribeStreamCommand({ StreamArn }));
  const ShardId = StreamDescription?.Shards?.[0]?.ShardId;
  const start = new GetShardIteratorCommand({ StreamArn, ShardId, ShardIteratorType: 'TRIM_HORIZON' });
  const changes: ToldChange[] = [];
  let iterator = (await streams.send(start)).ShardIterator;
  while (iterator !== undefined) {
    const { Records = [], NextShardIterator } = await streams.send(new GetRecordsCommand({ ShardIterator: iterator }));
    if (Records.length === 0) break;
    for (const { eventName, dynamodb } of Records) {
      const { Keys: key, OldImage: oldImage, NewImage: newImage } = dynamodb ?? {};
      changes.push({ eventName, key, oldImage, newImage });
    }
    iterator = NextShardIterator;
  }
  return changes;
};

const external = externalEndpoint('DYNAMODB_ENDPOINT', process.env.DYNAMODB_ENDPOINT);

/** The engines that the table in memory is held beside: the embedded one, and one that DYNAMODB_ENDPOINT names. */
export const ENGINES: readonly Implementation[] = [
  onEngine(
    'embedded engine',
    [
      'records what did not change',
      'begins outside of the range',
      'takes ranges that end before they start in batches',
      'takes writes of the key in transactions',
    ],
    undefined,
  ),
  ...(external === undefined
    ? []
    : [
        onEngine(
          'engine at DYNAMODB_ENDPOINT',
          ['takes index keys of any type in updates', 'keeps the spelling of inner numbers'],
          external,
        ),
      ]),
];
