/** Decides each request of one caller, and remembers what it decided: policies do not change while the runtime runs. */

import { type ArnNames, arnNames } from './arn-names.ts';
import type { AwsRequest } from './aws-request.ts';
import type { Caller } from './caller.ts';
import { keyNeeds } from './keys.ts';
import type { Need } from './need.ts';
import { type Decision, decide, type Statement } from './policy.ts';
import { needsOf } from './request-needs.ts';

/** One need of a caller and how it was decided. */
export interface Access extends Need {
  readonly decision: Decision;
}

/** Why a request is refused. */
export type Refusal =
  | { readonly kind: 'unknown request'; readonly request: AwsRequest }
  | { readonly kind: 'not authorized'; readonly need: Need; readonly denial: Statement | undefined };

export class Gate {
  readonly #caller: Caller;
  readonly #names: ArnNames;
  readonly #onAccess: (access: Access) => void;
  readonly #refusals = new Map<string, Refusal | undefined>();

  /** @param onAccess told of each need when it is met for the first time */
  constructor(caller: Caller, onAccess: (access: Access) => void) {
    this.#caller = caller;
    this.#names = arnNames(caller.knownArns);
    this.#onAccess = onAccess;
  }

  /** Undefined if all that the request needs is allowed. */
  refusalOf(request: AwsRequest): Refusal | undefined {
    const needs = needsOf(request, this.#names);
    if (needs === undefined) {
      const action = `${request.service}:${request.operation}`;
      this.#onAccess({ action, resource: '*', decision: { kind: 'not allowed' } });
      return { kind: 'unknown request', request };
    }
    for (const need of needs) {
      const refusal = this.#refusalOfNeed(need);
      if (refusal) return refusal;
    }
    return undefined;
  }

  #refusalOfNeed(need: Need): Refusal | undefined {
    const key = `${need.action} ${need.resource}`;
    if (!this.#refusals.has(key)) {
      const needs = [need, ...keyNeeds(need, this.#caller.keys)];
      this.#refusals.set(
        key,
        needs.map((each) => this.#decide(each)).find((refusal) => refusal !== undefined),
      );
    }
    return this.#refusals.get(key);
  }

  #decide(need: Need): Refusal | undefined {
    const { roleArn, statements, ofResources } = this.#caller;
    const decision = decide(
      {
        ...need,
        principal: { kind: 'role', arn: roleArn },
        // Deployed, the SDK speaks TLS.
        context: { 'aws:securetransport': 'true', 'aws:principalarn': roleArn },
      },
      [...statements, ...(ofResources[need.resource] ?? [])],
    );
    this.#onAccess({ ...need, decision });
    if (decision.kind === 'allowed') return undefined;
    return { kind: 'not authorized', need, denial: decision.kind === 'denied' ? decision.by : undefined };
  }
}
