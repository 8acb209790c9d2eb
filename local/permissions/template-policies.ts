/** Every policy of the template: what its roles may do, and whom its resources let in. */
import type { Assembly } from '../assembly.ts';
import type { References } from '../references.ts';
import { resourcesOf, type Template, UnsupportedTemplateError } from '../template.ts';
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
  /** ARNs of roles and resources of whose policies a part could not be read: what they allow beside that is not known. */
  readonly unread: ReadonlySet<string>;
  /** The customer's keys that resources are encrypted with. */
  readonly keys: Keys;
}

/**
 * Reads all policies.
 *
 * @param references with every resource's name and ARN
 * @throws UnsupportedTemplateError naming each statement that holds what is not known
 */
export const readPolicies = (assembly: Assembly, references: References): TemplatePolicies => {
  const { template, leftAside } = assembly;
  const problems: string[] = [];
  const unread = new Set<string>();
  const reading: Reading = {
    template,
    references,
    unread,
    refuse: (owner, more) => {
      if (leftAside === undefined || leftAside.isStrict(owner)) problems.push(...more);
      else leftAside.note(owner, `it is not checked whole: ${more.join('; ')}`);
    },
    parse: (document, policy, kind, owner, onUnread) => {
      try {
        return parsePolicy(references.resolve(document), policy, kind);
      } catch (error) {
        const isUnknown = error instanceof UnknownPolicyError || error instanceof UnsupportedTemplateError;
        if (!isUnknown) throw error;
        reading.refuse(owner, error.problems);
        onUnread();
        return [];
      }
    },
  };
  const policies = {
    roles: rolesOf(reading),
    ofResources: resourcePoliciesOf(reading),
    unread,
    keys: keysOf(template, references),
  };
  if (problems.length > 0) throw new UnsupportedTemplateError(problems);
  return policies;
};

interface Reading {
  readonly template: Template;
  readonly references: References;
  readonly unread: Set<string>;
  /** @param owner logical id of the resource that holds what is not known */
  readonly refuse: (owner: string, problems: readonly string[]) => void;
  readonly parse: (
    document: unknown,
    policy: string,
    kind: PolicyKind,
    owner: string,
    onUnread: () => void,
  ) => Statement[];
}

const rolesOf = ({ template, references, unread, refuse, parse }: Reading): Map<string, Role> => {
  const attached = [
    ...resourcesOf(template, 'AWS::IAM::Policy'),
    ...resourcesOf(template, 'AWS::IAM::ManagedPolicy'),
  ].map(([logicalId, { PolicyDocument, Roles }]) => {
    let isWhole = true;
    const statements = parse(PolicyDocument, logicalId, 'identity', logicalId, () => {
      isWhole = false;
    });
    const roleNames = references.resolve(Roles ?? []) as string[];
    return { arn: references.resolve({ Ref: logicalId }), roleNames, statements, isWhole };
  });
  return new Map(
    resourcesOf(template, 'AWS::IAM::Role').map(([logicalId, properties]) => {
      const { AssumeRolePolicyDocument, Policies = [], ManagedPolicyArns = [] } = properties as Partial<RoleProperties>;
      const name = String(references.resolve({ Ref: logicalId }));
      const arn = references.arnOf(logicalId);
      const onUnread = (): void => {
        unread.add(arn);
      };
      const inline = Policies.flatMap(({ PolicyName, PolicyDocument }) =>
        parse(PolicyDocument, `${logicalId}/${references.resolve(PolicyName)}`, 'identity', logicalId, onUnread),
      );
      const managed = (references.resolve(ManagedPolicyArns) as string[]).flatMap((policyArn) => {
        const own = attached.find((policy) => policy.arn === policyArn);
        const document = managedPolicyDocument(policyArn);
        if (own === undefined && document === undefined) {
          refuse(logicalId, [`managed policy ${policyArn} of ${logicalId}`]);
          onUnread();
        }
        if (own?.isWhole === false) onUnread();
        return own?.statements ?? (document ? parse(document, policyArn, 'identity', logicalId, onUnread) : []);
      });
      const namesIt = attached.filter(({ roleNames }) => roleNames.includes(name));
      if (namesIt.some(({ isWhole }) => !isWhole)) onUnread();
      const byName = namesIt.flatMap(({ statements }) => statements);
      const trust = parse(AssumeRolePolicyDocument, `the trust policy of ${logicalId}`, 'trust', logicalId, onUnread);
      return [arn, { name, arn, trust, statements: [...inline, ...managed, ...byName] }];
    }),
  );
};

interface RoleProperties {
  readonly AssumeRolePolicyDocument: unknown;
  readonly Policies?: readonly { readonly PolicyName: unknown; readonly PolicyDocument: unknown }[];
  readonly ManagedPolicyArns?: unknown;
}

const resourcePoliciesOf = ({ template, references, unread, refuse, parse }: Reading): Map<string, Statement[]> => {
  const ofResources = new Map<string, Statement[]>();
  const add = (arn: string, statements: readonly Statement[]): void => {
    ofResources.set(arn, [...(ofResources.get(arn) ?? []), ...statements]);
  };
  for (const [type, targets] of [
    ['AWS::SQS::QueuePolicy', 'Queues'],
    ['AWS::SNS::TopicPolicy', 'Topics'],
  ] as const) {
    for (const [logicalId, { PolicyDocument, [targets]: attachedTo }] of resourcesOf(template, type)) {
      const arns = (references.resolve(attachedTo) as string[]).flatMap((target) => {
        const owner = references.ownerOf(target);
        if (owner !== undefined) return references.arnOf(owner);
        refuse(logicalId, [`${targets} of ${logicalId}: ${target} is not in the template`]);
        return [];
      });
      const onUnread = (): void => {
        for (const arn of arns) unread.add(arn);
      };
      const statements = parse(PolicyDocument, logicalId, 'resource', logicalId, onUnread);
      for (const arn of arns) add(arn, statements);
    }
  }
  for (const [logicalId, properties] of resourcesOf(template, 'AWS::Lambda::Permission')) {
    const { Action, FunctionName, Principal, SourceArn, SourceAccount } = references.resolve(
      properties,
    ) as PermissionProperties;
    const owner = references.ownerOf(FunctionName);
    if (owner === undefined) {
      refuse(logicalId, [`FunctionName of ${logicalId}: ${FunctionName} is not in the template`]);
      continue;
    }
    const Resource = references.arnOf(owner);
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
    const onUnread = (): void => {
      unread.add(Resource);
    };
    add(Resource, parse(document, logicalId, 'resource', logicalId, onUnread));
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
