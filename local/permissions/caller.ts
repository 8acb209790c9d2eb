/** A Lambda as a caller of AWS: its access key, its role, and all that decides what it may do. Crosses to its thread. */
import { randomBytes } from 'node:crypto';
import { localArn } from '../account.ts';
import type { Assembly } from '../assembly.ts';
import { attempt } from '../left-aside.ts';
import type { References } from '../references.ts';
import { resourcesOf, tablesOf, UnsupportedTemplateError } from '../template.ts';
import type { KnownArns } from './arn-names.ts';
import type { Keys } from './keys.ts';
import type { Statement } from './policy.ts';
import type { TemplatePolicies } from './template-policies.ts';

export interface Caller {
  readonly accessKeyId: string;
  readonly roleArn: string;
  /** The role as AWS names it while a function uses it. */
  readonly sessionArn: string;
  readonly statements: readonly Statement[];
  /** Statements of resources' own policies, by the resource's ARN. */
  readonly ofResources: Readonly<Record<string, readonly Statement[]>>;
  readonly keys: Keys;
  /** Of the template's tables and queues. */
  readonly knownArns: KnownArns;
}

/**
 * The callers of a template's Lambdas, by logical id. Each has an access key of its own. A Lambda whose role cannot be read
 * whole has none: its requests are not checked.
 *
 * @param references with every resource's name and ARN
 * @throws UnsupportedTemplateError if a Lambda's role is not in the template
 */
export const callersOf = (
  { template, leftAside }: Assembly,
  references: References,
  { roles, ofResources, keys, unread }: TemplatePolicies,
): Map<string, Caller> => {
  const knownArns = {
    tables: arnsOf(references, tablesOf(template), (logicalId) => ({ Ref: logicalId })),
    queues: arnsOf(references, resourcesOf(template, 'AWS::SQS::Queue'), (logicalId) => ({
      'Fn::GetAtt': [logicalId, 'QueueName'],
    })),
  };
  return new Map(
    resourcesOf(template, 'AWS::Lambda::Function').flatMap(([logicalId, { Role }]) => {
      const role = attempt(leftAside, logicalId, () => {
        const found = roles.get(String(references.resolve(Role)));
        if (found === undefined) {
          throw new UnsupportedTemplateError([`role of ${logicalId}: it is not in the template`]);
        }
        return found;
      });
      // What else the role allows is not known: nothing is checked then, rather than refused by mistake.
      if (role === undefined || unread.has(role.arn)) return [];
      const functionName = String(references.resolve({ Ref: logicalId }));
      const caller: Caller = {
        accessKeyId: temporaryAccessKeyId(),
        roleArn: role.arn,
        sessionArn: localArn('sts', `assumed-role/${role.name}/${functionName}`, ''),
        statements: role.statements,
        ofResources: Object.fromEntries(ofResources),
        keys,
        knownArns,
      };
      return [[logicalId, caller] as const];
    }),
  );
};

const arnsOf = (
  references: References,
  resources: ReturnType<typeof resourcesOf>,
  nameOf: (logicalId: string) => unknown,
): Record<string, string> =>
  Object.fromEntries(
    resources.map(([logicalId]) => [String(references.resolve(nameOf(logicalId))), references.arnOf(logicalId)]),
  );

/** As AWS forms the keys of roles in use: ASIA, and 16 more letters and digits. */
const temporaryAccessKeyId = (): string => `ASIA${randomBytes(8).toString('hex').toUpperCase()}`;
