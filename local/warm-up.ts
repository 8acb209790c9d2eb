/** Loads the Lambdas before any event comes. */
import type { LambdaHost } from './lambda-host.ts';
import type { Wiring } from './wiring.ts';

/** Lambdas that are loaded at the same time. Many at once on few processors would each take longer than Lambda allows. */
const LOADED_AT_ONCE = 4;

/**
 * One environment of each; more are made when so many events come at once, as on AWS. Only what something brings events to: of
 * the rest nobody would notice. One that is not strict and cannot be loaded is told.
 *
 * @param lambdas by logical id
 * @throws InvocationError for a strict Lambda that cannot be loaded
 */
export const warmUp = async (lambdas: ReadonlyMap<string, LambdaHost>, wiring: Wiring): Promise<void> => {
  const { leftAside, onProblem } = wiring;
  const wanted = [...lambdas].filter(([, lambda]) => leftAside === undefined || wiring.driven.has(lambda));
  const load = async ([logicalId, lambda]: [string, LambdaHost]): Promise<void> => {
    try {
      await lambda.warmUp();
    } catch (error) {
      if (leftAside?.isStrict(logicalId) !== false) throw error;
      onProblem(`${error instanceof Error ? error.message : error}`);
    }
  };
  for (let first = 0; first < wanted.length; first += LOADED_AT_ONCE) {
    await Promise.all(wanted.slice(first, first + LOADED_AT_ONCE).map(load));
  }
};
