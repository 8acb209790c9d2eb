/** Lags beyond one machine, simulated. */
import { textTable } from '../report.ts';
import type { SectionWork } from '../section.ts';
import { simulate } from './simulation-tables.ts';

export const simulationSection = async ({ options, figures, say, progress, plot }: SectionWork): Promise<void> => {
  const simulated = await progress('simulation', 0, (showShare) => simulate(options.seed, showShare));
  for (const { title, header, rows } of simulated.tables) say(`\n${title}\n${textTable(header, rows)}`);
  Object.assign(figures, simulated.figures);
  plot('simulation', simulated.plot);
};
