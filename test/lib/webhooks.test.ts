/** What webhooks and notices add to the template, and that without them nothing is added. */

import { readFileSync } from 'node:fs';
import { Duration, Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { AttributeType, StreamViewType, Table } from 'aws-cdk-lib/aws-dynamodb';
import { describe, expect, test } from 'vitest';
import { BookingExpiry, type BookingExpiryProps } from '../../lib/index.ts';
import { appWithoutBundles, arnOf, grantsOf, synth } from '../support/stack.ts';

const URL = 'https://app.example.com/hook';
const template = synth({ webhookUrl: URL });
const plain = synth();

const expiryWith = (props: Partial<BookingExpiryProps>) => {
  const stack = new Stack(appWithoutBundles(), 'any');
  const table = new Table(stack, 'Table', {
    partitionKey: { name: 'bookingId', type: AttributeType.STRING },
    stream: StreamViewType.NEW_AND_OLD_IMAGES,
  });
  return { stack, expiry: new BookingExpiry(stack, 'Expiry', { table, ...props }) };
};

describe('webhooks', () => {
  test('bring each event of bookings from the bus to their queue, and what EventBridge cannot deliver to the dead letters', () => {
    template.hasResourceProperties('AWS::Events::Rule', {
      EventBusName: { Ref: 'BookingEvents' },
      EventPattern: { source: ['booking-expiry'] },
      Targets: [{ Arn: arnOf('WebhookQueue'), DeadLetterConfig: { Arn: arnOf('SendWebhooksDeadLetterQueue') } }],
    });
  });

  test('let the rule, and nobody else, send to both', () => {
    for (const queue of ['WebhookQueue', 'SendWebhooksDeadLetterQueue']) {
      template.hasResourceProperties('AWS::SQS::QueuePolicy', {
        Queues: [{ Ref: queue }],
        PolicyDocument: {
          Statement: Match.arrayWith([
            Match.objectLike({
              Effect: 'Allow',
              Action: 'sqs:SendMessage',
              Principal: { Service: 'events.amazonaws.com' },
              Condition: { ArnEquals: { 'aws:SourceArn': Match.anyValue() } },
            }),
          ]),
        },
      });
    }
  });

  test('are read in batches of ten without a window, new ones apart from those that are tried again, and few at once', () => {
    for (const [queue, MaximumConcurrency] of [
      ['WebhookQueue', 10],
      ['WebhookRetryQueue', 5],
    ] as const) {
      template.hasResourceProperties('AWS::Lambda::EventSourceMapping', {
        EventSourceArn: arnOf(queue),
        BatchSize: 10,
        FunctionResponseTypes: ['ReportBatchItemFailures'],
        ScalingConfig: { MaximumConcurrency },
        MaximumBatchingWindowInSeconds: Match.absent(),
      });
    }
  });

  test('stay invisible for six times the time limit, are kept for longer than their tries, and shorter than dead letters', () => {
    const { Resources } = template.toJSON();
    const { Timeout } = Resources.SendWebhooksFunction.Properties;
    // Ten seconds to answer, and two rounds with AWS of three tries of two seconds.
    expect(Timeout).toBeGreaterThanOrEqual(10 + 12);
    for (const queue of ['WebhookQueue', 'WebhookRetryQueue']) {
      expect(Resources[queue].Properties).toMatchObject({
        VisibilityTimeout: 6 * Timeout,
        MessageRetentionPeriod: 4 * 86_400,
        RedrivePolicy: { deadLetterTargetArn: arnOf('SendWebhooksDeadLetterQueue'), maxReceiveCount: 10 },
      });
    }
    expect(Resources.SendWebhooksDeadLetterQueue.Properties.MessageRetentionPeriod).toBe(14 * 86_400);
  });

  test('send-webhooks may do exactly what it does', () => {
    const {
      'logs:CreateLogStream': _s,
      'logs:PutLogEvents': _e,
      ...grants
    } = grantsOf(template, 'SendWebhooksFunction');
    const both = [arnOf('WebhookQueue'), arnOf('WebhookRetryQueue')];
    expect(grants).toEqual({
      'secretsmanager:GetSecretValue': { Ref: 'WebhookSecret' },
      'sqs:SendMessage': [arnOf('WebhookRetryQueue'), arnOf('SendWebhooksDeadLetterQueue')],
      'sqs:ReceiveMessage': both,
      'sqs:DeleteMessage': both,
      'sqs:GetQueueAttributes': both,
      'sqs:ChangeMessageVisibility': both,
    });
  });

  test('are watched: their dead letters with the others, and those that wait for another try', () => {
    const { Resources } = template.toJSON();
    const alarms = Object.values(template.findResources('AWS::CloudWatch::Alarm')).map(({ Properties }) => Properties);
    const [late] = alarms.filter(({ AlarmName }) => AlarmName.endsWith('/webhooks-late'));
    expect(late.AlarmDescription).toContain('docs/runbook.md#webhooks-late');
    expect(JSON.stringify(late.Metrics)).toContain('WebhookRetryQueue');
    const [dead] = alarms.filter(({ AlarmName }) => AlarmName.endsWith('/dead-letters'));
    expect(JSON.stringify(dead.Metrics)).toContain('SendWebhooksDeadLetterQueue');
    const tags = JSON.stringify(Resources.BookingsTable.Properties.Tags);
    for (const name of ['dead-letters:send-webhooks', 'webhook-queue-url', 'webhook-secret', 'webhook-function'])
      expect(tags).toContain(`booking-expiry:${name}`);
    const runbook = readFileSync(new globalThis.URL('../../docs/runbook.md', import.meta.url), 'utf8');
    expect(runbook).toMatch(/^## webhooks late$/m);
  });

  test('are outputs, for operators and for receivers', () => {
    const added = Object.keys(template.findOutputs('*')).filter((name) => !(name in plain.findOutputs('*')));
    expect(added.sort()).toEqual([
      'SendWebhooksDeadLetterQueueUrl',
      'SendWebhooksFunctionName',
      'WebhookQueueUrl',
      'WebhookRetryQueueUrl',
      'WebhookSecretArn',
    ]);
  });

  test('have a secret whose text is base64 of 24 bytes or more as it stands', () => {
    template.hasResourceProperties('AWS::SecretsManager::Secret', {
      GenerateSecretString: { PasswordLength: 44, ExcludePunctuation: true },
    });
    expect(44 % 4).toBe(0);
  });

  test('change nothing that was there before, but the alarms that watch them and the tags', () => {
    const [with_, without] = [template.toJSON().Resources, plain.toJSON().Resources];
    const changed = Object.keys(without).filter((id) => JSON.stringify(with_[id]) !== JSON.stringify(without[id]));
    expect(changed.filter((id) => !/^(BookingsTable|.*Alarms.*dead.?letters.*)$/i.test(id))).toEqual([]);
  });

  test.each([
    ['an address without TLS', { webhook: { url: 'http://app.example.com/' } }, 'webhook.url must be an https URL'],
    ['no events', { webhook: { url: URL }, events: false }, 'webhook must be left out where events is false'],
  ])('with %s fails', (_, props, message) => {
    expect(() => expiryWith(props)).toThrow(message);
  });

  test('are parts of the construct, and without the prop there are none', () => {
    const { expiry } = expiryWith({ webhook: { url: URL } });
    expect([expiry.sendWebhooks, expiry.webhookQueue, expiry.webhookRetryQueue, expiry.webhookSecret]).not.toContain(
      undefined,
    );
    expect(Object.keys(expiry.deadLetterQueues)).toContain('send-webhooks');
    const without = expiryWith({}).expiry;
    expect([without.sendWebhooks, without.webhookQueue, without.webhookSecret]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });
});

describe('notices', () => {
  test('let expire-booking publish, and tell the Lambdas and the table’s tags when', () => {
    const noticing = synth({ noticeBeforeSeconds: 120 });
    const { Resources } = noticing.toJSON();
    expect(grantsOf(noticing, 'ExpireBookingFunction')['events:PutEvents']).toEqual(arnOf('BookingEvents'));
    for (const name of ['ScheduleExpiry', 'ExpireBooking', 'Sweep', 'BookingsApi']) {
      expect(Resources[`${name}Function`].Properties.Environment.Variables.NOTICE_BEFORE_SECONDS).toBe('120');
    }
    expect(Resources.BookingsTable.Properties.Tags).toContainEqual({
      Key: 'booking-expiry:notice-before-seconds',
      Value: '120',
    });
  });

  test('that are not asked for are nowhere', () => {
    expect(JSON.stringify(plain.toJSON())).not.toContain('NOTICE');
    expect(grantsOf(plain, 'ExpireBookingFunction')['events:PutEvents']).toBeUndefined();
  });

  test.each([
    [Duration.seconds(9), 'noticeBefore must be whole seconds from 10 to 10800'],
    [Duration.seconds(10_801), 'noticeBefore must be whole seconds from 10 to 10800'],
    [Duration.millis(10_500), 'noticeBefore must be whole seconds from 10 to 10800'],
  ])('%s before fail', (noticeBefore, message) => {
    expect(() => expiryWith({ noticeBefore })).toThrow(message);
  });

  test('without events fail', () => {
    expect(() => expiryWith({ noticeBefore: Duration.minutes(1), events: false })).toThrow(
      'noticeBefore must be left out where events is false',
    );
  });

  test('are a prop of the construct', () => {
    const { stack } = expiryWith({ noticeBefore: Duration.minutes(1) });
    Template.fromStack(stack).hasResourceProperties('AWS::Lambda::Function', {
      Environment: { Variables: Match.objectLike({ NOTICE_BEFORE_SECONDS: '60', EVENT_BUS_NAME: Match.anyValue() }) },
    });
  });
});
