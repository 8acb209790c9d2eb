import { App, type AppProps } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { BookingExpiryStack } from '../../lib/booking-expiry-stack.ts';
import { bookingExpirySettings } from '../../lib/settings.ts';

/** Without copies of the bundles, which are what makes a synthesis slow. */
export const appWithoutBundles = (props: AppProps = {}): App =>
  new App({ ...props, context: { 'aws:cdk:disable-asset-staging': true } });

/** The stack's template. */
export const synth = (given: Parameters<typeof bookingExpirySettings>[0] = {}): Template => {
  const settings = bookingExpirySettings(given);
  const app = appWithoutBundles();
  return Template.fromStack(new BookingExpiryStack(app, `booking-expiry-${settings.stage}`, { settings }));
};

export const arnOf = (logicalId: string) => ({ 'Fn::GetAtt': [logicalId, 'Arn'] });

/**
 * Every statement of the role of a Lambda, by action: what it may do, and to what.
 *
 * @throws for a statement that does not allow
 */
export const grantsOf = (from: Template, functionId: string): Record<string, unknown> => {
  const lambda = from.toJSON().Resources[functionId];
  const roleId = lambda.Properties.Role['Fn::GetAtt'][0];
  const grants: Record<string, unknown> = {};
  for (const policy of Object.values(from.findResources('AWS::IAM::Policy'))) {
    const { Roles, PolicyDocument } = policy.Properties;
    if (!Roles.some((role: { Ref: string }) => role.Ref === roleId)) continue;
    for (const { Effect, Action, Resource } of PolicyDocument.Statement) {
      if (Effect !== 'Allow') throw new Error(`${functionId} has a statement that is ${Effect}`);
      for (const action of [Action].flat()) {
        grants[action] = action in grants ? [grants[action], Resource].flat() : Resource;
      }
    }
  }
  return grants;
};

export const KEY = 'arn:aws:kms:eu-central-1:123456789012:key/11111111-2222-3333-4444-555555555555';

/** Every setting that changes what is in the template, alone and together: for tests that walk all of them. */
export const SETTINGS_TO_WALK: readonly Parameters<typeof bookingExpirySettings>[0][] = [
  {},
  { stage: 'prod' },
  { kmsKeyArn: KEY },
  { jwtIssuer: 'https://login.example.com/', jwtAudience: 'web,app', jwtScope: 'bookings/manage' },
  { alarmEmail: 'ops@example.com' },
  { sweepIntervalMinutes: 1 },
  { sweepIntervalMinutes: 180, timerLeadMs: 10_000, shardCount: 200 },
  { timerPollersMin: 200, timerPollersMax: 2_000 },
  { publishSettled: true },
  { webhookUrl: 'https://app.example.com/hook' },
  { noticeBeforeSeconds: 60 },
  { dashboard: true },
  { page: true },
  { retentionDays: 3_650 },
  { listSettled: true },
  { maxHoldSeconds: 1_800 },
  {
    stage: 'a-stage-of-20-letter',
    kmsKeyArn: KEY,
    jwtIssuer: 'https://login.example.com/',
    jwtAudience: 'web',
    jwtScope: 'bookings',
    alarmEmail: 'ops@example.com',
    sweepIntervalMinutes: 60,
    timerPollersMin: 2,
    publishSettled: true,
    webhookUrl: 'https://app.example.com/hook',
    noticeBeforeSeconds: 10_800,
    dashboard: true,
    page: true,
    retentionDays: 30,
    listSettled: true,
  },
];
