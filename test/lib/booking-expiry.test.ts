/** The construct on tables that somebody else made. */

import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Duration, RemovalPolicy, Stack, Validations } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import {
  AttributeType,
  BillingMode,
  type ITable,
  StreamViewType,
  Table,
  TableEncryption,
  TableV2,
} from 'aws-cdk-lib/aws-dynamodb';
import { EventBus, type IEventBus } from 'aws-cdk-lib/aws-events';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Key } from 'aws-cdk-lib/aws-kms';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { AwsSolutionsChecks } from 'cdk-nag';
import { describe, expect, test } from 'vitest';
import { BOOKINGS_TABLE } from '../../functions/table/shape.ts';
import { BookingExpiry, type BookingExpiryProps, METRICS } from '../../lib/index.ts';
import { checkSupport } from '../../local/support.ts';
import type { Template as LocalTemplate } from '../../local/template.ts';
import { appWithoutBundles, KEY, SETTINGS_TO_WALK, synth } from '../support/stack.ts';

type Resources = Record<string, { readonly Type: string; readonly Properties: Record<string, unknown> }>;

const shop = (): Stack => new Stack(appWithoutBundles(), 'Shop');

const STREAM = { stream: StreamViewType.NEW_AND_OLD_IMAGES };
const ticketTable = (scope: Stack, id = 'Tickets'): Table =>
  new Table(scope, id, {
    partitionKey: { name: 'event_id', type: AttributeType.STRING },
    sortKey: { name: 'ticket_id', type: AttributeType.NUMBER },
    billingMode: BillingMode.PAY_PER_REQUEST,
    ...STREAM,
  });

const TABLE_ARN = 'arn:aws:dynamodb:eu-central-1:123456789012:table/tickets';
const importedTable = (scope: Stack, id = 'Imported', more: { encryptionKey?: Key } = {}): ITable =>
  Table.fromTableAttributes(scope, id, {
    tableArn: TABLE_ARN,
    tableStreamArn: `${TABLE_ARN}/stream/2026-01-01T00:00:00.000`,
    ...more,
  });

/** As in the design: nothing of it is as in our own table. */
const TICKETS = {
  status: { attribute: 'state', pending: ['reserved', 'awaiting_payment'], expired: 'available' },
  deadline: { attribute: 'held_until', unit: 'seconds' },
  onExpire: { remove: ['held_by'], set: { released_by: 'expiry' } },
  only: { entity: 'Ticket' },
} as const satisfies Partial<BookingExpiryProps>;

const resourcesOf = (stack: Stack): Resources => Template.fromStack(stack).toJSON().Resources;

const ofType = (stack: Stack, type: string): [string, Record<string, unknown>][] =>
  Object.entries(resourcesOf(stack)).flatMap(([id, { Type, Properties }]) => (Type === type ? [[id, Properties]] : []));

const environmentsOf = (stack: Stack): Record<string, unknown>[] =>
  ofType(stack, 'AWS::Lambda::Function').map(
    ([, { Environment }]) => (Environment as { Variables: Record<string, unknown> }).Variables,
  );

/** Every action that a role of the stack's Lambdas has on a resource. */
const actionsOn = (stack: Stack, isMeant: (resource: string) => boolean): string[] => {
  const statements = ofType(stack, 'AWS::IAM::Policy').flatMap(
    ([, { PolicyDocument }]) =>
      (PolicyDocument as { Statement: { Action: string | string[]; Resource: unknown }[] }).Statement,
  );
  const actions = statements.flatMap(({ Action, Resource }) =>
    isMeant(JSON.stringify(Resource)) ? [Action].flat() : [],
  );
  return [...new Set(actions)].sort();
};

const streamReaders = (stack: Stack): Record<string, unknown>[] =>
  ofType(stack, 'AWS::Lambda::EventSourceMapping').flatMap(([, mapping]) =>
    mapping.StartingPosition === undefined ? [] : [mapping],
  );

const patternsOf = (stack: Stack): unknown[] =>
  streamReaders(stack).map(({ FilterCriteria }) =>
    JSON.parse((FilterCriteria as { Filters: { Pattern: string }[] }).Filters[0]?.Pattern ?? ''),
  );

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

describe('events', () => {
  test('false leaves one of the stream’s two readers to the owner, and makes neither bus nor queue nor alarm for them', () => {
    const stack = shop();
    const expiry = new BookingExpiry(stack, 'Expiry', { table: ticketTable(stack), events: false });
    expect(streamReaders(stack)).toHaveLength(1);
    expect(ofType(stack, 'AWS::Events::EventBus')).toEqual([]);
    expect([expiry.eventBus, expiry.publishEvents]).toEqual([undefined, undefined]);
    expect(Object.keys(expiry.deadLetterQueues)).toEqual(['timer', 'schedule-expiry', 'sweep']);
    const alarms = JSON.stringify(ofType(stack, 'AWS::CloudWatch::Alarm'));
    expect(alarms).toContain('schedule-expiry');
    expect(alarms).not.toContain('publish-events');
  });

  test('go to a bus that is there already, what was settled too if that is wanted', () => {
    const stack = shop();
    const bus = new EventBus(stack, 'Mine') as IEventBus;
    const expiry = new BookingExpiry(stack, 'Expiry', { table: ticketTable(stack), events: { bus, settled: true } });
    expect(expiry.eventBus).toBe(bus);
    expect(ofType(stack, 'AWS::Events::EventBus')).toHaveLength(1);
    expect(actionsOn(stack, (resource) => resource === JSON.stringify(stack.resolve(bus.eventBusArn)))).toEqual([
      'events:PutEvents',
    ]);
    expect(patternsOf(stack)[1]).toEqual({
      eventName: ['MODIFY'],
      dynamodb: { NewImage: { status: { S: ['EXPIRED', 'CONFIRMED', 'CANCELLED'] } } },
    });
  });
});

describe('alarms', () => {
  test('may be left out', () => {
    const stack = shop();
    const expiry = new BookingExpiry(stack, 'Expiry', { table: ticketTable(stack), alarms: false, dashboard: true });
    expect(expiry.alarms).toBeUndefined();
    expect(ofType(stack, 'AWS::CloudWatch::Alarm')).toEqual([]);
    expect(ofType(stack, 'AWS::SNS::Topic')).toEqual([]);
    expect(ofType(stack, 'AWS::CloudWatch::Dashboard')).toHaveLength(1);
  });

  test('go to a topic that is there already', () => {
    const stack = shop();
    const topic = new Topic(stack, 'Ops');
    new BookingExpiry(stack, 'Expiry', { table: ticketTable(stack), alarms: { topic, email: 'ops@example.com' } });
    expect(ofType(stack, 'AWS::SNS::Topic')).toHaveLength(1);
    const alarms = ofType(stack, 'AWS::CloudWatch::Alarm');
    expect(alarms.length).toBeGreaterThan(5);
    for (const [, { AlarmActions }] of alarms) expect(AlarmActions).toEqual([stack.resolve(topic.topicArn)]);
    Template.fromStack(stack).hasResourceProperties('AWS::SNS::Subscription', { Endpoint: 'ops@example.com' });
  });

  test('that are added are shown on the dashboard too', () => {
    const stack = shop();
    const expiry = new BookingExpiry(stack, 'Expiry', { table: ticketTable(stack), dashboard: true });
    const added = expiry.alarms?.add({
      name: 'many',
      description: 'Many expire.',
      section: 'late',
      metric: expiry.metricExpiredByTimer(),
      threshold: 1_000,
    });
    const board = JSON.stringify(ofType(stack, 'AWS::CloudWatch::Dashboard'));
    expect(board).toContain(JSON.stringify(stack.resolve(added?.alarmArn)));
  });
});

describe('metrics', () => {
  const stack = shop();
  const expiry = new BookingExpiry(stack, 'Expiry', { table: ticketTable(stack) });

  test('are those that the Lambdas send, under the service that they send them for', () => {
    const { metricName, namespace, dimensions, statistic } = expiry.metricLag();
    expect([namespace, metricName, dimensions]).toEqual(['BookingExpiry', 'LagMs', { service: expiry.serviceName }]);
    expect(statistic).toBe('p99');
    for (const { POWERTOOLS_SERVICE_NAME } of environmentsOf(stack)) {
      expect(POWERTOOLS_SERVICE_NAME).toBe(expiry.serviceName);
    }
  });

  test('take the options that CDK’s metrics take, and keep their name', () => {
    const metric = expiry.metricOverdueFound({ statistic: 'Maximum', period: Duration.hours(1) });
    expect([metric.metricName, metric.statistic, metric.period.toHours()]).toEqual(['OverdueFound', 'Maximum', 1]);
    expect(expiry.metricInvalidDeadlines().metricName).toBe(METRICS.invalidDeadline);
    expect(expiry.metricUnprocessable().metricName).toBe(METRICS.unprocessable);
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

describe('two in one stack', () => {
  const OTHER = {
    only: { entity: 'Room' },
    indexName: 'held-rooms',
    attributes: { pendingShard: 'roomShard', expiresAtMs: 'roomExpiresAtMs' },
  };

  test('on two tables have nothing in common', () => {
    const stack = shop();
    const first = new BookingExpiry(stack, 'First', { table: ticketTable(stack, 'A'), dashboard: true });
    const second = new BookingExpiry(stack, 'Second', { table: ticketTable(stack, 'B'), dashboard: true });
    expect(first.serviceName).not.toBe(second.serviceName);
    const names = ofType(stack, 'AWS::CloudWatch::Alarm').map(([, { AlarmName }]) => AlarmName);
    expect(new Set(names).size).toBe(names.length);
    expect(ofType(stack, 'AWS::Lambda::Function')).toHaveLength(8);
  });

  test('on one table share its stream’s two readers and have an index each', () => {
    const stack = shop();
    const table = ticketTable(stack);
    new BookingExpiry(stack, 'Tickets1', { table, ...TICKETS, events: false });
    new BookingExpiry(stack, 'Rooms', { table, ...TICKETS, ...OTHER, events: false });
    expect(streamReaders(stack)).toHaveLength(2);
    const [, { GlobalSecondaryIndexes } = {}] =
      ofType(stack, 'AWS::DynamoDB::Table').find(([id]) => id.startsWith('Tickets')) ?? [];
    expect(GlobalSecondaryIndexes).toMatchObject([{ IndexName: 'pending-by-expiry' }, { IndexName: 'held-rooms' }]);
  });

  const second =
    (props: Partial<BookingExpiryProps>, firstProps: Partial<BookingExpiryProps> = {}, imported = false) =>
    () => {
      const stack = shop();
      const table = imported ? undefined : ticketTable(stack);
      const first = { ...TICKETS, events: false, indexName: 'pending-by-expiry', ...firstProps } as const;
      new BookingExpiry(stack, 'First', { table: table ?? importedTable(stack, 'I1'), ...first });
      new BookingExpiry(stack, 'Second', { table: table ?? importedTable(stack, 'I2'), ...TICKETS, ...props });
    };

  test('on one table with three readers fail, and are told how two would do', () => {
    expect(second({ ...OTHER })).toThrow(
      /may have 2 readers, got 3 together with Shop\/First: write events: false in each/,
    );
    expect(second({ ...OTHER, events: false }, { events: true })).toThrow('got 3');
    expect(second({ ...OTHER, events: false })).not.toThrow();
  });

  test('on one table fail if their items or indexes would be the same', () => {
    const { only, ...names } = OTHER;
    expect(second({ events: false, only })).toThrow(/Shop\/Second: indexName must be another than that of Shop\/First/);
    expect(second({ events: false, only, indexName: 'held-rooms' })).toThrow('attributes.pendingShard must be another');
    expect(second({ events: false, ...names })).toThrow('both would expire those whose state is reserved');
  });

  test('are known to be on one table also where it was imported twice', () => {
    expect(second({ ...OTHER, indexName: 'pending-by-expiry', events: false }, {}, true)).toThrow('indexName must be');
    expect(second({ ...OTHER, events: false }, {}, true)).not.toThrow();
  });

  test('do not conflict if one of them has failed', () => {
    const stack = shop();
    const table = ticketTable(stack);
    expect(() => new BookingExpiry(stack, 'First', { table, onExpire: { set: { note: 'x'.repeat(3_000) } } })).toThrow(
      'at most 2500 bytes',
    );
    expect(() => new BookingExpiry(stack, 'Second', { table })).not.toThrow();
  });

  test('with one service name fail', () => {
    const stack = shop();
    new BookingExpiry(stack, 'First', { table: ticketTable(stack, 'A'), serviceName: 'tickets' });
    expect(
      () => new BookingExpiry(stack, 'Second', { table: ticketTable(stack, 'B'), serviceName: 'tickets' }),
    ).toThrow('Shop/Second: serviceName must be another than that of Shop/First, got tickets');
  });
});

test.each([
  [{}, { MinimumPollers: 2, MaximumPollers: 200 }],
  [{ max: 40 }, { MinimumPollers: 2, MaximumPollers: 40 }],
  [{ min: 200 }, { MinimumPollers: 200, MaximumPollers: 200 }],
  [
    { min: 3, max: 2_000 },
    { MinimumPollers: 3, MaximumPollers: 2_000 },
  ],
])('pollers of %j are provisioned for the timer queue as %j', (timerPollers, expected) => {
  const stack = shop();
  new BookingExpiry(stack, 'Expiry', { table: ticketTable(stack), ...TICKETS, timerPollers });
  const configs = ofType(stack, 'AWS::Lambda::EventSourceMapping').map(
    ([, mapping]) => mapping.ProvisionedPollerConfig,
  );
  expect(configs.filter((config) => config !== undefined)).toEqual([expected]);
});

describe('what must be known at synth', () => {
  const fails = (props: Partial<BookingExpiryProps>) => () => {
    const stack = shop();
    new BookingExpiry(stack, 'Expiry', { table: ticketTable(stack), ...props });
  };

  test.each([
    [{ timerLead: Duration.seconds(11) }, 'Shop/Expiry: timerLead must be from 0 to 10000 ms, got 11 seconds'],
    [{ sweepInterval: Duration.seconds(90) }, 'Shop/Expiry: sweepInterval must be whole minutes from 1 to 180, got'],
    [{ sweepInterval: Duration.hours(4) }, 'sweepInterval must be whole minutes from 1 to 180, got 4 hours'],
    [{ shardCount: 201 }, 'Shop/Expiry: shardCount must be a whole number from 1 to 200, got 201'],
    [{ shardCount: 0.5 }, 'shardCount must be a whole number from 1 to 200, got 0.5'],
    [{ timerPollers: { min: 1 } }, 'Shop/Expiry: timerPollers.min must be a whole number from 2 to 200, got 1'],
    [{ timerPollers: { max: 2_001 } }, 'timerPollers.max must be a whole number from 2 to 2000, got 2001'],
    [{ timerPollers: { max: 2.5 } }, 'timerPollers.max must be a whole number from 2 to 2000, got 2.5'],
    [
      { timerPollers: { min: 100, max: 99 } },
      'timerPollers.min must be at most timerPollers.max, which is 99, got 100',
    ],
    [{ serviceName: 'my shop' }, 'Shop/Expiry: serviceName must be 1 to 90 letters, digits, hyphens and underscores'],
    [{ status: { pending: [] } }, 'Shop/Expiry: status.pending must be one or more words'],
    [{ status: { expired: 'CONFIRMED' }, events: { settled: true } }, 'events.settled must be false where CONFIRMED'],
    [{ onExpire: { set: { note: 'x'.repeat(2_500) } } }, 'the description of the table must be at most 2500 bytes'],
    [
      { key: { partition: 'event_id' } },
      "key must be the key of the table Shop/Tickets, got event_id (S): write key: { partition: 'event_id', sort: { name: 'ticket_id', type: 'N' } }",
    ],
    [{ key: { partition: 'event_id', sort: 'ticket_id' } }, 'got event_id (S) and ticket_id (S)'],
  ] as [Partial<BookingExpiryProps>, string][])('%j fails with what is allowed', (props, message) => {
    expect(fails(props)).toThrow(message);
  });

  test.each([
    [Duration.millis(0), Duration.minutes(1)],
    [Duration.seconds(10), Duration.hours(3)],
  ])('a lead of %s and an interval of %s are allowed', (timerLead, sweepInterval) => {
    expect(fails({ timerLead, sweepInterval, shardCount: 200 })).not.toThrow();
  });

  test('a table of another region fails', () => {
    const stackIn = (region: string) => new Stack(appWithoutBundles(), 'Shop', { env: { region } });
    const expiryIn = (stack: Stack) => () =>
      new BookingExpiry(stack, 'Expiry', { table: importedTable(stack), indexName: 'held' });
    expect(expiryIn(stackIn('eu-west-1'))).toThrow('must be in the region of the stack, eu-west-1, got eu-central-1');
    expect(expiryIn(stackIn('eu-central-1'))).not.toThrow();
    const app = appWithoutBundles();
    const [here, there] = ['eu-west-1', 'us-east-1'].map((region) => new Stack(app, region, { env: { region } }));
    const tableThere = ticketTable(there as Stack);
    expect(() => new BookingExpiry(here as Stack, 'Expiry', { table: tableThere })).toThrow('eu-west-1, got us-east-1');
  });

  test('a binary key fails', () => {
    const stack = shop();
    const table = new Table(stack, 'Tickets', { partitionKey: { name: 'id', type: AttributeType.BINARY }, ...STREAM });
    expect(() => new BookingExpiry(stack, 'Expiry', { table })).toThrow('key.partition.type must be S or N, got "B"');
  });

  test('a table without a stream fails with the prop to write', () => {
    const stack = shop();
    const partitionKey = { name: 'id', type: AttributeType.STRING };
    const expiryOf = (table: ITable | Table | TableV2, id: string) => () =>
      new BookingExpiry(stack, id, { table, indexName: 'held' });
    expect(expiryOf(new Table(stack, 'A', { partitionKey }), 'EA')).toThrow(
      'the table Shop/A must have a stream of new and old images, got none: write stream: StreamViewType.NEW_AND_OLD_IMAGES',
    );
    expect(expiryOf(new Table(stack, 'B', { partitionKey, stream: StreamViewType.KEYS_ONLY }), 'EB')).toThrow(
      'got KEYS_ONLY: write stream: StreamViewType.NEW_AND_OLD_IMAGES',
    );
    expect(expiryOf(new TableV2(stack, 'C', { partitionKey }), 'EC')).toThrow(
      'got none: write dynamoStream: StreamViewType.NEW_AND_OLD_IMAGES',
    );
    expect(expiryOf(Table.fromTableName(stack, 'D', 'tickets'), 'ED')).toThrow(
      'import it with Table.fromTableAttributes and its tableStreamArn',
    );
  });

  const INDEX =
    "addGlobalSecondaryIndex({ indexName: 'pending-by-expiry', partitionKey: { name: 'pendingShard', type: AttributeType.NUMBER }, sortKey: { name: 'expiresAtMs', type: AttributeType.NUMBER }, projectionType: ProjectionType.INCLUDE, nonKeyAttributes: ['holdStartedAtMs'] })";

  test('an imported table whose index is not named fails with the index to make and the prop to write', () => {
    const stack = shop();
    expect(() => new BookingExpiry(stack, 'Expiry', { table: importedTable(stack) })).toThrow(
      `make ${INDEX}, then give the prop indexName: 'pending-by-expiry'`,
    );
  });

  test('an index that cannot be added fails with the index to make', () => {
    const stack = shop();
    const table = ticketTable(stack);
    // The same attribute cannot be text in one index and a number in another.
    table.addGlobalSecondaryIndex({
      indexName: 'mine',
      partitionKey: { name: 'expiresAtMs', type: AttributeType.STRING },
    });
    expect(() => new BookingExpiry(stack, 'Expiry', { table })).toThrow(
      `make it yourself before this construct, as ${INDEX}`,
    );
  });

  test('an index of that name is taken if it is the one, else it fails', () => {
    const stack = shop();
    const indexName = 'pending-by-expiry';
    const partitionKey = { name: 'pendingShard', type: AttributeType.NUMBER };
    const sortKey = { name: 'expiresAtMs', type: AttributeType.NUMBER };
    const right = ticketTable(stack, 'Right');
    right.addGlobalSecondaryIndex({ indexName, partitionKey, sortKey });
    expect(() => new BookingExpiry(stack, 'E1', { table: right })).not.toThrow();
    const wrong = ticketTable(stack, 'Wrong');
    wrong.addGlobalSecondaryIndex({ indexName, partitionKey });
    expect(() => new BookingExpiry(stack, 'E2', { table: wrong })).toThrow(`must be ${INDEX}, got another`);
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

describe('our own stack', () => {
  const recorded: Record<string, string> = JSON.parse(
    readFileSync(new URL('./logical-ids.json', import.meta.url), 'utf8'),
  );

  test('has every logical id that it had when it was first deployed: another would replace what stands there', () => {
    const all: Resources = Object.assign({}, ...SETTINGS_TO_WALK.map((given) => synth(given).toJSON().Resources));
    const types = Object.fromEntries(Object.keys(recorded).map((id) => [id, all[id]?.Type]));
    expect(types).toEqual(recorded);
  });

  test('is told nothing that its Lambdas know by themselves', () => {
    expect(JSON.stringify(synth().toJSON())).not.toContain('TABLE_SHAPE');
  });
});
