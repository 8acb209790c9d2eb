import { CfnOutput, Duration, RemovalPolicy, Stack, type StackProps, Tags } from 'aws-cdk-lib';
import { Key } from 'aws-cdk-lib/aws-kms';
import type { Construct, IConstruct } from 'constructs';
import { DEAD_LETTERS_TAG_PREFIX, TABLE_TAGS } from '../functions/contract.ts';
import { type Afterwards, bookingsTable } from '../functions/table/shape.ts';
import { BookingExpiry } from './booking-expiry.ts';
import { BookingTable } from './booking-table.ts';
import { BookingsApi } from './bookings-api.ts';
import { keepLogicalId } from './logical-ids.ts';
import type { BookingExpirySettings } from './settings.ts';
import { SlotsTable } from './slots-table.ts';

export interface BookingExpiryStackProps extends StackProps {
  readonly settings: BookingExpirySettings;
}

/** The whole service: the bookings table, what makes its bookings expire, and the HTTP API. */
export class BookingExpiryStack extends Stack {
  constructor(scope: Construct, id: string, { settings, ...props }: BookingExpiryStackProps) {
    super(scope, id, {
      description: 'Bookings whose hold lapses become EXPIRED, on time and never after they were paid',
      terminationProtection: settings.removalPolicy === 'retain',
      ...props,
    });
    const key = settings.kmsKeyArn === undefined ? undefined : Key.fromKeyArn(this, 'Key', settings.kmsKeyArn);
    // A first deployment that fails leaves no protected table behind that the next one would find in its way.
    const removalPolicy =
      settings.removalPolicy === 'destroy' ? RemovalPolicy.DESTROY : RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE;
    const serviceName = this.stackName;

    const bookings = new BookingTable(this, 'Bookings', {
      removalPolicy,
      forgets: settings.retentionDays !== undefined,
      key,
    });
    // By this id what is below it has the logical ids that it would have here: those that were deployed before it was there.
    const expiry = new BookingExpiry(this, 'Default', {
      ...bookingsTable(afterwardsOf(settings)),
      table: bookings.table,
      events: { settled: settings.publishSettled, revived: true },
      alarms: { ...(settings.alarmEmail !== undefined && { email: settings.alarmEmail }) },
      ...(settings.noticeBeforeSeconds !== undefined && {
        noticeBefore: Duration.seconds(settings.noticeBeforeSeconds),
      }),
      ...(settings.webhookUrl !== undefined && { webhook: { url: settings.webhookUrl } }),
      dashboard: settings.dashboard,
      ...(key && { encryptionKey: key }),
      timerLead: Duration.millis(settings.timerLeadMs),
      sameMoment: Duration.millis(settings.sameMomentMs),
      sweepInterval: Duration.minutes(settings.sweepIntervalMinutes),
      shardCount: settings.shardCount,
      ...(settings.timerPollersMin !== undefined &&
        settings.timerPollersMax !== undefined && {
          timerPollers: { min: settings.timerPollersMin, max: settings.timerPollersMax },
        }),
      removalPolicy,
      serviceName,
    });
    bookings.addLists(settings.listSettled);
    const slots = new SlotsTable(this, 'Slots', { removalPolicy, key });
    const api = new BookingsApi(this, 'BookingsApi', {
      bookings: bookings.table,
      slots,
      expiry,
      settings,
      serviceName,
      key,
    });
    bookings.grantLists(api.lambda, settings.listSettled);
    expiry.alarms?.add({
      name: 'api-errors',
      description: 'The HTTP API answers requests with 500 or 503, for ten minutes on end.',
      section: 'api-errors',
      metric: api.serverErrors,
      threshold: 0,
      evaluationPeriods: 2,
    });
    keepLogicalIds(bookings, slots, expiry, api);
    noteInTags(bookings, slots, expiry, settings);
    addOutputs(this, outputsOf(bookings, slots, expiry, api));
  }
}

/** What bookings get when they are settled or expire. */
const afterwardsOf = ({ retentionDays, listSettled, shardCount }: BookingExpirySettings): Afterwards => ({
  ...(retentionDays !== undefined && { purgeAfterDays: retentionDays }),
  ...(listSettled && { listShards: shardCount }),
});

/** For what carries data or is named by operators. */
const keepLogicalIds = (bookings: BookingTable, slots: SlotsTable, expiry: BookingExpiry, api: BookingsApi): void => {
  const kept: Record<string, IConstruct | undefined> = {
    BookingsTable: bookings.table,
    SlotsTable: slots.table,
    SweepStateTable: expiry.sweepStateTable,
    IdempotencyTable: api.idempotencyTable,
    TimerQueue: expiry.timerQueue,
    TimerDeadLetterQueue: expiry.deadLetterQueues.timer,
    ScheduleExpiryDeadLetterQueue: expiry.deadLetterQueues['schedule-expiry'],
    SweepDeadLetterQueue: expiry.deadLetterQueues.sweep,
    PublishEventsDeadLetterQueue: expiry.deadLetterQueues['publish-events'],
    ScheduleExpiryFunction: expiry.scheduleExpiry,
    ExpireBookingFunction: expiry.expireBooking,
    SweepFunction: expiry.sweep,
    PublishEventsFunction: expiry.publishEvents,
    BookingsApiFunction: api.lambda,
    BookingEvents: expiry.eventBus,
    AlarmTopic: expiry.alarms?.topic,
    CronTokenSecret: api.cronToken,
    HttpApi: api.api,
    WebhookQueue: expiry.webhookQueue,
    WebhookRetryQueue: expiry.webhookRetryQueue,
    SendWebhooksDeadLetterQueue: expiry.deadLetterQueues['send-webhooks'],
    SendWebhooksFunction: expiry.sendWebhooks,
    WebhookSecret: expiry.webhookSecret,
  };
  for (const [logicalId, construct] of Object.entries(kept)) if (construct) keepLogicalId(construct, logicalId);
};

/** Notes in the table's tags what a sweep by command must know, so that the table's name is enough for it. */
const noteInTags = (
  { table }: BookingTable,
  slots: SlotsTable,
  expiry: BookingExpiry,
  settings: BookingExpirySettings,
): void => {
  const notes: Record<string, string | undefined> = {
    [TABLE_TAGS.shardCount]: String(settings.shardCount),
    [TABLE_TAGS.sweepIntervalMinutes]: String(settings.sweepIntervalMinutes),
    [TABLE_TAGS.timerLeadMs]: String(settings.timerLeadMs),
    [TABLE_TAGS.timerQueueUrl]: expiry.timerQueue.queueUrl,
    [TABLE_TAGS.sweepStateTable]: expiry.sweepStateTable.tableName,
    [TABLE_TAGS.alarmPrefix]: expiry.alarms?.prefix,
    [TABLE_TAGS.slotsTable]: slots.table.tableName,
    [TABLE_TAGS.maxHoldSeconds]: settings.maxHoldSeconds?.toString(),
    [TABLE_TAGS.retentionDays]: settings.retentionDays?.toString(),
    [TABLE_TAGS.listSettled]: settings.listSettled ? 'true' : undefined,
    [TABLE_TAGS.noticeBeforeSeconds]: settings.noticeBeforeSeconds?.toString(),
    [TABLE_TAGS.webhookQueueUrl]: expiry.webhookQueue?.queueUrl,
    [TABLE_TAGS.webhookSecret]: expiry.webhookSecret?.secretArn,
    [TABLE_TAGS.webhookFunction]: expiry.sendWebhooks?.functionName,
  };
  for (const [name, queue] of Object.entries(expiry.deadLetterQueues)) {
    notes[`${DEAD_LETTERS_TAG_PREFIX}${name}`] = queue.queueUrl;
  }
  for (const [name, note] of Object.entries(notes)) if (note !== undefined) Tags.of(table).add(name, note);
};

type Outputs = Readonly<Record<string, readonly [value: string | undefined, description: string]>>;

const outputsOf = (bookings: BookingTable, slots: SlotsTable, expiry: BookingExpiry, api: BookingsApi): Outputs => {
  const { deadLetterQueues } = expiry;
  return {
    BookingsTableName: [bookings.table.tableName, 'Table that bookings are written to'],
    SlotsTableName: [slots.table.tableName, 'Which booking has which slot'],
    PendingIndexName: [expiry.shape.indexName, 'Index of PENDING bookings by shard and deadline'],
    SweepStateTableName: [expiry.sweepStateTable.tableName, 'How far the last sweep came'],
    TimerQueueUrl: [expiry.timerQueue.queueUrl, 'Queue that timers wait in'],
    TimerDeadLetterQueueUrl: [deadLetterQueues.timer.queueUrl, 'Timers that could not be processed'],
    ScheduleExpiryDeadLetterQueueUrl: [
      deadLetterQueues['schedule-expiry'].queueUrl,
      'Stream records that could not be processed',
    ],
    SweepDeadLetterQueueUrl: [deadLetterQueues.sweep.queueUrl, 'Sweeps that failed'],
    ScheduleExpiryFunctionName: [expiry.scheduleExpiry.functionName, 'Sends timers'],
    ExpireBookingFunctionName: [expiry.expireBooking.functionName, 'Expires bookings at their deadline'],
    SweepScheduleName: [expiry.sweepScheduleName, 'Schedule that starts the sweep'],
    SweepFunctionName: [expiry.sweep.functionName, 'Expires what the timers missed'],
    BookingsApiFunctionName: [api.lambda.functionName, 'Serves the HTTP API'],
    PublishEventsFunctionName: [expiry.publishEvents?.functionName, 'Publishes events'],
    PublishEventsDeadLetterQueueUrl: [
      deadLetterQueues['publish-events']?.queueUrl,
      'Stream records whose events were not published',
    ],
    EventBusName: [expiry.eventBus?.eventBusName, 'Bus that BookingExpired is published on'],
    AlarmTopicArn: [expiry.alarms?.topic.topicArn, 'Topic that the alarms go to'],
    ApiUrl: [api.url, 'The HTTP API'],
    WebhookSecretArn: [expiry.webhookSecret?.secretArn, 'Secret that webhooks are signed with'],
    WebhookQueueUrl: [expiry.webhookQueue?.queueUrl, 'Queue of new webhooks'],
    WebhookRetryQueueUrl: [expiry.webhookRetryQueue?.queueUrl, 'Queue of webhooks that are tried again'],
    SendWebhooksFunctionName: [expiry.sendWebhooks?.functionName, 'Posts webhooks'],
    SendWebhooksDeadLetterQueueUrl: [deadLetterQueues['send-webhooks']?.queueUrl, 'Webhooks that were given up'],
    CronTokenSecretArn: [api.cronToken.secretArn, 'Secret that holds the token of the cron webhook'],
  };
};

const addOutputs = (stack: Stack, outputs: Outputs): void => {
  for (const [name, [value, description]] of Object.entries(outputs)) {
    if (value !== undefined) new CfnOutput(stack, name, { value, description });
  }
};
