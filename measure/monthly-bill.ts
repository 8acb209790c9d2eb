/** What a deployment costs a month, added up from its template: what is there whether or not anybody books, and the bookings. */
import { METRICS } from '../functions/contract.ts';
import { MAX_SHARDS } from '../functions/core/pending-shard.ts';
import { HOURS_A_MONTH, PRICES } from './prices.ts';

/** As much of a CloudFormation template as is billed. */
export interface BilledTemplate {
  readonly Resources: Readonly<Record<string, { readonly Type: string; readonly Properties?: unknown }>>;
}

export interface MonthlyUse {
  readonly bookings: number;
  /** Timers in one invocation: AWS gives what it gives. One is the dearest, ten the cheapest. */
  readonly timersPerBatch: number;
  /** Size of the bookings table, GB. */
  readonly tableGb: number;
}

export interface BillItem {
  readonly item: string;
  readonly usd: number;
}

/** Long polls of 20 s in an hour (Amazon SQS Developer Guide, long polling). */
const POLLS_AN_HOUR = 180;
/** Lambda polls an idle queue with five of them at once (AWS Lambda Developer Guide, SQS scaling). */
const POLLS_AT_ONCE = 5;
/** Read units of a page of a megabyte, read eventually consistently (Amazon DynamoDB Developer Guide, capacity). */
const PAGE_READ_UNITS = 128;
/** What a sweep reads and writes beside its shards and its page: its two notes. */
const NOTE_UNITS = { read: 2, write: 2 };
/** Measured by `npm run bench -- --only sweep`: a sweep of little, at 512 MB. */
const SWEEP_SECONDS = 1;
/** Bytes of log lines, measured: of a sweep, and of the invocations for one booking alone. */
const LOG_BYTES = { sweep: 1_500, invocation: 1_000 };
/** Waiting for a deadline, in seconds: the lead and half a second of rounding. */
const WAIT_SECONDS = 1.5;
const GB = { expireBooking: 192 / 1024, others: 256 / 1024, api: 512 / 1024, sweep: 512 / 1024 };

/**
 * @returns each item in USD a month at list price, without free tiers
 * @throws Error for a schedule whose rate it cannot read
 */
export const monthlyBill = (template: BilledTemplate, use: MonthlyUse): BillItem[] => {
  const resources = Object.values(template.Resources);
  const of = (type: string) => resources.filter(({ Type }) => Type === type).map(({ Properties }) => Properties);
  const alarmMetrics = of('AWS::CloudWatch::Alarm').reduce<number>((sum, properties) => {
    const { Metrics } = properties as { Metrics?: readonly { readonly MetricStat?: unknown }[] };
    return sum + (Metrics ? Metrics.filter(({ MetricStat }) => MetricStat).length : 1);
  }, 0);
  const sweeps = of('AWS::Scheduler::Schedule').reduce<number>(
    (sum, properties) =>
      sum + HOURS_A_MONTH / rateHours((properties as { ScheduleExpression: string }).ScheduleExpression),
    0,
  );
  const provisioned = of('AWS::Lambda::EventSourceMapping').flatMap((properties) => {
    const { EventSourceArn, ProvisionedPollerConfig } = properties as {
      readonly EventSourceArn: unknown;
      readonly ProvisionedPollerConfig?: { readonly MinimumPollers: number };
    };
    if (!JSON.stringify(EventSourceArn).includes('Queue')) return [];
    return [ProvisionedPollerConfig?.MinimumPollers ?? 0];
  });
  const pollers = provisioned.reduce((sum, count) => sum + count, 0);
  // Of provisioned pollers each is taken to have one poll under way.
  const idlePolls = provisioned.reduce((sum, count) => sum + (count || POLLS_AT_ONCE), 0);

  // A page is no larger than the table.
  const pageUnits = Math.min(PAGE_READ_UNITS, Math.ceil(use.tableGb * 1024) * PAGE_READ_UNITS);
  const sweepUsd =
    (MAX_SHARDS / 2 + pageUnits + NOTE_UNITS.read) * PRICES.readUnit +
    NOTE_UNITS.write * PRICES.writeUnit +
    PRICES.scheduledInvocation +
    PRICES.lambdaRequest +
    PRICES.sqsRequest +
    SWEEP_SECONDS * GB.sweep * PRICES.lambdaGbSecond +
    (LOG_BYTES.sweep / 1e9) * PRICES.logGb;
  return [
    { item: 'custom metrics', usd: Object.keys(METRICS).length * PRICES.metricMonth },
    { item: 'alarms', usd: alarmMetrics * PRICES.alarmMetricMonth },
    { item: 'dashboards', usd: of('AWS::CloudWatch::Dashboard').length * PRICES.dashboardMonth },
    { item: 'secrets', usd: of('AWS::SecretsManager::Secret').length * PRICES.secretMonth },
    { item: 'idle pollers', usd: idlePolls * POLLS_AN_HOUR * HOURS_A_MONTH * PRICES.sqsRequest },
    { item: 'provisioned pollers', usd: pollers * HOURS_A_MONTH * PRICES.pollerHour },
    { item: 'sweeps', usd: sweeps * sweepUsd },
    { item: 'storage and backups', usd: use.tableGb * (PRICES.gbMonth + PRICES.backupGbMonth) },
    { item: 'bookings', usd: use.bookings * bookingUsd(use.timersPerBatch) },
  ];
};

/**
 * What one booking costs, all in: created and read by the HTTP API, not paid, expired by its timer, published. Each timer's
 * batch shares its requests and its waiting.
 */
const bookingUsd = (timersPerBatch: number): number => {
  const shared = 1 / timersPerBatch;
  const writes = 2 + 2;
  // The answer to who asks, and the look before the expiry; both consistent.
  const reads = 1 + 1;
  const sqsRequests = 3 * shared;
  const apiCalls = 2;
  const streamInvocations = 2 * shared;
  return (
    writes * PRICES.writeUnit +
    reads * PRICES.readUnit +
    sqsRequests * PRICES.sqsRequest +
    apiCalls * (PRICES.apiRequest + PRICES.lambdaRequest + 0.02 * GB.api * PRICES.lambdaGbSecond) +
    streamInvocations * (PRICES.lambdaRequest + 0.02 * GB.others * PRICES.lambdaGbSecond) +
    shared * (PRICES.lambdaRequest + WAIT_SECONDS * GB.expireBooking * PRICES.lambdaGbSecond) +
    PRICES.event +
    ((apiCalls + 3 * shared) * LOG_BYTES.invocation * PRICES.logGb) / 1e9
  );
};

const rateHours = (expression: string): number => {
  const [, count, unit] = /^rate\((\d+) (minute|hour)s?\)$/.exec(expression) ?? [];
  if (count === undefined) throw new Error(`a schedule must be a rate of minutes or hours, got ${expression}`);
  return Number(count) / (unit === 'hour' ? 1 : 60);
};
