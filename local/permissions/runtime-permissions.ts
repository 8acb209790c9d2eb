/** The permissions of a running template: checks at the start what AWS's services need, and tells what the Lambdas ask for. */
import type { Assembly } from '../assembly.ts';
import type { References } from '../references.ts';
import { type Caller, callersOf } from './caller.ts';
import type { Access } from './gate.ts';
import { expectAllowed, judgeDuties } from './judged-duties.ts';
import type { Principal } from './policy.ts';
import { refusalText } from './refusal-answer.ts';
import { readPolicies } from './template-policies.ts';

/** A permission that somebody needed. */
export interface AccessSeen extends Access {
  readonly principal: Principal;
}

export interface RuntimePermissions {
  /** Whom each Lambda's requests are checked for, by its logical id. Empty if nothing is checked. */
  readonly callers: ReadonlyMap<string, Caller>;
  /** To be told of each permission that a Lambda's requests need. */
  onAccess(logicalId: string, access: Access): void;
}

/**
 * Reads the template's policies, and checks what AWS's services must be able to do.
 *
 * @param references with every resource's name and ARN
 * @throws UnsupportedTemplateError for a policy that holds what is not known, MissingPermissionError if AWS would refuse
 *   what the template needs
 */
export const checkPermissions = (
  assembly: Assembly,
  references: References,
  {
    enforcePermissions = true,
    onAccess = () => {},
    onProblem = () => {},
  }: {
    readonly enforcePermissions?: boolean;
    readonly onAccess?: (access: AccessSeen) => void;
    readonly onProblem?: (problem: string) => void;
  },
): RuntimePermissions => {
  if (!enforcePermissions) return { callers: new Map(), onAccess: () => {} };
  const policies = readPolicies(assembly, references);
  const duties = judgeDuties(assembly, references, policies);
  expectAllowed(duties, assembly.leftAside);
  for (const { principal, action, resource, decision } of duties) {
    if (decision.kind === 'allowed') onAccess({ principal, action, resource, decision });
  }
  const callers = callersOf(assembly, references, policies);
  const seen = new Set<string>();
  return {
    callers,
    onAccess: (logicalId, access) => {
      const key = [logicalId, access.action, access.resource].join(' ');
      const caller = callers.get(logicalId);
      // Each environment of a Lambda tells of it.
      if (caller === undefined || seen.has(key)) return;
      seen.add(key);
      onAccess({ ...access, principal: { kind: 'role', arn: caller.roleArn } });
      const { decision, ...need } = access;
      if (decision.kind === 'allowed') return;
      const denial = decision.kind === 'denied' ? decision.by : undefined;
      onProblem(
        `${logicalId} was refused: ${refusalText({ kind: 'not authorized', need, denial }, caller.sessionArn)}`,
      );
    },
  };
};
