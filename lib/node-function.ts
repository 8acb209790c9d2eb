import { type Duration, RemovalPolicy } from 'aws-cdk-lib';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { Architecture, Function as LambdaFunction, Runtime } from 'aws-cdk-lib/aws-lambda';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import { allowKey } from './grants.ts';
import { lambdaCode } from './lambda-code.ts';

export interface NodeFunctionProps {
  /** File in `functions`, without `.lambda.ts`; also the Lambda's name in its logs. */
  readonly entry: string;
  readonly timeout: Duration;
  /** MB; CPU grows with it. */
  readonly memorySize: number;
  readonly environment: Record<string, string>;
  /** Service name in logs and metrics. */
  readonly serviceName: string;
  /** Key of the queues that it works on, and of its logs. @default - keys that AWS owns, which need no permission */
  readonly key?: IKey | undefined;
}

/** What all Lambdas have in common, decided once: runtime, architecture, code, log retention, a role of its own. */
export class NodeFunction extends LambdaFunction {
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
      code: lambdaCode(entry),
      handler: 'index.handler',
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
    });
    allowKey(role, key);
  }
}
