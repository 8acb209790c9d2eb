/** Our own stack: its tables, queues, Lambdas, key and outputs, and the names that it keeps. */
import { readFileSync } from 'node:fs';
import { Stage } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { describe, expect, test } from 'vitest';
import { BookingExpiryStack } from '../../lib/booking-expiry-stack.ts';
import { bookingExpirySettings } from '../../lib/settings.ts';
import { checkSupport } from '../../local/support.ts';
import type { Template as LocalTemplate } from '../../local/template.ts';
import type { Resources } from '../support/construct.ts';
import { appWithoutBundles, arnOf, grantsOf, KEY, SETTINGS_TO_WALK, synth } from '../support/stack.ts';

const template = synth();

describe('the bookings table', () => {
  test('is on demand, recoverable, and streams new and old images', () => {
    template.hasResourceProperties('AWS::DynamoDB::Table', {
      KeySchema: [{ AttributeName: 'bookingId', KeyType: 'HASH' }],
      BillingMode: 'PAY_PER_REQUEST',
      StreamSpecification: { StreamViewType: 'NEW_AND_OLD_IMAGES' },
      PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
    });
  });

  test('has a sparse, sharded index by deadline with what a sweep needs and nothing more', () => {
    template.hasResourceProperties('AWS::DynamoDB::Table', {
      GlobalSecondaryIndexes: [
        {
          IndexName: 'pending-by-expiry',
          KeySchema: [
            { AttributeName: 'pendingShard', KeyType: 'HASH' },
            { AttributeName: 'expiresAtMs', KeyType: 'RANGE' },
          ],
          Projection: { ProjectionType: 'INCLUDE', NonKeyAttributes: ['holdStartedAtMs'] },
        },
        Match.anyValue(),
      ],
    });
  });

  test('has a list of each customer’s bookings, of keys that no other program has for something of its own', () => {
    const listOf = (from: Template) =>
      from.toJSON().Resources.BookingsTable.Properties.GlobalSecondaryIndexes.slice(1) as unknown[];
    const index = (IndexName: string, partition: string, sort: string) => ({
      IndexName,
      KeySchema: [
        { AttributeName: partition, KeyType: 'HASH' },
        { AttributeName: sort, KeyType: 'RANGE' },
      ],
      // No move of a booking is a write to it.
      Projection: { ProjectionType: 'KEYS_ONLY' },
    });
    const byCustomer = index('by-customer', 'listedFor', 'listedAtMs');
    expect(listOf(template)).toEqual([byCustomer]);
    expect(listOf(synth({ listSettled: true }))).toEqual([
      byCustomer,
      index('settled-by-time', 'settledIn', 'settledAtMs'),
    ]);
  });

  test('forgets nothing by itself, unless it is told after how many days', () => {
    const tableOf = (from: Template) => from.toJSON().Resources.BookingsTable.Properties;
    expect(tableOf(template).TimeToLiveSpecification).toBeUndefined();
    const forgetting = synth({ retentionDays: 30 });
    expect(tableOf(forgetting).TimeToLiveSpecification).toEqual({ AttributeName: 'purgeAt', Enabled: true });
    expect(tableOf(forgetting).Tags).toContainEqual({ Key: 'booking-expiry:retention-days', Value: '30' });
  });

  test.each(['ExpireBooking', 'Sweep', 'ScheduleExpiry', 'PublishEvents', 'BookingsApi'])(
    'is described to %s with what it keeps afterwards, and needs no description without',
    (name) => {
      const shapeIn = (from: Template) =>
        from.toJSON().Resources[`${name}Function`].Properties.Environment.Variables.TABLE_SHAPE;
      expect(shapeIn(template)).toBeUndefined();
      const { afterwards } = JSON.parse(shapeIn(synth({ retentionDays: 7, listSettled: true, shardCount: 3 })));
      expect(afterwards).toEqual({ purgeAfterDays: 7, listShards: 3 });
    },
  );

  test('tells its stream’s readers nothing of what is deleted', () => {
    for (const { Properties } of Object.values(template.findResources('AWS::Lambda::EventSourceMapping'))) {
      if (Properties.EventSourceArn['Fn::GetAtt'][1] !== 'StreamArn') continue;
      const [{ Pattern }] = Properties.FilterCriteria.Filters;
      expect(JSON.parse(Pattern).eventName).not.toContain('REMOVE');
    }
  });

  test('may be deleted with a development stack, and is kept and protected everywhere else', () => {
    const development = synth({ stage: 'dev' }).toJSON().Resources.BookingsTable;
    expect(development.DeletionPolicy).toBe('Delete');
    expect(development.Properties.DeletionProtectionEnabled).toBe(false);
    const production = synth({ stage: 'prod' }).toJSON().Resources.BookingsTable;
    // Not a table that a failed first deployment would leave behind.
    expect(production.DeletionPolicy).toBe('RetainExceptOnCreate');
    expect(production.Properties.DeletionProtectionEnabled).toBe(true);
  });

  test('notes in its tags what a sweep by command needs to know', () => {
    const { Tags } = synth({ shardCount: 20 }).toJSON().Resources.BookingsTable.Properties;
    const tags = Object.fromEntries(Tags.map(({ Key, Value }: { Key: string; Value: unknown }) => [Key, Value]));
    expect(tags).toMatchObject({
      'booking-expiry:shard-count': '20',
      'booking-expiry:timer-queue-url': { Ref: 'TimerQueue' },
      'booking-expiry:sweep-state-table': { Ref: 'SweepStateTable' },
    });
  });
});

test('a stack whose tables are kept cannot be deleted by mistake', () => {
  const protectionOf = (given: Parameters<typeof bookingExpirySettings>[0]) =>
    new BookingExpiryStack(appWithoutBundles(), 'any', {
      settings: bookingExpirySettings(given),
    }).terminationProtection;
  expect([protectionOf({ stage: 'dev' }), protectionOf({ stage: 'prod' })]).toEqual([false, true]);
});

test('the names and the metrics of a stack in a stage of a pipeline are those of the stack as it is deployed', () => {
  const stack = new BookingExpiryStack(new Stage(appWithoutBundles(), 'Production'), 'booking-expiry', {
    settings: bookingExpirySettings({}),
  });
  const { Resources } = Template.fromStack(stack).toJSON();
  expect(Resources.SweepFunction.Properties.Environment.Variables.POWERTOOLS_SERVICE_NAME).toBe(
    'Production-booking-expiry',
  );
});

describe('the queues', () => {
  test('the timer queue hands over to its dead-letter queue after ten receives', () => {
    template.hasResourceProperties('AWS::SQS::Queue', {
      RedrivePolicy: { deadLetterTargetArn: arnOf('TimerDeadLetterQueue'), maxReceiveCount: 10 },
    });
  });

  test.each([0, 1_000, 1_500, 10_000])(
    'with a lead of %d ms timers stay invisible for six times the Lambda’s time limit',
    (timerLeadMs) => {
      const { Resources } = synth({ timerLeadMs }).toJSON();
      const timeoutSeconds = Resources.ExpireBookingFunction.Properties.Timeout;
      expect(Resources.TimerQueue.Properties.VisibilityTimeout).toBe(6 * timeoutSeconds);
      // Longest wait: lead, rounding and early delivery; then two rounds of three tries of two seconds.
      expect(timeoutSeconds * 1_000).toBeGreaterThanOrEqual(timerLeadMs + 6_000 + 12_000);
    },
  );

  test.each([0, 5, 1_000])(
    'with a shared moment of %d ms expire-booking writes deadlines that close together at once',
    (sameMomentMs) => {
      const { Resources } = synth({ sameMomentMs }).toJSON();
      expect(Resources.ExpireBookingFunction.Properties.Environment.Variables.SAME_MOMENT_MS).toBe(
        String(sameMomentMs),
      );
    },
  );

  test('are encrypted, take TLS only, and keep dead letters longer than any queue keeps its messages', () => {
    const queues = Object.entries(template.findResources('AWS::SQS::Queue'));
    expect(queues).toHaveLength(5);
    for (const [logicalId, { Properties }] of queues) {
      expect(Properties.SqsManagedSseEnabled).toBe(true);
      expect(Properties.MessageRetentionPeriod).toBe(logicalId === 'TimerQueue' ? 86_400 : 1_209_600);
      template.hasResourceProperties('AWS::SQS::QueuePolicy', {
        Queues: [{ Ref: logicalId }],
        PolicyDocument: {
          Statement: Match.arrayWith([
            Match.objectLike({
              Effect: 'Deny',
              Action: 'sqs:*',
              Condition: { Bool: { 'aws:SecureTransport': 'false' } },
            }),
          ]),
        },
      });
    }
  });
});

describe('the Lambdas', () => {
  test('run on arm64 and Node 24 with logs that are kept for a month', () => {
    for (const { Properties } of Object.values(template.findResources('AWS::Lambda::Function'))) {
      expect(Properties).toMatchObject({ Architectures: ['arm64'], Runtime: 'nodejs24.x' });
      expect(Properties.LoggingConfig.LogGroup).toBeDefined();
    }
    template.allResourcesProperties('AWS::Logs::LogGroup', { RetentionInDays: 30 });
  });
});

test('the table of idempotency keys forgets by itself, and is deleted with the stack', () => {
  const { Properties, DeletionPolicy } = synth({ stage: 'prod' }).toJSON().Resources.IdempotencyTable;
  expect(Properties).toMatchObject({
    KeySchema: [{ AttributeName: 'recordId', KeyType: 'HASH' }],
    BillingMode: 'PAY_PER_REQUEST',
    TimeToLiveSpecification: { AttributeName: 'purgeAt', Enabled: true },
  });
  expect(DeletionPolicy).toBe('Delete');
});

test('a key of the customer’s own encrypts tables, queues and secret, and the Lambdas may use it', () => {
  const withKey = synth({ kmsKeyArn: KEY });
  const { Resources } = withKey.toJSON();
  expect(Resources.BookingsTable.Properties.SSESpecification).toMatchObject({
    SSEType: 'KMS',
    KMSMasterKeyId: KEY,
  });
  for (const { Properties } of Object.values(withKey.findResources('AWS::SQS::Queue')))
    expect(Properties.KmsMasterKeyId).toBe(KEY);
  expect(Resources.CronTokenSecret.Properties.KmsKeyId).toBe(KEY);
  for (const name of ['ScheduleExpiry', 'ExpireBooking', 'Sweep', 'PublishEvents', 'BookingsApi']) {
    expect([grantsOf(withKey, `${name}Function`)['kms:Decrypt']].flat()).toContain(KEY);
  }
  expect(() => checkSupport(withKey.toJSON() as LocalTemplate)).not.toThrow();
});

test('what carries data or is named by operators keeps its logical id: another would replace it', () => {
  const { Resources } = template.toJSON();
  const kept = {
    BookingsTable: 'AWS::DynamoDB::Table',
    SweepStateTable: 'AWS::DynamoDB::Table',
    TimerQueue: 'AWS::SQS::Queue',
    TimerDeadLetterQueue: 'AWS::SQS::Queue',
    ScheduleExpiryDeadLetterQueue: 'AWS::SQS::Queue',
    SweepDeadLetterQueue: 'AWS::SQS::Queue',
    PublishEventsDeadLetterQueue: 'AWS::SQS::Queue',
    BookingEvents: 'AWS::Events::EventBus',
    CronTokenSecret: 'AWS::SecretsManager::Secret',
    HttpApi: 'AWS::ApiGatewayV2::Api',
    AlarmTopic: 'AWS::SNS::Topic',
  };
  for (const [logicalId, type] of Object.entries(kept)) expect(Resources[logicalId]?.Type).toBe(type);
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

test('the same app gives the same template', () => {
  expect(synth().toJSON()).toEqual(template.toJSON());
});

test('every name that an operator or a client needs is an output', () => {
  expect(Object.keys(template.findOutputs('*')).sort()).toEqual([
    'AlarmTopicArn',
    'ApiUrl',
    'BookingsApiFunctionName',
    'BookingsTableName',
    'CronTokenSecretArn',
    'EventBusName',
    'ExpireBookingFunctionName',
    'PendingIndexName',
    'PublishEventsDeadLetterQueueUrl',
    'PublishEventsFunctionName',
    'ScheduleExpiryDeadLetterQueueUrl',
    'ScheduleExpiryFunctionName',
    'SlotsTableName',
    'SweepDeadLetterQueueUrl',
    'SweepFunctionName',
    'SweepScheduleName',
    'SweepStateTableName',
    'TimerDeadLetterQueueUrl',
    'TimerQueueUrl',
  ]);
});

test('the local runtime supports everything in the template', () => {
  expect(() => checkSupport(template.toJSON() as LocalTemplate)).not.toThrow();
});
