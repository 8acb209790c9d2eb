/**
 * Policies of AWS Identity and Access Management: reads a policy document, and decides whether a principal may take an
 * action on a resource. It decides as AWS does within one account (AWS Identity and Access Management User Guide, Policy
 * evaluation logic): an explicit Deny wins, then any Allow, else the answer is no. What it does not know it refuses to read.
 */
import { matchesAction, matchesArn, matchesResource, matchesText } from './wildcards.ts';

/** What a policy is attached to: a role, a resource, or a role as what says who may assume it. */
export type PolicyKind = 'identity' | 'resource' | 'trust';

/** Who asks: a role in use, or a service of AWS in its own name. */
export type Principal =
  | { readonly kind: 'role'; readonly arn: string }
  | { readonly kind: 'service'; readonly name: string };

/** Whom a statement of a resource's policy is about. */
export type Principals =
  | 'everyone'
  | { readonly roleArns: readonly string[]; readonly serviceNames: readonly string[] };

export interface Condition {
  readonly operator: string;
  /** In lower case: keys do not mind. */
  readonly key: string;
  /** One of them must fit. */
  readonly values: readonly string[];
}

export interface Statement {
  /** The logical id of the policy, or its ARN where AWS keeps it. */
  readonly policy: string;
  /** Its place in the policy, from 0. */
  readonly index: number;
  readonly kind: PolicyKind;
  readonly effect: 'Allow' | 'Deny';
  readonly actions: readonly string[];
  readonly resources: readonly string[];
  /** Absent from a role's own policies: they are about the role. */
  readonly principals?: Principals;
  readonly conditions: readonly Condition[];
}

export interface AccessRequest {
  readonly principal: Principal;
  /** Such as `sqs:SendMessage`. */
  readonly action: string;
  /** ARN, or `*` for an action that takes no resource. */
  readonly resource: string;
  /** Values of condition keys. Names are in lower case. */
  readonly context: Readonly<Record<string, string>>;
}

/** The part of a statement that allowed something: one action on one resource, each as the policy writes it. */
export interface Grant {
  readonly statement: Statement;
  readonly action: string;
  readonly resource: string;
}

export type Decision =
  | { readonly kind: 'allowed'; readonly by: readonly Grant[] }
  | { readonly kind: 'denied'; readonly by: Statement }
  | { readonly kind: 'not allowed' };

/** The condition keys that a request's context can hold here. Names are in lower case. */
const CONDITION_KEYS: ReadonlySet<string> = new Set([
  'aws:securetransport',
  'aws:sourceaccount',
  'aws:sourcearn',
  'aws:principalarn',
]);

const OPERATORS: Readonly<Record<string, (value: string, actual: string) => boolean>> = {
  StringEquals: (value, actual) => value === actual,
  StringLike: matchesText,
  ArnEquals: matchesArn,
  ArnLike: matchesArn,
  Bool: (value, actual) => value.toLowerCase() === actual.toLowerCase(),
};

const ELEMENTS: Readonly<Record<PolicyKind, readonly string[]>> = {
  identity: ['Sid', 'Effect', 'Action', 'Resource', 'Condition'],
  resource: ['Sid', 'Effect', 'Principal', 'Action', 'Resource', 'Condition'],
  trust: ['Sid', 'Effect', 'Principal', 'Action', 'Condition'],
};

/** Thrown for a policy that holds what is not known here. Names each statement and what is in it. */
export class UnknownPolicyError extends Error {
  override readonly name = 'UnknownPolicyError';
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join('\n'));
    this.problems = problems;
  }
}

/** A statement in words, for people who look for it in the template. */
export const statementName = ({ policy, index }: Pick<Statement, 'policy' | 'index'>): string =>
  `statement ${index + 1} of ${policy}`;

/**
 * Reads a policy document.
 *
 * @param document as the template has it, with its references resolved
 * @param policy the policy's logical id, or its ARN
 * @throws UnknownPolicyError for whatever could mean something else than what would be understood
 */
export const parsePolicy = (document: unknown, policy: string, kind: PolicyKind): Statement[] => {
  const problems: string[] = [];
  const { Version, Statement: given, Id: _, ...others } = isRecord(document) ? document : {};
  if (Version !== '2012-10-17')
    problems.push(`Version must be 2012-10-17, got ${JSON.stringify(Version)}, in ${policy}`);
  for (const name of Object.keys(others)) problems.push(`${name} in ${policy}`);
  const list = given === undefined ? [] : [given].flat();
  if (list.length === 0) problems.push(`no Statement in ${policy}`);
  const statements = list.flatMap((each, index) => {
    const reader = new StatementReader(each, { policy, index, kind });
    const statement = reader.read();
    problems.push(...reader.problems);
    return statement ?? [];
  });
  if (problems.length > 0) throw new UnknownPolicyError(problems);
  return statements;
};

type Place = Pick<Statement, 'policy' | 'index' | 'kind'>;

class StatementReader {
  readonly problems: string[] = [];
  readonly #given: Record<string, unknown>;
  readonly #place: Place;

  constructor(given: unknown, place: Place) {
    this.#given = isRecord(given) ? given : {};
    this.#place = place;
  }

  read(): Statement | undefined {
    const { kind } = this.#place;
    const { Effect, Action, Resource, Principal, Condition } = this.#given;
    for (const name of Object.keys(this.#given)) if (!ELEMENTS[kind].includes(name)) this.#refuse(name);
    const effect = Effect === 'Allow' || Effect === 'Deny' ? Effect : undefined;
    if (effect === undefined) this.#refuse(`Effect ${JSON.stringify(Effect)}`);
    const actions = this.#patterns('Action', Action);
    for (const action of actions) {
      if (action !== '*' && !/^[a-z0-9-]+:[a-z0-9*?]+$/i.test(action)) this.#refuse(`Action ${action}`);
    }
    const resources = kind === 'trust' ? ['*'] : this.#patterns('Resource', Resource);
    const principals = kind === 'identity' ? undefined : this.#principals(Principal);
    const conditions = this.#conditions(Condition);
    if (this.problems.length > 0 || effect === undefined) return undefined;
    return { ...this.#place, effect, actions, resources, ...(principals && { principals }), conditions };
  }

  #refuse(what: string): void {
    this.problems.push(`${what} in ${statementName(this.#place)}`);
  }

  #patterns(element: string, value: unknown): string[] {
    const patterns = textsOf(value);
    if (patterns === undefined || patterns.length === 0) {
      this.#refuse(`${element} ${JSON.stringify(value)}`);
      return [];
    }
    // A policy variable, which stands for something of the request.
    for (const pattern of patterns) if (pattern.includes('${')) this.#refuse(`${element} ${pattern}`);
    return patterns;
  }

  #principals(value: unknown): Principals | undefined {
    if (value === '*') return 'everyone';
    const { AWS, Service, ...others } = isRecord(value) ? value : { Principal: value };
    const roleArns = AWS === undefined ? [] : textsOf(AWS);
    const serviceNames = Service === undefined ? [] : textsOf(Service);
    const isUnknown =
      Object.keys(others).length > 0 ||
      roleArns === undefined ||
      serviceNames === undefined ||
      roleArns.length + serviceNames.length === 0 ||
      // An account as a whole is left out: it leaves the decision to the policies of its own principals.
      !roleArns.every((arn) => arn === '*' || /^arn:[^:]+:iam::\d{12}:role\/[^*?]+$/.test(arn)) ||
      !serviceNames.every((name) => /^[a-z0-9.-]+\.amazonaws\.com$/.test(name));
    if (isUnknown) {
      this.#refuse(`Principal ${JSON.stringify(value)}`);
      return undefined;
    }
    return roleArns.includes('*') ? 'everyone' : { roleArns, serviceNames };
  }

  #conditions(value: unknown): Condition[] {
    if (value === undefined) return [];
    if (!isRecord(value)) {
      this.#refuse(`Condition ${JSON.stringify(value)}`);
      return [];
    }
    return Object.entries(value).flatMap(([operator, keys]) => {
      if (!(operator in OPERATORS) || !isRecord(keys)) {
        this.#refuse(`Condition operator ${operator}`);
        return [];
      }
      return Object.entries(keys).flatMap(([name, given]) => {
        const key = name.toLowerCase();
        const values = textsOf(given);
        if (!CONDITION_KEYS.has(key)) this.#refuse(`Condition key ${name}`);
        if (values === undefined || values.some((each) => each.includes('${'))) {
          this.#refuse(`Condition value ${JSON.stringify(given)}`);
          return [];
        }
        return { operator, key, values };
      });
    });
  }
}

/**
 * Decides whether a request is allowed.
 *
 * @param statements those of the principal's own policies, and those of the resource's
 */
export const decide = (request: AccessRequest, statements: readonly Statement[]): Decision => {
  const relevant = statements.filter((statement) => concerns(statement, request));
  const denial = relevant.find(({ effect }) => effect === 'Deny');
  if (denial) return { kind: 'denied', by: denial };
  const by = relevant.flatMap((statement) => grantsOf(statement).filter((grant) => covers(grant, request)));
  return by.length > 0 ? { kind: 'allowed', by } : { kind: 'not allowed' };
};

/** Every single action on every single resource that a statement allows. */
export const grantsOf = (statement: Statement): Grant[] =>
  statement.effect === 'Deny'
    ? []
    : statement.actions.flatMap((action) => statement.resources.map((resource) => ({ statement, action, resource })));

const covers = (
  { action, resource }: Pick<Grant, 'action' | 'resource'>,
  request: Pick<AccessRequest, 'action' | 'resource'>,
): boolean => matchesAction(action, request.action) && matchesResource(resource, request.resource);

const concerns = (statement: Statement, request: AccessRequest): boolean =>
  isAbout(statement.principals, request.principal) &&
  statement.actions.some((action) => statement.resources.some((resource) => covers({ action, resource }, request))) &&
  statement.conditions.every((condition) => holds(condition, request.context));

const isAbout = (principals: Principals | undefined, principal: Principal): boolean => {
  if (principals === undefined) return principal.kind === 'role';
  if (principals === 'everyone') return true;
  return principal.kind === 'role'
    ? principals.roleArns.includes(principal.arn)
    : principals.serviceNames.includes(principal.name);
};

/** A key that the request does not have fulfils no condition. */
const holds = ({ operator, key, values }: Condition, context: AccessRequest['context']): boolean => {
  const actual = context[key];
  return actual !== undefined && values.some((value) => OPERATORS[operator]?.(value, actual) ?? false);
};

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** One text or several; JSON has booleans in conditions too. */
const textsOf = (value: unknown): string[] | undefined => {
  const list = [value].flat().map((each) => (typeof each === 'boolean' ? String(each) : each));
  return list.every((each) => typeof each === 'string') ? list : undefined;
};
