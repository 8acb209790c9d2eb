import { App } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { BookingExpiryStack } from '../../lib/booking-expiry-stack.ts';
import { bookingExpirySettings } from '../../lib/settings.ts';

/** The stack's template without its bundles, which is what makes a synthesis slow. */
export const synth = (given: Parameters<typeof bookingExpirySettings>[0] = {}): Template => {
  const app = new App({ context: { 'aws:cdk:bundling-stacks': [] } });
  const settings = bookingExpirySettings(given);
  return Template.fromStack(new BookingExpiryStack(app, `booking-expiry-${settings.stage}`, { settings }));
};

export const KEY = 'arn:aws:kms:eu-central-1:123456789012:key/11111111-2222-3333-4444-555555555555';

/** Every setting that changes what is in the template, alone and together: for tests that walk all of them. */
export const SETTINGS_TO_WALK: readonly Parameters<typeof bookingExpirySettings>[0][] = [
  {},
  { stage: 'prod' },
  { kmsKeyArn: KEY },
  { jwtIssuer: 'https://login.example.com/', jwtAudience: 'web,app' },
  { alarmEmail: 'ops@example.com' },
  { sweepIntervalMinutes: 1 },
  { sweepIntervalMinutes: 180, timerLeadMs: 10_000, shardCount: 200 },
  { publishSettled: true },
  { dashboard: true },
  {
    stage: 'a-stage-of-20-letter',
    kmsKeyArn: KEY,
    jwtIssuer: 'https://login.example.com/',
    jwtAudience: 'web',
    alarmEmail: 'ops@example.com',
    sweepIntervalMinutes: 60,
    publishSettled: true,
    dashboard: true,
  },
];
