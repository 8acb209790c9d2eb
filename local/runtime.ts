/**
 * Runs the whole service on one machine: synthesizes the CDK app, makes what its template describes on embedded engines,
 * loads the very bundles that would be deployed, and drives them by the template's event source mappings and schedules.
 * What the template says and this runtime does not support is an error at start-up, never silently skipped.
 */
import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBStreamsClient } from '@aws-sdk/client-dynamodb-streams';
import { SQSClient } from '@aws-sdk/client-sqs';
import type { AlarmChange, AlarmState } from './alarms.ts';
import { noteNames } from './arns.ts';
import type { CheckpointStore } from './checkpoints.ts';
import { isAlive, lockDataDirectory } from './data-directory.ts';
import {
  claimPort,
  type Engine,
  type EngineOptions,
  type GuardedEngine,
  LOCAL_ACCOUNT_ID,
  LOCAL_CREDENTIALS,
  REGION,
  startGuardedDynamoDb,
  startSqs,
} from './engines.ts';
import { type PublishedEvent, startEventBus } from './event-bus.ts';
import type { LambdaHost } from './lambda-host.ts';
import { type InvocationDone, type LambdaOptions, loadLambdas } from './lambdas.ts';
import { Monitoring } from './monitoring.ts';
import { startMonitoringApi } from './monitoring-api.ts';
import { endpointOf, type Service } from './open-engines.ts';
import { type AccessSeen, checkPermissions } from './permissions/runtime-permissions.ts';
import { createQueues, createTables, deleteQueues, deleteTables, tableTags, withNamesOfItsOwn } from './resources.ts';
import { expectFreeRuntimeFile, removeRuntimeFile, writeRuntimeFile } from './runtime-file.ts';
import { startSecrets } from './secrets.ts';
import { PROJECT_DIRECTORY, synthesize } from './synth.ts';
import { type Assembly, checkSupport, References, readAssembly, resourcesOf } from './template.ts';
import { Wiring } from './wiring.ts';

export interface RuntimeOptions extends LambdaOptions {
  /** 0 for any free port. @default 0 */
  readonly dynamodbPort?: number;
  /** 0 for any free port. @default 0 */
  readonly sqsPort?: number;
  /** Port of the HTTP API; 0 for any free port. @default 0 */
  readonly apiPort?: number;
  /** Token of the cron webhook. @default - made up, see `cronToken` */
  readonly cronToken?: string | undefined;
  /** Folder that bookings and timers outlive a restart in. @default - in memory */
  readonly dataDir?: string | undefined;
  /** Settings as `-c name=value` would give them. @default - those of cdk.json */
  readonly context?: Record<string, string>;
  /** A folder that the app was synthesized into already. @default - it is synthesized now */
  readonly assemblyDirectory?: string;
  /** Fires every schedule at this period instead of its own, or never by itself. @default - the template's rate */
  readonly schedulePeriodMs?: number | 'never';
  /** Whether tables and queues have names of their own and are deleted on stop, where others use the same engines. @default false */
  readonly isolated?: boolean;
  /** Whether to write `.local/runtime.json`, or the file that RUNTIME_FILE names. @default false */
  readonly announce?: boolean;
  /** Whether the Lambdas may do only what the template's policies allow. @default true */
  readonly enforcePermissions?: boolean;
  /** Called with each permission that is needed, the first time that it is. */
  readonly onAccess?: (access: AccessSeen) => void;
  /** What the alarms' minutes go by. @default - the system's clock */
  readonly clock?: () => number;
  /** Called when an alarm of the template goes off or back. */
  readonly onAlarm?: (change: AlarmChange) => void;
  /** Called with every event that is published on the bus. */
  readonly onEvent?: (event: PublishedEvent) => void;
  /** Called with what goes wrong outside the Lambdas' own logs. */
  readonly onProblem?: (problem: string) => void;
}

/** A running runtime. */
export interface LocalRuntime {
  /** For applications: of the guard, where the engine is the embedded one. */
  readonly dynamodbEndpoint: string;
  readonly sqsEndpoint: string;
  /** What the cron webhook wants as its bearer token. */
  readonly cronToken: string;
  /** Where the events on the bus can be listened to, as server-sent events. */
  readonly eventsUrl: string;
  /** The template's outputs, resolved. */
  readonly outputs: Readonly<Record<string, string>>;
  readonly lambdas: ReadonlyMap<string, LambdaHost>;
  /** Evaluates every alarm of the template, now. */
  checkAlarms(): Promise<readonly AlarmState[]>;
  /** Fires every schedule once, now. Resolves when the invocations are through. */
  fireSchedules(): Promise<void>;
  /** Lets what is in flight finish and stops everything. */
  stop(): Promise<void>;
}

/**
 * Starts the runtime.
 *
 * @throws EngineError if an engine cannot be started, UnsupportedTemplateError if the template holds what is not
 *   supported, MissingPermissionError if AWS would refuse what it needs, InvocationError if a bundle cannot be loaded,
 *   RuntimeFileError if another runtime is announced
 */
export const startRuntime = async (options: RuntimeOptions = {}): Promise<LocalRuntime> => {
  const stops: Stops = [];
  const stop = async (): Promise<void> => {
    for (const undo of stops.splice(0).reverse()) await undo();
  };
  try {
    return await start(options, stops, stop);
  } catch (error) {
    await stop();
    throw error;
  }
};

const start = async (options: RuntimeOptions, stops: Stops, stop: () => Promise<void>): Promise<LocalRuntime> => {
  const { dataDir, onProblem = () => {} } = options;
  if (options.announce) await expectFreeRuntimeFile();
  if (dataDir !== undefined) stops.push(lockDataDirectory(dataDir));

  // The engines first: a port that is in use is said at once, and not after the seconds that the synthesis takes.
  const dynamodb = await engine('DYNAMODB', options.dynamodbPort, dataDir, startGuardedDynamoDb, stops);
  const sqs = await engine('SQS', options.sqsPort, dataDir, startSqs, stops);
  const apiPort = options.apiPort ?? 0;
  if (apiPort !== 0) await claimPort({ port: apiPort, portVariable: 'PORT' });
  const assembly = await assemble(options, stops);

  const clientSettings = { region: REGION, credentials: LOCAL_CREDENTIALS };
  const dynamodbClient = new DynamoDBClient({ ...clientSettings, endpoint: dynamodb.directEndpoint });
  const streamsClient = new DynamoDBStreamsClient({ ...clientSettings, endpoint: dynamodb.directEndpoint });
  const sqsClient = new SQSClient({ ...clientSettings, endpoint: sqs.endpoint });
  stops.push(() => {
    for (const client of [dynamodbClient, streamsClient, sqsClient]) client.destroy();
  });

  const references = new References();
  noteNames(assembly, references);
  if (options.isolated) {
    stops.push(() =>
      Promise.all([deleteTables(assembly, dynamodbClient), deleteQueues(assembly, sqsClient, sqs.endpoint)]).then(
        () => {},
        (error) => onProblem(`could not delete the tables and queues of ${assembly.stackName}: ${error}`),
      ),
    );
  }
  await createQueues(assembly, sqsClient, sqs.endpoint, references);
  await createTables(assembly, dynamodbClient, references);

  const cronToken = options.cronToken || randomBytes(24).toString('base64url');
  const secrets = new Map<string, string>();
  for (const [logicalId] of resourcesOf(assembly.template, 'AWS::SecretsManager::Secret')) {
    secrets.set(references.arnOf(logicalId), cronToken);
  }
  const secretsManager = await startSecrets(secrets);
  stops.push(() => secretsManager.stop());

  const busNames = resourcesOf(assembly.template, 'AWS::Events::EventBus').map(([logicalId]) =>
    String(references.resolve({ Ref: logicalId })),
  );
  const eventBus = await startEventBus({
    region: REGION,
    account: LOCAL_ACCOUNT_ID,
    busNames,
    onEvent: options.onEvent ?? (() => {}),
  });
  stops.push(() => eventBus.stop());
  const eventsUrl = `${eventBus.endpoint}/events`;

  const monitoring = new Monitoring(assembly.template, references, {
    clock: options.clock ?? Date.now,
    onAlarm: options.onAlarm ?? (() => {}),
    onProblem,
  });
  const onLogLine = (logicalId: string, line: string): void => {
    monitoring.logLine(line);
    options.onLogLine?.(logicalId, line);
  };
  const onInvocation = (invocation: InvocationDone): void => {
    monitoring.invoked(String(references.resolve({ Ref: invocation.logicalId })));
    options.onInvocation?.(invocation);
  };
  const permissions = checkPermissions(assembly, references, options);
  const endpoints = {
    AWS_ENDPOINT_URL_DYNAMODB: dynamodb.directEndpoint,
    AWS_ENDPOINT_URL_SQS: sqs.endpoint,
    AWS_ENDPOINT_URL_EVENTBRIDGE: eventBus.endpoint,
    AWS_ENDPOINT_URL_SECRETS_MANAGER: secretsManager.endpoint,
  };
  const lambdas = await loadLambdas(
    assembly,
    references,
    { ...options, onLogLine, onInvocation },
    endpoints,
    permissions,
  );
  stops.push(() => Promise.all([...lambdas.values()].map((lambda) => lambda.stop())).then(() => {}));

  const wiring = new Wiring(assembly, references, lambdas, sqsClient, streamsClient, onProblem);
  const { sources: eventSources, mappings } = wiring.eventSources(
    options.isolated ? undefined : checkpointStore(dynamodb, dataDir),
  );
  const monitoringApi = await startMonitoringApi(mappings, () => monitoring.alarms.states);
  stops.push(() => monitoringApi.stop());
  const schedules = wiring.schedules(options.schedulePeriodMs);
  const deployments = wiring.deployments(options.schedulePeriodMs);
  const api = wiring.httpApi((apiId, status) => monitoring.answered(apiId, status));
  if (api) {
    references.set(api.logicalId, api.logicalId, { ApiEndpoint: await api.server.listen(apiPort) });
    stops.push(() => api.server.stop());
  }
  monitoring.start(sqsClient, mappings);
  stops.push(() => monitoring.stop());
  const outputs = Object.fromEntries(
    Object.entries(assembly.template.Outputs ?? {}).map(([name, { Value }]) => [
      name,
      String(references.resolve(Value)),
    ]),
  );
  await Promise.all([...lambdas.values()].map((lambda) => lambda.warmUp(wiring.environmentsAtFirst(lambda))));
  const sources = [...eventSources, ...schedules, ...deployments];
  for (const source of sources) source.start();
  stops.push(() => Promise.all(sources.map((source) => source.stop())).then(() => {}));
  if (options.announce) {
    // Another one may have been quicker.
    await expectFreeRuntimeFile();
    const bookingsTable = outputs.BookingsTableName ?? '';
    writeRuntimeFile({
      dynamodb: dynamodb.endpoint,
      sqs: sqs.endpoint,
      api: outputs.ApiUrl ?? null,
      bookingsTable,
      tags: tableTags(assembly, references, bookingsTable),
      timerQueueUrl: outputs.TimerQueueUrl ?? '',
      timerDeadLetterQueueUrl: outputs.TimerDeadLetterQueueUrl ?? '',
      eventSourceMappings: monitoringApi.endpoint,
      events: eventsUrl,
      secretsManager: secretsManager.endpoint,
      outputs,
      pid: process.pid,
    });
    stops.push(removeRuntimeFile);
  }
  return {
    dynamodbEndpoint: dynamodb.endpoint,
    sqsEndpoint: sqs.endpoint,
    cronToken,
    eventsUrl,
    outputs,
    lambdas,
    checkAlarms: async () => {
      await monitoring.check();
      return monitoring.alarms.states;
    },
    fireSchedules: async () => {
      await Promise.all(schedules.map((schedule) => schedule.fire()));
    },
    stop,
  };
};

/** Positions in a stream are kept for as long as the stream may be there: an engine in memory takes its own with it. */
const checkpointStore = (
  { endpoint, isExternal }: RunningEngine,
  dataDir: string | undefined,
): CheckpointStore | undefined => {
  if (isExternal) return { directory: dataDir ?? join(PROJECT_DIRECTORY, '.local', 'checkpoints'), engine: endpoint };
  return dataDir === undefined ? undefined : { directory: dataDir };
};

type Stops = (() => Promise<void> | void)[];

const assemble = async (options: RuntimeOptions, stops: Stops): Promise<Assembly> => {
  const { assemblyDirectory, context, isolated } = options;
  const directory = assemblyDirectory ?? join(PROJECT_DIRECTORY, '.local', `cdk.out-${process.pid}`);
  if (assemblyDirectory === undefined) {
    removeAbandonedAssemblies();
    stops.push(() => rmSync(directory, { recursive: true, force: true }));
    await synthesize(directory, context);
  }
  const assembly = readAssembly(directory);
  checkSupport(assembly.template);
  return isolated ? withNamesOfItsOwn(assembly) : assembly;
};

/** A runtime that was killed leaves its assembly behind. */
const removeAbandonedAssemblies = (): void => {
  const directory = join(PROJECT_DIRECTORY, '.local');
  mkdirSync(directory, { recursive: true });
  for (const name of readdirSync(directory)) {
    const owner = /^cdk\.out-(\d+)$/.exec(name)?.[1];
    if (owner !== undefined && !isAlive(Number(owner))) rmSync(join(directory, name), { recursive: true, force: true });
  }
};

interface RunningEngine extends Omit<GuardedEngine, 'stop'> {
  /** Whether the operator runs it. */
  readonly isExternal: boolean;
}

const engine = async (
  service: Service,
  port: number | undefined,
  dataDir: string | undefined,
  startEmbedded: (options: EngineOptions) => Promise<Engine & { readonly directEndpoint?: string }>,
  stops: Stops,
): Promise<RunningEngine> => {
  const endpoint = endpointOf(service);
  if (endpoint !== undefined) return { endpoint, directEndpoint: endpoint, isExternal: true };
  const embedded = await startEmbedded({ port: port ?? 0, portVariable: `${service}_PORT`, dataDir });
  stops.push(() => embedded.stop());
  return { directEndpoint: embedded.endpoint, ...embedded, isExternal: false };
};
