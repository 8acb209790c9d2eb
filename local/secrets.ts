/** A stand-in for Secrets Manager that speaks its protocol to the real SDK client, as far as the Lambdas use it. */
import { randomBytes } from 'node:crypto';
import { bodyText, type LoopbackServer, listenOnLoopback } from './loopback.ts';

/** @param secrets values by ARN */
export const startSecrets = (secrets: ReadonlyMap<string, string>): Promise<LoopbackServer> =>
  listenOnLoopback(async (request, response) => {
    const answer = (status: number, body: object): void => {
      response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1' }).end(JSON.stringify(body));
    };
    const action = String(request.headers['x-amz-target']).split('.').at(-1);
    if (action !== 'GetSecretValue')
      return answer(400, { __type: 'InvalidRequestException', message: `${action} is not supported` });
    const { SecretId } = JSON.parse(await bodyText(request));
    const SecretString = secrets.get(SecretId);
    if (SecretString === undefined)
      return answer(400, { __type: 'ResourceNotFoundException', message: `no secret ${SecretId}` });
    answer(200, { ARN: SecretId, Name: SecretId, SecretString, VersionStages: ['AWSCURRENT'] });
  });

/**
 * A value for a secret of the template: the one that stands there, or one that is made up in the form that is asked for.
 *
 * @param properties those of the secret, resolved
 */
export const madeUpSecret = ({ SecretString, GenerateSecretString }: Record<string, unknown>): string => {
  if (typeof SecretString === 'string') return SecretString;
  const { SecretStringTemplate, GenerateStringKey } = (GenerateSecretString ?? {}) as Record<string, unknown>;
  const made = randomBytes(24).toString('base64url');
  if (typeof SecretStringTemplate !== 'string') return made;
  return JSON.stringify({ ...JSON.parse(SecretStringTemplate), [String(GenerateStringKey)]: made });
};
