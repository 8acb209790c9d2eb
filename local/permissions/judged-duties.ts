/**
 * Whether the template's policies allow what AWS's services must be able to do. On AWS some of this fails at the deployment,
 * and the rest fails unseen, at the worst time. Here it is an error before anything runs.
 */
import { LOCAL_ACCOUNT_ID } from '../account.ts';
import type { Assembly } from '../assembly.ts';
import type { LeftAside } from '../left-aside.ts';
import type { References } from '../references.ts';
import { type Duty, dutiesOf } from './duties.ts';
import { keyNeeds } from './keys.ts';
import { type Decision, decide, type Statement, statementName } from './policy.ts';
import type { TemplatePolicies } from './template-policies.ts';

export interface JudgedDuty extends Duty {
  /**
   * Left to the key's own policy, which is not in the template: for a service that uses a customer's key by itself. Not known
   * where a policy could not be read.
   */
  readonly decision: Decision | { readonly kind: 'left to the key' | 'not known' };
}

/** Thrown at start-up when AWS would refuse what the template needs. Names each thing that somebody could not do. */
export class MissingPermissionError extends Error {
  override readonly name = 'MissingPermissionError';
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(`AWS would refuse what the template needs:\n${problems.map((each) => `  - ${each}`).join('\n')}`);
    this.problems = problems;
  }
}

/**
 * Every duty of the template, judged.
 *
 * @param references with every resource's name and ARN
 * @throws UnsupportedTemplateError for a target, a destination or an action of a kind that is not known here
 */
export const judgeDuties = (assembly: Assembly, references: References, policies: TemplatePolicies): JudgedDuty[] =>
  dutiesOf(assembly, references)
    .flatMap((duty) => [duty, ...keyNeeds(duty, policies.keys).map((need) => ({ ...duty, ...need }))])
    .map((duty) => ({ ...duty, decision: judge(duty, policies) }));

/**
 * Makes sure that each duty is allowed.
 *
 * @param leftAside notes what is not, of resources that are not strict
 * @throws MissingPermissionError if any other of the duties is not allowed
 */
export const expectAllowed = (duties: readonly JudgedDuty[], leftAside?: LeftAside): void => {
  const problems = duties.flatMap(({ of, what, principal, action, resource, decision }) => {
    if (decision.kind !== 'denied' && decision.kind !== 'not allowed') return [];
    const who = principal.kind === 'role' ? principal.arn : principal.name;
    const why = decision.kind === 'denied' ? `${statementName(decision.by)} denies it` : 'no policy allows it';
    const missing = `${who} must be allowed ${action} on ${resource}, and ${why}`;
    if (leftAside?.isStrict(of) !== false) return `${what}: ${missing}`;
    leftAside.note(of, `AWS would refuse it: ${missing}`);
    return [];
  });
  if (problems.length > 0) throw new MissingPermissionError([...new Set(problems)]);
};

const judge = (duty: Duty, { roles, ofResources, unread }: TemplatePolicies): JudgedDuty['decision'] => {
  const { principal, action, resource, sourceArn } = duty;
  if (principal.kind === 'service' && action.startsWith('kms:')) return { kind: 'left to the key' };
  const context = {
    'aws:securetransport': 'true',
    ...(principal.kind === 'role' && { 'aws:principalarn': principal.arn }),
    ...(sourceArn !== undefined && { 'aws:sourcearn': sourceArn, 'aws:sourceaccount': LOCAL_ACCOUNT_ID }),
  };
  const ofPrincipal = principal.kind === 'role' ? (roles.get(principal.arn)?.statements ?? []) : [];
  const ofResource = roles.get(resource)?.trust ?? ofResources.get(resource) ?? defaultPolicyOf(resource);
  const decision = decide({ principal, action, resource, context }, [...ofPrincipal, ...ofResource]);
  const isUnread = unread.has(resource) || (principal.kind === 'role' && unread.has(principal.arn));
  return decision.kind === 'not allowed' && isUnread ? { kind: 'not known' } : decision;
};

/**
 * A topic without a policy of its own lets its account publish, alarms among it; a policy of its own replaces that (Amazon
 * SNS API Reference, CreateTopic, attribute Policy).
 */
const defaultPolicyOf = (resource: string): Statement[] =>
  resource.startsWith('arn:aws:sns:')
    ? [
        {
          policy: `the default policy of ${resource}`,
          index: 0,
          kind: 'resource',
          effect: 'Allow',
          actions: ['sns:Publish'],
          resources: [resource],
          principals: 'everyone',
          conditions: [],
        },
      ]
    : [];
