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
import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { isAlive, lockDataDirectory, openCheckpoints } from './data-directory.ts';
import { claimPort, type Engine, externalEndpoint, LOCAL_ACCOUNT_ID, startDynamoDb, startSqs } from './engines.ts';
import { type CorsConfiguration, LocalHttpApi } from './http-api.ts';
import { LambdaHost } from './lambda-host.ts';
import { createQueues, createTables } from './resources.ts';
import { removeRuntimeFile, writeRuntimeFile } from './runtime-file.ts';
import { LocalSchedule, ratePeriodMs } from './schedule.ts';
import { startSecrets } from './secrets.ts';
import { CONCURRENCY_AT_FIRST, SqsEventSource } from './sqs-event-source.ts';
import { StreamEventSource } from './stream-event-source.ts';
import { PROJECT_DIRECTORY, synthesize } from './synth.ts';
import {
  type Assembly,
  bundleDirectory,
  checkSupport,
  inertResources,
  References,
  readAssembly,
  resourcesOf,
  UnsupportedTemplateError,
} from './template.ts';

export const REGION = 'us-east-1';
/** The engines check no signature, but the SDKs want to sign. */
export const LOCAL_CREDENTIALS = { accessKeyId: 'local', secretAccessKey: 'local' };

export interface RuntimeOptions {
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
  /** Most execution environments of one Lambda at once, in place of an account's limit. @default 50 */
  readonly maxConcurrency?: number;
  /** Whether to write `.local/runtime.json`. @default false */
  readonly announce?: boolean;
  /** Changes a Lambda's environment before it is loaded: to put a fault between it and an engine. @default - unchanged */
  readonly changeEnvironment?: (environment: Record<string, string>) => Record<string, string>;
  /** Called with every line that a Lambda prints. */
  readonly onLogLine?: (logicalId: string, line: string) => void;
  /** Called with what goes wrong outside the Lambdas' own logs. */
  readonly onProblem?: (problem: string) => void;
}

/** A running runtime. */
export interface LocalRuntime {
  readonly dynamodbEndpoint: string;
  readonly sqsEndpoint: string;
  /** What the cron webhook wants as its bearer token. */
  readonly cronToken: string;
  /** The template's outputs, resolved. */
  readonly outputs: Readonly<Record<string, string>>;
  readonly lambdas: ReadonlyMap<string, LambdaHost>;
  /** Fires every schedule once, now. Resolves when the invocations are through. */
  fireSchedules(): Promise<void>;
  /** Lets what is in flight finish and stops everything. */
  stop(): Promise<void>;
}

/**
 * Starts the runtime.
 *
 * @throws EngineError if an engine cannot be started, UnsupportedTemplateError if the template holds what is not
 *   supported, InvocationError if a bundle cannot be loaded
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
  if (dataDir !== undefined) stops.push(lockDataDirectory(dataDir));

  // The engines first: a port that is in use is said at once, and not after the seconds that the synthesis takes.
  const dynamodb = await engine('DYNAMODB', options.dynamodbPort, dataDir, startDynamoDb, stops);
  const sqs = await engine('SQS', options.sqsPort, dataDir, startSqs, stops);
  const apiPort = await claimPort({ port: options.apiPort ?? 0, portVariable: 'PORT' });
  const assembly = await assemble(options, stops);

  const clientSettings = { region: REGION, credentials: LOCAL_CREDENTIALS };
  const dynamodbClient = new DynamoDBClient({ ...clientSettings, endpoint: dynamodb.endpoint });
  const streamsClient = new DynamoDBStreamsClient({ ...clientSettings, endpoint: dynamodb.endpoint });
  const sqsClient = new SQSClient({ ...clientSettings, endpoint: sqs.endpoint });
  stops.push(() => {
    for (const client of [dynamodbClient, streamsClient, sqsClient]) client.destroy();
  });

  const references = new References();
  references.set('AWS::Region', REGION);
  references.set('AWS::Partition', 'aws');
  references.set('AWS::AccountId', LOCAL_ACCOUNT_ID);
  for (const logicalId of inertResources(assembly.template)) {
    references.set(logicalId, logicalId, { Arn: `arn:aws:inert:${REGION}:${LOCAL_ACCOUNT_ID}:${logicalId}` });
  }
  await createQueues(assembly, sqsClient, sqs.endpoint, REGION, references);
  await createTables(assembly, dynamodbClient, references);

  const cronToken = options.cronToken || randomBytes(24).toString('base64url');
  const secrets = new Map<string, string>();
  for (const [logicalId] of resourcesOf(assembly.template, 'AWS::SecretsManager::Secret')) {
    const arn = `arn:aws:secretsmanager:${REGION}:${LOCAL_ACCOUNT_ID}:secret:${logicalId}`;
    references.set(logicalId, arn, { Id: arn });
    secrets.set(arn, cronToken);
  }
  const secretsManager = await startSecrets(secrets);
  stops.push(() => secretsManager.stop());

  const lambdas = await loadLambdas(assembly, references, options, {
    AWS_ENDPOINT_URL_DYNAMODB: dynamodb.endpoint,
    AWS_ENDPOINT_URL_SQS: sqs.endpoint,
    AWS_ENDPOINT_URL_SECRETS_MANAGER: secretsManager.endpoint,
  });
  stops.push(() => Promise.all([...lambdas.values()].map((lambda) => lambda.stop())).then(() => {}));

  /** A destination of discarded events: a queue of the template. */
  const sendTo = (destinationArn: unknown): ((description: unknown) => Promise<void>) | undefined => {
    if (destinationArn === undefined) return undefined;
    const queueUrl = queueUrlOf(String(destinationArn), references);
    return async (description) => {
      await sqsClient.send(new SendMessageCommand({ QueueUrl: queueUrl, MessageBody: JSON.stringify(description) }));
    };
  };
  const lambdaOf = (reference: unknown): LambdaHost => {
    const logicalId = references.ownerOf(String(reference)) ?? '';
    const lambda = lambdas.get(logicalId);
    if (lambda === undefined) throw new UnsupportedTemplateError([`target ${reference} is no Lambda of the template`]);
    return lambda;
  };

  const polled = new Set<LambdaHost>();
  const sources: { start(): void; stop(): Promise<void> }[] = [];
  for (const [logicalId, properties] of resourcesOf(assembly.template, 'AWS::Lambda::EventSourceMapping')) {
    const mapping = references.resolve(properties) as EventSourceMapping;
    if (mapping.Enabled === false) continue;
    checkMapping(logicalId, mapping);
    const lambda = lambdaOf(mapping.FunctionName);
    const common = {
      region: REGION,
      batchSize: mapping.BatchSize,
      filterPatterns: mapping.FilterCriteria?.Filters?.map(({ Pattern }) => Pattern) ?? [],
      reportBatchItemFailures: mapping.FunctionResponseTypes?.includes('ReportBatchItemFailures') ?? false,
      onProblem,
    };
    if (mapping.EventSourceArn.startsWith('arn:aws:sqs:')) {
      polled.add(lambda);
      sources.push(
        new SqsEventSource(sqsClient, lambda, {
          ...common,
          queueUrl: queueUrlOf(mapping.EventSourceArn, references),
          queueArn: mapping.EventSourceArn,
          maxConcurrency: Math.min(
            mapping.ScalingConfig?.MaximumConcurrency ?? lambda.settings.maxConcurrency,
            lambda.settings.maxConcurrency,
          ),
        }),
      );
    } else {
      sources.push(
        new StreamEventSource(streamsClient, lambda, {
          ...common,
          streamArn: mapping.EventSourceArn,
          startingPosition: mapping.StartingPosition ?? 'LATEST',
          bisectBatchOnError: mapping.BisectBatchOnFunctionError ?? false,
          maxRetryAttempts: mapping.MaximumRetryAttempts ?? -1,
          maxRecordAgeSeconds: mapping.MaximumRecordAgeInSeconds ?? -1,
          onDiscarded: sendTo(mapping.DestinationConfig?.OnFailure?.Destination),
          checkpoints: openCheckpoints(dataDir, logicalId),
        }),
      );
    }
  }

  const asyncInvokes = resourcesOf(assembly.template, 'AWS::Lambda::EventInvokeConfig').map(
    ([, properties]) => references.resolve(properties) as EventInvokeConfig,
  );
  const schedules: LocalSchedule[] = [];
  for (const [logicalId, properties] of resourcesOf(assembly.template, 'AWS::Scheduler::Schedule')) {
    const schedule = references.resolve(properties) as Schedule;
    if (schedule.FlexibleTimeWindow?.Mode !== 'OFF') {
      throw new UnsupportedTemplateError([`flexible time window of ${logicalId}`]);
    }
    const lambda = lambdaOf(schedule.Target.Arn);
    const config = asyncInvokes.find(({ FunctionName }) => lambdaOf(FunctionName) === lambda);
    const ownPeriodMs = ratePeriodMs(schedule.ScheduleExpression);
    const local = new LocalSchedule(lambda, {
      periodMs: typeof options.schedulePeriodMs === 'number' ? options.schedulePeriodMs : ownPeriodMs,
      input: schedule.Target.Input === undefined ? {} : JSON.parse(schedule.Target.Input),
      // What Lambda does when nothing is configured: two retries, six hours.
      maxRetryAttempts: config?.MaximumRetryAttempts ?? 2,
      maxEventAgeMs: (config?.MaximumEventAgeInSeconds ?? 21_600) * 1_000,
      onDiscarded: sendTo(config?.DestinationConfig?.OnFailure?.Destination),
      onProblem,
    });
    schedules.push(local);
    const runs = schedule.State !== 'DISABLED' && options.schedulePeriodMs !== 'never';
    sources.push({ start: () => runs && local.start(), stop: () => local.stop() });
  }

  const api = httpApi(assembly, references, lambdaOf, onProblem);
  if (api) {
    references.set(api.logicalId, api.logicalId, { ApiEndpoint: `http://127.0.0.1:${apiPort}` });
    await api.server.listen(apiPort);
    stops.push(() => api.server.stop());
  }
  const outputs = Object.fromEntries(
    Object.entries(assembly.template.Outputs ?? {}).map(([name, { Value }]) => [
      name,
      String(references.resolve(Value)),
    ]),
  );
  // What the queue's mapping begins with; the other Lambdas need one each.
  await Promise.all(
    [...lambdas.values()].map((lambda) => lambda.warmUp(polled.has(lambda) ? CONCURRENCY_AT_FIRST : 1)),
  );
  for (const source of sources) source.start();
  stops.push(() => Promise.all(sources.map((source) => source.stop())).then(() => {}));
  if (options.announce) {
    writeRuntimeFile({
      dynamodb: dynamodb.endpoint,
      sqs: sqs.endpoint,
      api: outputs.ApiUrl ?? null,
      bookingsTable: outputs.BookingsTableName ?? '',
      timerQueueUrl: outputs.TimerQueueUrl ?? '',
      timerDeadLetterQueueUrl: outputs.TimerDeadLetterQueueUrl ?? '',
      pid: process.pid,
    });
    stops.push(removeRuntimeFile);
  }
  return {
    dynamodbEndpoint: dynamodb.endpoint,
    sqsEndpoint: sqs.endpoint,
    cronToken,
    outputs,
    lambdas,
    fireSchedules: async () => {
      await Promise.all(schedules.map((schedule) => schedule.fire()));
    },
    stop,
  };
};

type Stops = (() => Promise<void> | void)[];

const assemble = async ({ assemblyDirectory, context }: RuntimeOptions, stops: Stops): Promise<Assembly> => {
  const directory = assemblyDirectory ?? join(PROJECT_DIRECTORY, '.local', `cdk.out-${process.pid}`);
  if (assemblyDirectory === undefined) {
    removeAbandonedAssemblies();
    stops.push(() => rmSync(directory, { recursive: true, force: true }));
    await synthesize(directory, context);
  }
  const assembly = readAssembly(directory);
  checkSupport(assembly.template);
  return assembly;
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

const engine = async (
  name: 'DYNAMODB' | 'SQS',
  port: number | undefined,
  dataDir: string | undefined,
  startEmbedded: typeof startDynamoDb,
  stops: Stops,
): Promise<Pick<Engine, 'endpoint'>> => {
  const endpoint = externalEndpoint(`${name}_ENDPOINT`, process.env[`${name}_ENDPOINT`]);
  if (endpoint !== undefined) return { endpoint };
  const embedded = await startEmbedded({ port: port ?? 0, portVariable: `${name}_PORT`, dataDir });
  stops.push(() => embedded.stop());
  return embedded;
};

const loadLambdas = async (
  assembly: Assembly,
  references: References,
  { maxConcurrency = 50, onLogLine = () => {}, changeEnvironment = (same) => same }: RuntimeOptions,
  endpoints: Record<string, string>,
): Promise<Map<string, LambdaHost>> => {
  const lambdas = new Map<string, LambdaHost>();
  const problems: string[] = [];
  const ownRuntime = `nodejs${process.versions.node.split('.')[0]}.x`;
  for (const [logicalId, properties] of resourcesOf(assembly.template, 'AWS::Lambda::Function')) {
    const functionName =
      typeof properties.FunctionName === 'string' ? properties.FunctionName : `${assembly.stackName}-${logicalId}`;
    references.set(logicalId, functionName, {
      Arn: `arn:aws:lambda:${REGION}:${LOCAL_ACCOUNT_ID}:function:${functionName}`,
    });
    const { Code, Handler, Runtime, Timeout, MemorySize, Environment, ReservedConcurrentExecutions } =
      references.resolve(properties) as LambdaFunction;
    if (Runtime !== ownRuntime)
      problems.push(`runtime ${Runtime} of ${logicalId}: this is ${ownRuntime}, start with npm start`);
    const [file = '', handlerName = ''] = Handler.split('.');
    lambdas.set(
      logicalId,
      new LambdaHost({
        logicalId,
        functionName,
        bundle: join(bundleDirectory(assembly, logicalId, Code), `${file}.js`),
        handlerName,
        timeoutMs: (Timeout ?? 3) * 1_000,
        memorySizeMb: MemorySize ?? 128,
        maxConcurrency: Math.min(maxConcurrency, ReservedConcurrentExecutions ?? maxConcurrency),
        onLogLine: (line) => onLogLine(logicalId, line),
        environment: changeEnvironment({
          // What Lambda sets, and endpoints: nothing in a bundle knows that it runs here.
          PATH: process.env.PATH ?? '',
          TZ: 'UTC',
          AWS_REGION: REGION,
          AWS_DEFAULT_REGION: REGION,
          AWS_ACCESS_KEY_ID: LOCAL_CREDENTIALS.accessKeyId,
          AWS_SECRET_ACCESS_KEY: LOCAL_CREDENTIALS.secretAccessKey,
          AWS_LAMBDA_FUNCTION_NAME: functionName,
          AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(MemorySize ?? 128),
          AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
          AWS_EXECUTION_ENV: `AWS_Lambda_${Runtime}`,
          // The developer's own AWS profile must not leak in.
          AWS_CONFIG_FILE: '/dev/null',
          AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
          ...endpoints,
          ...Environment?.Variables,
        }),
      }),
    );
  }
  if (problems.length > 0) throw new UnsupportedTemplateError(problems);
  return lambdas;
};

/** The template's one HTTP API, with the Lambda of each route. */
const httpApi = (
  assembly: Assembly,
  references: References,
  lambdaOf: (reference: unknown) => LambdaHost,
  onProblem: (problem: string) => void,
): { logicalId: string; server: LocalHttpApi } | undefined => {
  const [[logicalId, properties] = [undefined], ...others] = resourcesOf(assembly.template, 'AWS::ApiGatewayV2::Api');
  if (logicalId === undefined) return undefined;
  if (others.length > 0 || properties?.ProtocolType !== 'HTTP') {
    throw new UnsupportedTemplateError(['more than one API, or one that is no HTTP API']);
  }
  references.set(logicalId, logicalId);
  const integrations = new Map<string, LambdaHost>();
  for (const [integrationId, integration] of resourcesOf(assembly.template, 'AWS::ApiGatewayV2::Integration')) {
    const { IntegrationType, IntegrationUri, PayloadFormatVersion } = references.resolve(integration) as Record<
      string,
      unknown
    >;
    if (IntegrationType !== 'AWS_PROXY' || PayloadFormatVersion !== '2.0') {
      throw new UnsupportedTemplateError([`integration ${integrationId}: only AWS_PROXY with payload format 2.0`]);
    }
    references.set(integrationId, integrationId);
    integrations.set(`integrations/${integrationId}`, lambdaOf(IntegrationUri));
  }
  const routes = resourcesOf(assembly.template, 'AWS::ApiGatewayV2::Route').map(([routeId, route]) => {
    const { RouteKey, Target } = references.resolve({ RouteKey: route.RouteKey, Target: route.Target }) as Record<
      string,
      string
    >;
    const lambda = integrations.get(Target ?? '');
    if (lambda === undefined || RouteKey === undefined)
      throw new UnsupportedTemplateError([`target ${Target} of ${routeId}`]);
    return { routeKey: RouteKey, lambda };
  });
  const cors = references.resolve(properties.CorsConfiguration) as CorsConfiguration | undefined;
  return { logicalId, server: new LocalHttpApi(routes, cors, onProblem) };
};

const queueUrlOf = (arn: string, references: References): string => {
  const logicalId = references.ownerOf(arn);
  if (logicalId === undefined) throw new UnsupportedTemplateError([`${arn} is no queue of the template`]);
  return String(references.resolve({ Ref: logicalId }));
};

const checkMapping = (logicalId: string, { EventSourceArn, BatchSize }: EventSourceMapping): void => {
  if (!/^arn:aws:(sqs|dynamodb):/.test(EventSourceArn)) {
    throw new UnsupportedTemplateError([`event source ${EventSourceArn} of ${logicalId}`]);
  }
  if (EventSourceArn.startsWith('arn:aws:sqs:') && BatchSize > 10) {
    throw new UnsupportedTemplateError([
      `batch size ${BatchSize} of ${logicalId}: at most 10 without a batching window`,
    ]);
  }
};

interface LambdaFunction {
  readonly Code: unknown;
  readonly Handler: string;
  readonly Runtime: string;
  readonly Timeout?: number;
  readonly MemorySize?: number;
  readonly ReservedConcurrentExecutions?: number;
  readonly Environment?: { readonly Variables?: Record<string, string> };
}

interface OnFailure {
  readonly OnFailure?: { readonly Destination?: string };
}

interface EventSourceMapping {
  readonly EventSourceArn: string;
  readonly FunctionName: string;
  readonly BatchSize: number;
  readonly Enabled?: boolean;
  readonly FilterCriteria?: { readonly Filters?: readonly { readonly Pattern: string }[] };
  readonly FunctionResponseTypes?: readonly string[];
  readonly ScalingConfig?: { readonly MaximumConcurrency?: number };
  readonly StartingPosition?: 'TRIM_HORIZON' | 'LATEST';
  readonly BisectBatchOnFunctionError?: boolean;
  readonly MaximumRetryAttempts?: number;
  readonly MaximumRecordAgeInSeconds?: number;
  readonly DestinationConfig?: OnFailure;
}

interface EventInvokeConfig {
  readonly FunctionName: string;
  readonly MaximumRetryAttempts?: number;
  readonly MaximumEventAgeInSeconds?: number;
  readonly DestinationConfig?: OnFailure;
}

interface Schedule {
  readonly ScheduleExpression: string;
  readonly State?: string;
  readonly FlexibleTimeWindow?: { readonly Mode?: string };
  readonly Target: { readonly Arn: string; readonly Input?: string };
}
