/** Names and ARNs of the template's resources, in the forms that `Ref` and `Fn::GetAtt` give on AWS. */
import { localArn as arn, LOCAL_ACCOUNT_ID, REGION } from './account.ts';
import { physicalName } from './resources.ts';
import type { Assembly, References } from './template.ts';

interface Form {
  /** The property that may give the name. */
  readonly nameProperty: string;
  readonly arn: (name: string) => string;
  /** What `Ref` gives (AWS CloudFormation Template Reference, Return values of each type). @default - the name */
  readonly ref?: 'arn';
  readonly attributes?: (name: string) => Record<string, string>;
}

const FORMS: Readonly<Record<string, Form>> = {
  'AWS::IAM::Role': { nameProperty: 'RoleName', arn: (name) => arn('iam', `role/${name}`, '') },
  'AWS::IAM::ManagedPolicy': {
    nameProperty: 'ManagedPolicyName',
    arn: (name) => arn('iam', `policy/${name}`, ''),
    ref: 'arn',
  },
  'AWS::Lambda::Function': { nameProperty: 'FunctionName', arn: (name) => arn('lambda', `function:${name}`) },
  // The attribute stands for the group's streams, and policies are written with it.
  'AWS::Logs::LogGroup': { nameProperty: 'LogGroupName', arn: (name) => arn('logs', `log-group:${name}:*`) },
  'AWS::SNS::Topic': {
    nameProperty: 'TopicName',
    arn: (name) => arn('sns', name),
    ref: 'arn',
    attributes: (name) => ({ TopicName: name, TopicArn: arn('sns', name) }),
  },
  'AWS::CloudWatch::Alarm': { nameProperty: 'AlarmName', arn: (name) => arn('cloudwatch', `alarm:${name}`) },
  'AWS::Events::EventBus': {
    nameProperty: 'Name',
    arn: (name) => arn('events', `event-bus/${name}`),
    attributes: (name) => ({ Name: name }),
  },
  'AWS::Events::Rule': { nameProperty: 'Name', arn: (name) => arn('events', `rule/${name}`) },
  'AWS::Scheduler::Schedule': { nameProperty: 'Name', arn: (name) => arn('scheduler', `schedule/default/${name}`) },
  'AWS::SecretsManager::Secret': {
    nameProperty: 'Name',
    arn: (name) => arn('secretsmanager', `secret:${name}`),
    ref: 'arn',
    attributes: (name) => ({ Id: arn('secretsmanager', `secret:${name}`) }),
  },
  // The engines may give these others.
  'AWS::DynamoDB::Table': {
    nameProperty: 'TableName',
    arn: (name) => arn('dynamodb', `table/${name}`),
    attributes: (name) => ({ StreamArn: `${arn('dynamodb', `table/${name}`)}/stream/2026-01-01T00:00:00.000` }),
  },
  'AWS::SQS::Queue': {
    nameProperty: 'QueueName',
    arn: (name) => arn('sqs', name),
    attributes: (name) => ({ QueueName: name }),
  },
};

/**
 * Notes what every resource of the template is called, and the pseudo parameters: whatever refers to one of them can be
 * resolved. What an engine makes and names differently is noted again when it is made.
 */
export const noteNames = (assembly: Assembly, references: References): void => {
  references.set('AWS::Region', REGION);
  references.set('AWS::Partition', 'aws');
  references.set('AWS::AccountId', LOCAL_ACCOUNT_ID);
  references.set('AWS::URLSuffix', 'amazonaws.com');
  references.set('AWS::StackName', assembly.stackName);
  references.set('AWS::StackId', arn('cloudformation', `stack/${assembly.stackName}/local`));
  for (const [logicalId, { Type, Properties = {} }] of Object.entries(assembly.template.Resources)) {
    const form = FORMS[Type];
    if (form === undefined) {
      references.set(logicalId, logicalId);
      continue;
    }
    const name = physicalName(assembly, logicalId, Properties[form.nameProperty]);
    const Arn = form.arn(name);
    references.set(logicalId, form.ref === 'arn' ? Arn : name, { Arn, ...form.attributes?.(name) });
  }
};
