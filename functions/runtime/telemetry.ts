/** What the Lambdas report: structured logs and metrics in the embedded metric format, through Powertools. */
import { Logger } from '@aws-lambda-powertools/logger';
import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import { type CountName, METRICS, METRICS_NAMESPACE, type MetricName } from '../contract.ts';

/** Data of a log line. */
type LogData = Record<string, unknown>;

/** Where the handlers report what happened. Counts are added up and sent once per invocation, by `flush`. */
export interface Telemetry {
  count(name: CountName, value?: number): void;
  lag(lagMs: number): void;
  info(message: string, data?: LogData): void;
  warn(message: string, data?: LogData): void;
  error(message: string, data?: LogData): void;
  flush(): void;
}

/**
 * Telemetry of one Lambda. Level and service name come from POWERTOOLS_LOG_LEVEL and POWERTOOLS_SERVICE_NAME.
 *
 * @param functionName short name of the Lambda, on every line
 * @param always counts that each invocation sends, zeros included: a metric without gaps can be distinguished from
 *   one without a sender
 */
export const lambdaTelemetry = (functionName: string, always: readonly MetricName[]): Telemetry => {
  const logger = new Logger({ persistentKeys: { function: functionName } });
  const metrics = new Metrics({ namespace: METRICS_NAMESPACE });
  const counts = new Map<CountName, number>();
  let lagsMs: number[] = [];
  return {
    count: (name, value = 1) => counts.set(name, (counts.get(name) ?? 0) + value),
    lag: (lagMs) => lagsMs.push(lagMs),
    info: (message, data = {}) => logger.info(message, data),
    warn: (message, data = {}) => logger.warn(message, data),
    error: (message, data = {}) => logger.error(message, data),
    flush: () => {
      for (const metric of always) if (!counts.has(metric)) counts.set(metric, 0);
      for (const [name, value] of counts) {
        if (isMetric(name)) metrics.addMetric(name, MetricUnit.Count, value);
        else if (value > 0) metrics.addMetadata(name, String(value));
      }
      for (const lagMs of lagsMs) metrics.addMetric(METRICS.lagMs, MetricUnit.Milliseconds, lagMs);
      if (counts.size > 0 || lagsMs.length > 0) metrics.publishStoredMetrics();
      counts.clear();
      lagsMs = [];
    },
  };
};

const METRIC_NAMES: ReadonlySet<string> = new Set(Object.values(METRICS));
const isMetric = (name: CountName): name is MetricName => METRIC_NAMES.has(name);
