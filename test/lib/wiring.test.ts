/** What runs nowhere here: metrics that nobody would send, and names and numbers that AWS would refuse, under every setting. */
import { afterEach, describe, expect, test, vi } from 'vitest';
import { METRICS, METRICS_NAMESPACE, METRICS_OF, type MetricName } from '../../functions/contract.ts';
import { lambdaTelemetry } from '../../functions/runtime/telemetry.ts';
import { SETTINGS_TO_WALK, synth } from '../support/stack.ts';

type Properties = Record<string, unknown>;
interface Dimension {
  readonly Name: string;
  readonly Value: unknown;
}
interface MetricUse {
  readonly where: string;
  readonly namespace: string;
  readonly name: string;
  readonly dimensions: readonly Dimension[];
  readonly unit: string | undefined;
}

const resourcesOf = (settings: (typeof SETTINGS_TO_WALK)[number]) =>
  synth(settings).toJSON().Resources as Record<string, { Type: string; Properties: Properties }>;
const ofType = (resources: ReturnType<typeof resourcesOf>, type: string): [string, Properties][] =>
  Object.entries(resources).flatMap(([id, { Type, Properties = {} }]) => (Type === type ? [[id, Properties]] : []));

/** Metrics of an alarm, or of its expression. */
const metricsOfAlarm = (where: string, alarm: Properties): MetricUse[] => {
  const single = alarm.MetricName === undefined ? [] : [{ Metric: alarm, Unit: alarm.Unit }];
  const many = ((alarm.Metrics ?? []) as { MetricStat?: { Metric: Properties; Unit?: string } }[]).flatMap(
    ({ MetricStat }) => MetricStat ?? [],
  );
  return [...single, ...many].map(({ Metric, Unit }) => ({
    where,
    namespace: String(Metric.Namespace),
    name: String(Metric.MetricName),
    dimensions: (Metric.Dimensions ?? []) as Dimension[],
    unit: Unit as string | undefined,
  }));
};

/** Metrics of a dashboard's body, which is text with references in it: a reference becomes an object again. */
const metricsOfDashboard = (where: string, { DashboardBody }: Properties): MetricUse[] => {
  const parts = (DashboardBody as { 'Fn::Join': [string, unknown[]] })['Fn::Join'][1];
  const references: unknown[] = [];
  const text = parts
    .map((part) => (typeof part === 'string' ? part : `\u0000${references.push(part) - 1}\u0000`))
    .join('');
  const body = JSON.parse(text.replaceAll('\u0000', '%'));
  const dereferenced = (value: string): unknown => {
    const [, index] = /^%(\d+)%$/.exec(value) ?? [];
    return index === undefined ? value : references[Number(index)];
  };
  return body.widgets.flatMap(({ properties }: { properties: { metrics?: unknown[][] } }) =>
    (properties.metrics ?? []).map((row) => {
      const words = row.filter((word): word is string => typeof word === 'string');
      const [namespace = '', name = '', ...pairs] = words;
      const dimensions = Array.from({ length: pairs.length / 2 }, (_, index) => ({
        Name: pairs[2 * index] ?? '',
        Value: dereferenced(pairs[2 * index + 1] ?? ''),
      }));
      return { where, namespace, name, dimensions, unit: undefined };
    }),
  );
};

/**
 * AWS's own metrics that are used here, with the dimension that AWS documents and what its value must be (Amazon SQS,
 * AWS Lambda and Amazon API Gateway Developer Guides, CloudWatch metrics).
 */
const OF_AWS: Record<
  string,
  { readonly metrics: readonly string[]; readonly dimension: string; readonly type: string }
> = {
  'AWS/SQS': {
    metrics: [
      'ApproximateNumberOfMessagesVisible',
      'ApproximateNumberOfMessagesDelayed',
      'ApproximateNumberOfMessagesNotVisible',
      'ApproximateAgeOfOldestMessage',
    ],
    dimension: 'QueueName',
    type: 'AWS::SQS::Queue',
  },
  'AWS/Lambda': { metrics: ['Invocations', 'IteratorAge'], dimension: 'FunctionName', type: 'AWS::Lambda::Function' },
  'AWS/ApiGateway': { metrics: ['5xx'], dimension: 'ApiId', type: 'AWS::ApiGatewayV2::Api' },
};

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});

/** What the Lambdas really print: the unit of each metric. */
const sentMetrics = (): Map<string, string> => {
  // Powertools prints by a console of its own otherwise.
  vi.stubEnv('POWERTOOLS_DEV', 'true');
  vi.stubEnv('POWERTOOLS_METRICS_DISABLED', 'false');
  const printed = vi.spyOn(console, 'log').mockImplementation(() => {});
  const units = new Map<string, string>();
  for (const names of Object.values(METRICS_OF) as readonly (readonly MetricName[])[]) {
    const telemetry = lambdaTelemetry('test', names);
    telemetry.lag(1);
    telemetry.flush();
  }
  for (const [line] of printed.mock.calls) {
    for (const { Namespace, Metrics } of JSON.parse(String(line))._aws.CloudWatchMetrics) {
      for (const { Name, Unit } of Metrics) units.set(`${Namespace} ${Name}`, Unit);
    }
  }
  return units;
};

describe.each(SETTINGS_TO_WALK.map((settings) => [JSON.stringify(settings), settings] as const))(
  'with %s',
  (_name, settings) => {
    const resources = resourcesOf(settings);
    const alarms = ofType(resources, 'AWS::CloudWatch::Alarm');
    const uses = [
      ...alarms.flatMap(([id, alarm]) => metricsOfAlarm(id, alarm)),
      ...ofType(resources, 'AWS::CloudWatch::Dashboard').flatMap(([id, board]) => metricsOfDashboard(id, board)),
    ];

    test('each metric that an alarm or the dashboard names is sent, with that dimension and that unit', () => {
      const units = sentMetrics();
      const own = uses.filter(({ namespace }) => namespace === METRICS_NAMESPACE);
      expect(own.length).toBeGreaterThan(0);
      const services = new Set(
        ofType(resources, 'AWS::Lambda::Function').map(([, { Environment }]) => {
          const { Variables } = Environment as { Variables: Record<string, string> };
          return Variables.POWERTOOLS_SERVICE_NAME;
        }),
      );
      for (const { where, name, dimensions, unit } of own) {
        const sentUnit = units.get(`${METRICS_NAMESPACE} ${name}`);
        expect([where, name, sentUnit]).toEqual([where, name, unit ?? sentUnit]);
        expect(sentUnit).toBeDefined();
        expect(dimensions.map(({ Name }) => Name)).toEqual(['service']);
        expect(services).toEqual(new Set([dimensions[0]?.Value]));
      }
    });

    test('each metric of AWS’s own has the dimension that AWS documents, of something of this stack', () => {
      for (const { where, namespace, name, dimensions } of uses) {
        if (namespace === METRICS_NAMESPACE) continue;
        const known = OF_AWS[namespace];
        expect([where, known?.metrics]).toEqual([where, expect.arrayContaining([name])]);
        expect(dimensions.map(({ Name }) => Name)).toEqual([known?.dimension]);
        const value = dimensions[0]?.Value as { Ref?: string; 'Fn::GetAtt'?: [string, string] };
        const logicalId = value.Ref ?? value['Fn::GetAtt']?.[0] ?? '';
        expect([where, resources[logicalId]?.Type]).toEqual([where, known?.type]);
        if (namespace === 'AWS/SQS') expect(value['Fn::GetAtt']?.[1]).toBe('QueueName');
      }
    });

    test('each alarm’s name, text, period and count are ones that CloudWatch takes', () => {
      for (const [, alarm] of alarms) {
        const { AlarmName, AlarmDescription, EvaluationPeriods, DatapointsToAlarm, Period, Metrics } = alarm as {
          AlarmName: string;
          AlarmDescription: string;
          EvaluationPeriods: number;
          DatapointsToAlarm: number;
          Period?: number;
          Metrics?: { MetricStat?: { Period: number } }[];
        };
        expect(AlarmName.length).toBeLessThanOrEqual(255);
        expect(AlarmDescription.length).toBeLessThanOrEqual(1_024);
        expect(DatapointsToAlarm).toBeLessThanOrEqual(EvaluationPeriods);
        const periods =
          Period === undefined ? (Metrics ?? []).flatMap(({ MetricStat }) => MetricStat?.Period ?? []) : [Period];
        expect(periods.length).toBeGreaterThan(0);
        // At most ten metrics in an expression (Amazon CloudWatch User Guide, alarms on metric math).
        expect(periods.length).toBeLessThanOrEqual(10);
        for (const period of periods) {
          expect([10, 20, 30].includes(period) || period % 60 === 0).toBe(true);
          // A day at most, or a week where each period is an hour or longer (Amazon CloudWatch API Reference, PutMetricAlarm).
          expect(period * EvaluationPeriods).toBeLessThanOrEqual(period >= 3_600 ? 604_800 : 86_400);
        }
      }
    });

    test('each log group, tag, queue, Lambda and schedule is within AWS’s limits', () => {
      for (const [, { LogGroupName, RetentionInDays }] of ofType(resources, 'AWS::Logs::LogGroup')) {
        if (LogGroupName !== undefined) expect(LogGroupName).toMatch(/^[a-zA-Z0-9_/.#-]{1,512}$/);
        expect([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365]).toContain(RetentionInDays);
      }
      for (const { Properties } of Object.values(resources)) {
        const tags = (Array.isArray(Properties?.Tags) ? Properties.Tags : []) as { Key: string; Value: unknown }[];
        expect(tags.length).toBeLessThanOrEqual(50);
        for (const { Key, Value } of tags) {
          expect(Key).toMatch(/^(?!aws:)[\p{L}\p{Z}\p{N}_.:/=+\-@]{1,128}$/u);
          if (typeof Value === 'string') expect(Value).toMatch(/^[\p{L}\p{Z}\p{N}_.:/=+\-@]{0,256}$/u);
        }
      }
      for (const [, { MessageRetentionPeriod, VisibilityTimeout = 30 }] of ofType(resources, 'AWS::SQS::Queue')) {
        expect(MessageRetentionPeriod).toBeGreaterThanOrEqual(60);
        expect(MessageRetentionPeriod).toBeLessThanOrEqual(1_209_600);
        expect(VisibilityTimeout).toBeLessThanOrEqual(43_200);
      }
      for (const [, { Timeout, MemorySize, Environment }] of ofType(resources, 'AWS::Lambda::Function')) {
        expect(Timeout).toBeLessThanOrEqual(900);
        expect(MemorySize).toBeGreaterThanOrEqual(128);
        expect(JSON.stringify(Environment).length).toBeLessThan(4_096);
      }
      for (const [, { ScheduleExpression }] of ofType(resources, 'AWS::Scheduler::Schedule')) {
        expect(ScheduleExpression).toMatch(/^rate\((1 (minute|hour)|([2-9]|\d{2,}) (minutes|hours))\)$/);
      }
      for (const [, { DashboardName }] of ofType(resources, 'AWS::CloudWatch::Dashboard')) {
        // Dashboards of all regions share their names.
        expect(JSON.stringify(DashboardName)).toContain('AWS::Region');
      }
    });
  },
);

test('what is not sent as a metric is no metric of the contract', () => {
  const names = new Set([...sentMetrics().keys()].map((key) => key.split(' ')[1]));
  expect([...names].sort()).toEqual(Object.values(METRICS).sort());
});
