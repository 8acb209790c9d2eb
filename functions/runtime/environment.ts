/** Reads the Lambdas' settings once, at load, so that a bad deployment fails at its start and not booking by booking. */
import { ENV } from '../contract.ts';
import { MINUTE_MS, SAME_MOMENT_MS, SECOND_MS, type TimerSettings } from '../core/hold-time.ts';
import { webhookUrlProblem } from '../core/webhook-url.ts';
import { BOOKINGS_SHAPE, type TableShape, tableShape } from '../table/shape.ts';

const text = (name: string): string => {
  const value = process.env[name];
  if (value === undefined || value === '') throw new Error(`environment variable ${name} must be set`);
  return value;
};

const wholeNumber = (name: string): number => {
  const value = text(name);
  if (!/^\d+$/.test(value)) throw new Error(`environment variable ${name} must be a whole number, got ${value}`);
  return Number(value);
};

export const bookingsTableFromEnvironment = (): string => text(ENV.bookingsTable);
export const sweepStateTableFromEnvironment = (): string => text(ENV.sweepStateTable);
export const idempotencyTableFromEnvironment = (): string => text(ENV.idempotencyTable);
export const slotsTableFromEnvironment = (): string => text(ENV.slotsTable);
/** The longest time that an extension may hold a booking for, ms; undefined if any. */
export const maxHoldFromEnvironment = (): number | undefined =>
  process.env[ENV.maxHoldSeconds] ? wholeNumber(ENV.maxHoldSeconds) * SECOND_MS : undefined;
export const timerQueueUrlFromEnvironment = (): string => text(ENV.timerQueueUrl);
export const cronTokenSecretFromEnvironment = (): string => text(ENV.cronTokenSecret);
export const eventBusFromEnvironment = (): string => text(ENV.eventBus);
export const deadLetterQueueUrlFromEnvironment = (): string => text(ENV.deadLetterQueueUrl);
export const givenUpQueueUrlFromEnvironment = (): string => text(ENV.givenUpQueueUrl);
export const webhookSecretFromEnvironment = (): string => text(ENV.webhookSecret);
export const webhookQueueUrlFromEnvironment = (): string => text(ENV.webhookQueueUrl);
export const webhookRetryQueueUrlFromEnvironment = (): string => text(ENV.webhookRetryQueueUrl);
/** Checked here too: whatever changed it since it was deployed, nothing goes over the network without TLS. */
export const webhookUrlFromEnvironment = (): string => {
  const url = text(ENV.webhookUrl);
  const problem = webhookUrlProblem(url);
  if (problem !== undefined) throw new Error(`environment variable ${ENV.webhookUrl} must ${problem}`);
  return url;
};
export const shardCountFromEnvironment = (): number => wholeNumber(ENV.shardCount);
export const timerSettingsFromEnvironment = (): TimerSettings => ({
  timerLeadMs: wholeNumber(ENV.timerLeadMs),
  sweepIntervalMs: wholeNumber(ENV.sweepIntervalMinutes) * MINUTE_MS,
  ...(process.env[ENV.noticeBeforeSeconds] && { noticeBeforeMs: wholeNumber(ENV.noticeBeforeSeconds) * SECOND_MS }),
});
/** How close together deadlines are that are written in one round trip, ms. */
export const sameMomentMsFromEnvironment = (): number =>
  process.env[ENV.sameMomentMs] ? wholeNumber(ENV.sameMomentMs) : SAME_MOMENT_MS;
/** Whether the API's Lambda serves the page too. */
export const servesPageFromEnvironment = (): boolean => process.env[ENV.page] === 'true';
/** What the gateway asks of callers: a JWT of an issuer with a scope, else a signed request. */
export const authorizationFromEnvironment = () => {
  const { [ENV.jwtIssuer]: issuer, [ENV.jwtScope]: scope } = process.env;
  return issuer && scope ? ({ kind: 'jwt', issuer, scope } as const) : ({ kind: 'iam' } as const);
};
/** What the table looks like: as the stack says, else as the bookings table of this service. */
export const tableShapeFromEnvironment = (): TableShape => {
  const given = process.env[ENV.tableShape];
  return given ? tableShape(JSON.parse(given)) : BOOKINGS_SHAPE;
};
