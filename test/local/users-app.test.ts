/** A user's own CDK app on the local runtime: their tables, queues and Lambdas, beside what is not run here. */

import { DescribeTableCommand } from '@aws-sdk/client-dynamodb';
import { EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge';
import { SendMessageCommand } from '@aws-sdk/client-sqs';
import { PutCommand, QueryCommand, ScanCommand } from '@aws-sdk/lib-dynamodb';
import { CfnOutput, CfnResource, Duration, RemovalPolicy, type Stack } from 'aws-cdk-lib';
import { AttributeType, type ITable, StreamViewType, Table, TableV2 } from 'aws-cdk-lib/aws-dynamodb';
import { EventBus, Rule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction as LambdaTarget, SqsQueue as QueueTarget } from 'aws-cdk-lib/aws-events-targets';
import { ManagedPolicy } from 'aws-cdk-lib/aws-iam';
import { Code, EventSourceMapping, Runtime, StartingPosition } from 'aws-cdk-lib/aws-lambda';
import { DynamoEventSource, type DynamoEventSourceProps, SqsEventSource } from 'aws-cdk-lib/aws-lambda-event-sources';
import { Bucket } from 'aws-cdk-lib/aws-s3';
import { Queue } from 'aws-cdk-lib/aws-sqs';
import { afterEach, describe, expect, test } from 'vitest';
import { LOCAL_CREDENTIALS, REGION } from '../../local/account.ts';
import { type RuntimeOptions, STRICT_METADATA, UnsupportedTemplateError } from '../../local/testing.ts';
import { eventually } from '../support/lambda.ts';
import { appOf, inlineLambda, type StartedApp, startApp, ticketTable } from '../support/users-app.ts';

let started: StartedApp | undefined;
afterEach(async () => {
  await started?.stop();
  started = undefined;
});
const start = async (build: (stack: Stack) => void, options: RuntimeOptions = {}): Promise<StartedApp> => {
  started = await startApp(appOf(build), options);
  return started;
};
const fromStart = { startingPosition: StartingPosition.TRIM_HORIZON };
/** CDK's own tables are no `ITable` where optional properties are exact. */
const streamOf = (table: Table | TableV2, props: DynamoEventSourceProps = fromStart) =>
  new DynamoEventSource(table as ITable, props);

/** Notes each ticket of the stream in a queue, with the SDK that Lambda's own runtime brings along. */
const TELL_QUEUE = `
const { SQSClient, SendMessageCommand } = require('@aws-sdk/client-sqs');
const sqs = new SQSClient({});
exports.handler = async ({ Records }) => {
  for (const { dynamodb } of Records) {
    const { event, seat } = dynamodb.Keys;
    await sqs.send(new SendMessageCommand({ QueueUrl: process.env.QUEUE, MessageBody: event.S + ' ' + seat.N }));
  }
};`;
/** Writes each message of the queue into a table. */
const WRITE_SALE = `
const { DynamoDBClient, PutItemCommand } = require('@aws-sdk/client-dynamodb');
const dynamodb = new DynamoDBClient({});
exports.handler = async ({ Records }) => {
  for (const { body } of Records) {
    await dynamodb.send(new PutItemCommand({ TableName: process.env.SALES, Item: { id: { S: body }, where: { S: process.env.BUCKET } } }));
  }
};`;

/** Tickets go through a stream, a Lambda, a queue and another Lambda into the table of sales. */
const shop = (stack: Stack): void => {
  const tickets = ticketTable(stack);
  const sales = new TableV2(stack, 'Sales', { partitionKey: { name: 'id', type: AttributeType.STRING } });
  const queue = new Queue(stack, 'Sold');
  const photos = new Bucket(stack, 'Photos', { autoDeleteObjects: true, removalPolicy: RemovalPolicy.DESTROY });
  const tell = inlineLambda(stack, 'Tell', TELL_QUEUE, { environment: { QUEUE: queue.queueUrl } });
  tell.addEventSource(streamOf(tickets));
  queue.grantSendMessages(tell);
  const write = inlineLambda(stack, 'Write', WRITE_SALE, {
    environment: { SALES: sales.tableName, BUCKET: photos.bucketName },
  });
  write.addEventSource(new SqsEventSource(queue));
  sales.grantWriteData(write);
  photos.grantRead(write);
};
const sell = ({ items, runtime }: StartedApp, event: string, seat: number) =>
  items.send(new PutCommand({ TableName: runtime.nameOf('Shop/Tickets'), Item: { event, seat } }));

describe('a user’s app', () => {
  test('runs its Lambdas on the stream of its table and on its queue', async () => {
    const app = await start(shop);
    await sell(app, 'concert', 7);
    const sale = await eventually(() => app.get('Shop/Sales', { id: 'concert 7' }), Boolean);
    expect(sale).toEqual({ id: 'concert 7', where: expect.stringContaining('Photos') });
    expect(app.problems).toEqual([]);
  });

  test('tells once what of it is not run', async () => {
    const { runtime } = await start(shop);
    const types = runtime.notRun.filter(({ reason }) => reason === undefined).map(({ type }) => type);
    expect(types.sort()).toEqual(['AWS::S3::Bucket', 'AWS::S3::BucketPolicy', 'Custom::S3AutoDeleteObjects']);
    const parts = runtime.notRun.filter(({ reason }) => reason !== undefined);
    expect(parts).toEqual([]);
  });

  test('keeps a Lambda to what its role allows', async () => {
    const app = await start((stack) => {
      const tickets = ticketTable(stack);
      const secret = new Table(stack, 'Secret', { partitionKey: { name: 'id', type: AttributeType.STRING } });
      inlineLambda(stack, 'Curious', WRITE_SALE, {
        environment: { SALES: secret.tableName, BUCKET: 'none' },
      }).addEventSource(streamOf(tickets, { ...fromStart, retryAttempts: 0 }));
    });
    const curious = app.runtime.lambdas.get(
      String([...app.runtime.lambdas.keys()].find((id) => id.startsWith('Curious'))),
    );
    await expect(curious?.invoke({ Records: [{ body: 'a' }] })).rejects.toThrow('is not authorized to perform');
    expect(app.problems.join()).toContain('dynamodb:PutItem');
  });

  test('whose role cannot be read whole is not checked, and that is told', async () => {
    const app = await start((stack) => {
      const table = new Table(stack, 'Sales', { partitionKey: { name: 'id', type: AttributeType.STRING } });
      const write = inlineLambda(stack, 'Write', WRITE_SALE, {
        environment: { SALES: table.tableName, BUCKET: 'none' },
      });
      write.role?.addManagedPolicy(ManagedPolicy.fromAwsManagedPolicyName('AmazonDynamoDBFullAccess'));
    });
    const [id = ''] = [...app.runtime.lambdas.keys()];
    await app.runtime.lambdas.get(id)?.invoke({ Records: [{ body: 'a' }] });
    expect(await app.get('Shop/Sales', { id: 'a' })).toMatchObject({ id: 'a' });
    expect(app.runtime.notRun.map(({ reason }) => reason).join()).toContain('AmazonDynamoDBFullAccess');
  });

  test('finds its engines by environment variables, and its resources by the paths of their constructs', async () => {
    const { runtime } = await start((stack) => {
      const queue = new Queue(stack, 'Sold');
      new CfnOutput(stack, 'SoldUrl', { value: queue.queueUrl });
    });
    expect(runtime.environment).toMatchObject({
      AWS_ENDPOINT_URL_DYNAMODB: runtime.dynamodbEndpoint,
      AWS_ENDPOINT_URL_SQS: runtime.sqsEndpoint,
      AWS_REGION: REGION,
    });
    expect(runtime.outputs.SoldUrl).toBe(runtime.nameOf('Shop/Sold'));
    expect(runtime.nameOf('Shop/Sold')).toContain(runtime.sqsEndpoint);
    expect(() => runtime.nameOf('Shop/Nothing')).toThrow('the path must be of a construct of the app');
  });

  test('with a Lambda that cannot be loaded says so, and the rest runs', async () => {
    const app = await start((stack) => {
      shop(stack);
      const broken = inlineLambda(stack, 'Broken', 'throw new Error("no licence");');
      broken.addEventSource(new SqsEventSource(new Queue(stack, 'Other')));
    });
    expect(app.problems.join()).toContain('no licence');
    await sell(app, 'concert', 8);
    await eventually(() => app.get('Shop/Sales', { id: 'concert 8' }), Boolean);
  });
});

describe('a table', () => {
  test('of a single region has its keys, indexes and stream', async () => {
    const { runtime, items } = await start((stack) => {
      const tickets = ticketTable(stack, {
        stream: StreamViewType.KEYS_ONLY,
        timeToLiveAttribute: 'purgeAt',
        readCapacity: 3,
      });
      const gate = { name: 'gate', type: AttributeType.NUMBER };
      tickets.addGlobalSecondaryIndex({ indexName: 'by-gate', partitionKey: gate, readCapacity: 2 });
      tickets.addLocalSecondaryIndex({ indexName: 'by-buyer', sortKey: { name: 'buyer', type: AttributeType.STRING } });
    });
    const TableName = runtime.nameOf('Shop/Tickets');
    const { Table: made } = await items.send(new DescribeTableCommand({ TableName }));
    expect(made?.KeySchema?.map(({ AttributeName }) => AttributeName)).toEqual(['event', 'seat']);
    expect(made?.GlobalSecondaryIndexes?.map(({ IndexName }) => IndexName)).toEqual(['by-gate']);
    expect(made?.LocalSecondaryIndexes?.map(({ IndexName }) => IndexName)).toEqual(['by-buyer']);
    expect(made?.StreamSpecification?.StreamViewType).toBe('KEYS_ONLY');
    await items.send(new PutCommand({ TableName, Item: { event: 'concert', seat: 1, gate: 4, buyer: 'ada' } }));
    const query = (IndexName: string, name: string, value: unknown) =>
      items.send(
        new QueryCommand({
          TableName,
          IndexName,
          KeyConditionExpression: `${IndexName === 'by-buyer' ? 'event = :e AND ' : ''}#n = :v`,
          ExpressionAttributeNames: { '#n': name },
          ExpressionAttributeValues: { ':v': value, ...(IndexName === 'by-buyer' && { ':e': 'concert' }) },
        }),
      );
    expect((await query('by-gate', 'gate', 4)).Count).toBe(1);
    expect((await query('by-buyer', 'buyer', 'ada')).Count).toBe(1);
  });

  test('that may have copies in other regions has one here, with its stream', async () => {
    const app = await start((stack) => {
      const held = new TableV2(stack, 'Held', {
        partitionKey: { name: 'event', type: AttributeType.STRING },
        sortKey: { name: 'seat', type: AttributeType.NUMBER },
        dynamoStream: StreamViewType.NEW_IMAGE,
        globalSecondaryIndexes: [
          { indexName: 'by-buyer', partitionKey: { name: 'buyer', type: AttributeType.STRING } },
        ],
        tags: [{ key: 'team', value: 'tickets' }],
      });
      const tell = inlineLambda(stack, 'Tell', TELL_QUEUE, {
        environment: { QUEUE: new Queue(stack, 'Sold').queueUrl },
      });
      tell.addEventSource(streamOf(held));
    });
    const TableName = app.runtime.nameOf('Shop/Held');
    expect(app.runtime.tagsOf(TableName)).toEqual({ team: 'tickets' });
    await app.items.send(new PutCommand({ TableName, Item: { event: 'concert', seat: 2, buyer: 'ada' } }));
    // It may not send: its role was given nothing. That it ran is what is wanted here.
    await eventually(
      () => app.problems.join(),
      (problems) => problems.includes('sqs:sendmessage'),
    );
  });

  test('that exists only on AWS cannot be here: a strict mapping refuses to start, and any other is told', async () => {
    const build = (stack: Stack, strict: boolean): void => {
      const imported = Table.fromTableAttributes(stack, 'Imported', {
        tableName: 'tickets',
        tableStreamArn: 'arn:aws:dynamodb:eu-west-1:123456789012:table/tickets/stream/2026-01-01T00:00:00.000',
      });
      const tell = inlineLambda(stack, 'Tell', TELL_QUEUE);
      imported.grantStreamRead(tell);
      const mapping = new EventSourceMapping(stack, 'Mapping', {
        target: tell,
        eventSourceArn: imported.tableStreamArn as string,
        ...fromStart,
      });
      if (strict) (mapping.node.defaultChild as CfnResource).addMetadata(STRICT_METADATA, true);
    };
    const why = 'a table that exists only on AWS cannot be here. Start an app for tests that defines a table';
    await expect(start((stack) => build(stack, true))).rejects.toThrow(why);
    const { runtime } = await start((stack) => build(stack, false));
    expect(runtime.notRun.map(({ reason }) => reason).join()).toContain(why);
  });
});

describe('what is strict', () => {
  test.each([
    ['a type', (stack: Stack) => new CfnResource(stack, 'Thing', { type: 'AWS::S3::Bucket' })],
    [
      'a property',
      (stack: Stack) => new CfnResource(stack, 'Thing', { type: 'AWS::SQS::Queue', properties: { NewProperty: 1 } }),
    ],
  ])('must be supported: %s that is not is an error, where it would be left aside', async (_, make) => {
    const build = (isStrict: boolean) => (stack: Stack) => {
      const resource = make(stack);
      if (isStrict) resource.addMetadata(STRICT_METADATA, true);
    };
    await expect(start(build(true))).rejects.toThrow(UnsupportedTemplateError);
    expect((await start(build(false))).runtime.notRun).toHaveLength(1);
  });

  test('may be told by the path of a construct', async () => {
    const build = (stack: Stack) => new Bucket(stack, 'Photos');
    const strict = ({ path }: { readonly path?: string | undefined }) => path === 'Shop/Photos/Resource';
    await expect(start(build, { strict })).rejects.toThrow('of type AWS::S3::Bucket');
    await expect(start(build, { strict: true })).rejects.toThrow('of type AWS::S3::Bucket');
  });
});

describe('a Lambda', () => {
  test('in another language is left aside, with what would drive it', async () => {
    const { runtime } = await start((stack) => {
      const python = inlineLambda(stack, 'Snake', 'def handler(event, context): pass', {
        runtime: Runtime.PYTHON_3_13,
      });
      python.addEventSource(new SqsEventSource(new Queue(stack, 'Sold')));
    });
    expect(runtime.lambdas.size).toBe(0);
    expect(runtime.notRun.map(({ reason }) => reason).join()).toContain('it must be one of Node, got python3.13');
  });

  test('of another version of Node runs on this one, and that is told', async () => {
    const { runtime } = await start((stack) => {
      inlineLambda(stack, 'Old', 'exports.handler = async () => process.versions.node', {
        runtime: Runtime.NODEJS_20_X,
      });
    });
    const [[id, old] = []] = [...runtime.lambdas];
    expect(await old?.invoke({})).toBe(process.versions.node);
    expect(runtime.notRun).toEqual([expect.objectContaining({ logicalId: id })]);
  });

  test('from a folder is found by its handler’s name', async () => {
    const { runtime } = await start((stack) => {
      inlineLambda(stack, 'Bundled', 'not this', {
        code: Code.fromAsset('test/local/lambda-of-a-user'),
        handler: 'nested/sale.handler',
      });
    });
    expect(await [...runtime.lambdas.values()][0]?.invoke({ seat: 3 })).toEqual({ sold: 3 });
  });
});

describe('a rule', () => {
  const publish = async ({ runtime }: StartedApp, bus: string, ...types: string[]): Promise<void> => {
    const client = new EventBridgeClient({
      region: REGION,
      credentials: LOCAL_CREDENTIALS,
      endpoint: runtime.environment.AWS_ENDPOINT_URL_EVENTBRIDGE ?? '',
    });
    const Entries = types.map((DetailType) => ({
      EventBusName: bus,
      Source: 'shop',
      DetailType,
      Detail: '{"seat":7}',
    }));
    await client.send(new PutEventsCommand({ Entries }));
    client.destroy();
  };

  test('brings the events that match to a Lambda and to a queue, and no others', async () => {
    const app = await start((stack) => {
      const bus = new EventBus(stack, 'Bus', { eventBusName: 'sales' });
      const sales = new Table(stack, 'Sales', { partitionKey: { name: 'id', type: AttributeType.STRING } });
      const environment = { SALES: sales.tableName, BUCKET: 'none' };
      const write = inlineLambda(stack, 'Write', WRITE_SALE, { environment });
      const hear = inlineLambda(
        stack,
        'Hear',
        'exports.handler = async (event) => console.log(JSON.stringify(event));',
      );
      sales.grantWriteData(write);
      const queue = new Queue(stack, 'Sold');
      write.addEventSource(new SqsEventSource(queue));
      new Rule(stack, 'Rule', {
        eventBus: bus,
        eventPattern: { detailType: ['Sold'] },
        targets: [new LambdaTarget(hear), new QueueTarget(queue)],
      });
    });
    await publish(app, 'sales', 'Refunded', 'Sold');
    const heard = await eventually(
      () => app.lines.filter((line) => line.includes('detail-type')),
      ({ length }) => length > 0,
    );
    expect(heard.map((line) => JSON.parse(line))).toEqual([
      expect.objectContaining({ 'detail-type': 'Sold', detail: { seat: 7 } }),
    ]);
    const sale = await eventually(
      async () => (await app.items.send(new ScanCommand({ TableName: app.runtime.nameOf('Shop/Sales') }))).Items?.[0],
      Boolean,
    );
    expect(JSON.parse(String(sale?.id))).toMatchObject({ 'detail-type': 'Sold' });
  });
});

test('a queue that keeps an order is made as one', async () => {
  const app = await start((stack) => {
    const deadLetters = new Queue(stack, 'Dead', { fifo: true });
    const queue = new Queue(stack, 'Orders', {
      fifo: true,
      contentBasedDeduplication: true,
      visibilityTimeout: Duration.seconds(5),
      deadLetterQueue: { queue: deadLetters, maxReceiveCount: 3 },
    });
    inlineLambda(
      stack,
      'Hear',
      'exports.handler = async ({ Records }) => { for (const { body } of Records) console.log(body); }',
    ).addEventSource(new SqsEventSource(queue));
  });
  const QueueUrl = app.runtime.nameOf('Shop/Orders');
  expect(QueueUrl).toMatch(/\.fifo$/);
  for (const MessageBody of ['one', 'two', 'three']) {
    await app.sqs.send(new SendMessageCommand({ QueueUrl, MessageBody, MessageGroupId: 'seat-7' }));
  }
  expect(
    await eventually(
      () => [...app.lines],
      ({ length }) => length >= 3,
    ),
  ).toEqual(['one', 'two', 'three']);
});
