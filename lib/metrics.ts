import { Duration } from 'aws-cdk-lib';
import { Metric, type MetricOptions, Stats, Unit } from 'aws-cdk-lib/aws-cloudwatch';
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
