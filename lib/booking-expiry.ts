import { Arn, ArnFormat, CfnResource, Duration, Names, RemovalPolicy, Stack, Token } from 'aws-cdk-lib';
import type { Metric, MetricOptions } from 'aws-cdk-lib/aws-cloudwatch';
import type { ITable, Table, TableV2 } from 'aws-cdk-lib/aws-dynamodb';
import type { EventBus, IEventBus } from 'aws-cdk-lib/aws-events';
import type { IGrantable } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import type { ISecret } from 'aws-cdk-lib/aws-secretsmanager';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { ENV, METRICS, type MetricName } from '../functions/contract.ts';
import { webhookUrlProblem } from '../functions/core/webhook-url.ts';
import { InvalidTableError, type TableDescription, type TableShape } from '../functions/table/shape.ts';
import { Alarms } from './alarms.ts';
import { OperatorsDashboard } from './dashboard.ts';
import { ExpireBooking, expireBookingTimeout } from './expire-booking.ts';
import { ExpiringTable } from './expiring-table.ts';
import { allowKey, allowServices } from './grants.ts';
import {
  InvalidSettingError,
  isWithin,
  NOTICE_BEFORE_SECONDS,
  SHARD_COUNT,
  SWEEP_INTERVAL_MINUTES,
  TIMER_LEAD_MS,
} from './limits.ts';
import { expiryMetric } from './metrics.ts';
import { refuseConflicts } from './neighbours.ts';
import { PublishEvents, SETTLED } from './publish-events.ts';
import { ScheduleExpiry } from './schedule-expiry.ts';
import { SendWebhooks } from './send-webhooks.ts';
import { Sweep } from './sweep.ts';
import { SweepState } from './sweep-state.ts';
import { describedShape, provideIndex, type TableKey } from './table-description.ts';
import { TimerQueue } from './timer-queue.ts';

/** Whoever runs the template elsewhere than on AWS must run these resources whole, or refuse: booking-expiry/testing does. */
const RUN_WHOLE = 'local-runtime:strict';

/** Which events are published, and where. */
export interface ExpiryEventOptions {
  /**
   * The bus that events are published on.
   * @default - a bus of its own
   */
  readonly bus?: IEventBus | EventBus;
  /**
   * Whether items whose status becomes CONFIRMED or CANCELLED are published too, beside those that expired.
   * @default false
   */
  readonly settled?: boolean;
}

/** Where the alarms go. */
export interface ExpiryAlarmOptions {
  /**
   * The topic that the alarms go to. Its policy must let `cloudwatch.amazonaws.com` publish.
   * @default - a topic of its own
   */
  readonly topic?: ITopic;
  /**
   * Who gets the alarms by e-mail.
   * @default - nobody, until somebody subscribes to the topic
   */
  readonly email?: string;
}

/** Where webhooks are sent. */
export interface ExpiryWebhookOptions {
  /**
   * The address of the application that each event is posted to: an https URL, or an http URL on this machine.
   *
   * It is signed by the Standard Webhooks specification, with a secret that is made for it: `webhookSecret`.
   */
  readonly url: string;
}

/** How the items of a table expire. All but the table has a default, which is the bookings table of this project. */
export interface BookingExpiryProps {
  /**
   * The table whose items expire. It must have a stream of new and old images.
   *
   * A `Table` or `TableV2` of the same app, of another stack too, gets the index that the sweep looks in. CloudFormation makes
   * one new index of a table in one update: two that are new need two deployments. Of an imported table (`fromTableAttributes`,
   * with `tableStreamArn`) the index must be there already, and be named with `indexName`.
   */
  readonly table: ITable | Table | TableV2;

  /**
   * The key of the table. A name alone is a text attribute. Numbers are `{ name: 'id', type: 'N' }`, or CDK's own `Attribute`.
   * @default - the key of a table of the same app; for an imported one `{ partition: 'bookingId' }`
   */
  readonly key?: TableKey;

  /**
   * The attribute that says what state an item is in, the words of one that is held, and the word that a lapsed one gets.
   * @default { attribute: 'status', pending: 'PENDING', expired: 'EXPIRED' }
   */
  readonly status?: NonNullable<TableDescription['status']>;

  /**
   * The attribute with the deadline and its unit: `milliseconds` or `seconds` since 1970, or `iso8601` text in UTC.
   * @default { attribute: 'expiresAtMs', unit: 'milliseconds' }
   */
  readonly deadline?: NonNullable<TableDescription['deadline']>;

  /**
   * What else an expiry changes in the item.
   * @default - nothing
   */
  readonly onExpire?: NonNullable<TableDescription['onExpire']>;

  /**
   * Text attributes that an item must have, each with this value, to be looked at at all: for a table of many kinds of items.
   * @default - every item is looked at
   */
  readonly only?: NonNullable<TableDescription['only']>;

  /**
   * Other names for the attributes that are added to items.
   * @default - `pendingShard`, `expiresAtMs` (unless the deadline is in milliseconds), `holdStartedAtMs`, `expiredAtMs`, `expiredBy`
   */
  readonly attributes?: NonNullable<TableDescription['attributes']>;

  /**
   * Name of the index of held items: partition key `pendingShard` (N), sort key `expiresAtMs` (N), with `holdStartedAtMs`
   * projected, or whatever `attributes` calls them.
   *
   * A table of the same app gets it, unless its owner has made one of this name before. The owner of an imported table makes it,
   * and says so by naming it here.
   * @default 'pending-by-expiry'; required for an imported table
   */
  readonly indexName?: string;

  /**
   * Whether `BookingExpired` is published, and on which bus. It takes the second of the two readers that the table's stream may
   * have; `false` leaves that to the table's owner.
   * @default true
   */
  readonly events?: boolean | ExpiryEventOptions;

  /**
   * Whether each event is posted to an application too, signed, and tried again for a day where it is not taken.
   * @default - events are on the bus only
   */
  readonly webhook?: ExpiryWebhookOptions;

  /**
   * How long before a deadline `BookingExpiring` is published, 10 seconds to 3 hours: only of an item that is still held then,
   * with that deadline, and whose hold is at least twice as long.
   * @default - there are no such notices
   */
  readonly noticeBefore?: Duration;

  /**
   * Name of an attribute whose map events carry as `details`.
   * @default - events carry none of the item's own data but its key
   */
  readonly eventDetails?: string;

  /**
   * Whether there are alarms, and where they go.
   * @default true
   */
  readonly alarms?: boolean | ExpiryAlarmOptions;

  /**
   * Whether there is a dashboard, for 3 USD a month.
   * @default false
   */
  readonly dashboard?: boolean;

  /**
   * Key for the queues, the logs, the alarm topic and the sweep's own table. The policy of a key of the same app is extended for
   * the services that use it; the owner of an imported one must let CloudWatch, CloudWatch Logs and EventBridge use it.
   *
   * The table's own key needs no mention: it comes with the table, if it was given to `fromTableAttributes` too.
   * @default - keys that AWS owns
   */
  readonly encryptionKey?: IKey;

  /**
   * How long before its deadline a timer should arrive, 0 to 10 seconds. A longer lead hides longer cold starts, and is paid for
   * by waiting.
   * @default Duration.seconds(1)
   */
  readonly timerLead?: Duration;

  /**
   * Time between two sweeps, whole minutes from 1 to 180.
   * @default Duration.minutes(5)
   */
  readonly sweepInterval?: Duration;

  /**
   * Shards of the index that held items wait in, 1 to 200: about 1,000 writes a second each. May change between deployments.
   * @default 10
   */
  readonly shardCount?: number;

  /**
   * What happens to the sweep's own table when the construct is removed. What is lost with it is how far the last sweep came;
   * the next one starts over. A table that is kept is protected against deletion too.
   * @default RemovalPolicy.DESTROY
   */
  readonly removalPolicy?: RemovalPolicy;

  /**
   * Service name in logs and metrics, and what begins the name of each alarm: 1 to 90 letters, digits, hyphens and underscores,
   * used by nothing else in the account and region.
   * @default - made from the construct's path
   */
  readonly serviceName?: string;
}

/** Queues of what could not be processed, by the names that the alarm and the runbook use. */
export interface ExpiryDeadLetterQueues {
  /** Timers. */
  readonly timer: IQueue;
  /** Items that could not be scheduled, and stream records that were given up. */
  readonly 'schedule-expiry': IQueue;
  /** Sweeps that failed. */
  readonly sweep: IQueue;
  /** Events that could not be published. @default - nothing publishes events */
  readonly 'publish-events'?: IQueue;
  /** Webhooks that were given up. @default - there are none */
  readonly 'send-webhooks'?: IQueue;
}

/**
 * Makes the items of a DynamoDB table expire at their deadline: held, and not settled in time, an item gets the status that its
 * owner chose, by one write on the condition that it is still held and that its deadline has passed.
 *
 * ```ts
 * new BookingExpiry(this, 'Expiry', {
 *   table,
 *   key: { partition: 'eventId', sort: 'ticketId' },
 *   status: { attribute: 'state', pending: ['reserved'], expired: 'available' },
 *   deadline: { attribute: 'heldUntil', unit: 'seconds' },
 * });
 * ```
 */
export class BookingExpiry extends Construct {
  /** The table whose items expire. */
  readonly table: ITable;
  /** What the table looks like: everything that was given, and the defaults of what was not. */
  readonly shape: TableShape;
  /** Service name in logs and metrics. */
  readonly serviceName: string;
  /** Queue that timers wait in. */
  readonly timerQueue: IQueue;
  readonly deadLetterQueues: ExpiryDeadLetterQueues;
  /** Sends the timers of what the table's stream brings. */
  readonly scheduleExpiry: IFunction;
  /** Expires items at their deadline. */
  readonly expireBooking: IFunction;
  /** Expires what the timers missed. To be invoked whenever one likes. */
  readonly sweep: IFunction;
  /** Name of the schedule that starts the sweep. */
  readonly sweepScheduleName: string;
  /** How far the last sweep came: read by the next. */
  readonly sweepStateTable: Table;
  /** What a program must have in its environment to sweep by itself, beside the permissions of `grantSweep`. */
  readonly sweepEnvironment: Readonly<Record<string, string>>;
  /** Publishes events. @default - nothing does, with `events: false` */
  readonly publishEvents?: IFunction;
  /** The bus that events are published on. @default - there is none, with `events: false` */
  readonly eventBus?: IEventBus;
  /** Posts webhooks. @default - nothing does, without `webhook` */
  readonly sendWebhooks?: IFunction;
  /** Queue of new webhooks: what is sent to it is posted. @default - there is none, without `webhook` */
  readonly webhookQueue?: IQueue;
  /** Queue of webhooks that are tried again. @default - there is none, without `webhook` */
  readonly webhookRetryQueue?: IQueue;
  /** What receivers verify with: `whsec_` and its text. @default - there is none, without `webhook` */
  readonly webhookSecret?: ISecret;
  /** The alarms and their topic; others may be added. @default - there are none, with `alarms: false` */
  readonly alarms?: Alarms;

  readonly #table: ExpiringTable;
  readonly #state: SweepState;
  readonly #timers: TimerQueue;
  readonly #key: IKey | undefined;

  /**
   * @throws InvalidTableError for a table that cannot be described so, or that lacks something: the message says what to write
   * @throws InvalidSettingError for a setting that is not allowed
   */
  constructor(scope: Construct, id: string, props: BookingExpiryProps) {
    super(scope, id);
    const { encryptionKey: key } = props;
    // For whoever compiles with exactOptionalPropertyTypes, CDK's own tables are no ITable.
    const table = props.table as ITable;
    const { timerLeadMs, interval, shardCount } = this.#numbers(props);
    const events = optionsOf(props.events, true);
    this.#webhookUrl(props.webhook?.url, events !== undefined);
    const noticeSeconds = this.#noticeSeconds(props.noticeBefore, events !== undefined);
    this.table = table;
    this.serviceName = this.#name(props.serviceName);
    this.#at(() => refuseOtherRegion(Stack.of(this).region, table));
    this.shape = this.#at(() => describedShape(table, props));
    if (events?.settled) this.#at(() => refuseSettled(this.shape));
    this.#at(() => refuseConflicts(this, othersOf(this), events ? 2 : 1));
    const expiring = this.#at(() => new ExpiringTable(table, this.shape));
    this.#at(() => provideIndex(table, this.shape, props.indexName !== undefined));
    this.#table = expiring;
    this.#key = key;
    if (key) allowServices(key, Stack.of(this));

    const timeout = expireBookingTimeout(timerLeadMs);
    const timers = new TimerQueue(this, 'Timers', { consumerTimeout: timeout, key });
    const state = new SweepState(this, 'SweepState', {
      removalPolicy: props.removalPolicy ?? RemovalPolicy.DESTROY,
      key,
    });
    const environment = {
      ...expiring.environment,
      [ENV.timerQueueUrl]: timers.queue.queueUrl,
      [ENV.shardCount]: String(shardCount),
      [ENV.timerLeadMs]: String(timerLeadMs),
      [ENV.sweepIntervalMinutes]: String(interval.toMinutes()),
      ...(noticeSeconds !== undefined && { [ENV.noticeBeforeSeconds]: String(noticeSeconds) }),
    };
    const common = { table: expiring, timers, environment, serviceName: this.serviceName, key };
    const schedule = new ScheduleExpiry(this, 'ScheduleExpiry', common);
    const expire = new ExpireBooking(this, 'ExpireBooking', { ...common, timeout });
    const sweep = new Sweep(this, 'Sweep', { ...common, state, interval, givenUpQueue: schedule.deadLetterQueue });

    this.#timers = timers;
    this.#state = state;
    this.timerQueue = timers.queue;
    this.scheduleExpiry = schedule.lambda;
    this.expireBooking = expire.lambda;
    this.sweep = sweep.lambda;
    this.sweepScheduleName = sweep.scheduleName;
    this.sweepStateTable = state.table;
    this.sweepEnvironment = { ...environment, ...state.environment };

    const publish =
      events &&
      new PublishEvents(this, 'PublishEvents', {
        ...common,
        bus: events.bus as IEventBus | undefined,
        settled: events.settled ?? false,
      });
    if (publish) {
      this.publishEvents = publish.lambda;
      this.eventBus = publish.bus;
      if (noticeSeconds !== undefined) expire.publishNotices(publish.bus);
    }
    const webhooks =
      publish &&
      props.webhook &&
      new SendWebhooks(this, 'SendWebhooks', {
        bus: publish.bus,
        url: props.webhook.url,
        serviceName: this.serviceName,
        key,
      });
    if (webhooks) {
      this.sendWebhooks = webhooks.lambda;
      this.webhookQueue = webhooks.queue;
      this.webhookRetryQueue = webhooks.retryQueue;
      this.webhookSecret = webhooks.secret;
    }
    const watched = {
      serviceName: this.serviceName,
      deadLetterQueues: {
        timer: timers.deadLetterQueue,
        'schedule-expiry': schedule.deadLetterQueue,
        sweep: sweep.deadLetterQueue,
        ...(publish && { 'publish-events': publish.deadLetterQueue }),
        ...(webhooks && { 'send-webhooks': webhooks.deadLetterQueue }),
      },
      streamReaders: { 'schedule-expiry': schedule.lambda, ...(publish && { 'publish-events': publish.lambda }) },
      timerQueue: timers.queue,
    };
    this.deadLetterQueues = watched.deadLetterQueues;
    const whereTo = optionsOf(props.alarms, true);
    if (whereTo) {
      this.alarms = new Alarms(this, 'Alarms', {
        ...watched,
        ...whereTo,
        sweepInterval: interval,
        sweep: sweep.lambda,
        key,
      });
      if (webhooks) this.alarms.add(webhooks.lateRule);
    }
    if (props.dashboard) {
      new OperatorsDashboard(this, 'Operators', {
        ...watched,
        alarms: this.alarms,
        webhookQueues: webhooks && [webhooks.queue, webhooks.retryQueue],
      });
    }
    for (const each of this.node.findAll()) {
      if (CfnResource.isCfnResource(each)) each.addMetadata(RUN_WHOLE, true);
    }
  }

  /**
   * A metric that the Lambdas send.
   * @default - the sum by the minute; for the lag its 99th percentile
   */
  metric(metricName: MetricName, options?: MetricOptions): Metric {
    return expiryMetric(this.serviceName, metricName, options).attachTo(this);
  }

  /**
   * How long after its deadline each item was marked, in ms. Not sent for an item that was settled.
   * @default - 99th percentile by the minute
   */
  metricLag(options?: MetricOptions): Metric {
    return this.metric(METRICS.lagMs, options);
  }

  /**
   * Items that a timer expired.
   * @default - sum by the minute
   */
  metricExpiredByTimer(options?: MetricOptions): Metric {
    return this.metric(METRICS.expiredByTimer, options);
  }

  /**
   * Overdue items that a sweep found: timers that were lost or late.
   * @default - sum by the minute
   */
  metricOverdueFound(options?: MetricOptions): Metric {
    return this.metric(METRICS.overdueFound, options);
  }

  /**
   * Items with a deadline that makes no sense: they never expire.
   * @default - sum by the minute
   */
  metricInvalidDeadlines(options?: MetricOptions): Metric {
    return this.metric(METRICS.invalidDeadline, options);
  }

  /**
   * Items, timers and events that can never be processed.
   * @default - sum by the minute
   */
  metricUnprocessable(options?: MetricOptions): Metric {
    return this.metric(METRICS.unprocessable, options);
  }

  /**
   * Allows to sweep: to find overdue items, to expire them, and to keep the sweep's state. A sweep sends timers too, which
   * `grantSchedule` allows.
   */
  grantSweep(grantee: IGrantable): void {
    allowKey(grantee, this.#key);
    this.#table.grantKey(grantee);
    this.#table.grantSweep(grantee);
    this.#state.grantKeep(grantee);
  }

  /** Allows to send timers, and nothing else. */
  grantSchedule(grantee: IGrantable): void {
    allowKey(grantee, this.#key);
    this.#timers.grantSend(grantee);
  }

  #numbers({ timerLead, sweepInterval, shardCount = SHARD_COUNT.default }: BookingExpiryProps) {
    const timerLeadMs = timerLead ? millisecondsOf(timerLead) : TIMER_LEAD_MS.default;
    if (!isWithin(timerLeadMs, TIMER_LEAD_MS)) {
      throw this.#refused('timerLead', `be from ${TIMER_LEAD_MS.min} to ${TIMER_LEAD_MS.max} ms`, timerLead);
    }
    const { min, max } = SWEEP_INTERVAL_MINUTES;
    const minutes = sweepInterval ? millisecondsOf(sweepInterval) / 60_000 : SWEEP_INTERVAL_MINUTES.default;
    if (!isWithin(minutes, SWEEP_INTERVAL_MINUTES)) {
      throw this.#refused('sweepInterval', `be whole minutes from ${min} to ${max}`, sweepInterval);
    }
    if (!isWithin(shardCount, SHARD_COUNT)) {
      throw this.#refused('shardCount', `be a whole number from ${SHARD_COUNT.min} to ${SHARD_COUNT.max}`, shardCount);
    }
    return { timerLeadMs, interval: Duration.minutes(minutes), shardCount };
  }

  #noticeSeconds(noticeBefore: Duration | undefined, hasEvents: boolean): number | undefined {
    if (noticeBefore === undefined) return undefined;
    if (!hasEvents) throw this.#refused('noticeBefore', 'be left out where events is false', noticeBefore);
    const seconds = millisecondsOf(noticeBefore) / 1_000;
    const { min, max } = NOTICE_BEFORE_SECONDS;
    if (!isWithin(seconds, NOTICE_BEFORE_SECONDS)) {
      throw this.#refused('noticeBefore', `be whole seconds from ${min} to ${max}`, noticeBefore);
    }
    return seconds;
  }

  /** Of a URL that is known at deployment only, the Lambda says at its start what is wrong. */
  #webhookUrl(url: string | undefined, hasEvents: boolean): void {
    if (url === undefined) return;
    if (!hasEvents) throw this.#refused('webhook', 'be left out where events is false', { url });
    const problem = Token.isUnresolved(url) ? undefined : webhookUrlProblem(url);
    if (problem !== undefined) throw this.#refused('webhook.url', problem, url);
  }

  #name(given: string | undefined): string {
    if (given === undefined) {
      return Names.uniqueResourceName(this, { maxLength: 80, separator: '-', allowedSpecialCharacters: '_-' });
    }
    if (!Token.isUnresolved(given) && !/^[A-Za-z0-9_-]{1,90}$/.test(given)) {
      throw this.#refused('serviceName', 'be 1 to 90 letters, digits, hyphens and underscores', given);
    }
    return given;
  }

  #refused(name: string, rule: string, got: unknown): InvalidSettingError {
    const text = got instanceof Duration ? got.toHumanString() : JSON.stringify(got);
    return new InvalidSettingError(`${this.node.path}: ${name} must ${rule}, got ${text}`);
  }

  /** Says of which construct an error is. */
  #at<Result>(check: () => Result): Result {
    try {
      return check();
    } catch (error) {
      if (!(error instanceof InvalidTableError)) throw error;
      throw new InvalidTableError(`${this.node.path}: ${error.message}`, { cause: error });
    }
  }
}

/** An unresolved duration is none that could be checked. */
const millisecondsOf = (duration: Duration): number =>
  duration.isUnresolved() ? Number.NaN : duration.toMilliseconds({ integral: false });

/** What a prop says that may also be true or false. Undefined for false. */
const optionsOf = <Options extends object>(
  given: boolean | Options | undefined,
  byDefault: boolean,
): Partial<Options> | undefined => {
  const chosen = given ?? byDefault;
  return chosen === true ? {} : chosen || undefined;
};

const refuseOtherRegion = (region: string, { node, env, tableArn }: ITable): void => {
  const itsRegion = Token.isUnresolved(tableArn)
    ? env.region
    : Arn.split(tableArn, ArnFormat.SLASH_RESOURCE_NAME).region;
  if (itsRegion === undefined || [region, itsRegion].some(Token.isUnresolved) || region === itsRegion) return;
  throw new InvalidTableError(
    `the table ${node.path} must be in the region of the stack, ${region}, got ${itsRegion}: a Lambda reads streams of its own region only`,
  );
};

const refuseSettled = ({ status }: TableShape): void => {
  const taken = [...status.pending, status.expired].find((word) => (SETTLED as readonly string[]).includes(word));
  if (taken !== undefined) {
    throw new InvalidTableError(
      `events.settled must be false where ${taken} is a word of status.pending or status.expired: its expiry would be published as settled`,
    );
  }
};

/** All others of the app. One that failed made no Lambdas, and stands in nobody's way. */
const othersOf = (own: BookingExpiry): BookingExpiry[] =>
  own.node.root.node
    .findAll()
    .filter(
      (each): each is BookingExpiry =>
        each instanceof BookingExpiry && each !== own && each.sweepEnvironment !== undefined,
    );
