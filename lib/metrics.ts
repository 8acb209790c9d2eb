import { Duration } from 'aws-cdk-lib';
import { type IMetric, MathExpression, Metric, type MetricOptions, Stats, Unit } from 'aws-cdk-lib/aws-cloudwatch';
import { METRICS, METRICS_NAMESPACE, type MetricName } from '../functions/contract.ts';

/** A metric that the Lambdas of one service send. @default - a sum by the minute; for the lag its 99th percentile */
export const expiryMetric = (service: string, metricName: MetricName, options: MetricOptions = {}): Metric => {
  const isLag = metricName === METRICS.lagMs;
  return new Metric({
    statistic: isLag ? Stats.percentile(99) : Stats.SUM,
    unit: isLag ? Unit.MILLISECONDS : Unit.COUNT,
    period: Duration.minutes(1),
    ...options,
    namespace: METRICS_NAMESPACE,
    metricName,
    dimensionsMap: { service },
  });
};

/** The sum of some metrics. SUM leaves out what is missing: a plus would make all of it missing where one queue has been idle. */
export const sumOf = (
  usingMetrics: Readonly<Record<string, IMetric>>,
  { period, label }: { readonly period: Duration; readonly label: string },
): MathExpression => {
  const filled = Object.keys(usingMetrics).map((id) => `FILL(${id}, 0)`);
  return new MathExpression({ expression: `SUM([${filled.join(', ')}])`, usingMetrics, period, label });
};
