/** A table with a stream, on an engine of its own, and a program of the user's own that reads the stream. */
import { CreateTableCommand, DescribeTableCommand, DynamoDBClient, PutItemCommand } from '@aws-sdk/client-dynamodb';
import {
  DescribeStreamCommand,
  DynamoDBStreamsClient,
  GetRecordsCommand,
  GetShardIteratorCommand,
} from '@aws-sdk/client-dynamodb-streams';
import { LOCAL_CREDENTIALS, REGION } from '../../local/engines.ts';
import { unless } from '../../local/unless.ts';

/** Makes the table, or finds that of an earlier run. */
export const testTable = async (endpoint: string, TableName: string) => {
  const settings = { region: REGION, credentials: LOCAL_CREDENTIALS, endpoint };
  const client = new DynamoDBClient(settings);
  const streams = new DynamoDBStreamsClient(settings);
  await client
    .send(
      new CreateTableCommand({
        TableName,
        KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
        AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
        BillingMode: 'PAY_PER_REQUEST',
        StreamSpecification: { StreamEnabled: true, StreamViewType: 'NEW_AND_OLD_IMAGES' },
      }),
    )
    .catch(unless('ResourceInUseException'));
  const { Table } = await client.send(new DescribeTableCommand({ TableName }));
  const StreamArn = Table?.LatestStreamArn ?? '';
  return {
    streamArn: StreamArn,
    /** Writes so many items, one after the other: a record each. */
    put: async (count: number): Promise<void> => {
      for (let done = 0; done < count; done += 1) {
        const Item = { id: { S: `${performance.now()}-${done}` } };
        await client.send(new PutItemCommand({ TableName, Item }));
      }
    },
    /**
     * The sequence numbers that a reader gets.
     *
     * @param after the number that it begins behind. @default - it begins at the oldest
     */
    read: async (Limit = 100, after?: number): Promise<number[]> => {
      const { StreamDescription } = await streams.send(new DescribeStreamCommand({ StreamArn }));
      const ShardId = StreamDescription?.Shards?.[0]?.ShardId;
      const { ShardIterator } = await streams.send(
        new GetShardIteratorCommand({
          StreamArn,
          ShardId,
          ...(after === undefined
            ? { ShardIteratorType: 'TRIM_HORIZON' }
            : { ShardIteratorType: 'AFTER_SEQUENCE_NUMBER', SequenceNumber: String(after) }),
        }),
      );
      const { Records = [] } = await streams.send(new GetRecordsCommand({ ShardIterator, Limit }));
      return Records.map(({ dynamodb }) => Number(dynamodb?.SequenceNumber));
    },
  };
};

export type TestTable = Awaited<ReturnType<typeof testTable>>;
