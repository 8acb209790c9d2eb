/** Every policy of the template: what its roles may do, and whom its resources let in. */
import { type Assembly, type References, resourcesOf, type Template, UnsupportedTemplateError } from '../template.ts';
import { type Keys, keysOf } from './keys.ts';
import { type PolicyKind, parsePolicy, type Statement, UnknownPolicyError } from './policy.ts';

export interface Role {
  readonly name: string;
  readonly arn: string;
  /** Who may assume it. */
  readonly trust: readonly Statement[];
  /** What whoever has assumed it may do. */
  readonly statements: readonly Statement[];
}

export interface TemplatePolicies {
  /** Roles by their ARN. */
  readonly roles: ReadonlyMap<string, Role>;
  /** Statements of resources' own policies, by the resource's ARN. */
  readonly ofResources: ReadonlyMap<string, readonly Statement[]>;
  /** The customer's keys that resources are encrypted with. */
  readonly keys: Keys;
}

/**
 * Reads all policies.
 *
 * @param references with every resource's name and ARN
 * @throws UnsupportedTemplateError naming each statement that holds what is not known
 */
export const readPolicies = ({ template }: Assembly, references: References): TemplatePolicies => {
  const problems: string[] = [];
  const parse = (document: unknown, policy: string, kind: PolicyKind): Statement[] => {
    try {
      return parsePolicy(references.resolve(document), policy, kind);
    } catch (error) {
      if (!(error instanceof UnknownPolicyError)) throw error;
      problems.push(...error.problems);
      return [];
    }
  };
  const policies = {
    roles: rolesOf(template, references, parse, problems),
    ofResources: resourcePoliciesOf(template, references, parse, problems),
    keys: keysOf(template, references),
  };
  if (problems.length > 0) throw new UnsupportedTemplateError(problems);
  return policies;
};

type Parse = (document: unknown, policy: string, kind: PolicyKind) => Statement[];

const rolesOf = (template: Template, references: References, parse: Parse, problems: string[]): Map<string, Role> => {
  const attached = [
    ...resourcesOf(template, 'AWS::IAM::Policy'),
    ...resourcesOf(template, 'AWS::IAM::ManagedPolicy'),
  ].map(([logicalId, { PolicyDocument, Roles }]) => ({
    arn: references.resolve({ Ref: logicalId }),
    roleNames: references.resolve(Roles ?? []) as string[],
    statements: parse(PolicyDocument, logicalId, 'identity'),
  }));
  return new Map(
    resourcesOf(template, 'AWS::IAM::Role').map(([logicalId, properties]) => {
      const { AssumeRolePolicyDocument, Policies = [], ManagedPolicyArns = [] } = properties as Partial<RoleProperties>;
      const name = String(references.resolve({ Ref: logicalId }));
      const arn = references.arnOf(logicalId);
      const inline = Policies.flatMap(({ PolicyName, PolicyDocument }) =>
        parse(PolicyDocument, `${logicalId}/${references.resolve(PolicyName)}`, 'identity'),
      );
      const managed = (references.resolve(ManagedPolicyArns) as string[]).flatMap((policyArn) => {
        const own = attached.find((policy) => policy.arn === policyArn)?.statements;
        const document = managedPolicyDocument(policyArn);
        if (own === undefined && document === undefined) problems.push(`managed policy ${policyArn} of ${logicalId}`);
        return own ?? (document ? parse(document, policyArn, 'identity') : []);
      });
      const byName = attached
        .filter(({ roleNames }) => roleNames.includes(name))
        .flatMap(({ statements }) => statements);
      const trust = parse(AssumeRolePolicyDocument, `the trust policy of ${logicalId}`, 'trust');
      return [arn, { name, arn, trust, statements: [...inline, ...managed, ...byName] }];
    }),
  );
};

interface RoleProperties {
  readonly AssumeRolePolicyDocument: unknown;
  readonly Policies?: readonly { readonly PolicyName: unknown; readonly PolicyDocument: unknown }[];
  readonly ManagedPolicyArns?: unknown;
}

const resourcePoliciesOf = (
  template: Template,
  references: References,
  parse: Parse,
  problems: string[],
): Map<string, Statement[]> => {
  const ofResources = new Map<string, Statement[]>();
  const add = (arn: string, statements: readonly Statement[]): void => {
    ofResources.set(arn, [...(ofResources.get(arn) ?? []), ...statements]);
  };
  for (const [type, targets] of [
    ['AWS::SQS::QueuePolicy', 'Queues'],
    ['AWS::SNS::TopicPolicy', 'Topics'],
  ] as const) {
    for (const [logicalId, { PolicyDocument, [targets]: attachedTo }] of resourcesOf(template, type)) {
      const statements = parse(PolicyDocument, logicalId, 'resource');
      for (const target of references.resolve(attachedTo) as string[]) {
        const owner = references.ownerOf(target);
        if (owner === undefined) problems.push(`${targets} of ${logicalId}: ${target} is not in the template`);
        else add(references.arnOf(owner), statements);
      }
    }
  }
  for (const [logicalId, properties] of resourcesOf(template, 'AWS::Lambda::Permission')) {
    const { Action, FunctionName, Principal, SourceArn, SourceAccount } = references.resolve(
      properties,
    ) as PermissionProperties;
    const owner = references.ownerOf(FunctionName);
    if (owner === undefined) problems.push(`FunctionName of ${logicalId}: ${FunctionName} is not in the template`);
    const Resource = owner === undefined ? '*' : references.arnOf(owner);
    const document = {
      Version: '2012-10-17',
      Statement: {
        Effect: 'Allow',
        Principal: Principal.endsWith('.amazonaws.com') ? { Service: Principal } : { AWS: Principal },
        Action,
        Resource,
        // As Lambda writes them into its policy (AWS Lambda Developer Guide, Granting Lambda access to AWS services).
        Condition: {
          ...(SourceArn !== undefined && { ArnLike: { 'aws:SourceArn': SourceArn } }),
          ...(SourceAccount !== undefined && { StringEquals: { 'aws:SourceAccount': SourceAccount } }),
        },
      },
    };
    add(Resource, parse(document, logicalId, 'resource'));
  }
  return ofResources;
};

interface PermissionProperties {
  readonly Action: string;
  readonly FunctionName: string;
  readonly Principal: string;
  readonly SourceArn?: string;
  readonly SourceAccount?: string;
}

const LOGS = ['logs:CreateLogGroup', 'logs:CreateLogStream', 'logs:PutLogEvents'];

/** What the policies allow that AWS keeps itself and that a role may name (AWS Managed Policy Reference Guide). */
const ACTIONS_ON_EVERYTHING: Readonly<Record<string, readonly string[]>> = {
  'service-role/AWSLambdaBasicExecutionRole': LOGS,
  'service-role/AWSLambdaDynamoDBExecutionRole': [
    'dynamodb:DescribeStream',
    'dynamodb:GetRecords',
    'dynamodb:GetShardIterator',
    'dynamodb:ListStreams',
    ...LOGS,
  ],
  'service-role/AWSLambdaSQSQueueExecutionRole': [
    'sqs:ReceiveMessage',
    'sqs:DeleteMessage',
    'sqs:GetQueueAttributes',
    ...LOGS,
  ],
};

/** The document of a policy that AWS keeps, by its ARN; undefined if it is not known here. */
const managedPolicyDocument = (arn: string): object | undefined => {
  const name = /^arn:[^:]+:iam::aws:policy\/(.+)$/.exec(arn)?.[1] ?? '';
  const Action = ACTIONS_ON_EVERYTHING[name];
  return Action && { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action, Resource: '*' }] };
};
