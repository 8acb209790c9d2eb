/** Makes the tables and queues that the template describes, or brings those of an earlier run up to date. */
import { randomBytes } from 'node:crypto';
import {
  CreateTableCommand,
  type CreateTableCommandInput,
  DeleteTableCommand,
  DescribeTableCommand,
  type DynamoDBClient,
  ResourceInUseException,
  type TableDescription,
  type Tag,
  TagResourceCommand,
} from '@aws-sdk/client-dynamodb';
import {
  CreateQueueCommand,
  DeleteQueueCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  SetQueueAttributesCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import { type Assembly, type References, resourcesOf } from './template.ts';

/** Physical names as CloudFormation makes them, less its random part. */
const physicalName = ({ stackName }: Assembly, logicalId: string, given: unknown): string =>
  typeof given === 'string' ? given : `${stackName}-${logicalId}`;

/** The same app under another stack's name: its tables and queues meet nobody else's on the same engine. */
export const withNamesOfItsOwn = (assembly: Assembly): Assembly => ({
  ...assembly,
  stackName: `${assembly.stackName}-${randomBytes(4).toString('hex')}`,
});

/** Makes all queues, dead-letter queues first, and notes their URLs and ARNs. */
export const createQueues = async (
  assembly: Assembly,
  client: SQSClient,
  endpoint: string,
  references: References,
): Promise<void> => {
  const queues = resourcesOf(assembly.template, 'AWS::SQS::Queue');
  const [withDeadLetters, others] = [
    queues.filter(([, { RedrivePolicy }]) => RedrivePolicy !== undefined),
    queues.filter(([, { RedrivePolicy }]) => RedrivePolicy === undefined),
  ];
  for (const [logicalId, properties] of [...others, ...withDeadLetters]) {
    const QueueName = physicalName(assembly, logicalId, properties.QueueName);
    const {
      QueueName: _name,
      SqsManagedSseEnabled: _sse,
      KmsMasterKeyId: _key,
      Tags: _tags,
      ...attributes
    } = references.resolve(properties) as Record<string, unknown>;
    const Attributes = Object.fromEntries(
      Object.entries(attributes).map(([key, value]) => [
        key,
        typeof value === 'object' ? JSON.stringify(value) : String(value),
      ]),
    );
    const QueueUrl = await createQueue(client, endpoint, QueueName, Attributes);
    // Only the engine knows which account and region it is: a redrive policy is refused with any other.
    const { Attributes: { QueueArn } = {} } = await client.send(
      new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['QueueArn'] }),
    );
    references.set(logicalId, QueueUrl, { Arn: QueueArn ?? '', QueueName });
  }
};

const createQueue = async (
  client: SQSClient,
  endpoint: string,
  QueueName: string,
  Attributes: Record<string, string>,
): Promise<string> => {
  try {
    const { QueueUrl } = await client.send(new CreateQueueCommand({ QueueName, Attributes }));
    return atEndpoint(endpoint, QueueUrl);
  } catch (error) {
    // Engines name it with and without the prefix of the older protocol.
    if (!(error instanceof Error && error.name.endsWith('QueueNameExists'))) throw error;
  }
  const QueueUrl = await findQueue(client, endpoint, QueueName);
  await client.send(new SetQueueAttributesCommand({ QueueUrl, Attributes }));
  return QueueUrl;
};

const findQueue = async (client: SQSClient, endpoint: string, QueueName: string): Promise<string> =>
  atEndpoint(endpoint, (await client.send(new GetQueueUrlCommand({ QueueName }))).QueueUrl);

/** The SDK sends to the host of a queue's URL, and an engine may believe that it has another one than it was reached at. */
const atEndpoint = (endpoint: string, queueUrl = ''): string => new URL(new URL(queueUrl).pathname, endpoint).href;

/** Deletes what `createQueues` has made so far. */
export const deleteQueues = async (assembly: Assembly, client: SQSClient, endpoint: string): Promise<void> => {
  for (const [logicalId, { QueueName }] of resourcesOf(assembly.template, 'AWS::SQS::Queue')) {
    const QueueUrl = await findQueue(client, endpoint, physicalName(assembly, logicalId, QueueName)).catch(
      unless('QueueDoesNotExist'),
    );
    if (QueueUrl !== undefined) await client.send(new DeleteQueueCommand({ QueueUrl }));
  }
};

/** Makes all tables and notes their names and ARNs. */
export const createTables = async (
  assembly: Assembly,
  client: DynamoDBClient,
  references: References,
): Promise<void> => {
  const tables = resourcesOf(assembly.template, 'AWS::DynamoDB::Table');
  // A table's tags may name another table.
  for (const [logicalId, { TableName }] of tables)
    references.set(logicalId, physicalName(assembly, logicalId, TableName));
  for (const [logicalId, properties] of tables) {
    const { KeySchema, AttributeDefinitions, GlobalSecondaryIndexes, BillingMode, StreamSpecification } =
      references.resolve(properties) as Record<string, never>;
    const TableName = physicalName(assembly, logicalId, properties.TableName);
    const input: CreateTableCommandInput = {
      TableName,
      KeySchema,
      AttributeDefinitions,
      GlobalSecondaryIndexes,
      BillingMode,
      ...(StreamSpecification !== undefined && {
        StreamSpecification: { ...(StreamSpecification as object), StreamEnabled: true },
      }),
    };
    try {
      await client.send(new CreateTableCommand(input));
    } catch (error) {
      if (!(error instanceof ResourceInUseException)) throw error;
    }
    const { Table } = await client.send(new DescribeTableCommand({ TableName }));
    if (shapeOf(Table) !== shapeOf(input)) {
      throw new Error(
        `table ${TableName} is there already with other keys or indexes: choose another DATA_DIR, or delete the table from the engine that DYNAMODB_ENDPOINT names`,
      );
    }
    const Tags = tagsOf(properties, references);
    if (Tags.length > 0) {
      // Not every engine keeps tags. Whoever needs them locally finds them in the runtime's file as well.
      await client
        .send(new TagResourceCommand({ ResourceArn: Table?.TableArn, Tags }))
        .catch(unless('UnknownOperationException'));
    }
    references.set(logicalId, TableName, {
      Arn: Table?.TableArn ?? '',
      ...(Table?.LatestStreamArn !== undefined && { StreamArn: Table.LatestStreamArn }),
    });
  }
};

/** Keys and indexes, in a form that engines cannot tell in another order. */
const shapeOf = (table: Pick<TableDescription, 'KeySchema' | 'GlobalSecondaryIndexes'> | undefined): string => {
  const keys = ({ KeySchema = [] }: Pick<TableDescription, 'KeySchema'>) =>
    KeySchema.map(({ AttributeName, KeyType }) => `${AttributeName} ${KeyType}`);
  const indexes = (table?.GlobalSecondaryIndexes ?? []).map((index) => [index.IndexName, ...keys(index)].join());
  return [...keys(table ?? {}), ...indexes.sort()].join('; ');
};

const tagsOf = ({ Tags = [] }: Record<string, unknown>, references: References): Tag[] =>
  references.resolve(Tags) as Tag[];

/** The tags that the template gives a table, whether or not the engine keeps them. */
export const tableTags = (assembly: Assembly, references: References, tableName: string): Record<string, string> => {
  const table = resourcesOf(assembly.template, 'AWS::DynamoDB::Table').find(
    ([logicalId]) => references.resolve({ Ref: logicalId }) === tableName,
  );
  return Object.fromEntries(tagsOf(table?.[1] ?? {}, references).map(({ Key = '', Value = '' }) => [Key, Value]));
};

/** Deletes what `createTables` has made so far. */
export const deleteTables = async (assembly: Assembly, client: DynamoDBClient): Promise<void> => {
  for (const [logicalId, { TableName }] of resourcesOf(assembly.template, 'AWS::DynamoDB::Table')) {
    await client
      .send(new DeleteTableCommand({ TableName: physicalName(assembly, logicalId, TableName) }))
      .catch(unless('ResourceNotFoundException'));
  }
};

/** Passes over the error of this name, and throws every other. */
const unless =
  (name: string) =>
  (error: unknown): undefined => {
    if (!(error instanceof Error && error.name.endsWith(name))) throw error;
  };
