import { describe, expect, test } from 'vitest';
import { type AlarmRule, alarmState } from '../../local/alarm-state.ts';
import { LocalAlarms } from '../../local/alarms.ts';
import { Metrics, statisticOf } from '../../local/metrics.ts';
import { References } from '../../local/references.ts';
import { type Template, UnsupportedTemplateError } from '../../local/template.ts';

const MINUTE_MS = 60_000;
const rule = (changes: Partial<AlarmRule> = {}): AlarmRule => ({
  threshold: 1,
  comparison: 'GreaterThanOrEqualToThreshold',
  evaluationPeriods: 3,
  datapointsToAlarm: 3,
  treatMissingData: 'missing',
  ...changes,
});
/** As CloudWatch's documentation writes them: X for breaching, 0 for not, - for missing; the oldest first. */
const points = (row: string) => row.split(' ').map((point) => (point === '-' ? undefined : point === 'X' ? 1 : 0));

describe('an alarm of three of three periods, which looks at five', () => {
  // The rows of the table in the Amazon CloudWatch User Guide, "How alarm state is evaluated when data is missing".
  test.each([
    ['0 - X - X', { missing: 'OK', ignore: 'OK', breaching: 'OK', notBreaching: 'OK' }],
    ['0 - - - -', { missing: 'OK', ignore: 'OK', breaching: 'OK', notBreaching: 'OK' }],
    ['- - - - -', { missing: 'INSUFFICIENT_DATA', ignore: 'OK', breaching: 'ALARM', notBreaching: 'OK' }],
    ['0 X X - X', { missing: 'ALARM', ignore: 'ALARM', breaching: 'ALARM', notBreaching: 'ALARM' }],
  ])('with %s is what CloudWatch says', (row, expected) => {
    for (const [treatMissingData, state] of Object.entries(expected)) {
      expect([treatMissingData, alarmState(rule({ treatMissingData }), points(row), 'OK')]).toEqual([
        treatMissingData,
        state,
      ]);
    }
  });

  test('goes off with as many as it asks for, and no sooner', () => {
    const threeOfFive = rule({ evaluationPeriods: 5, datapointsToAlarm: 3, treatMissingData: 'notBreaching' });
    expect(alarmState(threeOfFive, points('0 0 X 0 X 0 0'), 'OK')).toBe('OK');
    expect(alarmState(threeOfFive, points('0 0 X 0 X 0 X'), 'OK')).toBe('ALARM');
    expect(alarmState(threeOfFive, points('X X X 0 0 0 0'), 'ALARM')).toBe('OK');
  });
});

test.each([
  ['Sum', 10],
  ['Average', 2.5],
  ['SampleCount', 4],
  ['Maximum', 4],
  ['Minimum', 1],
  ['p50', 2],
  ['p99', 4],
])('%s of four values', (statistic, expected) => {
  expect(statisticOf(statistic, new Map([4, 1, 3, 2].map((value) => [value, 1])))).toBe(expected);
});

test.each([
  ['Sum', 1_090],
  ['Average', 10.9],
  ['SampleCount', 100],
  ['p98', 10],
  ['p99', 10],
  ['p99.5', 100],
])('%s of a value that came 99 times and one that came once', (statistic, expected) => {
  const counts = new Map([
    [100, 1],
    [10, 99],
  ]);
  expect(statisticOf(statistic, counts)).toBe(expected);
});

describe('metrics', () => {
  const metric = { namespace: 'BookingExpiry', name: 'LagMs', dimensions: { service: 'a' } };
  const line = (values: number | number[], atMs: number, service = 'a') =>
    JSON.stringify({
      _aws: {
        Timestamp: atMs,
        CloudWatchMetrics: [
          {
            Namespace: 'BookingExpiry',
            Dimensions: [['service']],
            Metrics: [{ Name: 'LagMs', Unit: 'Milliseconds' }],
          },
        ],
      },
      service,
      LagMs: values,
    });

  test('are taken from the lines of a Lambda’s log, one value or many, and from nothing else', () => {
    const metrics = new Metrics();
    for (const text of [line(7, 0), line([1, 2], 30_000), line(100, 30_000, 'b'), 'text "_aws"', '{"level":"INFO"}']) {
      metrics.putEmbedded(text);
    }
    expect(metrics.statistic(metric, 'SampleCount', 0, MINUTE_MS)).toBe(3);
    expect(metrics.statistic(metric, 'Sum', 0, MINUTE_MS)).toBe(10);
  });

  test('count only in their own minutes and in their own unit', () => {
    const metrics = new Metrics();
    metrics.putEmbedded(line(7, MINUTE_MS));
    expect(metrics.statistic(metric, 'Sum', 0, MINUTE_MS)).toBeUndefined();
    expect(metrics.statistic(metric, 'Sum', 0, 2 * MINUTE_MS, 'Milliseconds')).toBe(7);
    expect(metrics.statistic(metric, 'Sum', 0, 2 * MINUTE_MS, 'Count')).toBeUndefined();
  });

  test('are forgotten by whole minutes', () => {
    const metrics = new Metrics();
    for (const atMs of [0, MINUTE_MS]) metrics.putEmbedded(line(7, atMs));
    metrics.forgetBefore(MINUTE_MS + 30_000);
    expect(metrics.statistic(metric, 'SampleCount', 0, 2 * MINUTE_MS)).toBe(1);
    expect(metrics.statistic(metric, 'SampleCount', MINUTE_MS, 2 * MINUTE_MS)).toBe(1);
  });
});

describe('an alarm of a template', () => {
  const queueMetric = (Id: string, QueueName: string) => ({
    Id,
    MetricStat: {
      Metric: { Namespace: 'AWS/SQS', MetricName: 'Visible', Dimensions: [{ Name: 'QueueName', Value: QueueName }] },
      Period: 60,
      Stat: 'Maximum',
    },
  });
  const alarms = (Expression: string, changes: object = {}) => {
    const Properties = {
      AlarmName: 'stack/dead-letters',
      AlarmActions: ['topic'],
      ComparisonOperator: 'GreaterThanThreshold',
      Threshold: 0,
      EvaluationPeriods: 1,
      TreatMissingData: 'notBreaching',
      Metrics: [{ Id: 'sum', Expression }, queueMetric('a', 'first'), queueMetric('b', 'second')],
      ...changes,
    };
    const template = { Resources: { Alarm: { Type: 'AWS::CloudWatch::Alarm', Properties } } } as unknown as Template;
    const metrics = new Metrics();
    const changed: string[] = [];
    const time = { nowMs: 10 * MINUTE_MS };
    const local = new LocalAlarms(template, new References(), metrics, {
      clock: () => time.nowMs,
      onChange: ({ state, actions }) => changed.push(`${state} to ${actions.join() || 'nobody'}`),
    });
    const put = (QueueName: string, value: number) =>
      metrics.put({ namespace: 'AWS/SQS', name: 'Visible', dimensions: { QueueName } }, value, time.nowMs);
    const pass = () => {
      time.nowMs += MINUTE_MS;
      local.evaluate();
    };
    return { put, pass, changed };
  };

  test('adds up several metrics, of which one may never have had a value', () => {
    const { put, pass, changed } = alarms('SUM([FILL(a, 0), FILL(b, 0)])');
    put('second', 0);
    pass();
    put('second', 3);
    pass();
    put('second', 0);
    pass();
    expect(changed).toEqual(['ALARM to topic', 'OK to nobody']);
  });

  test('still finds the oldest period that it looks at, and not one before', () => {
    const { put, pass, changed } = alarms('FILL(a, 0)', { EvaluationPeriods: 3, TreatMissingData: 'missing' });
    for (let minute = 0; minute < 3; minute += 1) {
      put('first', 3);
      pass();
    }
    expect(changed).toEqual(['ALARM to topic']);
    for (let minute = 0; minute < 4; minute += 1) pass();
    expect(changed).toEqual(['ALARM to topic', 'OK to nobody']);
    pass();
    expect(changed.at(-1)).toBe('INSUFFICIENT_DATA to nobody');
  });

  test.each([
    ['a / b', {}],
    ['SUM([FILL(a, 0), FILL(c, 0)])', {}],
    ['FILL(a, 0)', { ComparisonOperator: 'LessThanLowerThreshold' }],
    ['FILL(a, 0)', { TreatMissingData: 'guess' }],
  ])('that cannot be evaluated is an error at the start: %s %j', (expression, changes) => {
    expect(() => alarms(expression, changes)).toThrow(UnsupportedTemplateError);
  });
});
