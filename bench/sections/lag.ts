/** Lag under loads of many rates and shapes, up to the highest rate that this machine sustains. */
import { DAY_MS } from '../../functions/core/hold-time.ts';
import { distribution } from '../../measure/distribution.ts';
import { lagHistogram, percentilesOf } from '../../measure/lag-report.ts';
import { measureFar } from '../far-lag.ts';
import { loadOf, measureFresh } from '../fresh-load.ts';
import { type LagResult, lagFigures } from '../load-lag.ts';
import type { Series } from '../report.ts';
import type { SectionWork } from '../section.ts';
import type { Load } from '../writer.ts';

const HEADER = [
  'load',
  'expired',
  'p50 ms',
  'p99 ms',
  'p99.9 ms',
  'max ms',
  'early',
  'missed',
  'paid yet not confirmed',
  'twice',
  'timers a batch',
];

export const lagSection = async (work: SectionWork): Promise<void> => {
  const { rates, seconds } = work.options;
  const rows = work.table(HEADER);
  const found: Record<string, unknown> = {};
  work.figures.loads = found;
  const series: Series[] = [];
  work.atEnd(() => {
    if (series.length > 0) plot(work, series);
  });
  const measure = async (label: string, load: Omit<Load, 'prefix'>): Promise<LagResult> => {
    const result = await measureFresh(work, label, load);
    rows.push(rowOf(label, result));
    found[label] = lagFigures(result);
    // The others lie so close that a plot would not separate them.
    if (load.perSecond === 50) series.push({ name: label, points: distribution(result.lagsMs, 1) });
    return result;
  };
  const highest = await findHighestRate(work, Math.max(...rates));
  work.figures.highestRate = highest;
  for (const rate of new Set([...rates, highest])) {
    for (const shape of ['spread', 'scattered', 'coincide'] as const) {
      const result = await measure(`${rate}/s, ${shape}`, loadOf(rate, seconds, shape));
      if (rate === 50 && shape === 'spread') {
        work.atEnd(() => work.say(`\nLag at 50/s, spread\n${lagHistogram(result.lagsMs).join('\n')}`));
      }
    }
  }
  await measure('1,000 in one second', loadOf(50, 20, 'one-second'));
  await measure('50/s, spread, half of them paid', loadOf(50, seconds, 'spread', 0.5));
  const label = '50/s, held for 24 hours';
  const far = await work.progress(label, 60, () =>
    measureFar(
      { assemblyDirectory: work.assemblyDirectory },
      { holdMs: DAY_MS, perSecond: 50, seconds: 10, paidShare: 0 },
      true,
    ),
  );
  rows.push(rowOf(label, far));
  found[label] = { ...lagFigures(far), sweeps: far.sweeps };
};

const rowOf = (label: string, result: LagResult): (string | number)[] => {
  const { p50, p99, p999, max } = percentilesOf(result.lagsMs);
  const { early, missed, wronged, duplicates, timersPerBatch, lagsMs } = result;
  return [label, lagsMs.length, p50, p99, p999, max, early, missed, wronged, duplicates, timersPerBatch];
};

/** The highest rate, by steps of a quarter, at which the lag stays as it is at lower ones. */
const findHighestRate = async (work: SectionWork, from: number): Promise<number> => {
  let highest = from;
  for (let rate = Math.round(from * 1.25); ; rate = Math.round(rate * 1.25)) {
    const result = await measureFresh(work, `does it sustain ${rate}/s?`, loadOf(rate, 15, 'spread'));
    if (result.missed > 0 || percentilesOf(result.lagsMs).p99 > 50) return highest;
    highest = rate;
  }
};

const plot = (work: SectionWork, series: readonly Series[]): void =>
  work.plot('lag', {
    title: 'Lag of expired bookings, local runtime',
    xLabel: 'ms after the deadline (logarithmic; 1 stands for 0 and 1)',
    yLabel: '% of bookings',
    series,
    xTicks: [1, 10, 100, 1_000, 10_000],
    yTicks: [0, 25, 50, 75, 100],
  });
