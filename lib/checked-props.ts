/** The props that are numbers, names and addresses: checked, in the units that the Lambdas take, with their defaults. */
import { Duration, Token } from 'aws-cdk-lib';
import { webhookUrlProblem } from '../functions/core/webhook-url.ts';
import type { BookingExpiryProps, ExpiryEventOptions } from './booking-expiry-props.ts';
import {
  InvalidSettingError,
  isWithin,
  NOTICE_BEFORE_SECONDS,
  SAME_MOMENT_MS,
  SHARD_COUNT,
  SWEEP_INTERVAL_MINUTES,
  TIMER_LEAD_MS,
  TIMER_POLLERS_MAX,
  TIMER_POLLERS_MIN,
  type TimerPollers,
} from './limits.ts';

export interface CheckedProps {
  readonly timerLeadMs: number;
  readonly sameMomentMs: number;
  readonly interval: Duration;
  readonly shardCount: number;
  /** Undefined where none is provisioned. */
  readonly timerPollers: TimerPollers | undefined;
  /** Undefined where nothing publishes events. */
  readonly events: Partial<ExpiryEventOptions> | undefined;
  /** Undefined where there are no notices. */
  readonly noticeBeforeSeconds: number | undefined;
}

/** @throws InvalidSettingError for the first that is not allowed */
export const checkedProps = (props: BookingExpiryProps): CheckedProps => {
  const numbers = numbersOf(props);
  const events = optionsOf(props.events);
  if (!events) refuseWithoutEvents(props);
  requireWebhookUrl(props.webhook?.url);
  const noticeBeforeSeconds = noticeSecondsOf(props.noticeBefore);
  requireServiceName(props.serviceName);
  return { ...numbers, timerPollers: timerPollersOf(props.timerPollers), events, noticeBeforeSeconds };
};

/** What a prop says that may also be true, as it is by default, or false. Undefined for false. */
export const optionsOf = <Options extends object>(given: boolean | Options = true): Partial<Options> | undefined =>
  given === true ? {} : given || undefined;

const numbersOf = ({ timerLead, sameMoment, sweepInterval, shardCount = SHARD_COUNT.default }: BookingExpiryProps) => {
  const timerLeadMs = timerLead ? millisecondsOf(timerLead) : TIMER_LEAD_MS.default;
  if (!isWithin(timerLeadMs, TIMER_LEAD_MS)) {
    throw refused('timerLead', `be from ${TIMER_LEAD_MS.min} to ${TIMER_LEAD_MS.max} ms`, timerLead);
  }
  const sameMomentMs = sameMoment ? millisecondsOf(sameMoment) : SAME_MOMENT_MS.default;
  if (!isWithin(sameMomentMs, SAME_MOMENT_MS)) {
    throw refused('sameMoment', `be from ${SAME_MOMENT_MS.min} to ${SAME_MOMENT_MS.max} ms`, sameMoment);
  }
  const { min, max } = SWEEP_INTERVAL_MINUTES;
  const minutes = sweepInterval ? millisecondsOf(sweepInterval) / 60_000 : SWEEP_INTERVAL_MINUTES.default;
  if (!isWithin(minutes, SWEEP_INTERVAL_MINUTES)) {
    throw refused('sweepInterval', `be whole minutes from ${min} to ${max}`, sweepInterval);
  }
  if (!isWithin(shardCount, SHARD_COUNT)) {
    throw refused('shardCount', `be a whole number from ${SHARD_COUNT.min} to ${SHARD_COUNT.max}`, shardCount);
  }
  return { timerLeadMs, sameMomentMs, interval: Duration.minutes(minutes), shardCount };
};

const timerPollersOf = (given: BookingExpiryProps['timerPollers']): TimerPollers | undefined => {
  if (given === undefined) return undefined;
  const { min = TIMER_POLLERS_MIN.default, max = TIMER_POLLERS_MAX.default } = given;
  if (!isWithin(min, TIMER_POLLERS_MIN)) {
    const { min: least, max: most } = TIMER_POLLERS_MIN;
    throw refused('timerPollers.min', `be a whole number from ${least} to ${most}`, min);
  }
  if (!isWithin(max, TIMER_POLLERS_MAX)) {
    const { min: least, max: most } = TIMER_POLLERS_MAX;
    throw refused('timerPollers.max', `be a whole number from ${least} to ${most}`, max);
  }
  if (min > max) throw refused('timerPollers.min', `be at most timerPollers.max, which is ${max}`, min);
  return { min, max };
};

const refuseWithoutEvents = ({ webhook, noticeBefore }: BookingExpiryProps): void => {
  for (const [name, got] of Object.entries({ webhook, noticeBefore })) {
    if (got !== undefined) throw refused(name, 'be left out where events is false', got);
  }
};

/** Of a URL that is known at deployment only, the Lambda says at its start what is wrong. */
const requireWebhookUrl = (url: string | undefined): void => {
  const problem = url === undefined || Token.isUnresolved(url) ? undefined : webhookUrlProblem(url);
  if (problem !== undefined) throw refused('webhook.url', problem, url);
};

const noticeSecondsOf = (noticeBefore: Duration | undefined): number | undefined => {
  if (noticeBefore === undefined) return undefined;
  const seconds = millisecondsOf(noticeBefore) / 1_000;
  const { min, max } = NOTICE_BEFORE_SECONDS;
  if (!isWithin(seconds, NOTICE_BEFORE_SECONDS)) {
    throw refused('noticeBefore', `be whole seconds from ${min} to ${max}`, noticeBefore);
  }
  return seconds;
};

const requireServiceName = (given: string | undefined): void => {
  if (given === undefined || Token.isUnresolved(given) || /^[A-Za-z0-9_-]{1,90}$/.test(given)) return;
  throw refused('serviceName', 'be 1 to 90 letters, digits, hyphens and underscores', given);
};

/** An unresolved duration is none that could be checked. */
const millisecondsOf = (duration: Duration): number =>
  duration.isUnresolved() ? Number.NaN : duration.toMilliseconds({ integral: false });

const refused = (name: string, rule: string, got: unknown): InvalidSettingError => {
  const text = got instanceof Duration ? got.toHumanString() : JSON.stringify(got);
  return new InvalidSettingError(`${name} must ${rule}, got ${text}`);
};
