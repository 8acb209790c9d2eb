/** Names and ARNs of the template's resources, in the forms that `Ref` and `Fn::GetAtt` give on AWS. */
import { localArn as arn } from './account.ts';
import { type Assembly, physicalName } from './assembly.ts';
import { setPseudoParameters } from './link-stacks.ts';
import type { References } from './references.ts';
import { SUPPORTED_TYPES } from './support.ts';
import { TABLE_TYPES } from './template.ts';

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
  ...Object.fromEntries(
    TABLE_TYPES.map((type): [string, Form] => [
      type,
      {
        nameProperty: 'TableName',
        arn: (name) => arn('dynamodb', `table/${name}`),
        attributes: (name) => ({ StreamArn: `${arn('dynamodb', `table/${name}`)}/stream/2026-01-01T00:00:00.000` }),
      },
    ]),
  ),
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
  setPseudoParameters(references, assembly.stackName);
  references.usePlaceholders((logicalId, attribute) => placeholderOf(assembly, logicalId, attribute));
  for (const [logicalId, { Type, Properties = {} }] of Object.entries(assembly.template.Resources)) {
    const form = FORMS[Type];
    if (form === undefined) {
      // What is left aside gets a placeholder when something refers to it.
      if (Type in SUPPORTED_TYPES || assembly.leftAside === undefined) references.set(logicalId, logicalId);
      continue;
    }
    const name = physicalName(assembly, logicalId, resolvedName(references, Properties[form.nameProperty]));
    const Arn = form.arn(name);
    references.set(logicalId, form.ref === 'arn' ? Arn : name, { Arn, ...form.attributes?.(name) });
  }
};

/** A name may be put together of pseudo parameters. One that refers to another resource is not known yet. */
const resolvedName = (references: References, given: unknown): unknown => {
  try {
    return references.resolve(given);
  } catch {
    return undefined;
  }
};

/**
 * What stands for a resource that is not made here, in a form that it could have on AWS: whatever names it goes on, and
 * whatever asks for it finds nothing.
 */
const placeholderOf = (
  { template, leftAside, ...assembly }: Assembly,
  logicalId: string,
  attribute: string | undefined,
): string | undefined => {
  const resource = template.Resources[logicalId];
  if (resource === undefined || leftAside === undefined || leftAside.isStrict(logicalId)) return undefined;
  const name = physicalName({ template, ...assembly }, logicalId, undefined);
  if (attribute === undefined) return name;
  const [, service = 'cloudformation'] = resource.Type.toLowerCase().split('::');
  return attribute.endsWith('Arn') ? arn(service, name) : `${name}.${attribute}`;
};
