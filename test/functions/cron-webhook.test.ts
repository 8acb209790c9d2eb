/** The sweep that a scheduler of your own asks for, with a token. */
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { mockClient } from 'aws-sdk-client-mock';
import { describe, expect, test } from 'vitest';
import { cronTokenCheck } from '../../functions/adapters/cron-token.ts';
import { useBookingsApi } from '../support/bookings-api.ts';

const { call, create, engines, moveBy, ports, replacePorts, sequence } = useBookingsApi();

describe('the cron webhook', () => {
  const cron = (authorization?: string) =>
    call('POST', '/cron/expire-bookings', undefined, authorization === undefined ? {} : { authorization });

  test('sweeps what has lapsed and says how much', async () => {
    await create('for the sweep'.replaceAll(' ', '-'), 10);
    moveBy(10_000);
    const { status, body } = await cron('Bearer right');
    expect(status).toBe(200);
    expect(body).toMatchObject({ scheduled: 0, remaining: false });
    expect(body.expired).toBeGreaterThanOrEqual(1);
    expect(await engines().store.get('for-the-sweep')).toMatchObject({ status: 'EXPIRED', expiredBy: 'sweep' });
  });

  test.each([undefined, 'Bearer wrong', 'Bearer', 'right', 'Basic right', 'Bearer right right'])(
    'sweeps nothing for %s',
    async (authorization) => {
      await create(`safe-${sequence()}`, 10);
      moveBy(10_000);
      expect((await cron(authorization)).status).toBe(401);
      expect((await engines().store.get(`safe-${sequence()}`))?.status).toBe('PENDING');
    },
  );

  test('answers 500 when a part of the sweep failed, so that a scheduler notices', async () => {
    const index = { pendingPage: () => Promise.reject(new Error('throttled')) };
    replacePorts({ sweepPorts: { ...ports().sweepPorts, index } });
    const { status, body } = await cron('Bearer right');
    expect(status).toBe(500);
    expect(body).toMatchObject({ type: 'urn:booking-expiry:problem:sweep-failed', remaining: true });
  });

  test('takes a rotated token without a deployment, and guesses cost no requests', async () => {
    const secrets = mockClient(SecretsManagerClient);
    secrets.on(GetSecretValueCommand).resolves({ SecretString: 'old' });
    let clockMs = 0;
    const isToken = cronTokenCheck(new SecretsManagerClient({ region: 'us-east-1' }), 'arn', () => clockMs);
    expect(await isToken('old')).toBe(true);
    for (let guess = 0; guess < 50; guess += 1) expect(await isToken(`guess-${guess}`)).toBe(false);
    expect(secrets.commandCalls(GetSecretValueCommand)).toHaveLength(1);
    secrets.on(GetSecretValueCommand).resolves({ SecretString: 'new' });
    clockMs = 11_000;
    expect(await isToken('new')).toBe(true);
    expect(await isToken('old')).toBe(false);
  });
});
