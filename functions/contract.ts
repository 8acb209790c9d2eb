/**
 * Names that both the infrastructure (lib) and the running code (functions, local, commands) use.
 * Each is part of the service's contract: operators look at these metrics, a deployment reads what another one wrote. The
 * attributes of a table are in table/shape.ts.
 */

/** Attributes of the sweep's state table that the template names. */
export const SWEEP_STATE_ATTRIBUTES = {
  stateId: 'stateId',
  scheduledThroughMs: 'scheduledThroughMs',
} as const;

/** Keys of the two items of the sweep's state: how far it has scheduled, and how far its patrol has come. */
export const SWEEP_STATE_ID = 'sweep';
export const PATROL_STATE_ID = 'patrol';

/** Attributes of the table of idempotency keys that the template names. */
export const IDEMPOTENCY_ATTRIBUTES = {
  recordId: 'recordId',
  /** When DynamoDB may delete the record, epoch seconds: the table's time to live. */
  purgeAt: 'purgeAt',
} as const;

/** Environment variables of the Lambdas. Lambda asks for names of at least two characters. */
export const ENV = {
  bookingsTable: 'BOOKINGS_TABLE',
  /** The table's shape as JSON (functions/table/shape.ts). Absent for the bookings table of this service. */
  tableShape: 'TABLE_SHAPE',
  sweepStateTable: 'SWEEP_STATE_TABLE',
  idempotencyTable: 'IDEMPOTENCY_TABLE',
  slotsTable: 'SLOTS_TABLE',
  /** The longest time from a booking's creation on that an extension may hold it for. Absent where there is no such limit. */
  maxHoldSeconds: 'MAX_HOLD_SECONDS',
  timerQueueUrl: 'TIMER_QUEUE_URL',
  shardCount: 'SHARD_COUNT',
  timerLeadMs: 'TIMER_LEAD_MS',
  /** Absent in a Lambda of a deployment that is older than the setting. */
  sameMomentMs: 'SAME_MOMENT_MS',
  sweepIntervalMinutes: 'SWEEP_INTERVAL_MINUTES',
  cronTokenSecret: 'CRON_TOKEN_SECRET',
  /** `true` where the API's Lambda serves the page. */
  page: 'PAGE',
  /** Absent where the HTTP API takes signed requests. */
  jwtIssuer: 'JWT_ISSUER',
  jwtScope: 'JWT_SCOPE',
  eventBus: 'EVENT_BUS_NAME',
  deadLetterQueueUrl: 'DEAD_LETTER_QUEUE_URL',
  givenUpQueueUrl: 'GIVEN_UP_QUEUE_URL',
  /** Seconds before a deadline at which its notice is published. Absent where there are no notices. */
  noticeBeforeSeconds: 'NOTICE_BEFORE_SECONDS',
  webhookUrl: 'WEBHOOK_URL',
  webhookSecret: 'WEBHOOK_SECRET',
  webhookQueueUrl: 'WEBHOOK_QUEUE_URL',
  webhookRetryQueueUrl: 'WEBHOOK_RETRY_QUEUE_URL',
} as const;

/**
 * Tags of the bookings table, so that its name alone is enough to sweep it by command.
 * Keys and values use only the characters that DynamoDB allows in tags.
 */
export const TABLE_TAGS = {
  shardCount: 'booking-expiry:shard-count',
  sweepIntervalMinutes: 'booking-expiry:sweep-interval-minutes',
  timerLeadMs: 'booking-expiry:timer-lead-ms',
  timerQueueUrl: 'booking-expiry:timer-queue-url',
  sweepStateTable: 'booking-expiry:sweep-state-table',
  alarmPrefix: 'booking-expiry:alarm-prefix',
  slotsTable: 'booking-expiry:slots-table',
  /** Present where no extension may hold a booking for longer than this from its creation on. */
  maxHoldSeconds: 'booking-expiry:max-hold-seconds',
  /** Present where bookings are deleted some time after they were settled or expired. */
  retentionDays: 'booking-expiry:retention-days',
  /** Present where there is a list of settled and expired bookings. */
  listSettled: 'booking-expiry:list-settled',
  /** Only where notices are published. */
  noticeBeforeSeconds: 'booking-expiry:notice-before-seconds',
  /** The next three only where webhooks are sent. */
  webhookQueueUrl: 'booking-expiry:webhook-queue-url',
  webhookSecret: 'booking-expiry:webhook-secret',
  webhookFunction: 'booking-expiry:webhook-function',
} as const;

/** Begins the tag of each dead-letter queue; what follows is the name that its alarm and the runbook use. */
export const DEAD_LETTERS_TAG_PREFIX = 'booking-expiry:dead-letters:';

/** Namespace of every metric. */
export const METRICS_NAMESPACE = 'BookingExpiry';

/**
 * Metrics that CloudWatch keeps, all with the dimension `service`: the stack's name, or that of the construct. Each is one that an operator acts on, and
 * costs 0.30 USD a month. docs/metrics.md says the same to operators.
 */
export const METRICS = {
  /** `expiredAtMs - expiresAtMs` of each expired booking, in ms. Not sent for a booking that was settled. */
  lagMs: 'LagMs',
  /** Bookings that a timer expired. */
  expiredByTimer: 'ExpiredByTimer',
  /** Overdue bookings that a sweep found. */
  overdueFound: 'OverdueFound',
  /** 1 if a sweep ran out of time before it was through, or failed in part, else 0. */
  sweepUnfinished: 'SweepUnfinished',
  /** PENDING bookings whose deadline is missing or nonsensical: nobody will expire them. */
  invalidDeadline: 'InvalidDeadlines',
  /** Bookings, timers and events that can never be processed: they are in a dead-letter queue, or in the sweep's log. */
  unprocessable: 'Unprocessable',
} as const;

/** What is counted in the log lines of the metrics only, for those who look for a cause. Nothing is sent that is zero. */
export const COUNTS = {
  /** Bookings that a sweep expired, of those in `OverdueFound`. */
  expiredBySweep: 'ExpiredBySweep',
  /** Timers sent to the queue, by the stream or by a sweep. */
  scheduled: 'TimersScheduled',
  /** Timers that came too early to wait for and were sent again with their remaining delay. */
  sentAgain: 'TimersSentAgain',
  /** Far bookings left to the sweep. */
  leftToSweep: 'LeftToSweep',
  /** Bookings written without a valid `pendingShard`, which was added. */
  adopted: 'BookingsAdopted',
  /** Timers whose booking had been confirmed or cancelled before its deadline. */
  settledInTime: 'SettledInTime',
  /** Timers whose booking was EXPIRED already, by a sweep or a read. */
  alreadyExpired: 'AlreadyExpired',
  /** Timers whose booking had been extended: the extension made its own timer. */
  extended: 'Extended',
  /** Timers whose booking does not exist. */
  missing: 'BookingsMissing',
  /** Repeated messages of one batch: the same timer twice, whatever its outcome. */
  duplicateTimers: 'DuplicateTimers',
  /** Timers whose write was refused, and the reason could not be read: nothing is left to do, but nobody knows why. */
  refused: 'RefusedUnexplained',
  /** Messages that are no timer: they go to the dead-letter queue. */
  malformed: 'MalformedTimers',
  /** Bookings that could not be expired or scheduled in this try: they are tried again. */
  failed: 'FailedTries',
  /** Events that the bus took. */
  published: 'EventsPublished',
  /** Events that the bus did not take in this try: their stream records come again. */
  publishFailed: 'EventsNotPublished',
  /** Notices that the bus took. */
  noticesPublished: 'NoticesPublished',
  /** Notice timers whose booking was settled, moved or gone, whose hold is too short, or that came after the deadline. */
  noticesNotNeeded: 'NoticesNotNeeded',
  /** Webhooks that were answered with 2xx. */
  webhooksDelivered: 'WebhooksDelivered',
  /** Tries of webhooks that were answered with something else, or not at all. */
  webhookTriesFailed: 'WebhookTriesFailed',
  /** Webhooks that were given up, after the last try or because of a 410: they go to the dead-letter queue. */
  webhooksGivenUp: 'WebhooksGivenUp',
} as const;

/** The metrics that each invocation sends, zeros included, by Lambda. `LagMs` is sent with every expired booking only. */
export const METRICS_OF = {
  scheduleExpiry: [METRICS.invalidDeadline, METRICS.unprocessable],
  expireBooking: [METRICS.expiredByTimer, METRICS.invalidDeadline, METRICS.unprocessable],
  sweep: [METRICS.overdueFound, METRICS.unprocessable, METRICS.sweepUnfinished],
  publishEvents: [METRICS.unprocessable],
  sendWebhooks: [METRICS.unprocessable],
} as const;

export type MetricName = (typeof METRICS)[keyof typeof METRICS];
export type CountName = MetricName | (typeof COUNTS)[keyof typeof COUNTS];

/** A stream record this old, ms, belongs to a booking whose timer may come too late: an alarm, and a problem for `status`. */
export const OLD_RECORD_MS = 60_000;

/** What the sweep’s Lambda is invoked with. The schedule's own event has nothing in it that matters. */
export interface SweepRequested {
  /** Whether a deployment, or its rollback, has just ended. */
  readonly isDeployment?: boolean;
}

/** What the Lambda of the webhooks is invoked with by an operator who wants to know whether they arrive. */
export interface WebhookPing {
  /** Anything: it makes the webhook's id. */
  readonly pingId: string;
}

/** What it answers. */
export interface WebhookPingAnswer {
  readonly delivered: boolean;
  readonly webhookId: string;
  readonly durationMs: number;
  /** Absent where the application did not answer. */
  readonly status?: number;
  /** Why it was not delivered. */
  readonly error?: string;
}
