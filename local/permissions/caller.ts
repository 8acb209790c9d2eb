/** A Lambda as a caller of AWS: its access key, its role, and all that decides what it may do. Crosses to its thread. */
import { randomBytes } from 'node:crypto';
import { localArn } from '../account.ts';
import { type Assembly, type References, resourcesOf, type Template, UnsupportedTemplateError } from '../template.ts';
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
 * The callers of a template's Lambdas, by logical id. Each has an access key of its own.
 *
 * @param references with every resource's name and ARN
 * @throws UnsupportedTemplateError if a Lambda's role is not in the template
 */
export const callersOf = (
  { template }: Assembly,
  references: References,
  { roles, ofResources, keys }: TemplatePolicies,
): Map<string, Caller> => {
  const knownArns = {
    tables: arnsOf(template, references, 'AWS::DynamoDB::Table', (logicalId) => ({ Ref: logicalId })),
    queues: arnsOf(template, references, 'AWS::SQS::Queue', (logicalId) => ({
      'Fn::GetAtt': [logicalId, 'QueueName'],
    })),
  };
  return new Map(
    resourcesOf(template, 'AWS::Lambda::Function').map(([logicalId, { Role }]) => {
      const role = roles.get(String(references.resolve(Role)));
      if (role === undefined) throw new UnsupportedTemplateError([`role of ${logicalId}: it is not in the template`]);
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
      return [logicalId, caller];
    }),
  );
};

const arnsOf = (
  template: Template,
  references: References,
  type: string,
  nameOf: (logicalId: string) => unknown,
): Record<string, string> =>
  Object.fromEntries(
    resourcesOf(template, type).map(([logicalId]) => [
      String(references.resolve(nameOf(logicalId))),
      references.arnOf(logicalId),
    ]),
  );

/** As AWS forms the keys of roles in use: ASIA, and 16 more letters and digits. */
const temporaryAccessKeyId = (): string => `ASIA${randomBytes(8).toString('hex').toUpperCase()}`;
