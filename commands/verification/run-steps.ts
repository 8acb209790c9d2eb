/** Runs the steps one after the other, also after one that failed, and says what was seen. */
import { reasonOf } from '../connect.ts';
import { NotChecked, type Step, Stopped, type Verification } from './step.ts';

export interface StepResult {
  readonly step: string;
  readonly outcome: 'passed' | 'failed' | 'not checked';
  /** What was seen, or why not. */
  readonly detail: string;
  readonly seconds: number;
}

export interface Listeners {
  onStart(step: Step): void;
  onResult(result: StepResult): void;
}

/**
 * @param skip names of steps that are left out
 * @throws Stopped if the command is stopped meanwhile
 */
export const runSteps = async (
  steps: readonly Step[],
  verification: Verification,
  skip: ReadonlySet<string>,
  { onStart, onResult }: Listeners,
): Promise<StepResult[]> => {
  const results: StepResult[] = [];
  for (const step of steps) {
    onStart(step);
    const startedAt = performance.now();
    const { outcome, detail } = skip.has(step.name)
      ? { outcome: 'not checked' as const, detail: 'left out by --skip' }
      : await outcomeOf(step, verification);
    const result = {
      step: step.name,
      outcome,
      detail,
      seconds: Math.round((performance.now() - startedAt) / 100) / 10,
    };
    results.push(result);
    onResult(result);
  }
  return results;
};

const outcomeOf = async (step: Step, verification: Verification): Promise<Pick<StepResult, 'outcome' | 'detail'>> => {
  try {
    return { outcome: 'passed', detail: await step.run(verification) };
  } catch (error) {
    if (error instanceof Stopped) throw error;
    return { outcome: error instanceof NotChecked ? 'not checked' : 'failed', detail: reasonOf(error) };
  }
};
