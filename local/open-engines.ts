/**
 * The engines that DYNAMODB_ENDPOINT and SQS_ENDPOINT name, else embedded ones: for whatever drives the code by itself and
 * must run on every engine. An engine of the operator's own is neither started nor stopped.
 */
import { type Engine, externalEndpoint, startDynamoDb, startSqs } from './engines.ts';

/** An engine that may be the operator's own. */
export interface OpenedEngine extends Engine {
  /** Others may use it too, and what is left in it stays there. */
  readonly isExternal: boolean;
}

export type Service = 'DYNAMODB' | 'SQS';

/**
 * Where the operator's own engine is; undefined for an embedded one.
 *
 * @throws EngineError if the operator's is not on loopback
 */
export const endpointOf = (service: Service): string | undefined =>
  externalEndpoint(`${service}_ENDPOINT`, process.env[`${service}_ENDPOINT`]);

/** @throws EngineError as `endpointOf` */
export const isExternal = (service: Service): boolean => endpointOf(service) !== undefined;

/**
 * Where DynamoDB and SQS keep what is in them, in words.
 *
 * @param dataDir the embedded engines' folder; absent for memory
 */
export const enginesInWords = (dataDir?: string): string => {
  const [dynamodb, sqs] = (['DYNAMODB', 'SQS'] as const).map((service) => {
    const endpoint = endpointOf(service);
    return endpoint === undefined ? `in ${dataDir ?? 'memory'}` : `at ${endpoint}`;
  });
  return dynamodb === sqs ? `DynamoDB and SQS ${dynamodb}` : `DynamoDB ${dynamodb}, SQS ${sqs}`;
};

export const openDynamoDb = (): Promise<OpenedEngine> => open('DYNAMODB', startDynamoDb);
export const openSqs = (): Promise<OpenedEngine> => open('SQS', startSqs);

const open = async (service: Service, startEmbedded: typeof startDynamoDb): Promise<OpenedEngine> => {
  const endpoint = endpointOf(service);
  if (endpoint !== undefined) return { endpoint, isExternal: true, stop: async () => {} };
  const { endpoint: embedded, stop } = await startEmbedded({ port: 0, portVariable: `${service}_PORT` });
  return { endpoint: embedded, isExternal: false, stop };
};
