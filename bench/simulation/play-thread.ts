/** A thread that plays the scenarios it is sent, one after another, and answers with what came of each, or what it failed of. */
import { parentPort } from 'node:worker_threads';
import { type Played, play, type Scenario } from './play.ts';

export interface ThreadTask {
  readonly scenario: Scenario;
  readonly seed: number;
}

export type ThreadAnswer = { readonly played: Played } | { readonly failure: string };

const answerTo = async ({ scenario, seed }: ThreadTask): Promise<ThreadAnswer> => {
  try {
    return { played: await play(scenario, seed) };
  } catch (error) {
    return { failure: error instanceof Error ? error.message : String(error) };
  }
};

parentPort?.on('message', async (task: ThreadTask) => parentPort?.postMessage(await answerTo(task)));
