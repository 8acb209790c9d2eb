/** Loads of near holds, each on a service of its own. */
import { type LagResult, measureLag, startWarmService, warmUp } from './load-lag.ts';
import type { SectionWork } from './section.ts';
import type { Load, Shape } from './writer.ts';

const HOLD_MS = 10_000;

export const loadOf = (perSecond: number, seconds: number, shape: Shape, paidShare = 0): Omit<Load, 'prefix'> => ({
  perSecond,
  seconds,
  holdMs: HOLD_MS,
  shape,
  paidShare,
});

/** Above this rate a service first gets as many environments as the load needs: below it, some seconds are enough. */
const USUAL_RATE = 50;

/** One load on a warm service of its own. */
export const measureFresh = (
  { progress, assemblyDirectory }: Pick<SectionWork, 'progress' | 'assemblyDirectory'>,
  label: string,
  load: Omit<Load, 'prefix'>,
  service: { metered?: boolean; environment?: Record<string, string> } = {},
): Promise<LagResult> =>
  progress(label, load.seconds + load.holdMs / 1_000 + 20, async () => {
    const running = await startWarmService({ assemblyDirectory, ...service }, Math.min(USUAL_RATE, load.perSecond));
    try {
      if (load.perSecond > USUAL_RATE) await warmUp(running, load.perSecond);
      return await measureLag(running, load);
    } finally {
      await running.stop();
    }
  });
