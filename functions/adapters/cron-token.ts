/** The webhook's token, kept in Secrets Manager and rotated there without a deployment. */
import { createHash, timingSafeEqual } from 'node:crypto';
import { GetSecretValueCommand, type SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import type { Clock } from '../core/ports.ts';

/** How long a token is taken as current, ms: a request with an old one is refused this long after a rotation at most. */
const FRESH_MS = 5 * 60_000;
/** How often a token that does not fit may cause a look for a new one, ms: guesses must not cost requests. */
const LOOK_AGAIN_MS = 10_000;

/**
 * Whether a token is the current one. Compares digests, in constant time.
 *
 * @throws Error if Secrets Manager cannot be reached and no token is known
 */
export const cronTokenCheck = (
  client: SecretsManagerClient,
  secretId: string,
  clock: Clock,
): ((token: string) => Promise<boolean>) => {
  let known: { digest: Buffer; readAtMs: number } | undefined;

  const read = async (): Promise<Buffer> => {
    const { SecretString } = await client.send(new GetSecretValueCommand({ SecretId: secretId }));
    if (!SecretString) throw new Error(`secret ${secretId} has no text`);
    known = { digest: digestOf(SecretString), readAtMs: clock() };
    return known.digest;
  };

  return async (token) => {
    const given = digestOf(token);
    const ageMs = known === undefined ? Number.POSITIVE_INFINITY : clock() - known.readAtMs;
    const current = known !== undefined && ageMs < FRESH_MS ? known.digest : await read();
    if (timingSafeEqual(given, current)) return true;
    return ageMs < FRESH_MS && ageMs > LOOK_AGAIN_MS ? timingSafeEqual(given, await read()) : false;
  };
};

const digestOf = (text: string): Buffer => createHash('sha256').update(text).digest();
