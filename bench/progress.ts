/** Progress of a long measurement: a bar on a terminal, a line otherwise. */
import { canShowBars, progressBar } from '../terminal/progress-bar.ts';

/**
 * Runs some work and shows how far it is.
 *
 * @param forSeconds about how long it takes; 0 if the work reports its progress itself
 * @param quiet shows nothing
 */
export const withProgress = async <T>(
  label: string,
  forSeconds: number,
  quiet: boolean,
  work: (showShare: (share: number) => void) => Promise<T>,
): Promise<T> => {
  if (quiet) return work(() => {});
  if (!canShowBars()) {
    console.error(`  … ${label}`);
    return work(() => {});
  }
  const bar = progressBar({ format: `  {bar} ${label}`, clearOnComplete: true });
  bar.start(1_000, 0);
  const startedAtMs = performance.now();
  const tick = setInterval(() => {
    if (forSeconds > 0) bar.update(Math.min(990, (performance.now() - startedAtMs) / forSeconds));
  }, 250);
  try {
    return await work((share) => bar.update(Math.round(share * 1_000)));
  } finally {
    clearInterval(tick);
    bar.stop();
  }
};
