/** All scenarios, and what came of them as tables, figures and a plot. */
import type { Plot } from '../report.ts';
import { ASSUMPTIONS } from '../simulation/assumptions.ts';
import type { Played } from '../simulation/play.ts';
import { playAll } from '../simulation/play-all.ts';
import { DOUBTFUL, LEADS, SCENARIOS } from '../simulation/scenarios.ts';

export interface SimulatedTable {
  readonly title: string;
  readonly header: readonly string[];
  readonly rows: readonly (readonly (string | number)[])[];
}

export interface Simulated {
  readonly tables: readonly SimulatedTable[];
  readonly figures: Readonly<Record<string, unknown>>;
  readonly plot: Plot;
}

const SCENARIO_HEADER = [
  'simulated',
  'bookings',
  'p50 ms',
  'p99 ms',
  'max ms',
  'batches at once',
  'throttled',
  'by sweep',
  'sweeps unfinished',
  'early',
  'left',
];
const LEAD_HEADER = [
  'lead ms',
  'SQS',
  'p50 ms',
  'p99 ms',
  'p99.9 ms',
  'max ms',
  'timers a batch',
  'billed ms a booking',
];
const DOUBT_HEADER = ['assumption', 'p50 ms', 'p99 ms', 'max ms', 'batches at once', 'throttled', 'early', 'left'];
const ASSUMPTION_HEADER = ['assumed', 'value'];

/**
 * @param seed the same seed gives the same figures
 * @param onShare called with how much of it is done, 0 to 1
 */
export const simulate = async (seed: number, onShare: (share: number) => void = () => {}): Promise<Simulated> => {
  const played = await playAll([...SCENARIOS, ...LEADS, ...DOUBTFUL], seed, onShare);
  const of = (from: number, count: number): Played[] => played.slice(from, from + count);
  const scenarios = of(0, SCENARIOS.length);
  const leads = of(SCENARIOS.length, LEADS.length);
  const doubts = of(SCENARIOS.length + LEADS.length, DOUBTFUL.length);
  return {
    tables: [
      { title: 'Beyond one machine, simulated', header: SCENARIO_HEADER, rows: scenarioRows(scenarios) },
      { title: 'timerLead at 50 deadlines a second, simulated', header: LEAD_HEADER, rows: leadRows(leads) },
      {
        title: '50,000 lapse in one second, 10 shards, 100 pollers, by assumption, simulated',
        header: DOUBT_HEADER,
        rows: doubtRows(doubts),
      },
      {
        title: 'What all of them assume unless they say otherwise',
        header: ASSUMPTION_HEADER,
        rows: Object.entries(ASSUMPTIONS).map(([name, value]) => [name, value ?? 'each shard its own']),
      },
    ],
    figures: {
      seed,
      assumptions: ASSUMPTIONS,
      ...figuresOf(SCENARIOS, scenarios),
      ...figuresOf(LEADS, leads),
      doubts: figuresOf(DOUBTFUL, doubts),
    },
    plot: {
      title: 'Lag in the simulation',
      xLabel: 'ms after the deadline (logarithmic)',
      yLabel: '% of bookings',
      series: scenarios
        .map(({ points }, index) => ({ name: SCENARIOS[index]?.name ?? '', points }))
        .filter(({ name }) => name.includes('one second') || name.includes('hours')),
      xTicks: [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000],
      yTicks: [0, 25, 50, 75, 100],
    },
  };
};

const figuresOf = (given: readonly { readonly name: string }[], played: readonly Played[]) =>
  Object.fromEntries(
    played.map(({ points: _, lags, ...counts }, index) => [given[index]?.name ?? '', { ...counts, ...lags }]),
  );

const scenarioRows = (played: readonly Played[]) =>
  played.map((outcome, index) => [
    SCENARIOS[index]?.name ?? '',
    outcome.bookings,
    outcome.lags.p50,
    outcome.lags.p99,
    outcome.lags.max,
    outcome.peakConcurrency,
    outcome.throttled,
    outcome.bySweep,
    outcome.unfinishedSweeps,
    outcome.early,
    outcome.left,
  ]);

const leadRows = (played: readonly Played[]) =>
  played.map(({ lags, bookings, invocations, billedMs }, index) => [
    LEADS[index]?.timerLeadMs ?? 0,
    LEADS[index]?.delivery ?? '',
    lags.p50,
    lags.p99,
    lags.p999,
    lags.max,
    bookings / invocations,
    billedMs / bookings,
  ]);

const doubtRows = (played: readonly Played[]) =>
  played.map(({ lags, peakConcurrency, throttled, early, left }, index) => [
    DOUBTFUL[index]?.name ?? '',
    lags.p50,
    lags.p99,
    lags.max,
    peakConcurrency,
    throttled,
    early,
    left,
  ]);
