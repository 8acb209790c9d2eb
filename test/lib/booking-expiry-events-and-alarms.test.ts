/** What the construct tells others: events, alarms, metrics. */
import { Duration } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { EventBus, type IEventBus } from 'aws-cdk-lib/aws-events';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { describe, expect, test } from 'vitest';
import { BookingExpiry, METRICS } from '../../lib/index.ts';
import {
  actionsOn,
  environmentsOf,
  ofType,
  patternsOf,
  shop,
  streamReaders,
  ticketTable,
} from '../support/construct.ts';

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
