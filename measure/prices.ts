/** Hours in a month, as AWS's price lists count them. */
export const HOURS_A_MONTH = 730;

/** List prices, us-east-1, on demand, without free tiers, as compiled 2026-11-22 from AWS's price list. USD. */
export const PRICES = {
  /** One request of at most 64 KB (Amazon SQS pricing, standard queues). */
  sqsRequest: 0.4e-6,
  /** AWS Lambda pricing, requests. */
  lambdaRequest: 0.2e-6,
  /** AWS Lambda pricing, duration, arm64. */
  lambdaGbSecond: 0.0000133334,
  /**
   * AWS Lambda pricing, a provisioned poller of a queue an hour: from reports of November 2025, 13.5 USD a month for two. It is
   * not in the price list that the other prices were compiled from.
   */
  pollerHour: 0.00925,
  /** Amazon DynamoDB pricing, on demand. */
  writeUnit: 0.625e-6,
  readUnit: 0.125e-6,
  /** Amazon DynamoDB pricing, storage, a month. */
  gbMonth: 0.25,
  /** Amazon DynamoDB pricing, continuous backups, a month. */
  backupGbMonth: 0.2,
  /** Amazon EventBridge pricing, custom events. */
  event: 1e-6,
  /** Amazon EventBridge pricing, Scheduler invocations. */
  scheduledInvocation: 1e-6,
  /** Amazon API Gateway pricing, HTTP APIs. */
  apiRequest: 1e-6,
  /** AWS Secrets Manager pricing, a secret a month. */
  secretMonth: 0.4,
  /** Amazon SNS pricing, standard topics, a request. */
  snsRequest: 0.5e-6,
  /** AWS Secrets Manager pricing, an API call. */
  secretRequest: 5e-6,
  /** Amazon CloudWatch pricing, an API request, or a metric asked for by GetMetricData. */
  cloudWatchRequest: 10e-6,
  /** Amazon CloudWatch pricing, a custom metric a month. */
  metricMonth: 0.3,
  /** Amazon CloudWatch pricing, a metric that an alarm looks at, a month. */
  alarmMetricMonth: 0.1,
  /** Amazon CloudWatch pricing, a dashboard a month. */
  dashboardMonth: 3,
  /** Amazon CloudWatch pricing, logs taken in, a GB. */
  logGb: 0.5,
} as const;
