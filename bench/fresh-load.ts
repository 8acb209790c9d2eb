/** Loads of near holds, each on a service of its own. */
import { type LagResult, measureLag, startWarmService } from './load-lag.ts';
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

/** One load on a service of its own: the engine's writes get slower with every record that its stream keeps. */
export const measureFresh = (
  { progress, assemblyDirectory }: Pick<SectionWork, 'progress' | 'assemblyDirectory'>,
  label: string,
  load: Omit<Load, 'prefix'>,
  service: { metered?: boolean; environment?: Record<string, string> } = {},
): Promise<LagResult> =>
  progress(label, load.seconds + 30, async () => {
    const running = await startWarmService({ assemblyDirectory, ...service }, Math.min(50, load.perSecond));
    try {
      return await measureLag(running, load);
    } finally {
      await running.stop();
    }
  });
