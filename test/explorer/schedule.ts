/** One schedule of a small world: played from the names of its steps, and made as short as it can be. */
import { ending } from './ending.ts';
import { BrokenPromise } from './promises.ts';
import { Reactions } from './reactions.ts';
import { type Counterexample, taken } from './search.ts';
import { emptyShards } from './shards.ts';
import type { SmallWorld } from './small-world.ts';
import { type Step, type StepKind, stepsOf } from './steps.ts';
import { timeText } from './tell.ts';
import { World } from './world.ts';

/** A step that was taken. */
export interface PlayedStep {
  readonly kind: StepKind;
  readonly name: string;
  readonly does: Step['does'];
  /** Tells it from the other steps that were possible then, whatever the time is. */
  readonly key: string;
  readonly atMs: number;
  /** What followed from it, as sentences. */
  readonly notes: readonly string[];
}

export interface PlayedSchedule {
  readonly steps: readonly PlayedStep[];
  readonly broken: BrokenPromise | undefined;
}

/** Finds the next step to take; undefined if there is none. Sees all steps that are possible, each with its key. */
type Choose = (steps: readonly Step[], keys: readonly string[]) => number | undefined;

const TIMES = /[+-](\d+ (d|h|min|s|ms) ?)+/g;

/** Steps that are called the same, but for the time, are numbered. */
const keysOf = (steps: readonly Step[]): string[] => {
  const seen = new Map<string, number>();
  return steps.map(({ name }) => {
    const text = name.replace(TIMES, '+… ').trim();
    const number = (seen.get(text) ?? 0) + 1;
    seen.set(text, number);
    return `${text} #${number}`;
  });
};

const MOST_STEPS = 2_000;

const play = async (small: SmallWorld, reactions: Reactions, choose: Choose): Promise<PlayedSchedule> => {
  let world = new World(small, reactions);
  const played: PlayedStep[] = [];
  try {
    while (played.length < MOST_STEPS) {
      const steps = stepsOf(world, true);
      const keys = keysOf(steps);
      const place = choose(steps, keys);
      const step = place === undefined ? undefined : steps[place];
      if (place === undefined || step === undefined) break;
      const { kind, name, does } = step;
      const notes: string[] = [];
      played.push({ kind, name, does, key: keys[place] ?? '', atMs: world.nowMs, notes });
      world = await taken(world, step, notes);
    }
    await ending(world);
    return { steps: played, broken: undefined };
  } catch (error) {
    if (!(error instanceof BrokenPromise)) throw error;
    return { steps: played, broken: error };
  }
};

/** Plays the steps with these keys, as far as they are possible when their turn comes, and then what usually happens. */
const playKeys = (small: SmallWorld, reactions: Reactions, keys: readonly string[]): Promise<PlayedSchedule> => {
  let turn = 0;
  return play(small, reactions, (steps, possible) => {
    while (turn < keys.length) {
      const place = possible.indexOf(keys[turn] ?? '');
      turn += 1;
      if (place >= 0) return place;
    }
    return steps.length > 0 ? 0 : undefined;
  });
};

/** How much there is to read and to wonder about. */
const WEIGHTS: Readonly<Record<StepKind, number>> = { usual: 1, order: 100, outside: 10_000, fault: 1_000_000 };
const weightOf = ({ steps }: PlayedSchedule): number => steps.reduce((sum, { kind }) => sum + WEIGHTS[kind], 0);

/** A schedule that breaks the same promise, and of which no part can be left out. */
export const shrink = async (small: SmallWorld, { path, broken }: Counterexample): Promise<PlayedSchedule> => {
  const reactions = new Reactions(emptyShards(small));
  let turn = 0;
  let best = await play(small, reactions, (steps) => {
    const place = path[turn];
    turn += 1;
    return place ?? (steps.length > 0 ? 0 : undefined);
  });
  if (best.broken?.promise !== broken.promise) throw new Error('the schedule does not break what it broke before');
  for (let isShorter = true; isShorter; ) {
    isShorter = false;
    for (let size = Math.ceil(best.steps.length / 2); size >= 1; size = Math.floor(size / 2)) {
      for (let start = 0; start < best.steps.length; ) {
        const keys = best.steps.map(({ key }) => key);
        const candidate = await playKeys(small, reactions, [...keys.slice(0, start), ...keys.slice(start + size)]);
        const isSame = candidate.broken?.promise === broken.promise;
        if (isSame && weightOf(candidate) < weightOf(best)) {
          best = candidate;
          isShorter = true;
        } else start += size;
      }
    }
  }
  return best;
};

const MARKS: Readonly<Record<StepKind, string>> = { usual: ' ', order: '~', outside: '>', fault: '!' };

/** What the marks mean. */
export const LEGEND = '> somebody acts   ! something goes wrong   ~ another order than usual   → what follows';

/** The schedule as lines to read. */
export const scheduleText = ({ steps, broken }: PlayedSchedule): string => {
  const lines: string[] = [];
  let atMs: number | undefined;
  let process: string | undefined;
  for (const { kind, name, does, atMs: stepAtMs, notes } of steps) {
    if (stepAtMs !== atMs) {
      lines.push(timeText(stepAtMs));
      process = undefined;
    }
    atMs = stepAtMs;
    const goesOn = kind === 'usual' && does !== undefined && does.process === process;
    if (goesOn) lines.push(`${lines.pop()}, ${does?.what}`);
    else if (!/^it is /.test(name)) lines.push(`  ${MARKS[kind]} ${name}`);
    process = kind === 'usual' && notes.length === 0 ? does?.process : undefined;
    for (const note of notes) lines.push(`      → ${note}`);
  }
  if (broken) lines.push(`broken: ${broken.promise}: ${broken.message}`);
  return lines.join('\n');
};
