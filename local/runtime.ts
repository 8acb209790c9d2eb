/**
 * Runs a CDK app on one machine: makes what its templates describe on embedded engines, loads the very bundles that would be
 * deployed, and drives them by the templates' event source mappings, schedules, rules and routes. What must be run and is not
 * supported is an error at start-up; what else is not run is told, never silently skipped.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { SQSClient } from '@aws-sdk/client-sqs';
import { LOCAL_ACCOUNT_ID, LOCAL_CREDENTIALS, REGION } from './account.ts';
import { noteNames } from './arns.ts';
import type { Assembly } from './assembly.ts';
import { deploymentsOf, eventRulesOf, schedulesOf } from './asynchronous.ts';
import { AwsClient } from './aws-client.ts';
import type { CheckpointStore } from './checkpoints.ts';
import { lockDataDirectory } from './data-directory.ts';
import { claimPort } from './engines.ts';
import { startEventBus } from './event-bus.ts';
import type { EventRule } from './event-rule.ts';
import { eventSourcesOf } from './event-sources.ts';
import { httpApisOf } from './http-apis.ts';
import { type InvocationDone, makeLambdas } from './lambdas.ts';
import { Monitoring } from './monitoring.ts';
import { startMonitoringApi } from './monitoring-api.ts';
import { nameOf, outputsOf, tablesByPath } from './names.ts';
import { checkPermissions } from './permissions/runtime-permissions.ts';
import { createQueues, deleteQueues } from './queues.ts';
import { References } from './references.ts';
import { assemble, projectDirectory, workDirectoryOf } from './runtime-app.ts';
import { type RunningEngine, startEngines } from './runtime-engines.ts';
import { expectFreeRuntimeFile, removeRuntimeFile, writeRuntimeFile } from './runtime-file.ts';
import type { LocalRuntime, RuntimeOptions, Stops } from './runtime-options.ts';
import { madeUpSecret, startSecrets } from './secrets.ts';
import { StreamForgetting } from './stream-forgetting.ts';
import { createTables, deleteTables, tableTags } from './tables.ts';
import { resourcesOf } from './template.ts';
import { warmUp } from './warm-up.ts';
import { Wiring } from './wiring.ts';

export type { LocalRuntime, RuntimeOptions } from './runtime-options.ts';

/**
 * Starts the runtime.
 *
 * @throws EngineError if an engine cannot be started, SynthesisError or AssemblyError if there is no app,
 *   UnsupportedTemplateError if what must be run is not supported, MissingPermissionError if AWS would refuse what that needs,
 *   InvocationError if a bundle cannot be loaded, RuntimeFileError if another runtime is announced
 */
export const startRuntime = async (options: RuntimeOptions): Promise<LocalRuntime> => {
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
  const { dataDir, onProblem = () => {}, announce } = options;
  if (announce) await expectFreeRuntimeFile(announce);
  if (dataDir !== undefined) stops.push(lockDataDirectory(dataDir));

  // The engines first: a port that is in use is said at once, and not after the seconds that the synthesis takes.
  const { dynamodb, sqs } = await startEngines(options, stops);
  const apiPort = options.apiPort ?? 0;
  if (apiPort !== 0) await claimPort({ port: apiPort, portVariable: options.portNames?.api ?? 'PORT' });
  const assembly = await assemble(options, stops);

  const clientSettings = { region: REGION, credentials: LOCAL_CREDENTIALS };
  const dynamodbClient = new DynamoDBClient({ ...clientSettings, endpoint: dynamodb.directEndpoint });
  const polling = {
    queues: new AwsClient({ endpoint: sqs.endpoint, service: 'sqs' }),
    streams: new AwsClient({ endpoint: dynamodb.directEndpoint, service: 'dynamodb' }),
  };
  const sqsClient = new SQSClient({ ...clientSettings, endpoint: sqs.endpoint });
  stops.push(() => {
    for (const client of [dynamodbClient, sqsClient, polling.queues, polling.streams]) client.destroy();
  });

  const references = new References();
  noteNames(assembly, references);
  if (options.isolated) {
    stops.push(() =>
      Promise.all([
        deleteTables(assembly, dynamodbClient, references),
        deleteQueues(assembly, sqsClient, sqs.endpoint, references),
      ]).then(
        () => {},
        (error) => onProblem(`could not delete the tables and queues of ${assembly.stackName}: ${error}`),
      ),
    );
  }
  await createQueues(assembly, sqsClient, sqs.endpoint, references);
  await createTables(assembly, dynamodbClient, references);

  const secretsManager = await startSecrets(secretsOf(assembly, references, options));
  stops.push(() => secretsManager.stop());

  const rules: EventRule[] = [];
  const eventBus = await startEventBus({
    region: REGION,
    account: LOCAL_ACCOUNT_ID,
    busNames: busNamesOf(assembly, references),
    onEvent: (event, busName) => {
      options.onEvent?.(event);
      for (const rule of rules) rule.take(event, busName);
    },
  });
  stops.push(() => eventBus.stop());

  const monitoring = new Monitoring(assembly, references, {
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
  const endpoints = {
    AWS_ENDPOINT_URL_DYNAMODB: dynamodb.directEndpoint,
    AWS_ENDPOINT_URL_SQS: sqs.endpoint,
    AWS_ENDPOINT_URL_EVENTBRIDGE: eventBus.endpoint,
    AWS_ENDPOINT_URL_SECRETS_MANAGER: secretsManager.endpoint,
  };
  const inlineDirectory = mkdtempSync(join(tmpdir(), 'local-runtime-'));
  stops.push(() => rmSync(inlineDirectory, { recursive: true, force: true }));
  const lambdas = makeLambdas(
    assembly,
    references,
    { ...options, onLogLine, onInvocation },
    {
      endpoints,
      permissions: checkPermissions(assembly, references, options),
      inlineDirectory,
      projectDirectory: projectDirectory(options),
    },
  );
  stops.push(() => Promise.all([...lambdas.values()].map((lambda) => lambda.stop())).then(() => {}));

  const wiring = new Wiring(assembly, references, lambdas, sqsClient, polling, onProblem);
  const { sources: eventSources, mappings } = eventSourcesOf(
    wiring,
    options.isolated ? undefined : checkpointStore(dynamodb, options),
    options.isLost,
  );
  const monitoringApi = await startMonitoringApi(
    mappings,
    () => monitoring.alarms.states,
    (functionName, event) =>
      [...lambdas.values()].find((lambda) => lambda.settings.functionName === functionName)?.invoke(event),
  );
  stops.push(() => monitoringApi.stop());
  const schedules = schedulesOf(wiring, options.schedulePeriodMs);
  const deployments = deploymentsOf(wiring, options.schedulePeriodMs);
  rules.push(...eventRulesOf(wiring));
  const apis = httpApisOf(wiring, (apiId, status) => monitoring.answered(apiId, status), options.alsoServe);
  for (const [index, { logicalId, server }] of apis.entries()) {
    references.set(logicalId, logicalId, { ApiEndpoint: await server.listen(index === 0 ? apiPort : 0) });
    stops.push(() => server.stop());
  }
  if (dynamodb.streamRecords) {
    const forgetting = new StreamForgetting(dynamodb.streamRecords, mappings, onProblem);
    forgetting.start();
    stops.push(() => forgetting.stop());
  }
  monitoring.start(sqsClient, mappings);
  stops.push(() => monitoring.stop());
  const outputs = outputsOf(assembly, references);
  await warmUp(lambdas, wiring);
  const sources = [...eventSources, ...schedules, ...deployments, ...rules];
  for (const source of sources) source.start();
  stops.push(() => Promise.all(sources.map((source) => source.stop())).then(() => {}));

  const runtime: LocalRuntime = {
    dynamodbEndpoint: dynamodb.endpoint,
    sqsEndpoint: sqs.endpoint,
    eventsUrl: `${eventBus.endpoint}/events`,
    secretsManagerEndpoint: secretsManager.endpoint,
    monitoringEndpoint: monitoringApi.endpoint,
    environment: {
      AWS_ACCESS_KEY_ID: LOCAL_CREDENTIALS.accessKeyId,
      AWS_SECRET_ACCESS_KEY: LOCAL_CREDENTIALS.secretAccessKey,
      AWS_REGION: REGION,
      AWS_DEFAULT_REGION: REGION,
      ...endpoints,
      AWS_ENDPOINT_URL_DYNAMODB: dynamodb.endpoint,
      AWS_ENDPOINT_URL_DYNAMODB_STREAMS: dynamodb.endpoint,
    },
    outputs,
    tables: tablesByPath(assembly, references),
    lambdas,
    notRun: assembly.leftAside?.notRun ?? [],
    nameOf: (path) => nameOf(assembly, references, path),
    tagsOf: (tableName) => tableTags(assembly, references, tableName),
    checkAlarms: async () => {
      await monitoring.check();
      return monitoring.alarms.states;
    },
    fireSchedules: async () => {
      await Promise.all(schedules.map((schedule) => schedule.fire()));
    },
    nextSchedules: () => schedules.map(({ next }) => next),
    stop,
  };
  if (announce) {
    // Another one may have been quicker.
    await expectFreeRuntimeFile(announce);
    const [api] = apis;
    writeRuntimeFile(announce.file, {
      dynamodb: dynamodb.endpoint,
      sqs: sqs.endpoint,
      api: api === undefined ? null : references.lookUp(`${api.logicalId}.ApiEndpoint`),
      ...announce.also?.(runtime),
      eventSourceMappings: monitoringApi.endpoint,
      events: runtime.eventsUrl,
      secretsManager: secretsManager.endpoint,
      outputs,
      pid: process.pid,
    });
    stops.push(() => removeRuntimeFile(announce.file));
  }
  return runtime;
};

const secretsOf = (
  { template }: Assembly,
  references: References,
  { secretValueOf }: RuntimeOptions,
): Map<string, string> =>
  new Map(
    resourcesOf(template, 'AWS::SecretsManager::Secret').map(([logicalId, properties]) => [
      references.arnOf(logicalId),
      secretValueOf?.(logicalId) ?? madeUpSecret(references.resolve(properties) as Record<string, unknown>),
    ]),
  );

/** An account has a bus of its own beside those of the template; where everything is checked, nobody may rely on it. */
const busNamesOf = ({ template, leftAside }: Assembly, references: References): string[] => {
  const own = resourcesOf(template, 'AWS::Events::EventBus').map(([logicalId]) =>
    String(references.resolve({ Ref: logicalId })),
  );
  return leftAside === undefined ? own : [...own, 'default'];
};

/** Positions in a stream are kept for as long as the stream may be there: an engine in memory takes its own with it. */
const checkpointStore = (
  { endpoint, isExternal }: RunningEngine,
  options: RuntimeOptions,
): CheckpointStore | undefined => {
  const { dataDir } = options;
  if (isExternal) return { directory: dataDir ?? join(workDirectoryOf(options), 'checkpoints'), engine: endpoint };
  return dataDir === undefined ? undefined : { directory: dataDir };
};
