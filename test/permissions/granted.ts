/** What a template grants to its roles, action by action and resource by resource. */
import type { Grant } from '../../local/permissions/policy.ts';
import { resourcesOf, type Template } from '../../local/template.ts';

interface PolicyStatement {
  Action: string | string[];
  readonly Resource: unknown;
}

/** One action on one resource, by its place in the template. */
export interface Granted {
  readonly policy: string;
  readonly statement: number;
  readonly action: string;
  /** Place of the resource among those of the statement. */
  readonly resource: number;
  /** In words. */
  readonly name: string;
}

export const statementsOf = (template: Template, policy: string): PolicyStatement[] =>
  (template.Resources[policy]?.Properties?.PolicyDocument as { Statement: PolicyStatement[] } | undefined)?.Statement ??
  [];

export const grantedBy = (template: Template): Granted[] =>
  resourcesOf(template, 'AWS::IAM::Policy').flatMap(([policy]) =>
    statementsOf(template, policy).flatMap(({ Action, Resource }, statement) =>
      [Action].flat().flatMap((action) =>
        [Resource].flat().map((each, resource) => ({
          policy,
          statement,
          action,
          resource,
          name: `${policy}: ${action} on ${JSON.stringify(each)}`,
        })),
      ),
    ),
  );

/** Whether a decision was made by this. */
export const isBy = (granted: Granted, { statement, action, resource }: Grant): boolean =>
  granted.policy === statement.policy &&
  granted.statement === statement.index &&
  granted.action === action &&
  granted.resource === statement.resources.indexOf(resource);

/** The template without it. */
export const without = (template: Template, { policy, statement, action, resource }: Granted): Template => {
  const copy = structuredClone(template);
  const statements = statementsOf(copy, policy);
  const { Action, Resource, ...others } = statements[statement] as PolicyStatement;
  const actions = [Action].flat();
  const resources = [Resource].flat();
  const parts = [
    { Action: actions.filter((each) => each !== action), Resource: resources },
    { Action: [action], Resource: resources.filter((_, place) => place !== resource) },
  ].filter((part) => part.Action.length > 0 && part.Resource.length > 0);
  statements.splice(statement, 1, ...parts.map((part) => ({ ...others, ...part })));
  // A policy must hold a statement: this one allows nothing that is ever asked for.
  if (statements.length === 0) statements.push({ ...others, Action: 'sts:TagSession', Resource: '*' });
  return copy;
};
