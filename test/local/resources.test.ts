/** The template's tables and queues on an engine that is there already, and taking them away again. */
import { DynamoDBClient, ListTablesCommand, PutItemCommand, QueryCommand } from '@aws-sdk/client-dynamodb';
import { GetQueueAttributesCommand, ListQueuesCommand, SQSClient } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Assembly, readAssembly, withNamesOfItsOwn } from '../../local/assembly.ts';
import { LOCAL_CREDENTIALS, REGION } from '../../local/engines.ts';
import { type OpenedEngine, openDynamoDb, openSqs } from '../../local/open-engines.ts';
import { createQueues, deleteQueues } from '../../local/queues.ts';
import { References } from '../../local/references.ts';
import { createTables, deleteTables } from '../../local/tables.ts';
import { TEST_ASSEMBLY } from '../support/synthesize.ts';

let engines: { dynamodb: OpenedEngine; sqs: OpenedEngine };
let dynamodb: DynamoDBClient;
let sqs: SQSClient;
beforeAll(async () => {
  engines = { dynamodb: await openDynamoDb(), sqs: await openSqs() };
  const client = { region: REGION, credentials: LOCAL_CREDENTIALS };
  dynamodb = new DynamoDBClient({ ...client, endpoint: engines.dynamodb.endpoint });
  sqs = new SQSClient({ ...client, endpoint: engines.sqs.endpoint });
});
afterAll(async () => {
  dynamodb.destroy();
  sqs.destroy();
  await Promise.all([engines.dynamodb.stop(), engines.sqs.stop()]);
});

/** An app under a name of its own. */
const givenApp = (Resources: Record<string, { Type: string; Properties: Record<string, unknown> }>): Assembly =>
  withNamesOfItsOwn({ directory: '', stackName: 'app', template: { Resources } });
const queueApp = (VisibilityTimeout: number) => ({
  Queue: { Type: 'AWS::SQS::Queue', Properties: { VisibilityTimeout } },
});
const tableApp = (key: string) => ({
  Table: {
    Type: 'AWS::DynamoDB::Table',
    Properties: {
      KeySchema: [{ AttributeName: key, KeyType: 'HASH' }],
      AttributeDefinitions: [{ AttributeName: key, AttributeType: 'S' }],
      BillingMode: 'PAY_PER_REQUEST',
    },
  },
});

const withIndex = (name: string) => {
  const { Table } = tableApp('id');
  const Properties = {
    ...Table.Properties,
    AttributeDefinitions: [...Table.Properties.AttributeDefinitions, { AttributeName: 'owner', AttributeType: 'S' }],
    GlobalSecondaryIndexes: [
      {
        IndexName: name,
        KeySchema: [{ AttributeName: 'owner', KeyType: 'HASH' }],
        Projection: { ProjectionType: 'KEYS_ONLY' },
      },
    ],
  };
  return { Table: { ...Table, Properties } };
};

describe('what an earlier run left behind', () => {
  test('a table gets the index that the template gives it now, with what is in the table already', async () => {
    const app = givenApp(tableApp('id'));
    const references = new References();
    await createTables(app, dynamodb, references);
    const TableName = String(references.resolve({ Ref: 'Table' }));
    await dynamodb.send(new PutItemCommand({ TableName, Item: { id: { S: 'old' }, owner: { S: 'ann' } } }));
    const changed = { ...app, template: { Resources: withIndex('by-owner') } };
    await createTables(changed, dynamodb, new References());
    const { Items } = await dynamodb.send(
      new QueryCommand({
        TableName,
        IndexName: 'by-owner',
        KeyConditionExpression: '#owner = :owner',
        ExpressionAttributeNames: { '#owner': 'owner' },
        ExpressionAttributeValues: { ':owner': { S: 'ann' } },
      }),
    );
    expect(Items).toEqual([{ id: { S: 'old' }, owner: { S: 'ann' } }]);
    // One that the template has no more is another table: nothing is taken away.
    await expect(createTables(app, dynamodb, new References())).rejects.toThrow('other keys or indexes');
    await deleteTables(app, dynamodb);
  });

  test('a queue gets the attributes that the template gives it now', async () => {
    const app = givenApp(queueApp(30));
    const urls: unknown[] = [];
    for (const visibilityTimeout of [30, 45]) {
      const references = new References();
      const changed = { ...app, template: { Resources: queueApp(visibilityTimeout) } };
      await createQueues(changed, sqs, engines.sqs.endpoint, references);
      urls.push(references.resolve({ Ref: 'Queue' }));
    }
    expect(urls[1]).toBe(urls[0]);
    const asked = new GetQueueAttributesCommand({ QueueUrl: String(urls[0]), AttributeNames: ['VisibilityTimeout'] });
    expect((await sqs.send(asked)).Attributes).toEqual({ VisibilityTimeout: '45' });
    await deleteQueues(app, sqs, engines.sqs.endpoint);
  });

  test('a table is kept, unless it has other keys now: that is said', async () => {
    const app = givenApp(tableApp('bookingId'));
    await createTables(app, dynamodb, new References());
    await expect(createTables(app, dynamodb, new References())).resolves.toBeUndefined();
    const changed = { ...app, template: { Resources: tableApp('id') } };
    await expect(createTables(changed, dynamodb, new References())).rejects.toThrow(
      `table ${app.stackName}-Table is there already with other keys or indexes`,
    );
    await deleteTables(app, dynamodb);
  });
});

test('names of its own keep two runs of one app apart, and nothing is left of a run that is over', async () => {
  const [app, other] = [1, 2].map(() => withNamesOfItsOwn(readAssembly(TEST_ASSEMBLY)));
  if (app === undefined || other === undefined) throw new Error('no app');
  const namesOf = async ({ stackName }: Assembly) => {
    const { QueueUrls = [] } = await sqs.send(new ListQueuesCommand({ QueueNamePrefix: stackName }));
    const { TableNames = [] } = await dynamodb.send(new ListTablesCommand({}));
    return [...QueueUrls, ...TableNames.filter((name) => name.startsWith(stackName))];
  };
  for (const each of [app, other]) {
    const references = new References();
    await createQueues(each, sqs, engines.sqs.endpoint, references);
    await createTables(each, dynamodb, references);
  }
  const kept = await namesOf(other);
  expect(await namesOf(app)).toHaveLength(kept.length);
  expect(kept.length).toBeGreaterThan(2);
  // Twice: what is gone already is no error.
  for (let times = 0; times < 2; times += 1) {
    await deleteQueues(app, sqs, engines.sqs.endpoint);
    await deleteTables(app, dynamodb);
  }
  expect(await namesOf(app)).toEqual([]);
  expect(await namesOf(other)).toEqual(kept);
  await deleteQueues(other, sqs, engines.sqs.endpoint);
  await deleteTables(other, dynamodb);
});
