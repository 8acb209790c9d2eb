import { App } from 'aws-cdk-lib';
import { describe, expect, test } from 'vitest';
import { InvalidSettingError } from '../../lib/limits.ts';
import { bookingExpirySettings, settingsFromContext } from '../../lib/settings.ts';

describe('a setting', () => {
  test.each([
    ['stage', 'Prod', 'stage must be 1 to 20 lower-case letters, digits and hyphens'],
    ['stage', 'a-', 'stage must be'],
    ['stage', '', 'stage must be'],
    ['sweepIntervalMinutes', 0, 'sweepIntervalMinutes must be a whole number from 1 to 180, got 0'],
    ['sweepIntervalMinutes', '181', 'sweepIntervalMinutes must be a whole number from 1 to 180, got "181"'],
    ['sweepIntervalMinutes', '5m', 'got "5m"'],
    ['sweepIntervalMinutes', 2.5, 'got 2.5'],
    ['timerLeadMs', '-1', 'timerLeadMs must be a whole number from 0 to 10000, got "-1"'],
    ['timerLeadMs', 10_001, 'got 10001'],
    ['sameMomentMs', '1001', 'sameMomentMs must be a whole number from 0 to 1000, got "1001"'],
    ['sameMomentMs', 0.5, 'sameMomentMs must be a whole number from 0 to 1000, got 0.5'],
    ['shardCount', '0', 'shardCount must be a whole number from 1 to 200, got "0"'],
    ['shardCount', 201, 'got 201'],
    ['timerPollersMin', '1', 'timerPollersMin must be a whole number from 2 to 200, got "1"'],
    ['timerPollersMin', 201, 'timerPollersMin must be a whole number from 2 to 200, got 201'],
    ['timerPollersMin', 'many', 'timerPollersMin must be a whole number from 2 to 200, got "many"'],
    ['timerPollersMax', '1', 'timerPollersMax must be a whole number from 2 to 2000, got "1"'],
    ['timerPollersMax', 2_001, 'timerPollersMax must be a whole number from 2 to 2000, got 2001'],
    ['timerPollersMax', 2.5, 'timerPollersMax must be a whole number from 2 to 2000, got 2.5'],
    [
      'jwtIssuer',
      'https://login.example.com/',
      'jwtIssuer, jwtAudience and jwtScope must be given together, got only jwtIssuer',
    ],
    ['jwtScope', 'bookings', 'must be given together, got only jwtScope'],
    ['jwtScope', 'two scopes', 'jwtScope must be one scope of 1 to 64 characters'],
    ['jwtScope', '', 'jwtScope must be one scope'],
    ['jwtIssuer', 'login', 'jwtIssuer must be an https URL, got "login"'],
    ['retentionDays', 0, 'retentionDays must be a whole number from 1 to 3650, got 0'],
    ['retentionDays', '3651', 'got "3651"'],
    ['retentionDays', 1.5, 'got 1.5'],
    ['retentionDays', 'never', 'got "never"'],
    ['listSettled', 'all', 'listSettled must be true or false, got "all"'],
    ['page', 'yes', 'page must be true or false, got "yes"'],
    ['dashboard', '1', 'dashboard must be true or false, got "1"'],
    ['kmsKeyArn', 'alias/mine', 'kmsKeyArn must be the ARN of a KMS key, got "alias/mine"'],
    ['alarmEmail', 'nobody', 'alarmEmail must be an e-mail address, got "nobody"'],
    ['webhookUrl', 'http://app.example.com/', 'webhookUrl must be an https URL, or an http URL on 127.0.0.1'],
    ['webhookUrl', '', 'webhookUrl must be an https URL, got ""'],
    ['noticeBeforeSeconds', '9', 'noticeBeforeSeconds must be a whole number from 10 to 10800, got "9"'],
    ['noticeBeforeSeconds', 10_801, 'got 10801'],
    ['noticeBeforeSeconds', '2m', 'got "2m"'],
    ['publishSettled', 'yes', 'publishSettled must be true or false, got "yes"'],
    ['removalPolicy', 'snapshot', 'removalPolicy must be destroy or retain, got "snapshot"'],
  ])('%s = %j fails with what is allowed', (name, value, message) => {
    expect(() => bookingExpirySettings({ [name]: value })).toThrow(InvalidSettingError);
    expect(() => bookingExpirySettings({ [name]: value })).toThrow(message);
  });

  test('of pollers with more of them ready than there may be fails, with both numbers', () => {
    expect(() => bookingExpirySettings({ timerPollersMin: '20', timerPollersMax: '10' })).toThrow(
      'timerPollersMin must be at most timerPollersMax, which is 10, got 20',
    );
  });

  test.each([
    [{}, {}],
    [{ timerPollersMin: '50' }, { timerPollersMin: 50, timerPollersMax: 200 }],
    [{ timerPollersMax: '2000' }, { timerPollersMin: 2, timerPollersMax: 2_000 }],
    [
      { timerPollersMin: 200, timerPollersMax: 200 },
      { timerPollersMin: 200, timerPollersMax: 200 },
    ],
  ])('of pollers %j is %j: none unless asked for, and what is left out is as AWS has it', (given, expected) => {
    const { timerPollersMin, timerPollersMax } = bookingExpirySettings(given);
    expect({ timerPollersMin, timerPollersMax }).toEqual({
      timerPollersMin: undefined,
      timerPollersMax: undefined,
      ...expected,
    });
  });

  test('of JWTs without the scope that back ends have fails: any token of the issuer would do', () => {
    const given = { jwtIssuer: 'https://login.example.com/', jwtAudience: 'app' };
    expect(() => bookingExpirySettings(given)).toThrow('got only jwtIssuer and jwtAudience');
    expect(bookingExpirySettings({ ...given, jwtScope: 'bookings/manage' }).jwtScope).toBe('bookings/manage');
  });

  test('with a name that does not exist fails, with the names that do', () => {
    const app = new App({ context: { sweepInterval: '5' } });
    expect(() => settingsFromContext(app)).toThrow(
      '-c must set one of stage, sweepIntervalMinutes, timerLeadMs, sameMomentMs, shardCount, timerPollersMin, timerPollersMax, removalPolicy, publishSettled, listSettled, retentionDays, maxHoldSeconds, webhookUrl, noticeBeforeSeconds, dashboard, page, alarmEmail, kmsKeyArn, jwtIssuer, jwtAudience, jwtScope, got "sweepInterval"',
    );
  });

  test('comes from the context as text', () => {
    const app = new App({ context: { stage: 'prod', sweepIntervalMinutes: '60', '@aws-cdk/core:some-flag': true } });
    expect(settingsFromContext(app)).toEqual({
      stage: 'prod',
      sweepIntervalMinutes: 60,
      timerLeadMs: 1_000,
      sameMomentMs: 5,
      shardCount: 10,
      removalPolicy: 'retain',
      publishSettled: false,
      listSettled: false,
      dashboard: false,
      page: false,
    });
  });
});
