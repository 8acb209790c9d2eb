/** What not every engine can do. A test that needs it asks first, and is skipped with the reason where it is not there. */
import {
  BatchExecuteStatementCommand,
  DescribeTableCommand,
  type DynamoDBClient,
  ListTagsOfResourceCommand,
} from '@aws-sdk/client-dynamodb';

export const NO_TAGS = 'this engine keeps no tags of a table, as DynamoDB Local';
export const NO_CAPACITY_OF_BATCHES =
  'this engine tells no consumed capacity of BatchExecuteStatement, as DynamoDB Local';

export const keepsTags = async (client: DynamoDBClient, TableName: string): Promise<boolean> => {
  const { Table } = await client.send(new DescribeTableCommand({ TableName }));
  try {
    const { Tags = [] } = await client.send(new ListTagsOfResourceCommand({ ResourceArn: Table?.TableArn }));
    return Tags.length > 0;
  } catch (error) {
    if (error instanceof Error && error.name === 'UnknownOperationException') return false;
    throw error;
  }
};

export const tellsCapacityOfBatches = async (client: DynamoDBClient, table: string): Promise<boolean> => {
  const statement = { Statement: `SELECT * FROM "${table}" WHERE "bookingId" = ?`, Parameters: [{ S: 'nobody' }] };
  const { ConsumedCapacity } = await client.send(
    new BatchExecuteStatementCommand({ Statements: [statement], ReturnConsumedCapacity: 'TOTAL' }),
  );
  return (ConsumedCapacity?.[0]?.CapacityUnits ?? 0) > 0;
};
