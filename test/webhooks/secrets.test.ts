/** The secrets that sign, read from a stand-in for Secrets Manager by the real client, and rotated without a gap. */
import { PutSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { Webhook as Verifier } from 'standardwebhooks';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { signedHeaders } from '../../functions/adapters/webhook-post.ts';
import { receiversForm, SECRETS_FRESH_MS, webhookSecrets } from '../../functions/adapters/webhook-secrets.ts';
import { LOCAL_CREDENTIALS, REGION } from '../../local/account.ts';
import type { LoopbackServer } from '../../local/loopback.ts';
import { madeUpSecret, startSecrets } from '../../local/secrets.ts';

const ID = 'arn:aws:secretsmanager:us-east-1:000000000000:secret:webhooks';
const WEBHOOK = { webhookId: 'evt_1', type: 'BookingExpired', body: '{"type":"BookingExpired"}' };
const base64 = (letter: string) => Buffer.from(letter.repeat(32)).toString('base64');

let server: LoopbackServer;
let client: SecretsManagerClient;
let nowMs: number;

beforeEach(async () => {
  server = await startSecrets(new Map([[ID, base64('a')]]));
  client = new SecretsManagerClient({
    region: REGION,
    credentials: LOCAL_CREDENTIALS,
    endpoint: server.endpoint,
    maxAttempts: 1,
  });
  nowMs = 1_790_000_000_000;
});
afterEach(async () => {
  vi.restoreAllMocks();
  client.destroy();
  await server.stop();
});

const rotateTo = (text: string) => client.send(new PutSecretValueCommand({ SecretId: ID, SecretString: text }));
const secretsNow = () => webhookSecrets(client, ID, () => nowMs);

describe('the secret', () => {
  test('is the text that Secrets Manager keeps, in the form of receivers', async () => {
    expect(await secretsNow()()).toEqual([`whsec_${base64('a')}`]);
  });

  test('may be put there by hand in that form too', async () => {
    await rotateTo(` whsec_${base64('b')}\n`);
    expect(await secretsNow()()).toEqual([`whsec_${base64('b')}`, `whsec_${base64('a')}`]);
  });

  test('as the stack has it made is base64 of 33 bytes', () => {
    const made = madeUpSecret({ GenerateSecretString: { PasswordLength: 44, ExcludePunctuation: true } });
    expect(made).toMatch(/^[A-Za-z0-9]{44}$/);
    expect(receiversForm(made)).toBe(`whsec_${made}`);
    expect(Buffer.from(made, 'base64')).toHaveLength(33);
  });

  test.each([
    '',
    'short',
    'no base64: äöü',
    'A'.repeat(30),
    base64('x').slice(0, 28),
    'A'.repeat(100),
    `${base64('a')}!`,
  ])('is refused if it is %j, and is not told to anybody', (text) => {
    expect(() => receiversForm(text)).toThrow('must be base64 of 24 to 64 bytes');
    if (text) expect(() => receiversForm(text)).not.toThrow(text);
  });

  test('is asked for once in five minutes', async () => {
    const secrets = secretsNow();
    await secrets();
    await rotateTo(base64('b'));
    nowMs += SECRETS_FRESH_MS - 1;
    expect(await secrets()).toEqual([`whsec_${base64('a')}`]);
    nowMs += 1;
    expect(await secrets()).toEqual([`whsec_${base64('b')}`, `whsec_${base64('a')}`]);
  });

  test('that is known signs on while Secrets Manager cannot be reached; without one nothing is signed', async () => {
    const secrets = secretsNow();
    await secrets();
    await server.stop();
    nowMs += 60 * SECRETS_FRESH_MS;
    expect(await secrets()).toEqual([`whsec_${base64('a')}`]);
    await expect(secretsNow()()).rejects.toThrow();
  });

  test('that somebody spoilt is no reason for the one before not to be there, but none to sign with nothing', async () => {
    await rotateTo('spoilt');
    await expect(secretsNow()()).rejects.toThrow('must be base64');
    await rotateTo(base64('c'));
    expect(await secretsNow()()).toEqual([`whsec_${base64('c')}`]);
  });
});

test('a receiver that changes over at any time between five minutes after a rotation and the next refuses no webhook', async () => {
  const MINUTE_MS = 60_000;
  const rotations: Record<number, string> = { 10: 'b', 40: 'c' };
  // The receiver knows one secret at a time.
  for (const changeOverAtMinute of [15, 20, 39]) {
    await rotateTo(base64('z'));
    await rotateTo(base64('a'));
    const senders = [secretsNow(), secretsNow()];
    const startMs = nowMs;
    let changedOver = false;
    for (let minute = 0; minute < 44; minute += 1) {
      nowMs = startMs + minute * MINUTE_MS;
      const next = rotations[minute];
      if (next) await rotateTo(base64(next));
      changedOver ||= minute >= changeOverAtMinute;
      const receiver = new Verifier(`whsec_${base64(changedOver ? 'b' : 'a')}`);
      vi.spyOn(Date, 'now').mockReturnValue(nowMs);
      for (const [index, secrets] of senders.entries()) {
        // Not both have read the secrets at the same time.
        if (minute % 5 < index * 3) continue;
        const headers = signedHeaders(WEBHOOK, await secrets(), nowMs);
        expect(() => receiver.verify(WEBHOOK.body, headers), `minute ${minute}`).not.toThrow();
      }
      vi.restoreAllMocks();
    }
  }
});
