/** A table of some make on an engine, as an owner would make it for BookingExpiry. */
import { randomUUID } from 'node:crypto';
import {
  type AttributeValue,
  CreateTableCommand,
  type DynamoDBClient,
  GetItemCommand,
  type KeySchemaElement,
  PutItemCommand,
  QueryCommand,
  type ScalarAttributeType,
} from '@aws-sdk/client-dynamodb';
import { writtenDeadline } from '../../functions/table/deadline.ts';
import type { Item } from '../../functions/table/item.ts';
import { keyText } from '../../functions/table/key-text.ts';
import type { TableShape } from '../../functions/table/shape.ts';
import type { TableOfAMake } from './five-tables.ts';

/** Makes the table with its stream and its index. @returns its name */
export const createTableOf = async (
  { key, attributes, indexName }: TableShape,
  raw: DynamoDBClient,
): Promise<string> => {
  const TableName = `table-${randomUUID()}`;
  const types = new Map<string, ScalarAttributeType>([
    [key.partition.name, key.partition.type],
    ...(key.sort ? [[key.sort.name, key.sort.type] as const] : []),
    [attributes.pendingShard, 'N'],
    [attributes.expiresAtMs, 'N'],
  ]);
  const KeySchema: KeySchemaElement[] = [{ AttributeName: key.partition.name, KeyType: 'HASH' }];
  if (key.sort) KeySchema.push({ AttributeName: key.sort.name, KeyType: 'RANGE' });
  await raw.send(
    new CreateTableCommand({
      TableName,
      BillingMode: 'PAY_PER_REQUEST',
      KeySchema,
      AttributeDefinitions: [...types].map(([AttributeName, AttributeType]) => ({ AttributeName, AttributeType })),
      GlobalSecondaryIndexes: [
        {
          IndexName: indexName,
          KeySchema: [
            { AttributeName: attributes.pendingShard, KeyType: 'HASH' },
            { AttributeName: attributes.expiresAtMs, KeyType: 'RANGE' },
          ],
          Projection: { ProjectionType: 'INCLUDE', NonKeyAttributes: [attributes.holdStartedAtMs] },
        },
      ],
      StreamSpecification: { StreamEnabled: true, StreamViewType: 'NEW_AND_OLD_IMAGES' },
    }),
  );
  return TableName;
};

/** The attributes of a key, as the DynamoDB API has them. */
export const storedKey = ({ keyOf }: TableOfAMake, name: string): Record<string, AttributeValue> =>
  Object.fromEntries(
    Object.entries(keyOf(name)).map(([attribute, value]) => [
      attribute,
      typeof value === 'number' ? { N: String(value) } : { S: value },
    ]),
  );

/** The text of a key, which timers and logs call its item by. */
export const idOf = (make: TableOfAMake, name: string): string => keyText(make.shape, storedKey(make, name)) ?? '';

/** An item that is held until a deadline, as its owner writes it who knows nothing of the service. */
export const heldItem = (
  make: TableOfAMake,
  name: string,
  deadlineMs: number,
  { word = make.shape.status.pending[0] ?? '', ...others }: { readonly word?: string } & Item = {},
): Record<string, AttributeValue> => ({
  ...storedKey(make, name),
  [make.shape.status.attribute]: { S: word },
  [make.shape.deadline.attribute]: writtenDeadline(make.shape, deadlineMs),
  ...make.others,
  ...others,
});

/** A table of a make on an engine, and what tests do to it. */
export const openTable = async (make: TableOfAMake, raw: DynamoDBClient, existing?: string) => {
  const { shape } = make;
  const name = existing ?? (await createTableOf(shape, raw));
  return {
    name,
    put: async (Item: Record<string, AttributeValue>): Promise<void> => {
      await raw.send(new PutItemCommand({ TableName: name, Item }));
    },
    get: async (itemName: string): Promise<Record<string, AttributeValue> | undefined> =>
      (await raw.send(new GetItemCommand({ TableName: name, Key: storedKey(make, itemName), ConsistentRead: true })))
        .Item,
    /** What the index has in a shard. */
    indexed: async (shard: number): Promise<Item[]> => {
      const { Items = [] } = await raw.send(
        new QueryCommand({
          TableName: name,
          IndexName: shape.indexName,
          KeyConditionExpression: '#shard = :shard',
          ExpressionAttributeNames: { '#shard': shape.attributes.pendingShard },
          ExpressionAttributeValues: { ':shard': { N: String(shard) } },
        }),
      );
      return Items;
    },
  };
};

export type OpenedTable = Awaited<ReturnType<typeof openTable>>;
