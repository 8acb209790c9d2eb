/** Searches a small world for a schedule that breaks a promise: every step in every order, with so many faults at the most. */
import { ending } from './ending.ts';
import { BrokenPromise } from './promises.ts';
import { Reactions } from './reactions.ts';
import { emptyShards } from './shards.ts';
import type { SmallWorld } from './small-world.ts';
import { stateKey } from './state-key.ts';
import { type Step, stepsOf } from './steps.ts';
import { World } from './world.ts';

export interface Bounds {
  /** Faults of one schedule. */
  readonly faults: number;
  /** States after which the search ends although it is not through. */
  readonly states: number;
}

/** A schedule that breaks a promise: the place of each step among those that were possible. */
export interface Counterexample {
  readonly broken: BrokenPromise;
  readonly path: readonly number[];
}

export interface Searched {
  readonly states: number;
  readonly steps: number;
  /** Whether every state was visited that the bound of faults allows. */
  readonly isWhole: boolean;
  readonly found: Counterexample | undefined;
}

export interface Progress {
  readonly states: number;
  readonly steps: number;
}

/** How many states between two reports of progress. */
const REPORT_EVERY = 10_000;

interface Visit {
  readonly world: World;
  readonly steps: readonly Step[];
  next: number;
}

/** Visits every state once, depth first. A state that was reached with fewer faults before is not visited again. */
export const explore = async (
  small: SmallWorld,
  { faults, states: most }: Bounds,
  onProgress: (progress: Progress) => void = () => {},
): Promise<Searched> => {
  const reactions = new Reactions(emptyShards(small));
  const visited = new Map<string, number>();
  const counts = { states: 0, steps: 0 };
  const path: number[] = [];
  const searched = (isWhole: boolean, found?: Counterexample): Searched => ({ ...counts, isWhole, found });
  const visit = async (world: World): Promise<Visit | undefined> => {
    const key = stateKey(world);
    const reachedWith = visited.get(key);
    if (reachedWith !== undefined && reachedWith <= world.faults) return undefined;
    visited.set(key, world.faults);
    counts.states += 1;
    if (counts.states % REPORT_EVERY === 0) onProgress(counts);
    const steps = stepsOf(world, world.faults < faults);
    if (steps.length === 0) await ending(world);
    return { world, steps, next: 0 };
  };

  const first = await visit(new World(small, reactions));
  const stack: Visit[] = first ? [first] : [];
  for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
    const step = top.steps[top.next];
    if (step === undefined) {
      stack.pop();
      path.pop();
      continue;
    }
    if (counts.states >= most) return searched(false);
    path.push(top.next);
    top.next += 1;
    counts.steps += 1;
    try {
      const visiting = await visit(await taken(top.world, step));
      if (visiting) stack.push(visiting);
      else path.pop();
    } catch (error) {
      if (!(error instanceof BrokenPromise)) throw error;
      return searched(false, { broken: error, path: [...path] });
    }
  }
  return searched(true);
};

/**
 * The world after a step.
 *
 * @param notes where what followed from the step is noted, also if it broke a promise
 */
export const taken = async (world: World, step: Step, notes?: string[]): Promise<World> => {
  const next = world.copy();
  if (notes) next.notes = notes;
  if (step.kind === 'fault') next.faults += 1;
  await step.take(next);
  return next;
};
