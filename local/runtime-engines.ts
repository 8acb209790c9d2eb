/** The engines of a runtime: embedded ones, or those that the operator runs. */
import { type Engine, type EngineOptions, type GuardedEngine, startGuardedDynamoDb, startSqs } from './engines.ts';
import { endpointOf, type Service } from './open-engines.ts';
import type { RuntimeOptions, Stops } from './runtime-options.ts';

export interface RunningEngine extends Omit<GuardedEngine, 'stop'> {
  /** Whether the operator runs it. */
  readonly isExternal: boolean;
}

/** @throws EngineError if an engine cannot be started, or if the operator's is not on loopback */
export const startEngines = async (
  { dynamodbPort = 0, sqsPort = 0, dataDir, portNames, onProblem = () => {} }: RuntimeOptions,
  stops: Stops,
): Promise<{ readonly dynamodb: RunningEngine; readonly sqs: RunningEngine }> => ({
  dynamodb: await engine(
    'DYNAMODB',
    { port: dynamodbPort, portVariable: portNames?.dynamodb ?? 'DYNAMODB_PORT', dataDir },
    (engineOptions) => startGuardedDynamoDb({ ...engineOptions, onProblem }),
    stops,
  ),
  sqs: await engine('SQS', { port: sqsPort, portVariable: portNames?.sqs ?? 'SQS_PORT', dataDir }, startSqs, stops),
});

const engine = async (
  service: Service,
  options: EngineOptions,
  startEmbedded: (options: EngineOptions) => Promise<Engine & Partial<GuardedEngine>>,
  stops: Stops,
): Promise<RunningEngine> => {
  const endpoint = endpointOf(service);
  if (endpoint !== undefined) return { endpoint, directEndpoint: endpoint, isExternal: true };
  const embedded = await startEmbedded(options);
  stops.push(() => embedded.stop());
  return { directEndpoint: embedded.endpoint, ...embedded, isExternal: false };
};
