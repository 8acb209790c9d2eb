import { CfnResource, Names, RemovalPolicy, Stack } from 'aws-cdk-lib';
import type { Metric, MetricOptions } from 'aws-cdk-lib/aws-cloudwatch';
import type { ITable, Table } from 'aws-cdk-lib/aws-dynamodb';
import type { IEventBus } from 'aws-cdk-lib/aws-events';
import type { IGrantable } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import type { ISecret } from 'aws-cdk-lib/aws-secretsmanager';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { ENV, METRICS, type MetricName } from '../functions/contract.ts';
import { InvalidTableError, type TableShape } from '../functions/table/shape.ts';
import { Alarms } from './alarms.ts';
import type { BookingExpiryProps } from './booking-expiry-props.ts';
import { checkedProps, optionsOf } from './checked-props.ts';
import { OperatorsDashboard } from './dashboard.ts';
import { ExpireBooking, expireBookingTimeout } from './expire-booking.ts';
import { ExpiringTable } from './expiring-table.ts';
import { allowKey, allowServices } from './grants.ts';
import { InvalidSettingError } from './limits.ts';
import { expiryMetric } from './metrics.ts';
import { refuseConflicts } from './neighbours.ts';
import { PublishEvents, SETTLED } from './publish-events.ts';
import { ScheduleExpiry } from './schedule-expiry.ts';
import { SendWebhooks } from './send-webhooks.ts';
import { Sweep } from './sweep.ts';
import { SweepState } from './sweep-state.ts';
import { describedShape, provideIndex, refuseOtherRegion } from './table-description.ts';
import { TimerQueue } from './timer-queue.ts';

/** Whoever runs the template elsewhere than on AWS must run these resources whole, or refuse: booking-expiry/testing does. */
const RUN_WHOLE = 'local-runtime:strict';

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
    const checked = this.#at(() => checkedProps(props));
    const { timerLeadMs, sameMomentMs, interval, shardCount, timerPollers, events, noticeBeforeSeconds } = checked;
    this.table = table;
    this.serviceName =
      props.serviceName ??
      Names.uniqueResourceName(this, { maxLength: 80, separator: '-', allowedSpecialCharacters: '_-' });
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
      ...(noticeBeforeSeconds !== undefined && { [ENV.noticeBeforeSeconds]: String(noticeBeforeSeconds) }),
    };
    const common = { table: expiring, timers, environment, serviceName: this.serviceName, key };
    const schedule = new ScheduleExpiry(this, 'ScheduleExpiry', common);
    const expire = new ExpireBooking(this, 'ExpireBooking', {
      ...common,
      timeout,
      pollers: timerPollers,
      sameMomentMs,
    });
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
        revived: events.revived ?? false,
      });
    if (publish) {
      this.publishEvents = publish.lambda;
      this.eventBus = publish.bus;
      if (noticeBeforeSeconds !== undefined) expire.publishNotices(publish.bus);
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
    const whereTo = optionsOf(props.alarms);
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

  /** Says of which construct an error is. */
  #at<Result>(check: () => Result): Result {
    try {
      return check();
    } catch (error) {
      for (const Refusal of [InvalidTableError, InvalidSettingError]) {
        if (error instanceof Refusal) throw new Refusal(`${this.node.path}: ${error.message}`, { cause: error });
      }
      throw error;
    }
  }
}

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
