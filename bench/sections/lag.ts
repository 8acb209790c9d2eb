/** Lag under loads of several rates and shapes. */
import { DAY_MS } from '../../functions/core/hold-time.ts';
import { distribution } from '../../measure/distribution.ts';
import { lagHistogram, percentilesOf } from '../../measure/lag-report.ts';
import { measureFar } from '../far-lag.ts';
import { loadOf, measureFresh } from '../fresh-load.ts';
import { type LagResult, lagFigures } from '../load-lag.ts';
import { type NamedLoad, OTHER_LOADS, rateLoad } from '../load-names.ts';
import type { Series } from '../report.ts';
import type { SectionWork } from '../section.ts';

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
  const { rates } = work.options;
  const rows = work.table(HEADER);
  const found: Record<string, unknown> = {};
  work.figures.loads = found;
  const series: Series[] = [];
  work.atEnd(() => {
    if (series.length > 0) plot(work, series);
  });
  const measure = (load: NamedLoad): Promise<void> =>
    work.attempt(load.label, async () => {
      const result = await apply(work, load);
      const { label } = load;
      rows.push(rowOf(label, result));
      found[label] = { ...lagFigures(result), ...('sweeps' in result && { sweeps: result.sweeps }) };
      // The others lie so close that a plot would not separate them.
      if (label.startsWith('50/s')) series.push({ name: label, points: distribution(result.lagsMs, 1) });
      if (load.name !== '50-spread') return;
      work.atEnd(() => work.say(`\nLag at 50/s, spread\n${lagHistogram(result.lagsMs).join('\n')}`));
    });
  if (work.options.loads !== undefined) {
    for (const load of work.options.loads) await measure(load);
    return;
  }
  for (const rate of rates) {
    for (const shape of ['spread', 'scattered', 'coincide'] as const) await measure(rateLoad(rate, shape));
  }
  for (const load of OTHER_LOADS) await measure(load);
};

/** Deadlines per second of the loads that have no rate in their name. */
const USUAL_RATE = 50;
const BURST_SECONDS = 20;
const FAR_SECONDS = 10;

const apply = (work: SectionWork, load: NamedLoad): Promise<LagResult> => {
  const { label } = load;
  const { seconds } = work.options;
  switch (load.kind) {
    case 'rate':
      return measureFresh(work, label, {
        ...loadOf(load.perSecond, seconds, load.shape),
        ...(load.holdMs !== undefined && { holdMs: load.holdMs }),
      });
    case 'one-second':
      return measureFresh(work, label, loadOf(USUAL_RATE, BURST_SECONDS, 'one-second'));
    case 'half-paid':
      return measureFresh(work, label, loadOf(USUAL_RATE, seconds, 'spread', 0.5));
    case '24-hours':
      return work.progress(label, 60, () =>
        measureFar(
          { assemblyDirectory: work.assemblyDirectory },
          { holdMs: DAY_MS, perSecond: USUAL_RATE, seconds: FAR_SECONDS, paidShare: 0 },
          true,
        ),
      );
  }
};

const rowOf = (label: string, result: LagResult): (string | number)[] => {
  const { p50, p99, p999, max } = percentilesOf(result.lagsMs);
  const { early, missed, wronged, duplicates, timersPerBatch, lagsMs } = result;
  return [label, lagsMs.length, p50, p99, p999, max, early, missed, wronged, duplicates, timersPerBatch];
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
