/** What a cron job would do to the same deadlines, computed. */

const PERIOD_MS = 300_000;
const PHASES = 60;

/** The lag that a cron job every 5 minutes gives, for every phase that it may have against the deadlines. In ms. */
export const lagOfCron = (deadlinesMs: readonly number[], seed: number): number[] => {
  const phases = Array.from({ length: PHASES }, (_, phase) => (phase * PERIOD_MS) / PHASES + (seed % 1_000));
  return phases.flatMap((phaseMs) =>
    deadlinesMs.map((deadlineMs) => (((phaseMs - deadlineMs) % PERIOD_MS) + PERIOD_MS) % PERIOD_MS),
  );
};
