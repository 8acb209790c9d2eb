/** Lags beyond one machine, simulated. */
import type { SectionWork } from '../section.ts';
import { simulate } from '../simulation/scenarios.ts';

export const simulationSection = async ({ options, figures, say, progress, plot }: SectionWork): Promise<void> => {
  const simulated = await progress('simulation', 60, () => simulate(options.seed));
  say(`\n${simulated.text}`);
  Object.assign(figures, simulated.figures);
  plot('simulation', simulated.plot);
};
