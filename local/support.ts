/**
 * Which resources and properties of a template the local runtime acts on, which it may leave aside for a stated reason, and
 * what it makes of all others.
 */
import type { LeftAside } from './left-aside.ts';
import { type Template, UnsupportedTemplateError } from './template.ts';

/** What the runtime acts on (`used`), and what has no meaning on one machine and is left aside (`inert`). */
interface Support {
  readonly used: readonly string[];
  readonly inert?: readonly string[];
}

const NO_CALLERS = 'whoever reaches loopback may call: identities of callers from outside are not checked';
const NOBODY_PAGED = 'nothing is sent to topics: alarms are printed, and nobody is paged';
/** Resource types that are left aside whole, and why that changes nothing. */
export const INERT_TYPES: Readonly<Record<string, string>> = {
  'AWS::ApiGatewayV2::Authorizer': NO_CALLERS,
  'AWS::SNS::Topic': NOBODY_PAGED,
  'AWS::SNS::Subscription': NOBODY_PAGED,
  'AWS::CloudWatch::Dashboard': 'nobody looks at it here',
  'AWS::Logs::LogGroup': 'logs go to whoever runs this, and are not kept here',
};

const TABLE_PROPERTIES: readonly string[] = [
  'TableName',
  'KeySchema',
  'AttributeDefinitions',
  'GlobalSecondaryIndexes',
  'LocalSecondaryIndexes',
  'SSESpecification',
  'StreamSpecification',
];
const CAPACITY_PROPERTIES: readonly string[] = [
  'BillingMode',
  'OnDemandThroughput',
  'ProvisionedThroughput',
  'TimeToLiveSpecification',
  'WarmThroughput',
  'WriteOnDemandThroughputSettings',
  'WriteProvisionedThroughputSettings',
];

export const SUPPORTED_TYPES: Readonly<Record<string, Support>> = {
  'AWS::IAM::Role': {
    used: ['AssumeRolePolicyDocument', 'ManagedPolicyArns', 'Policies', 'RoleName'],
    inert: ['Description', 'MaxSessionDuration', 'Tags'],
  },
  'AWS::IAM::Policy': { used: ['PolicyDocument', 'Roles'], inert: ['PolicyName'] },
  'AWS::IAM::ManagedPolicy': {
    used: ['ManagedPolicyName', 'PolicyDocument', 'Roles'],
    inert: ['Description'],
  },
  'AWS::SQS::QueuePolicy': { used: ['PolicyDocument', 'Queues'] },
  'AWS::SNS::TopicPolicy': { used: ['PolicyDocument', 'Topics'] },
  'AWS::Lambda::Permission': { used: ['Action', 'FunctionName', 'Principal', 'SourceAccount', 'SourceArn'] },
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
  'AWS::ApiGatewayV2::Route': {
    used: ['ApiId', 'RouteKey', 'Target'],
    inert: ['AuthorizationScopes', 'AuthorizationType', 'AuthorizerId'],
  },
  'AWS::ApiGatewayV2::Integration': { used: ['ApiId', 'IntegrationType', 'IntegrationUri', 'PayloadFormatVersion'] },
  'AWS::ApiGatewayV2::Stage': {
    used: ['ApiId', 'AutoDeploy', 'StageName'],
    inert: ['AccessLogSettings', 'DefaultRouteSettings', 'RouteSettings', 'Tags'],
  },
  'AWS::Events::Rule': {
    used: ['EventBusName', 'EventPattern', 'Name', 'ScheduleExpression', 'State', 'Targets'],
    inert: ['Description', 'Tags'],
  },
  'AWS::Events::EventBus': { used: ['Name'], inert: ['Description', 'Tags'] },
  'AWS::SecretsManager::Secret': {
    used: ['GenerateSecretString', 'KmsKeyId', 'Name', 'SecretString'],
    inert: ['Description', 'Tags'],
  },
  'AWS::DynamoDB::Table': {
    used: [...TABLE_PROPERTIES, 'Tags'],
    // No table here is limited in capacity, and nothing is deleted by its time to live: AWS may take days for that too.
    inert: [...CAPACITY_PROPERTIES, 'PointInTimeRecoverySpecification', 'DeletionProtectionEnabled', 'TableClass'],
  },
  'AWS::DynamoDB::GlobalTable': {
    used: [...TABLE_PROPERTIES, 'Replicas'],
    inert: CAPACITY_PROPERTIES,
  },
  'AWS::SQS::Queue': {
    used: [
      'QueueName',
      'ContentBasedDeduplication',
      'DelaySeconds',
      'FifoQueue',
      'KmsMasterKeyId',
      'MaximumMessageSize',
      'MessageRetentionPeriod',
      'ReceiveMessageWaitTimeSeconds',
      'VisibilityTimeout',
      'RedrivePolicy',
    ],
    inert: ['SqsManagedSseEnabled', 'Tags'],
  },
  'AWS::Lambda::Function': {
    used: [
      'FunctionName',
      'Code',
      'Environment',
      'Handler',
      'LoggingConfig',
      'MemorySize',
      'Role',
      'Runtime',
      'Timeout',
      'ReservedConcurrentExecutions',
    ],
    inert: ['Architectures', 'Description', 'Tags'],
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
      'ProvisionedPollerConfig',
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
 * Looks whether each resource is one that is run here.
 *
 * @param leftAside notes what is not, of resources that are not strict. @default - all are strict
 * @throws UnsupportedTemplateError naming every resource type and property that is not supported
 */
export const checkSupport = (template: Template, leftAside?: LeftAside): void => {
  const problems: string[] = [];
  for (const [logicalId, { Type, Properties = {} }] of Object.entries(template.Resources)) {
    const aside = leftAside?.isStrict(logicalId) === false ? leftAside : undefined;
    const inert = INERT_TYPES[Type];
    if (inert !== undefined) {
      aside?.note(logicalId, inert);
      continue;
    }
    const support = SUPPORTED_TYPES[Type];
    if (support === undefined) {
      if (aside && !SILENT_TYPES.includes(Type)) aside.note(logicalId);
      if (!aside) problems.push(`resource ${logicalId} of type ${Type}`);
      continue;
    }
    for (const name of Object.keys(Properties)) {
      if (support.used.includes(name) || support.inert?.includes(name)) continue;
      if (aside) aside.note(logicalId, `its property ${name} is ignored`);
      else problems.push(`property ${name} of ${logicalId} (${Type})`);
    }
  }
  if (problems.length > 0) throw new UnsupportedTemplateError(problems);
};

/** Types that say something about an app and do nothing in it: nobody misses them. */
const SILENT_TYPES: readonly string[] = ['AWS::CDK::Metadata'];
