/** Makes a host for each Lambda of the template, with its bundle and the environment that the template gives it. */
import { join } from 'node:path';
import { LOCAL_CREDENTIALS, REGION } from './account.ts';
import { LambdaHost } from './lambda-host.ts';
import type { ClockOffset } from './moved-clock.ts';
import type { RuntimePermissions } from './permissions/runtime-permissions.ts';
import { type Assembly, bundleDirectory, type References, resourcesOf, UnsupportedTemplateError } from './template.ts';

/** How the Lambdas run, and who is told what they do. */
export interface LambdaOptions {
  /** Most execution environments of one Lambda at once, in place of an account's limit. @default 50 */
  readonly maxConcurrency?: number;
  /** Changes a Lambda's environment before it is loaded: to put a fault between it and an engine. @default - unchanged */
  readonly changeEnvironment?: (environment: Record<string, string>, logicalId: string) => Record<string, string>;
  /** Called with every line that a Lambda prints. */
  readonly onLogLine?: (logicalId: string, line: string) => void;
  /** Called after every invocation of a Lambda. */
  readonly onInvocation?: (invocation: InvocationDone) => void;
  /** What a Lambda's clock goes by, to move it or to let it go wrong. @default - the system's clock */
  readonly clockOffsetOf?: (logicalId: string) => ClockOffset | undefined;
}

/** What an invocation would be billed by. */
export interface InvocationDone {
  readonly logicalId: string;
  readonly durationMs: number;
  readonly memorySizeMb: number;
}

/**
 * @param endpoints environment variables that tell the SDK where each service is
 * @param permissions what each Lambda's requests are checked by
 * @throws UnsupportedTemplateError if a Lambda wants another runtime than this one
 */
export const loadLambdas = async (
  assembly: Assembly,
  references: References,
  {
    maxConcurrency = 50,
    onLogLine = () => {},
    onInvocation = () => {},
    changeEnvironment = (same) => same,
    clockOffsetOf = () => undefined,
  }: LambdaOptions,
  endpoints: Record<string, string>,
  { callers, onAccess }: RuntimePermissions,
): Promise<Map<string, LambdaHost>> => {
  const lambdas = new Map<string, LambdaHost>();
  const problems: string[] = [];
  const ownRuntime = `nodejs${process.versions.node.split('.')[0]}.x`;
  for (const [logicalId, properties] of resourcesOf(assembly.template, 'AWS::Lambda::Function')) {
    const functionName = String(references.resolve({ Ref: logicalId }));
    const caller = callers.get(logicalId);
    const {
      Code,
      Handler,
      Runtime,
      Timeout = 3,
      MemorySize = 128,
      Environment,
      ReservedConcurrentExecutions,
    } = references.resolve(properties) as LambdaFunction;
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
        timeoutMs: Timeout * 1_000,
        memorySizeMb: MemorySize,
        maxConcurrency: Math.min(maxConcurrency, ReservedConcurrentExecutions ?? maxConcurrency),
        onLogLine: (line) => onLogLine(logicalId, line),
        onInvocation: (durationMs) => onInvocation({ logicalId, durationMs, memorySizeMb: MemorySize }),
        clockOffset: clockOffsetOf(logicalId),
        caller,
        onAccess: (access) => onAccess(logicalId, access),
        environment: changeEnvironment(
          {
            // What Lambda sets, and endpoints: nothing in a bundle knows that it runs here.
            PATH: process.env.PATH ?? '',
            TZ: 'UTC',
            AWS_REGION: REGION,
            AWS_DEFAULT_REGION: REGION,
            AWS_ACCESS_KEY_ID: caller?.accessKeyId ?? LOCAL_CREDENTIALS.accessKeyId,
            AWS_SECRET_ACCESS_KEY: LOCAL_CREDENTIALS.secretAccessKey,
            AWS_LAMBDA_FUNCTION_NAME: functionName,
            AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(MemorySize),
            AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
            AWS_EXECUTION_ENV: `AWS_Lambda_${Runtime}`,
            // The developer's own AWS profile must not leak in.
            AWS_CONFIG_FILE: '/dev/null',
            AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
            ...endpoints,
            ...Environment?.Variables,
          },
          logicalId,
        ),
      }),
    );
  }
  if (problems.length > 0) throw new UnsupportedTemplateError(problems);
  return lambdas;
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
