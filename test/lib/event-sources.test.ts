/** What starts each Lambda, and what becomes of what it cannot work on. */
import { Match, type Template } from 'aws-cdk-lib/assertions';
import { describe, expect, test } from 'vitest';
import { arnOf, grantsOf, synth } from '../support/stack.ts';

const template = synth();

test('schedule-expiry reads the stream from its beginning, only PENDING images, and loses no record unseen', () => {
  template.hasResourceProperties('AWS::Lambda::EventSourceMapping', {
    EventSourceArn: { 'Fn::GetAtt': ['BookingsTable', 'StreamArn'] },
    StartingPosition: 'TRIM_HORIZON',
    BatchSize: 100,
    BisectBatchOnFunctionError: true,
    // Age decides alone: an outage of the queue may last for hours.
    MaximumRetryAttempts: Match.absent(),
    MaximumRecordAgeInSeconds: 72_000,
    FunctionResponseTypes: ['ReportBatchItemFailures'],
    DestinationConfig: { OnFailure: { Destination: arnOf('ScheduleExpiryDeadLetterQueue') } },
    FilterCriteria: {
      Filters: [
        {
          Pattern: Match.serializedJson({
            eventName: ['INSERT', 'MODIFY'],
            dynamodb: { NewImage: { status: { S: ['PENDING'] } } },
          }),
        },
      ],
    },
  });
});

test('expire-booking takes at most ten timers without a window or a filter and reports failures one by one', () => {
  const mappings = Object.values(template.findResources('AWS::Lambda::EventSourceMapping'));
  const ofQueue = mappings.find(({ Properties }) => Properties.EventSourceArn['Fn::GetAtt'][0] === 'TimerQueue');
  expect(ofQueue?.Properties).toEqual({
    BatchSize: 10,
    EventSourceArn: arnOf('TimerQueue'),
    FunctionName: { Ref: 'ExpireBookingFunction' },
    FunctionResponseTypes: ['ReportBatchItemFailures'],
  });
});

test('pollers are provisioned for timers alone, and only if they are asked for', () => {
  const configs = (from: Template): Record<string, unknown> =>
    Object.fromEntries(
      Object.values(from.findResources('AWS::Lambda::EventSourceMapping')).flatMap(({ Properties }) =>
        Properties.ProvisionedPollerConfig === undefined
          ? []
          : [[Properties.EventSourceArn['Fn::GetAtt'][0], Properties.ProvisionedPollerConfig]],
      ),
    );
  expect(configs(template)).toEqual({});
  const asked = synth({ timerPollersMin: '20', timerPollersMax: '300', webhookUrl: 'https://app.example.com/hook' });
  expect(configs(asked)).toEqual({ TimerQueue: { MinimumPollers: 20, MaximumPollers: 300 } });
});

test('a mapping has provisioned pollers or a limit of batches, as Lambda takes only one of them', () => {
  const all = synth({ timerPollersMin: 2, webhookUrl: 'https://app.example.com/hook' });
  const mappings = Object.values(all.findResources('AWS::Lambda::EventSourceMapping')).map(
    ({ Properties }) => Properties,
  );
  expect(mappings.filter(({ ScalingConfig }) => ScalingConfig !== undefined)).not.toHaveLength(0);
  const both = mappings.filter((mapping) => mapping.ProvisionedPollerConfig && mapping.ScalingConfig);
  expect(both).toEqual([]);
});

test('publish-events reads what has expired or was revived, and with publishSettled what was settled too', () => {
  const filterOf = (from: Template) => {
    const mappings = Object.values(from.findResources('AWS::Lambda::EventSourceMapping'));
    const mapping = mappings.find(({ Properties }) => Properties.FunctionName.Ref === 'PublishEventsFunction');
    const filters: { Pattern: string }[] = mapping?.Properties.FilterCriteria.Filters ?? [];
    return filters.map(({ Pattern }) => JSON.parse(Pattern));
  };
  const became = (...statuses: string[]) => ({
    eventName: ['MODIFY'],
    dynamodb: { NewImage: { status: { S: statuses } } },
  });
  const revived = {
    eventName: ['MODIFY'],
    dynamodb: { NewImage: { status: { S: ['CONFIRMED'] }, revivedAtMs: { N: [{ exists: true }] } } },
  };
  expect(filterOf(template)).toEqual([became('EXPIRED'), revived]);
  expect(filterOf(synth({ publishSettled: 'true' }))).toEqual([became('EXPIRED', 'CONFIRMED', 'CANCELLED')]);
  expect(grantsOf(template, 'PublishEventsFunction')['events:PutEvents']).toEqual(arnOf('BookingEvents'));
});

test('two of them read the stream: more than two are not allowed', () => {
  const readers = Object.values(template.findResources('AWS::Lambda::EventSourceMapping')).filter(
    ({ Properties }) => Properties.EventSourceArn['Fn::GetAtt'][1] === 'StreamArn',
  );
  expect(readers).toHaveLength(2);
});

describe('the schedule', () => {
  test.each([
    [1, 'rate(1 minute)'],
    [5, 'rate(5 minutes)'],
    [10, 'rate(10 minutes)'],
    [60, 'rate(1 hour)'],
    [180, 'rate(3 hours)'],
  ])('sweeps every %d minutes with retries and a dead-letter queue', (sweepIntervalMinutes, expression) => {
    synth({ sweepIntervalMinutes }).hasResourceProperties('AWS::Scheduler::Schedule', {
      ScheduleExpression: expression,
      State: 'ENABLED',
      FlexibleTimeWindow: { Mode: 'OFF' },
      Target: {
        Arn: arnOf('SweepFunction'),
        RetryPolicy: { MaximumRetryAttempts: 3 },
        DeadLetterConfig: { Arn: arnOf('SweepDeadLetterQueue') },
      },
    });
  });

  test('may invoke the one function, and put what it could not into its dead-letter queue', () => {
    const roleIds = Object.values(template.findResources('AWS::Scheduler::Schedule')).map(
      ({ Properties }) => Properties.Target.RoleArn['Fn::GetAtt'][0],
    );
    const policies = Object.values(template.findResources('AWS::IAM::Policy')).filter(({ Properties }) =>
      Properties.Roles.some(({ Ref }: { Ref: string }) => roleIds.includes(Ref)),
    );
    expect(policies.flatMap(({ Properties }) => Properties.PolicyDocument.Statement)).toEqual([
      { Effect: 'Allow', Action: 'lambda:InvokeFunction', Resource: arnOf('SweepFunction') },
      { Effect: 'Allow', Action: 'sqs:SendMessage', Resource: arnOf('SweepDeadLetterQueue') },
    ]);
  });

  test('is not waited for after a deployment, nor after one that is rolled back', () => {
    template.hasResourceProperties('AWS::Events::Rule', {
      EventPattern: {
        source: ['aws.cloudformation'],
        'detail-type': ['CloudFormation Stack Status Change'],
        detail: {
          'stack-id': [{ Ref: 'AWS::StackId' }],
          'status-details': { status: ['CREATE_COMPLETE', 'UPDATE_COMPLETE', 'UPDATE_ROLLBACK_COMPLETE'] },
        },
      },
      State: 'ENABLED',
      Targets: [
        {
          Arn: arnOf('SweepFunction'),
          Input: Match.serializedJson({ isDeployment: true }),
          DeadLetterConfig: { Arn: arnOf('SweepDeadLetterQueue') },
        },
      ],
    });
    template.hasResourceProperties('AWS::Lambda::Permission', {
      Action: 'lambda:InvokeFunction',
      FunctionName: arnOf('SweepFunction'),
      Principal: 'events.amazonaws.com',
    });
  });

  test('keeps what fails in the Lambda itself, which the schedule does not see', () => {
    template.hasResourceProperties('AWS::Lambda::EventInvokeConfig', {
      FunctionName: { Ref: 'SweepFunction' },
      MaximumRetryAttempts: 1,
      DestinationConfig: { OnFailure: { Destination: arnOf('SweepDeadLetterQueue') } },
    });
  });
});
