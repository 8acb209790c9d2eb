import { readFileSync } from 'node:fs';
import { Match } from 'aws-cdk-lib/assertions';
import { describe, expect, test } from 'vitest';
import { synth } from '../support/stack.ts';

const template = synth();

interface Watched {
  readonly MetricName: string;
  readonly Dimensions: readonly { readonly Value: { readonly 'Fn::GetAtt': readonly [string] } }[];
}

describe('the alarms', () => {
  const alarms = Object.values(template.findResources('AWS::CloudWatch::Alarm')).map(({ Properties }) => Properties);
  const runbook = readFileSync(new URL('../../docs/runbook.md', import.meta.url), 'utf8');
  const sections = [...runbook.matchAll(/^## (.+)$/gm)].map(([, title = '']) =>
    title.toLowerCase().replaceAll(' ', '-'),
  );

  test('each has a name of its own, goes to the topic, says nothing when all is well, and names a section of the runbook', () => {
    expect(new Set(alarms.map(({ AlarmName }) => AlarmName)).size).toBe(alarms.length);
    for (const { AlarmName, AlarmDescription, AlarmActions, OKActions = [] } of alarms) {
      expect(AlarmName).toMatch(/^booking-expiry-dev\/[a-z-]+$/);
      expect([AlarmActions, OKActions]).toEqual([[{ Ref: 'AlarmTopic' }], []]);
      const [, section] = /Runbook: docs\/runbook\.md#([a-z-]+)$/.exec(AlarmDescription) ?? [];
      expect(sections).toContain(section);
    }
  });

  test('every section of the runbook that an alarm can name has its three parts', () => {
    for (const section of runbook.split(/^## /m).slice(1)) {
      if (!/^### Description$/m.test(section)) continue;
      expect(section).toMatch(/### Description[\s\S]+### Investigation[\s\S]+### Resolution/);
    }
  });

  test('only the one for a sweep that does not run takes silence for a problem', () => {
    const breaching = alarms.filter(({ TreatMissingData }) => TreatMissingData !== 'notBreaching');
    expect(breaching.map(({ AlarmName }) => AlarmName)).toEqual(['booking-expiry-dev/sweep-not-running']);
  });

  test('D1: the topic lets in what the stack’s own alarms say, and nobody else’s', () => {
    template.hasResourceProperties('AWS::SNS::TopicPolicy', {
      PolicyDocument: {
        Statement: Match.arrayWith([
          {
            Sid: 'AlarmsOfThisStack',
            Effect: 'Allow',
            Principal: { Service: 'cloudwatch.amazonaws.com' },
            Action: 'sns:Publish',
            Resource: { Ref: 'AlarmTopic' },
            Condition: {
              StringEquals: { 'aws:SourceAccount': { Ref: 'AWS::AccountId' } },
              ArnLike: { 'aws:SourceArn': Match.anyValue() },
            },
          },
        ]),
      },
    });
  });

  test('watch each dead-letter queue by its visible messages, all in one', () => {
    const { Metrics } = alarms.find(({ AlarmName }) => AlarmName.endsWith('/dead-letters')) ?? {};
    const stats = Metrics.flatMap(({ MetricStat }: { MetricStat?: { Metric: Watched } }) => MetricStat?.Metric ?? []);
    expect(stats.map(({ Dimensions }: Watched) => Dimensions[0]?.Value['Fn::GetAtt'][0]).sort()).toEqual([
      'PublishEventsDeadLetterQueue',
      'ScheduleExpiryDeadLetterQueue',
      'SweepDeadLetterQueue',
      'TimerDeadLetterQueue',
    ]);
    expect(new Set(stats.map(({ MetricName }: Watched) => MetricName))).toEqual(
      new Set(['ApproximateNumberOfMessagesVisible']),
    );
    // What a queue that has been empty for long does not send counts as none.
    expect(Metrics.find(({ Expression }: { Expression?: string }) => Expression).Expression).toBe(
      'SUM([FILL(q0, 0), FILL(q1, 0), FILL(q2, 0), FILL(q3, 0)])',
    );
  });

  test('look at metrics that the Lambdas send, under the service that they send them for', () => {
    const own = alarms.filter(({ Namespace }) => Namespace === 'BookingExpiry');
    expect(own.map(({ MetricName }) => MetricName).sort()).toEqual([
      'InvalidDeadlines',
      'LagMs',
      'OverdueFound',
      'SweepUnfinished',
      'Unprocessable',
    ]);
    for (const { Dimensions } of own) expect(Dimensions).toEqual([{ Name: 'service', Value: 'booking-expiry-dev' }]);
    const { Environment } = template.toJSON().Resources.SweepFunction.Properties;
    expect(Environment.Variables.POWERTOOLS_SERVICE_NAME).toBe('booking-expiry-dev');
  });

  test('go to an address by e-mail if one is given', () => {
    synth({ alarmEmail: 'ops@example.com' }).hasResourceProperties('AWS::SNS::Subscription', {
      Endpoint: 'ops@example.com',
    });
  });
});
