import { fileURLToPath } from 'node:url';
import { type Duration, RemovalPolicy } from 'aws-cdk-lib';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { Architecture, Runtime } from 'aws-cdk-lib/aws-lambda';
import { NodejsFunction, OutputFormat } from 'aws-cdk-lib/aws-lambda-nodejs';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import { allowKey } from './grants.ts';
import { keepLogicalId } from './logical-ids.ts';

export interface NodeFunctionProps {
  /** File in `functions`, without `.lambda.ts`; also the Lambda's name in its logs. */
  readonly entry: string;
  readonly timeout: Duration;
  /** MB; CPU grows with it. */
  readonly memorySize: number;
  readonly environment: Record<string, string>;
  /** Service name in logs and metrics. */
  readonly serviceName: string;
  /** Key of the tables and queues that it works on. @default - keys that AWS owns, which need no permission */
  readonly key?: IKey | undefined;
}

const UNUSED_CREDENTIAL_PROVIDERS = [
  '@aws-sdk/credential-provider-http',
  '@aws-sdk/credential-provider-ini',
  '@aws-sdk/credential-provider-login',
  '@aws-sdk/credential-provider-process',
  '@aws-sdk/credential-provider-sso',
  '@aws-sdk/credential-provider-web-identity',
  '@smithy/credential-provider-imds',
];

const fileOf = (path: string): string => fileURLToPath(new URL(`../${path}`, import.meta.url));

/** What all Lambdas have in common, decided once: runtime, architecture, bundling, log retention, a role of its own. */
export class NodeFunction extends NodejsFunction {
  constructor(
    scope: Construct,
    id: string,
    { entry, timeout, memorySize, environment, serviceName, key }: NodeFunctionProps,
  ) {
    const logGroup = new LogGroup(scope, `${id}Logs`, {
      retention: RetentionDays.ONE_MONTH,
      ...(key && { encryptionKey: key }),
      removalPolicy: RemovalPolicy.DESTROY,
    });
    // Instead of AWSLambdaBasicExecutionRole, which may write to every log group.
    const role = new Role(scope, `${id}Role`, { assumedBy: new ServicePrincipal('lambda.amazonaws.com') });
    logGroup.grantWrite(role);
    super(scope, id, {
      entry: fileOf(`functions/${entry}.lambda.ts`),
      projectRoot: fileOf('.'),
      depsLockFilePath: fileOf('package-lock.json'),
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      timeout,
      memorySize,
      logGroup,
      role,
      environment: {
        ...environment,
        NODE_OPTIONS: '--enable-source-maps',
        POWERTOOLS_SERVICE_NAME: serviceName,
        POWERTOOLS_LOG_LEVEL: 'INFO',
      },
      bundling: {
        minify: true,
        sourceMap: true,
        sourcesContent: false,
        target: 'node24',
        format: OutputFormat.CJS,
        // The SDK is bundled too: smaller and faster to load than the runtime's own, and the version that was tested.
        // Left out are the credential providers that it loads when the environment holds none, as Lambda's always does.
        externalModules: UNUSED_CREDENTIAL_PROVIDERS,
        mainFields: ['module', 'main'],
      },
    });
    allowKey(role, key);
    keepLogicalId(this, id);
  }
}
