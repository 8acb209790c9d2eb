/** Many scenarios at once, as many as there are cores: each is a world of its own. */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { Played, Scenario } from './play.ts';
import type { ThreadAnswer, ThreadTask } from './play-thread.ts';

/** More than this many at once need more memory than they save time. */
const MOST_THREADS = 4;
/** Room for what is made and forgotten: with less, a world of a million bookings is copied again and again. */
const YOUNG_MB = 128;
/** A world of a million bookings takes below two gigabytes. */
const OLD_MB = 6_000;

/**
 * Plays scenarios, the largest first, so that none of them is left alone at the end.
 *
 * @param onPlayed called after each, with how much of the work is done, 0 to 1
 * @returns what came of each, in the order given: the same for the same seed, however many run at once
 * @throws what a scenario failed of; the others are stopped
 */
export const playAll = async (
  scenarios: readonly Scenario[],
  seed: number,
  onPlayed: (share: number, scenario: Scenario) => void = () => {},
): Promise<Played[]> => {
  const waiting = [...scenarios.entries()].sort(([, one], [, other]) => weightOf(other) - weightOf(one));
  const total = scenarios.reduce((sum, scenario) => sum + weightOf(scenario), 0);
  let done = 0;
  const played: Played[] = new Array(scenarios.length);
  const workers = Array.from({ length: Math.min(MOST_THREADS, availableParallelism(), scenarios.length) }, () => {
    const resourceLimits = { maxYoungGenerationSizeMb: YOUNG_MB, maxOldGenerationSizeMb: OLD_MB };
    // Flags of a test runner or a profiler are not for it.
    return new Worker(new URL('./play-thread.ts', import.meta.url), { resourceLimits, execArgv: [] });
  });
  try {
    await Promise.all(
      workers.map(async (worker) => {
        for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
          const [index, scenario] = next;
          played[index] = await playIn(worker, scenario, seed);
          done += weightOf(scenario);
          onPlayed(done / total, scenario);
        }
      }),
    );
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
  return played;
};

const weightOf = ({ load }: Scenario): number => load.bookings;

const playIn = (worker: Worker, scenario: Scenario, seed: number): Promise<Played> =>
  new Promise((resolve, reject) => {
    const fail = (reason: string): void => {
      leave();
      reject(new Error(`"${scenario.name}" could not be simulated: ${reason}`));
    };
    const onAnswer = (answer: ThreadAnswer): void => {
      leave();
      if ('failure' in answer) fail(answer.failure);
      else resolve(answer.played);
    };
    const onError = (error: unknown): void => fail(error instanceof Error ? error.message : String(error));
    const onExit = (code: number): void => fail(`its thread ended with ${code}`);
    const leave = (): void => {
      worker.off('message', onAnswer).off('error', onError).off('exit', onExit);
    };
    worker.on('message', onAnswer).on('error', onError).on('exit', onExit);
    worker.postMessage({ scenario, seed } satisfies ThreadTask);
  });
