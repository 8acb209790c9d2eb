/** The construct on tables that somebody else made. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RemovalPolicy, Stack, Validations } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { AttributeType, StreamViewType, Table, TableEncryption, TableV2 } from 'aws-cdk-lib/aws-dynamodb';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Key } from 'aws-cdk-lib/aws-kms';
import { AwsSolutionsChecks } from 'cdk-nag';
import { describe, expect, test } from 'vitest';
import { BOOKINGS_TABLE } from '../../functions/table/shape.ts';
import { BookingExpiry } from '../../lib/index.ts';
import { checkSupport } from '../../local/support.ts';
import type { Template as LocalTemplate } from '../../local/template.ts';
import {
  actionsOn,
  environmentsOf,
  importedTable,
  ofType,
  patternsOf,
  resourcesOf,
  STREAM,
  shop,
  streamReaders,
  TABLE_ARN,
  TICKETS,
  ticketTable,
} from '../support/construct.ts';
import { appWithoutBundles, KEY } from '../support/stack.ts';

describe('a table of the same stack', () => {
  const stack = shop();
  const expiry = new BookingExpiry(stack, 'Expiry', { table: ticketTable(stack), ...TICKETS });

  test('gets the index of held items, sharded, by deadline, with what a sweep needs and nothing more', () => {
    Template.fromStack(stack).hasResourceProperties('AWS::DynamoDB::Table', {
      GlobalSecondaryIndexes: [
        {
          IndexName: 'pending-by-expiry',
          KeySchema: [
            { AttributeName: 'pendingShard', KeyType: 'HASH' },
            { AttributeName: 'expiresAtMs', KeyType: 'RANGE' },
          ],
          Projection: { ProjectionType: 'INCLUDE', NonKeyAttributes: ['holdStartedAtMs'] },
        },
      ],
      AttributeDefinitions: Match.arrayWith([
        { AttributeName: 'pendingShard', AttributeType: 'N' },
        { AttributeName: 'expiresAtMs', AttributeType: 'N' },
      ]),
    });
  });

  test('tells its own key', () => {
    expect(expiry.shape.key).toEqual({
      partition: { name: 'event_id', type: 'S' },
      sort: { name: 'ticket_id', type: 'N' },
    });
  });

  test('is told to each Lambda with its shape', () => {
    const environments = environmentsOf(stack);
    expect(environments).toHaveLength(4);
    for (const { TABLE_SHAPE } of environments) expect(JSON.parse(String(TABLE_SHAPE))).toEqual(expiry.shape);
  });

  test('has its stream filtered by its own words', () => {
    const image = { state: { S: ['reserved', 'awaiting_payment'] }, entity: { S: ['Ticket'] } };
    expect(patternsOf(stack)).toEqual([
      { eventName: ['INSERT', 'MODIFY'], dynamodb: { NewImage: image } },
      {
        eventName: ['MODIFY'],
        dynamodb: { NewImage: { state: { S: ['available'] }, entity: { S: ['Ticket'] } } },
      },
    ]);
  });

  test('makes a stack that the local runtime runs', () => {
    expect(() => checkSupport(Template.fromStack(stack).toJSON() as LocalTemplate)).not.toThrow();
  });
});

test('a table that is described as our own is what the Lambdas know by themselves', () => {
  const stack = shop();
  const table = new Table(stack, 'Bookings', {
    partitionKey: { name: 'bookingId', type: AttributeType.STRING },
    ...STREAM,
  });
  new BookingExpiry(stack, 'Expiry', { ...BOOKINGS_TABLE, table });
  for (const environment of environmentsOf(stack)) expect(environment).not.toHaveProperty('TABLE_SHAPE');
});

test('the deadline in milliseconds is the sort key of the index itself', () => {
  const stack = shop();
  new BookingExpiry(stack, 'Expiry', { table: ticketTable(stack), deadline: { attribute: 'held_until_ms' } });
  const [, { GlobalSecondaryIndexes }] = ofType(stack, 'AWS::DynamoDB::Table')[0] ?? ['', {}];
  expect(GlobalSecondaryIndexes).toMatchObject([
    { KeySchema: [{ AttributeName: 'pendingShard' }, { AttributeName: 'held_until_ms' }] },
  ]);
});

test('a TableV2 gets the index too', () => {
  const stack = shop();
  const table = new TableV2(stack, 'Tickets', {
    partitionKey: { name: 'id', type: AttributeType.STRING },
    dynamoStream: StreamViewType.NEW_AND_OLD_IMAGES,
  });
  const { shape } = new BookingExpiry(stack, 'Expiry', { table, ...TICKETS });
  expect(shape.key).toEqual({ partition: { name: 'id', type: 'S' } });
  Template.fromStack(stack).hasResourceProperties('AWS::DynamoDB::GlobalTable', {
    GlobalSecondaryIndexes: [
      {
        IndexName: 'pending-by-expiry',
        Projection: { ProjectionType: 'INCLUDE', NonKeyAttributes: ['holdStartedAtMs'] },
      },
    ],
  });
});

test('a table of another stack gets the index there, and is reached from here', () => {
  const app = appWithoutBundles();
  const data = new Stack(app, 'Data');
  const work = new Stack(app, 'Work');
  new BookingExpiry(work, 'Expiry', { table: ticketTable(data), ...TICKETS });
  expect(ofType(data, 'AWS::DynamoDB::Table')[0]?.[1].GlobalSecondaryIndexes).toHaveLength(1);
  expect(ofType(data, 'AWS::Lambda::Function')).toEqual([]);
  const index = (resource: string) => resource.includes('/index/pending-by-expiry');
  expect(actionsOn(work, index)).toEqual(['dynamodb:Query']);
  expect(streamReaders(work)).toHaveLength(2);
});

describe('an imported table', () => {
  test('is reached by its ARN, its index too, by nothing but the actions that are needed', () => {
    const stack = shop();
    new BookingExpiry(stack, 'Expiry', { table: importedTable(stack), indexName: 'held', ...TICKETS });
    expect(actionsOn(stack, (resource) => resource === `"${TABLE_ARN}/index/held"`)).toEqual(['dynamodb:Query']);
    expect(actionsOn(stack, (resource) => resource === `"${TABLE_ARN}"`)).toEqual([
      'dynamodb:BatchGetItem',
      'dynamodb:PartiQLUpdate',
      'dynamodb:Scan',
      'dynamodb:UpdateItem',
    ]);
    expect(actionsOn(stack, (resource) => resource.includes('/stream/'))).toEqual([
      'dynamodb:DescribeStream',
      'dynamodb:GetRecords',
      'dynamodb:GetShardIterator',
    ]);
    const mappings = streamReaders(stack).map(({ EventSourceArn }) => EventSourceArn);
    expect(new Set(mappings)).toEqual(new Set([`${TABLE_ARN}/stream/2026-01-01T00:00:00.000`]));
  });

  test('gets no index and makes no table but the sweep’s', () => {
    const stack = shop();
    const expiry = new BookingExpiry(stack, 'Expiry', { table: importedTable(stack), indexName: 'held', ...TICKETS });
    const tables = ofType(stack, 'AWS::DynamoDB::Table');
    expect(tables.map(([id]) => ({ Ref: id }))).toEqual([stack.resolve(expiry.sweepStateTable.tableName)]);
  });

  test('is named by the key that it is given', () => {
    const stack = shop();
    const { shape } = new BookingExpiry(stack, 'Expiry', {
      table: importedTable(stack),
      indexName: 'held',
      key: { partition: 'event_id', sort: { name: 'seat', type: AttributeType.NUMBER } },
    });
    expect(shape.key).toEqual({ partition: { name: 'event_id', type: 'S' }, sort: { name: 'seat', type: 'N' } });
  });
});

describe('keys of KMS', () => {
  test('the table’s own may be used by each Lambda, once', () => {
    const stack = shop();
    const encryptionKey = new Key(stack, 'TableKey');
    const table = new Table(stack, 'Tickets', {
      partitionKey: { name: 'id', type: AttributeType.STRING },
      encryption: TableEncryption.CUSTOMER_MANAGED,
      encryptionKey,
      ...STREAM,
    });
    new BookingExpiry(stack, 'Expiry', { table });
    const used = JSON.stringify(stack.resolve(encryptionKey.keyArn));
    const policies = ofType(stack, 'AWS::IAM::Policy').filter(([, policy]) => JSON.stringify(policy).includes(used));
    expect(policies).toHaveLength(4);
    expect(actionsOn(stack, (resource) => resource === used)).toEqual(['kms:Decrypt', 'kms:GenerateDataKey']);
  });

  test('that of an imported table comes with it', () => {
    const stack = shop();
    const encryptionKey = Key.fromKeyArn(stack, 'TableKey', KEY) as Key;
    new BookingExpiry(stack, 'Expiry', {
      table: importedTable(stack, 'Imported', { encryptionKey }),
      indexName: 'held',
    });
    expect(actionsOn(stack, (resource) => resource === `"${KEY}"`)).toEqual(['kms:Decrypt', 'kms:GenerateDataKey']);
  });

  test('one of the same app encrypts queues, logs, topic and state, and lets in the services that use it', () => {
    const stack = shop();
    const encryptionKey = new Key(stack, 'Key');
    new BookingExpiry(stack, 'Expiry', { table: ticketTable(stack), encryptionKey });
    const used = stack.resolve(encryptionKey.keyArn);
    for (const [, { KmsMasterKeyId }] of ofType(stack, 'AWS::SQS::Queue')) expect(KmsMasterKeyId).toEqual(used);
    for (const [, { KmsKeyId }] of ofType(stack, 'AWS::Logs::LogGroup')) expect(KmsKeyId).toEqual(used);
    for (const [, { KmsMasterKeyId }] of ofType(stack, 'AWS::SNS::Topic')) expect(KmsMasterKeyId).toBeDefined();
    const [, { KeyPolicy } = {}] = ofType(stack, 'AWS::KMS::Key')[0] ?? [];
    const policy = JSON.stringify(KeyPolicy);
    for (const service of ['logs.', 'cloudwatch.amazonaws.com', 'events.amazonaws.com'])
      expect(policy).toContain(service);
  });
});

test('a program of one’s own may be allowed to sweep, and to send timers', () => {
  const stack = shop();
  const expiry = new BookingExpiry(stack, 'Expiry', { table: ticketTable(stack) });
  const role = new Role(stack, 'Operator', { assumedBy: new ServicePrincipal('ec2.amazonaws.com') });
  expiry.grantSweep(role);
  expiry.grantSchedule(role);
  const policies = ofType(stack, 'AWS::IAM::Policy').filter(([id]) => id.startsWith('Operator'));
  const statements = policies.flatMap(
    ([, { PolicyDocument }]) => (PolicyDocument as { Statement: { Action: string | string[] }[] }).Statement,
  );
  expect(statements.flatMap(({ Action }) => Action)).toEqual([
    'dynamodb:BatchGetItem',
    'dynamodb:PartiQLUpdate',
    'dynamodb:UpdateItem',
    'dynamodb:Query',
    'dynamodb:GetItem',
    'dynamodb:UpdateItem',
    'sqs:SendMessage',
  ]);
  expect(stack.resolve(expiry.sweepEnvironment)).toMatchObject({
    BOOKINGS_TABLE: stack.resolve(expiry.table.tableName),
    TIMER_QUEUE_URL: stack.resolve(expiry.timerQueue.queueUrl),
    SWEEP_STATE_TABLE: stack.resolve(expiry.sweepStateTable.tableName),
    SHARD_COUNT: '10',
  });
});

test('the sweep’s own table is removed with the construct, or kept and protected', () => {
  const stack = shop();
  new BookingExpiry(stack, 'A', { table: ticketTable(stack, 'TA') });
  new BookingExpiry(stack, 'B', { table: ticketTable(stack, 'TB'), removalPolicy: RemovalPolicy.RETAIN });
  const states = Object.entries(Template.fromStack(stack).findResources('AWS::DynamoDB::Table')).filter(([id]) =>
    id.includes('SweepState'),
  );
  expect(
    states.map(([, { DeletionPolicy, Properties }]) => [DeletionPolicy, Properties.DeletionProtectionEnabled]),
  ).toEqual([
    ['Delete', false],
    ['Retain', true],
  ]);
});

test('no logical id is fixed: the same construct below another has other ids', () => {
  const idsBelow = (id: string) => {
    const stack = shop();
    const table = ticketTable(stack);
    new BookingExpiry(stack, id, { table, dashboard: true, encryptionKey: Key.fromKeyArn(stack, 'Key', KEY) });
    return Object.keys(resourcesOf(stack)).filter((each) => each !== stack.resolve(table.tableName).Ref);
  };
  const [one, other] = [idsBelow('One'), idsBelow('Other')];
  expect(one).toHaveLength(other.length);
  expect(one.filter((id) => other.includes(id))).toEqual([]);
});

test('nothing is read from the context', () => {
  const stack = shop();
  for (const name of ['stage', 'shardCount', 'timerLeadMs', 'sweepIntervalMinutes']) stack.node.setContext(name, '99');
  new BookingExpiry(stack, 'Expiry', { table: ticketTable(stack) });
  expect(environmentsOf(stack).flatMap(({ SHARD_COUNT }) => SHARD_COUNT ?? [])).toEqual(['10', '10', '10']);
});

test('cdk-nag finds nothing in it that is not explained', () => {
  const outdir = mkdtempSync(join(tmpdir(), 'nag-'));
  const app = appWithoutBundles({ outdir });
  const stack = new Stack(app, 'Shop');
  new BookingExpiry(stack, 'Expiry', { table: importedTable(stack), indexName: 'held', dashboard: true, ...TICKETS });
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app, { verbose: true }));
  expect(() => app.synth()).not.toThrow();
});
