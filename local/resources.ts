/** Makes the tables and queues that the template describes, or brings those of an earlier run up to date. */
import {
  CreateTableCommand,
  type CreateTableCommandInput,
  DescribeTableCommand,
  type DynamoDBClient,
  ResourceInUseException,
  TagResourceCommand,
} from '@aws-sdk/client-dynamodb';
import { CreateQueueCommand, QueueNameExists, SetQueueAttributesCommand, type SQSClient } from '@aws-sdk/client-sqs';
import { LOCAL_ACCOUNT_ID } from './engines.ts';
import { type Assembly, type References, resourcesOf } from './template.ts';

/** Physical names as CloudFormation makes them, less its random part. */
export const physicalName = ({ stackName }: Assembly, logicalId: string, given: unknown): string =>
  typeof given === 'string' ? given : `${stackName}-${logicalId}`;

/** Makes all queues, dead-letter queues first, and notes their URLs and ARNs. */
export const createQueues = async (
  assembly: Assembly,
  client: SQSClient,
  endpoint: string,
  region: string,
  references: References,
): Promise<void> => {
  const queues = resourcesOf(assembly.template, 'AWS::SQS::Queue');
  const [withDeadLetters, others] = [
    queues.filter(([, { RedrivePolicy }]) => RedrivePolicy !== undefined),
    queues.filter(([, { RedrivePolicy }]) => RedrivePolicy === undefined),
  ];
  for (const [logicalId, properties] of [...others, ...withDeadLetters]) {
    const name = physicalName(assembly, logicalId, properties.QueueName);
    const url = `${endpoint}/${LOCAL_ACCOUNT_ID}/${name}`;
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
    let queueUrl = url;
    try {
      queueUrl = (await client.send(new CreateQueueCommand({ QueueName: name, Attributes }))).QueueUrl ?? url;
    } catch (error) {
      if (!(error instanceof QueueNameExists)) throw error;
      await client.send(new SetQueueAttributesCommand({ QueueUrl: url, Attributes }));
    }
    references.set(logicalId, queueUrl, { Arn: `arn:aws:sqs:${region}:${LOCAL_ACCOUNT_ID}:${name}`, QueueName: name });
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
    const { KeySchema, AttributeDefinitions, GlobalSecondaryIndexes, BillingMode, StreamSpecification, Tags } =
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
      Tags,
    };
    try {
      await client.send(new CreateTableCommand(input));
    } catch (error) {
      if (!(error instanceof ResourceInUseException)) throw error;
    }
    const { Table } = await client.send(new DescribeTableCommand({ TableName }));
    const shape = (description: { KeySchema?: unknown; GlobalSecondaryIndexes?: unknown } | undefined) =>
      JSON.stringify([
        description?.KeySchema,
        ((description?.GlobalSecondaryIndexes ?? []) as { IndexName?: string; KeySchema?: unknown }[]).map(
          ({ IndexName, KeySchema: keys }) => [IndexName, keys],
        ),
      ]);
    if (shape(Table) !== shape({ KeySchema, GlobalSecondaryIndexes })) {
      throw new Error(`table ${TableName} is there already with other keys or indexes: choose another DATA_DIR`);
    }
    if (Tags !== undefined) {
      await client.send(new TagResourceCommand({ ResourceArn: Table?.TableArn, Tags }));
    }
    references.set(logicalId, TableName, {
      Arn: Table?.TableArn ?? '',
      ...(Table?.LatestStreamArn !== undefined && { StreamArn: Table.LatestStreamArn }),
    });
  }
};
