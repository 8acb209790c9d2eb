/** Makes a host for each Lambda of the template, with its bundle and the environment that the template gives it. */
import { delimiter } from 'node:path';
import { LOCAL_CREDENTIALS, REGION } from './account.ts';
import type { Assembly } from './assembly.ts';
import { codeOf, nodeVersionOf } from './lambda-code.ts';
import { LambdaHost } from './lambda-host.ts';
import { attempt } from './left-aside.ts';
import type { ClockOffset } from './moved-clock.ts';
import { dependencyFolders } from './paths.ts';
import type { RuntimePermissions } from './permissions/runtime-permissions.ts';
import type { References } from './references.ts';
import { resourcesOf, UnsupportedTemplateError } from './template.ts';

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

/** What surrounds every Lambda. */
export interface LambdaSurroundings {
  /** Environment variables that tell the SDK where each service is. */
  readonly endpoints: Record<string, string>;
  /** What each Lambda's requests are checked by. */
  readonly permissions: RuntimePermissions;
  /** Folder for code that stands in the template. */
  readonly inlineDirectory: string;
  /** Folder of the user's project, whose packages a bundle finds as it finds those of Lambda's own runtime on AWS. */
  readonly projectDirectory: string;
}

/**
 * Makes the hosts. Those whose code cannot be run here are left out, unless they are strict.
 *
 * @throws UnsupportedTemplateError if a strict Lambda wants another runtime than this one
 */
export const makeLambdas = (
  assembly: Assembly,
  references: References,
  {
    maxConcurrency = 50,
    onLogLine = () => {},
    onInvocation = () => {},
    changeEnvironment = (same) => same,
    clockOffsetOf = () => undefined,
  }: LambdaOptions,
  { endpoints, permissions: { callers, onAccess }, inlineDirectory, projectDirectory }: LambdaSurroundings,
): Map<string, LambdaHost> => {
  const lambdas = new Map<string, LambdaHost>();
  const ownVersion = Number(process.versions.node.split('.')[0]);
  // Lambda's runtime brings AWS's SDK along, and bundles leave it out.
  const packages = [...dependencyFolders(projectDirectory), ...dependencyFolders()].join(delimiter);
  const make = (logicalId: string, properties: Record<string, unknown>): LambdaHost => {
    const functionName = String(references.resolve({ Ref: logicalId }));
    const caller = callers.get(logicalId);
    const resolved = references.resolve(properties) as LambdaFunction;
    const { Runtime, Timeout = 3, MemorySize = 128, Environment, ReservedConcurrentExecutions } = resolved;
    const code = codeOf(assembly, logicalId, { ...resolved }, inlineDirectory);
    if (nodeVersionOf(Runtime) !== ownVersion) {
      const difference = `it is for ${Runtime}, and this is Node ${ownVersion}`;
      if (assembly.leftAside === undefined)
        throw new UnsupportedTemplateError([`runtime of ${logicalId}: ${difference}; start it with another`]);
      assembly.leftAside.note(logicalId, `${difference}: it runs on that`);
    }
    return new LambdaHost({
      logicalId,
      functionName,
      bundle: code.file,
      handlerName: code.handlerName,
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
          NODE_PATH: packages,
          TZ: 'UTC',
          AWS_REGION: REGION,
          AWS_DEFAULT_REGION: REGION,
          AWS_ACCESS_KEY_ID: caller?.accessKeyId ?? LOCAL_CREDENTIALS.accessKeyId,
          AWS_SECRET_ACCESS_KEY: LOCAL_CREDENTIALS.secretAccessKey,
          AWS_LAMBDA_FUNCTION_NAME: functionName,
          AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(MemorySize),
          AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
          AWS_EXECUTION_ENV: `AWS_Lambda_${Runtime}`,
          // It would be said by each environment: which Node runs here is told once.
          AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
          // The developer's own AWS profile must not leak in.
          AWS_CONFIG_FILE: '/dev/null',
          AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
          ...endpoints,
          ...Environment?.Variables,
        },
        logicalId,
      ),
    });
  };
  for (const [logicalId, properties] of resourcesOf(assembly.template, 'AWS::Lambda::Function')) {
    const lambda = attempt(assembly.leftAside, logicalId, () => make(logicalId, properties));
    if (lambda) lambdas.set(logicalId, lambda);
  }
  return lambdas;
};

interface LambdaFunction {
  readonly Runtime?: string;
  readonly Timeout?: number;
  readonly MemorySize?: number;
  readonly ReservedConcurrentExecutions?: number;
  readonly Environment?: { readonly Variables?: Record<string, string> };
}
