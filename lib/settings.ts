/** The app's settings: what an operator may choose with `-c name=value`, and what is refused. */
import type { IConstruct } from 'constructs';
import { MAX_HOLD_MS, SECOND_MS } from '../functions/core/hold-time.ts';
import { webhookUrlProblem } from '../functions/core/webhook-url.ts';
import {
  InvalidSettingError,
  isWithin,
  type Limit,
  NOTICE_BEFORE_SECONDS,
  SAME_MOMENT_MS,
  SHARD_COUNT,
  SWEEP_INTERVAL_MINUTES,
  TIMER_LEAD_MS,
  TIMER_POLLERS_MAX,
  TIMER_POLLERS_MIN,
} from './limits.ts';

/** What happens to the bookings table when the stack is deleted. */
export const REMOVAL_POLICIES = ['destroy', 'retain'] as const;
export type BookingRemovalPolicy = (typeof REMOVAL_POLICIES)[number];

export interface BookingExpirySettings {
  /** Which deployment this is; part of the stack's name. 1 to 20 lower-case letters, digits and hyphens. @default 'dev' */
  readonly stage: string;
  /** Whole minutes between two sweeps, 1 to 180. @default 5 */
  readonly sweepIntervalMinutes: number;
  /** How long before its deadline a timer should arrive, in whole ms, 0 to 10,000. @default 1000 */
  readonly timerLeadMs: number;
  /**
   * Deadlines at most this close together are written in one request, at the last of them: how late a booking may be marked for
   * that, in whole ms, 0 to 1,000. @default 5
   */
  readonly sameMomentMs: number;
  /** Shards of the index that bookings wait in, 1 to 200. May change between deployments. @default 10 */
  readonly shardCount: number;
  /**
   * Pollers of the timer queue that stand ready, 2 to 200, each paid for by the hour. 2 where only timerPollersMax is given.
   * @default - none is provisioned: Lambda polls as it sees fit
   */
  readonly timerPollersMin?: number;
  /**
   * Pollers that there may be at most, 2 to 2,000. 200 where only timerPollersMin is given.
   * @default - none is provisioned
   */
  readonly timerPollersMax?: number;
  /** @default 'destroy' for stage dev, 'retain' for every other */
  readonly removalPolicy: BookingRemovalPolicy;
  /** Whether BookingConfirmed and BookingCancelled are published too, beside BookingExpired. @default false */
  readonly publishSettled: boolean;
  /**
   * Whether settled and expired bookings can be listed by status too. Each of them costs a write unit more for it.
   * @default false
   */
  readonly listSettled: boolean;
  /** Whole days after which a booking that is settled or expired is deleted, 1 to 3650. @default - never */
  readonly retentionDays?: number;
  /**
   * Whole seconds from a booking's creation on that an extension may hold it for at the longest, 1 to 31,622,400.
   * @default - as long as a hold may be, from each extension on
   */
  readonly maxHoldSeconds?: number;
  /** Where each event is posted to, an https URL, or an http URL on this machine. @default - events are on the bus only */
  readonly webhookUrl?: string;
  /** Seconds before a deadline at which BookingExpiring is published, 10 to 10,800. @default - never */
  readonly noticeBeforeSeconds?: number;
  /** Whether there is a dashboard, for 3 USD a month. @default false */
  readonly dashboard: boolean;
  /** Whether the API serves the page that shows every hold, behind its own authorization. @default false */
  readonly page: boolean;
  /** Who gets the alarms by e-mail. @default - nobody, until somebody subscribes to the topic */
  readonly alarmEmail?: string;
  /** A customer-managed KMS key for the tables, the queues and the secret, by ARN. @default - keys that AWS owns */
  readonly kmsKeyArn?: string;
  /** Issuer of the JWTs that the HTTP API takes, an https URL; only together with the two below. @default - IAM (SigV4) */
  readonly jwtIssuer?: string;
  /** Audiences of those JWTs, separated by commas. @default - IAM (SigV4) */
  readonly jwtAudience?: readonly string[];
  /** The scope that each of those JWTs must have: one that only back ends get. @default - IAM (SigV4) */
  readonly jwtScope?: string;
}

const SETTING_NAMES: (keyof BookingExpirySettings)[] = [
  'stage',
  'sweepIntervalMinutes',
  'timerLeadMs',
  'sameMomentMs',
  'shardCount',
  'timerPollersMin',
  'timerPollersMax',
  'removalPolicy',
  'publishSettled',
  'listSettled',
  'retentionDays',
  'maxHoldSeconds',
  'webhookUrl',
  'noticeBeforeSeconds',
  'dashboard',
  'page',
  'alarmEmail',
  'kmsKeyArn',
  'jwtIssuer',
  'jwtAudience',
  'jwtScope',
];

const DEFAULT_STAGE = 'dev';

/** Days that a booking may be kept for. It has no default: without the setting it is kept for good. */
const RETENTION_DAYS: Pick<Limit, 'min' | 'max'> = { min: 1, max: 3_650 };

/** Seconds that an extension may hold a booking for. It has no default: without the setting there is no limit. */
const MAX_HOLD_SECONDS: Pick<Limit, 'min' | 'max'> = { min: 1, max: MAX_HOLD_MS / SECOND_MS };

/**
 * Checks settings and fills in defaults. Numbers may come as text, as `-c` gives them.
 *
 * @throws InvalidSettingError for the first value that is not allowed
 */
export const bookingExpirySettings = (
  given: { readonly [name in keyof BookingExpirySettings]?: unknown },
): BookingExpirySettings => {
  const stage = given.stage ?? DEFAULT_STAGE;
  if (typeof stage !== 'string' || !/^[a-z]([a-z0-9-]{0,18}[a-z0-9])?$/.test(stage)) {
    throw refused('stage', 'be 1 to 20 lower-case letters, digits and hyphens, beginning with a letter', stage);
  }
  const removalPolicy = given.removalPolicy ?? (stage === 'dev' ? 'destroy' : 'retain');
  if (!isRemovalPolicy(removalPolicy)) {
    throw refused('removalPolicy', `be ${REMOVAL_POLICIES.join(' or ')}`, removalPolicy);
  }
  const { jwtIssuer, alarmEmail, kmsKeyArn, webhookUrl } = given;
  const webhookProblem = webhookUrl === undefined ? undefined : webhookUrlProblem(webhookUrl);
  if (webhookProblem !== undefined) throw refused('webhookUrl', webhookProblem, webhookUrl);
  if (
    kmsKeyArn !== undefined &&
    (typeof kmsKeyArn !== 'string' || !/^arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key\/.+$/.test(kmsKeyArn))
  ) {
    throw refused('kmsKeyArn', 'be the ARN of a KMS key', kmsKeyArn);
  }
  if (alarmEmail !== undefined && (typeof alarmEmail !== 'string' || !/^[^\s@]+@[^\s@]+$/.test(alarmEmail))) {
    throw refused('alarmEmail', 'be an e-mail address', alarmEmail);
  }
  const jwtAudience = list('jwtAudience', given.jwtAudience, /^[^\s,]+$/, 'be one or more names, separated by commas');
  if (jwtIssuer !== undefined && (typeof jwtIssuer !== 'string' || !/^https:\/\/[^\s]+$/.test(jwtIssuer))) {
    throw refused('jwtIssuer', 'be an https URL', jwtIssuer);
  }
  const { jwtScope } = given;
  // A scope of RFC 6749, 3.3; API Gateway takes them one by one.
  if (jwtScope !== undefined && (typeof jwtScope !== 'string' || !/^[\x21\x23-\x5b\x5d-\x7e]{1,64}$/.test(jwtScope))) {
    throw refused(
      'jwtScope',
      'be one scope of 1 to 64 characters, without spaces, quotation marks and backslashes',
      jwtScope,
    );
  }
  requireTogether({ jwtIssuer, jwtAudience, jwtScope });
  return {
    stage,
    sweepIntervalMinutes: wholeNumber('sweepIntervalMinutes', given.sweepIntervalMinutes, SWEEP_INTERVAL_MINUTES),
    timerLeadMs: wholeNumber('timerLeadMs', given.timerLeadMs, TIMER_LEAD_MS),
    sameMomentMs: wholeNumber('sameMomentMs', given.sameMomentMs, SAME_MOMENT_MS),
    shardCount: wholeNumber('shardCount', given.shardCount, SHARD_COUNT),
    ...timerPollers(given.timerPollersMin, given.timerPollersMax),
    removalPolicy,
    publishSettled: flag('publishSettled', given.publishSettled),
    listSettled: flag('listSettled', given.listSettled),
    ...(given.retentionDays !== undefined && {
      retentionDays: wholeNumber('retentionDays', given.retentionDays, RETENTION_DAYS),
    }),
    ...(given.maxHoldSeconds !== undefined && {
      maxHoldSeconds: wholeNumber('maxHoldSeconds', given.maxHoldSeconds, MAX_HOLD_SECONDS),
    }),
    dashboard: flag('dashboard', given.dashboard),
    page: flag('page', given.page),
    ...(given.noticeBeforeSeconds !== undefined && {
      noticeBeforeSeconds: wholeNumber('noticeBeforeSeconds', given.noticeBeforeSeconds, NOTICE_BEFORE_SECONDS),
    }),
    ...(webhookUrl !== undefined && { webhookUrl: String(webhookUrl) }),
    ...(kmsKeyArn !== undefined && { kmsKeyArn }),
    ...(alarmEmail !== undefined && { alarmEmail }),
    ...(jwtIssuer !== undefined && { jwtIssuer }),
    ...(jwtAudience && { jwtAudience }),
    ...(jwtScope !== undefined && { jwtScope }),
  };
};

/** Both numbers where one of them is given, AWS's own default for the other. */
const timerPollers = (givenMin: unknown, givenMax: unknown) => {
  if (givenMin === undefined && givenMax === undefined) return {};
  const timerPollersMin = wholeNumber('timerPollersMin', givenMin, TIMER_POLLERS_MIN);
  const timerPollersMax = wholeNumber('timerPollersMax', givenMax, TIMER_POLLERS_MAX);
  if (timerPollersMin > timerPollersMax) {
    throw refused('timerPollersMin', `be at most timerPollersMax, which is ${timerPollersMax}`, timerPollersMin);
  }
  return { timerPollersMin, timerPollersMax };
};

/** @throws InvalidSettingError if some of these are given and others are not */
const requireTogether = (settings: Readonly<Record<string, unknown>>): void => {
  const names = Object.keys(settings);
  const got = names.filter((name) => settings[name] !== undefined);
  if (got.length === 0 || got.length === names.length) return;
  throw new InvalidSettingError(
    `${names.slice(0, -1).join(', ')} and ${names.at(-1)} must be given together, got only ${got.join(' and ')}`,
  );
};

const list = (name: string, given: unknown, item: RegExp, rule: string): string[] | undefined => {
  if (given === undefined) return undefined;
  const items = typeof given === 'string' ? given.split(',').map((each) => each.trim()) : given;
  if (
    !Array.isArray(items) ||
    items.length === 0 ||
    !items.every((each) => typeof each === 'string' && item.test(each))
  ) {
    throw refused(name, rule, given);
  }
  return items;
};

/**
 * Settings from an app's context, `-c name=value` or cdk.json.
 *
 * @throws InvalidSettingError for a value or a name that is not allowed, so that a typing mistake does not pass unseen
 */
export const settingsFromContext = (scope: IConstruct): BookingExpirySettings => {
  const given: Record<string, unknown> = scope.node.getAllContext();
  // CDK's own keys have an @, a colon or a hyphen in them.
  const unknown = Object.keys(given).find((name) => /^\w+$/.test(name) && !(SETTING_NAMES as string[]).includes(name));
  if (unknown) throw new InvalidSettingError(`-c must set one of ${SETTING_NAMES.join(', ')}, got "${unknown}"`);
  return bookingExpirySettings(Object.fromEntries(SETTING_NAMES.map((name) => [name, given[name]])));
};

const wholeNumber = (name: string, given: unknown, limit: Pick<Limit, 'min' | 'max'> & Partial<Limit>): number => {
  if (given === undefined && limit.default !== undefined) return limit.default;
  const value = typeof given === 'string' && /^\d+$/.test(given) ? Number(given) : given;
  if (!isWithin(value, limit)) throw refused(name, `be a whole number from ${limit.min} to ${limit.max}`, given);
  return value;
};

const flag = (name: string, given: unknown): boolean => {
  if (given === undefined || given === false || given === 'false') return false;
  if (given === true || given === 'true') return true;
  throw refused(name, 'be true or false', given);
};

const isRemovalPolicy = (value: unknown): value is BookingRemovalPolicy =>
  REMOVAL_POLICIES.some((policy) => policy === value);

const refused = (name: string, rule: string, value: unknown): InvalidSettingError =>
  new InvalidSettingError(`${name} must ${rule}, got ${JSON.stringify(value)}`);
