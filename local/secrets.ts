/**
 * A stand-in for Secrets Manager that speaks its protocol to the real SDK client: secrets are read, and rotated by putting
 * another value, as AWS keeps the current one and the one before (AWS Secrets Manager User Guide, versions of a secret).
 */
import { randomInt } from 'node:crypto';
import { bodyText, type LoopbackServer, listenOnLoopback } from './loopback.ts';

/** Versions of a secret, by their stage. */
interface Versions {
  AWSCURRENT: string;
  AWSPREVIOUS?: string;
}

/** @param secrets values by ARN */
export const startSecrets = (secrets: ReadonlyMap<string, string>): Promise<LoopbackServer> => {
  const kept = new Map(Array.from(secrets, ([arn, value]): [string, Versions] => [arn, { AWSCURRENT: value }]));
  return listenOnLoopback(async (request, response) => {
    const answer = (status: number, body: object): void => {
      response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1' }).end(JSON.stringify(body));
    };
    const action = String(request.headers['x-amz-target']).split('.').at(-1);
    const { SecretId, VersionStage = 'AWSCURRENT', SecretString } = JSON.parse(await bodyText(request));
    const versions = kept.get(SecretId);
    const notFound = (what: string) => answer(400, { __type: 'ResourceNotFoundException', message: `no ${what}` });
    if (action === 'GetSecretValue') {
      const value = versions?.[VersionStage as keyof Versions];
      if (value === undefined) return notFound(`secret ${SecretId} with the stage ${VersionStage}`);
      return answer(200, { ARN: SecretId, Name: SecretId, SecretString: value, VersionStages: [VersionStage] });
    }
    if (action === 'PutSecretValue') {
      if (versions === undefined) return notFound(`secret ${SecretId}`);
      kept.set(SecretId, { AWSCURRENT: String(SecretString), AWSPREVIOUS: versions.AWSCURRENT });
      return answer(200, { ARN: SecretId, Name: SecretId, VersionStages: ['AWSCURRENT'] });
    }
    answer(400, { __type: 'InvalidRequestException', message: `${action} is not supported` });
  });
};

/** What Secrets Manager makes where nothing is said (AWS Secrets Manager API Reference, GetRandomPassword). */
const USUAL_LENGTH = 32;
const LETTERS_AND_DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

/**
 * A value for a secret of the template: the one that stands there, or one that is made up in the form that is asked for.
 *
 * @param properties those of the secret, resolved
 */
export const madeUpSecret = ({ SecretString, GenerateSecretString }: Record<string, unknown>): string => {
  if (typeof SecretString === 'string') return SecretString;
  const { SecretStringTemplate, GenerateStringKey, PasswordLength } = (GenerateSecretString ?? {}) as Record<
    string,
    unknown
  >;
  // Letters and digits are what no exclusion that is asked for here takes away.
  const made = Array.from({ length: Number(PasswordLength ?? USUAL_LENGTH) }, () =>
    LETTERS_AND_DIGITS.charAt(randomInt(LETTERS_AND_DIGITS.length)),
  ).join('');
  if (typeof SecretStringTemplate !== 'string') return made;
  return JSON.stringify({ ...JSON.parse(SecretStringTemplate), [String(GenerateStringKey)]: made });
};
