/** The secrets that webhooks are signed with, kept in Secrets Manager and rotated there without a deployment. */
import { GetSecretValueCommand, type SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import type { Clock } from '../core/ports.ts';

/** How long secrets are taken as current, ms: this long after a rotation the new one signs too, at the latest. */
export const SECRETS_FRESH_MS = 5 * 60_000;
/** How soon secrets that could not be read again are asked for once more, ms: until then the known ones sign. */
const ASK_AGAIN_MS = 30_000;

/** Begins a secret in the form that receivers use (Standard Webhooks specification, symmetric signatures). */
export const SECRET_PREFIX = 'whsec_';
/** What may follow it: base64 of 24 to 64 bytes (same specification). */
const BASE64 = /^(?:[A-Za-z0-9+/]{4})+(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const SECRET_BYTES = { min: 24, max: 64 };

/**
 * A secret in the form that receivers use. What Secrets Manager keeps is the base64 text, with or without the prefix: so that
 * whoever reads it there, or puts another one there by hand, needs no command of ours.
 *
 * @throws Error for a text that is no such secret; the text is not in the message
 */
export const receiversForm = (stored: string): string => {
  const text = stored.trim();
  const base64 = text.startsWith(SECRET_PREFIX) ? text.slice(SECRET_PREFIX.length) : text;
  const bytes = BASE64.test(base64) ? Buffer.from(base64, 'base64').length : 0;
  if (bytes < SECRET_BYTES.min || bytes > SECRET_BYTES.max) {
    throw new Error(
      `a secret of webhooks must be base64 of ${SECRET_BYTES.min} to ${SECRET_BYTES.max} bytes, with or without ${SECRET_PREFIX} before it`,
    );
  }
  return SECRET_PREFIX + base64;
};

/**
 * One version of a secret.
 *
 * @returns undefined if there is no such version: nothing has been rotated yet
 */
export const readSecret = async (
  client: SecretsManagerClient,
  secretId: string,
  stage: 'AWSCURRENT' | 'AWSPREVIOUS',
): Promise<string | undefined> => {
  try {
    const answer = await client.send(new GetSecretValueCommand({ SecretId: secretId, VersionStage: stage }));
    return receiversForm(answer.SecretString ?? '');
  } catch (error) {
    const isMissing = error instanceof Error && error.name === 'ResourceNotFoundException';
    if (stage === 'AWSPREVIOUS' && isMissing) return undefined;
    throw error;
  }
};

/**
 * The secrets that sign now, the current one first: the one before it signs as long as Secrets Manager keeps it, which is
 * until the next rotation. So a receiver may change over whenever it likes in between.
 *
 * @throws Error if Secrets Manager cannot be reached and no secret is known
 */
export const webhookSecrets = (
  client: SecretsManagerClient,
  secretId: string,
  clock: Clock,
): (() => Promise<readonly string[]>) => {
  let known: readonly string[] | undefined;
  let askAgainAtMs = 0;

  const read = async (): Promise<readonly string[]> => {
    const [current, previous] = await Promise.all([
      readSecret(client, secretId, 'AWSCURRENT'),
      // One that somebody spoilt by hand must not keep the current one from signing.
      readSecret(client, secretId, 'AWSPREVIOUS').catch((error) => {
        if (error instanceof Error && !('$metadata' in error)) return undefined;
        throw error;
      }),
    ]);
    return [current, previous].filter((secret) => secret !== undefined);
  };

  return async () => {
    const nowMs = clock();
    if (known !== undefined && nowMs < askAgainAtMs) return known;
    try {
      known = await read();
      askAgainAtMs = nowMs + SECRETS_FRESH_MS;
    } catch (error) {
      if (known === undefined) throw error;
      askAgainAtMs = nowMs + ASK_AGAIN_MS;
    }
    return known;
  };
};
