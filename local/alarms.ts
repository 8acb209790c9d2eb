/** Evaluates the template's alarms on the metrics that its Lambdas send, and says when one goes off and back. */
import { type AlarmRule, type AlarmStateValue, alarmState, MORE_PERIODS } from './alarm-state.ts';
import { attempt, type LeftAside } from './left-aside.ts';
import { BUCKET_MS, type MetricId, type Metrics, statisticOf } from './metrics.ts';
import type { References } from './references.ts';
import { resourcesOf, type Template, UnsupportedTemplateError } from './template.ts';

/** An alarm that went off or back. */
export interface AlarmChange {
  readonly name: string;
  readonly state: AlarmStateValue;
  readonly description: string;
  /** ARNs of the topics that are told; none when it goes back, as the template has it. */
  readonly actions: readonly string[];
}

export interface AlarmState extends AlarmChange {
  readonly sinceMs: number;
}

/** One metric that an alarm looks at, or one term of its sum. */
interface Term {
  readonly metric: MetricId;
  readonly statistic: string;
  readonly periodMs: number;
  readonly unit: string | undefined;
  /** What stands for a missing value of a metric that has others (CloudWatch's FILL); undefined for none. */
  readonly fill: number | undefined;
}

interface LocalAlarm {
  readonly rule: AlarmRule;
  readonly terms: readonly Term[];
  state: AlarmState;
}

export interface AlarmsSettings {
  readonly clock: () => number;
  readonly onChange: (change: AlarmChange) => void;
  /** Notes alarms that cannot be evaluated. @default - they are errors */
  readonly leftAside?: LeftAside | undefined;
}

export class LocalAlarms {
  readonly #alarms: readonly LocalAlarm[];
  readonly #metrics: Metrics;
  readonly #settings: AlarmsSettings;
  readonly #startedAtMs: number;
  /** The longest that an alarm looks back. */
  readonly #lookBackMs: number;

  /** @throws UnsupportedTemplateError for an alarm that it cannot evaluate */
  constructor(template: Template, references: References, metrics: Metrics, settings: AlarmsSettings) {
    this.#metrics = metrics;
    this.#settings = settings;
    this.#startedAtMs = settings.clock();
    this.#alarms = resourcesOf(template, 'AWS::CloudWatch::Alarm').flatMap(([logicalId, properties]) => {
      const alarm = attempt(settings.leftAside, logicalId, () => {
        const resolved = references.resolve(properties) as AlarmProperties;
        const read = readAlarm(logicalId, resolved, settings.clock());
        if (settings.leftAside) expectMeasured(read);
        return read;
      });
      return alarm ?? [];
    });
    this.#lookBackMs = Math.max(
      0,
      ...this.#alarms.flatMap(({ rule, terms }) => terms.map(({ periodMs }) => periodsOf(rule) * periodMs)),
    );
  }

  /** Every metric that an alarm looks at. */
  get metrics(): MetricId[] {
    return this.#alarms.flatMap(({ terms }) => terms.map(({ metric }) => metric));
  }

  get states(): readonly AlarmState[] {
    return this.#alarms.map(({ state }) => state);
  }

  /** CloudWatch evaluates each minute, over periods that end with the last whole one: not before there was one. */
  evaluate(): void {
    const nowMs = this.#settings.clock();
    const endMs = Math.floor(nowMs / BUCKET_MS) * BUCKET_MS;
    if (endMs <= this.#startedAtMs) return;
    for (const alarm of this.#alarms) {
      const state = alarmState(alarm.rule, this.#points(alarm, endMs), alarm.state.state);
      if (state === alarm.state.state) continue;
      // It begins without data, and nobody is told that all is well.
      const isNews = alarm.state.state !== 'INSUFFICIENT_DATA' || state === 'ALARM';
      alarm.state = { ...alarm.state, state, sinceMs: nowMs };
      if (isNews) this.#settings.onChange({ ...alarm.state, actions: state === 'ALARM' ? alarm.state.actions : [] });
    }
    this.#metrics.forgetBefore(endMs - this.#lookBackMs);
  }

  #points({ rule, terms }: LocalAlarm, endMs: number): (number | undefined)[] {
    const count = periodsOf(rule);
    const rows = terms.map(({ metric, statistic, periodMs, unit, fill }) => {
      const points = Array.from({ length: count }, (_, index) => {
        const toMs = endMs - (count - 1 - index) * periodMs;
        return this.#metrics.statistic(metric, statistic, toMs - periodMs, toMs, unit);
      });
      return points.some((point) => point !== undefined) ? points.map((point) => point ?? fill) : points;
    });
    return Array.from({ length: count }, (_, index) => {
      // SUM leaves out a term without any value; where none has one, the sum is missing.
      const known = rows.filter((row) => row.some((point) => point !== undefined)).map((row) => row[index]);
      if (known.length === 0 || known.includes(undefined)) return undefined;
      return known.reduce<number>((sum, point) => sum + (point ?? 0), 0);
    });
  }
}

/** What AWS measures by itself and is measured here too. A program may send any other metric in its log. */
const MEASURED: Readonly<Record<string, readonly string[]>> = {
  'AWS/SQS': [
    'ApproximateAgeOfOldestMessage',
    'ApproximateNumberOfMessagesVisible',
    'ApproximateNumberOfMessagesDelayed',
    'ApproximateNumberOfMessagesNotVisible',
  ],
  'AWS/Lambda': ['Invocations', 'IteratorAge'],
  'AWS/ApiGateway': ['5xx'],
};

/** An alarm on what nobody measures would say that all is well, or that nothing is. */
const expectMeasured = ({ terms }: LocalAlarm): void => {
  for (const { metric } of terms) {
    if (!metric.namespace.startsWith('AWS/') || MEASURED[metric.namespace]?.includes(metric.name)) continue;
    throw new UnsupportedTemplateError([
      `it is not evaluated: ${metric.namespace} ${metric.name} is not measured here`,
    ]);
  }
};

const periodsOf = ({ evaluationPeriods }: AlarmRule): number => evaluationPeriods + MORE_PERIODS;

const readAlarm = (logicalId: string, properties: AlarmProperties, nowMs: number): LocalAlarm => {
  const { AlarmName = logicalId, AlarmDescription, AlarmActions = [], EvaluationPeriods } = properties;
  const rule: AlarmRule = {
    threshold: properties.Threshold,
    comparison: properties.ComparisonOperator,
    evaluationPeriods: EvaluationPeriods,
    datapointsToAlarm: properties.DatapointsToAlarm ?? EvaluationPeriods,
    treatMissingData: properties.TreatMissingData ?? 'missing',
  };
  const terms = properties.Metrics ? readSum(logicalId, properties.Metrics) : [readTerm(properties, undefined)];
  try {
    alarmState(rule, [], 'OK');
    for (const { statistic } of terms) statisticOf(statistic, new Map([[0, 1]]));
  } catch (error) {
    throw new UnsupportedTemplateError([`${logicalId}: ${error instanceof Error ? error.message : error}`]);
  }
  const state = {
    name: AlarmName,
    state: 'INSUFFICIENT_DATA' as const,
    description: AlarmDescription ?? '',
    actions: AlarmActions,
    sinceMs: nowMs,
  };
  return { rule, terms, state };
};

/** `FILL(q0, 0)` or `SUM([FILL(q0, 0), FILL(q1, 0)])`: the one kind of expression that is evaluated here. */
const readSum = (logicalId: string, metrics: readonly MetricQuery[]): Term[] => {
  const expressions = metrics.filter(({ Expression }) => Expression !== undefined);
  const [{ Expression = '' } = {}] = expressions;
  const unsupported = () =>
    new UnsupportedTemplateError([
      `expression ${JSON.stringify(Expression)} of ${logicalId}: only FILL(id, n) or a SUM of such`,
    ]);
  if (expressions.length !== 1) throw unsupported();
  const terms = /^SUM\(\[(.+)\]\)$/.exec(Expression)?.[1]?.split(/, (?=F)/) ?? [Expression];
  return terms.map((text) => {
    const [, id, fill] = /^FILL\((\w+), (\d+)\)$/.exec(text) ?? [];
    const stat = metrics.find(({ Id }) => Id === id)?.MetricStat;
    if (stat === undefined) throw unsupported();
    const { Metric, Period, Stat, Unit } = stat;
    return readTerm({ ...Metric, Period, Statistic: Stat, Unit }, Number(fill));
  });
};

const readTerm = (
  { Namespace = '', MetricName = '', Dimensions = [], Period = 60, Statistic, ExtendedStatistic, Unit }: MetricOfAlarm,
  fill: number | undefined,
): Term => ({
  metric: {
    namespace: Namespace,
    name: MetricName,
    dimensions: Object.fromEntries(Dimensions.map(({ Name, Value }) => [Name, Value])),
  },
  statistic: Statistic ?? ExtendedStatistic ?? '',
  periodMs: Period * 1_000,
  unit: Unit,
  fill,
});

interface MetricOfAlarm {
  readonly Namespace?: string;
  readonly MetricName?: string;
  readonly Dimensions?: readonly { readonly Name: string; readonly Value: string }[];
  readonly Period?: number;
  readonly Statistic?: string;
  readonly ExtendedStatistic?: string;
  readonly Unit?: string | undefined;
}

interface MetricQuery {
  readonly Id: string;
  readonly Expression?: string;
  readonly MetricStat?: {
    readonly Metric: Pick<MetricOfAlarm, 'Namespace' | 'MetricName' | 'Dimensions'>;
    readonly Period: number;
    readonly Stat: string;
    readonly Unit?: string;
  };
}

interface AlarmProperties extends MetricOfAlarm {
  readonly AlarmName?: string;
  readonly AlarmDescription?: string;
  readonly AlarmActions?: readonly string[];
  readonly ComparisonOperator: string;
  readonly Threshold: number;
  readonly EvaluationPeriods: number;
  readonly DatapointsToAlarm?: number;
  readonly TreatMissingData?: string;
  readonly Metrics?: readonly MetricQuery[];
}
