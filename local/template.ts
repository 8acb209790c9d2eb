/**
 * Reads the CloudFormation template that `cdk synth` made, checks that every resource and property in it is one that the
 * local runtime either acts on or may leave aside for a stated reason, and resolves references.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

export interface Resource {
  readonly Type: string;
  readonly Properties?: Record<string, unknown>;
}

export interface Template {
  readonly Resources: Record<string, Resource>;
  readonly Outputs?: Record<string, { readonly Value: unknown }>;
}

/** A synthesized app: its one stack's template and the folder that its bundles lie in. */
export interface Assembly {
  readonly directory: string;
  readonly stackName: string;
  readonly template: Template;
}

/** Thrown at start-up when the template holds what the local runtime does not support. Names each place. */
export class UnsupportedTemplateError extends Error {
  override readonly name = 'UnsupportedTemplateError';
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(
      `the local runtime does not support what the template says:\n${problems.map((each) => `  - ${each}`).join('\n')}`,
    );
    this.problems = problems;
  }
}

/** What the runtime acts on (`used`), and what has no meaning on one machine and is left aside (`inert`). */
interface Support {
  readonly used: readonly string[];
  readonly inert?: readonly string[];
}

const NO_IAM = 'nothing is shared on one machine: no identity is checked';
const NOBODY_PAGED = 'alarms are printed; nobody is paged';
/** Resource types that are left aside whole, and why that changes nothing. */
const INERT_TYPES: Record<string, string> = {
  'AWS::IAM::Role': NO_IAM,
  'AWS::IAM::Policy': NO_IAM,
  'AWS::SQS::QueuePolicy': NO_IAM,
  'AWS::Lambda::Permission': NO_IAM,
  'AWS::ApiGatewayV2::Authorizer': NO_IAM,
  'AWS::SNS::Topic': NOBODY_PAGED,
  'AWS::SNS::TopicPolicy': NOBODY_PAGED,
  'AWS::SNS::Subscription': NOBODY_PAGED,
  'AWS::CloudWatch::Dashboard': NOBODY_PAGED,
  'AWS::Logs::LogGroup': 'logs go to the terminal and to .local/logs',
};

const SUPPORTED_TYPES: Record<string, Support> = {
  'AWS::CloudWatch::Alarm': {
    used: [
      'AlarmActions',
      'AlarmDescription',
      'AlarmName',
      'ComparisonOperator',
      'DatapointsToAlarm',
      'Dimensions',
      'EvaluationPeriods',
      'ExtendedStatistic',
      'MetricName',
      'Metrics',
      'Namespace',
      'Period',
      'Statistic',
      'Threshold',
      'TreatMissingData',
      'Unit',
    ],
    inert: ['Tags'],
  },
  'AWS::ApiGatewayV2::Api': { used: ['ProtocolType'], inert: ['Name', 'Tags'] },
  'AWS::ApiGatewayV2::Route': { used: ['ApiId', 'RouteKey', 'Target'], inert: ['AuthorizationType', 'AuthorizerId'] },
  'AWS::ApiGatewayV2::Integration': { used: ['ApiId', 'IntegrationType', 'IntegrationUri', 'PayloadFormatVersion'] },
  'AWS::ApiGatewayV2::Stage': {
    used: ['ApiId', 'AutoDeploy', 'StageName'],
    inert: ['AccessLogSettings', 'DefaultRouteSettings', 'RouteSettings', 'Tags'],
  },
  'AWS::Events::Rule': { used: ['EventPattern', 'State', 'Targets'], inert: ['Description', 'Tags'] },
  'AWS::Events::EventBus': { used: ['Name'], inert: ['Description', 'Tags'] },
  'AWS::SecretsManager::Secret': { used: ['GenerateSecretString'], inert: ['Description', 'KmsKeyId', 'Tags'] },
  'AWS::DynamoDB::Table': {
    used: [
      'TableName',
      'KeySchema',
      'AttributeDefinitions',
      'GlobalSecondaryIndexes',
      'BillingMode',
      'StreamSpecification',
      'Tags',
    ],
    inert: ['PointInTimeRecoverySpecification', 'SSESpecification', 'DeletionProtectionEnabled'],
  },
  'AWS::SQS::Queue': {
    used: [
      'QueueName',
      'DelaySeconds',
      'MaximumMessageSize',
      'MessageRetentionPeriod',
      'ReceiveMessageWaitTimeSeconds',
      'VisibilityTimeout',
      'RedrivePolicy',
    ],
    inert: ['SqsManagedSseEnabled', 'KmsMasterKeyId', 'Tags'],
  },
  'AWS::Lambda::Function': {
    used: [
      'FunctionName',
      'Code',
      'Environment',
      'Handler',
      'MemorySize',
      'Runtime',
      'Timeout',
      'ReservedConcurrentExecutions',
    ],
    inert: ['Architectures', 'Description', 'LoggingConfig', 'Role', 'Tags'],
  },
  'AWS::Lambda::EventSourceMapping': {
    used: [
      'BatchSize',
      'BisectBatchOnFunctionError',
      'DestinationConfig',
      'Enabled',
      'EventSourceArn',
      'FilterCriteria',
      'FunctionName',
      'FunctionResponseTypes',
      'MaximumRecordAgeInSeconds',
      'MaximumRetryAttempts',
      'ScalingConfig',
      'StartingPosition',
    ],
    inert: ['Tags'],
  },
  'AWS::Lambda::EventInvokeConfig': {
    used: ['DestinationConfig', 'FunctionName', 'MaximumEventAgeInSeconds', 'MaximumRetryAttempts', 'Qualifier'],
  },
  'AWS::Scheduler::Schedule': {
    used: ['FlexibleTimeWindow', 'ScheduleExpression', 'State', 'Target'],
    inert: ['Description', 'Name', 'ScheduleExpressionTimezone'],
  },
};

/**
 * Reads an app that was synthesized into a folder.
 *
 * @throws Error if the folder holds no app with exactly one stack
 */
export const readAssembly = (directory: string): Assembly => {
  const manifest = JSON.parse(readFileSync(join(directory, 'manifest.json'), 'utf8')) as {
    artifacts: Record<string, { type: string; properties?: { templateFile?: string; stackName?: string } }>;
  };
  const stacks = Object.entries(manifest.artifacts).filter(([, { type }]) => type === 'aws:cloudformation:stack');
  const [id, stack] = stacks[0] ?? [];
  if (stacks.length !== 1 || id === undefined || stack?.properties?.templateFile === undefined) {
    throw new Error(`${directory} must hold one stack, got ${stacks.length}`);
  }
  const template = JSON.parse(readFileSync(join(directory, stack.properties.templateFile), 'utf8')) as Template;
  return { directory: resolve(directory), stackName: stack.properties.stackName ?? id, template };
};

/** @throws UnsupportedTemplateError naming every resource type and property that is not supported */
export const checkSupport = (template: Template): void => {
  const problems: string[] = [];
  for (const [logicalId, { Type, Properties = {} }] of Object.entries(template.Resources)) {
    if (Type in INERT_TYPES) continue;
    const support = SUPPORTED_TYPES[Type];
    if (support === undefined) {
      problems.push(`resource ${logicalId} of type ${Type}`);
      continue;
    }
    for (const name of Object.keys(Properties)) {
      if (!support.used.includes(name) && !support.inert?.includes(name)) {
        problems.push(`property ${name} of ${logicalId} (${Type})`);
      }
    }
  }
  if (problems.length > 0) throw new UnsupportedTemplateError(problems);
};

/** Logical ids of the resources that are left aside whole. Others may refer to them all the same. */
export const inertResources = (template: Template): string[] =>
  Object.entries(template.Resources).flatMap(([logicalId, { Type }]) => (Type in INERT_TYPES ? [logicalId] : []));

/** All resources of a type, with their logical ids. */
export const resourcesOf = (
  template: Template,
  type: string,
): [logicalId: string, properties: Record<string, unknown>][] =>
  Object.entries(template.Resources)
    .filter(([, resource]) => resource.Type === type)
    .map(([logicalId, { Properties = {} }]) => [logicalId, Properties]);

/** The folder of a function's bundle. CDK names it after the hash in the S3 key under which it would be uploaded. */
export const bundleDirectory = ({ directory }: Assembly, logicalId: string, code: unknown): string => {
  const s3Key = (code as { S3Key?: unknown }).S3Key;
  const bundle = typeof s3Key === 'string' ? join(directory, `asset.${s3Key.replace(/\.zip$/, '')}`) : '';
  if (!existsSync(bundle))
    throw new UnsupportedTemplateError([`code of ${logicalId}: ${JSON.stringify(code)} is no bundle`]);
  return bundle;
};

/** What `Ref` and `Fn::GetAtt` of a resource give, filled in as the runtime creates the resources. */
export class References {
  readonly #values = new Map<string, string>();

  set(logicalId: string, ref: string, attributes: Record<string, string> = {}): void {
    this.#values.set(logicalId, ref);
    for (const [name, value] of Object.entries(attributes)) this.#values.set(`${logicalId}.${name}`, value);
  }

  /** The logical id of the resource that has this attribute value, an ARN for example. */
  ownerOf(value: string): string | undefined {
    for (const [key, candidate] of this.#values) if (candidate === value) return key.split('.')[0];
    return undefined;
  }

  /**
   * A value of the template with its intrinsic functions resolved.
   *
   * @throws UnsupportedTemplateError for a function that is not supported or a reference to what was not created
   */
  resolve(value: unknown): unknown {
    if (Array.isArray(value)) return value.map((item) => this.resolve(item));
    if (typeof value !== 'object' || value === null) return value;
    const [[name, operand] = ['', undefined], ...others] = Object.entries(value);
    if (others.length === 0 && name === 'Ref') return this.#lookUp(String(operand));
    if (others.length === 0 && name === 'Fn::GetAtt') return this.#lookUp((operand as string[]).join('.'));
    if (others.length === 0 && name === 'Fn::Join') {
      const [separator, parts] = operand as [string, unknown[]];
      return parts.map((part) => this.resolve(part)).join(separator);
    }
    if (others.length === 0 && name === 'Fn::Sub' && typeof operand === 'string') {
      return operand.replace(/\$\{([^}]+)\}/g, (_, reference: string) => this.#lookUp(reference));
    }
    if (name.startsWith('Fn::')) throw new UnsupportedTemplateError([`intrinsic function ${name}`]);
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, this.resolve(item)]));
  }

  #lookUp(reference: string): string {
    const value = this.#values.get(reference);
    if (value === undefined) throw new UnsupportedTemplateError([`reference to ${reference}`]);
    return value;
  }
}
