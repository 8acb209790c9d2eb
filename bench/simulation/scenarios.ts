/** What happens beyond one machine: the service's own code over simulated SQS, Lambda and DynamoDB, in seconds. */

import { MINUTE_MS, SECOND_MS } from '../../functions/core/hold-time.ts';
import { percentilesOf } from '../../measure/lag-report.ts';
import { distribution, type Plot, textTable } from '../report.ts';
import { ASSUMPTIONS, type Assumptions } from './assumptions.ts';
import { type Outcome, SimulatedWorld, type WorldSettings } from './simulated-world.ts';

const START_MS = 1_800_000_000_000;
const HOUR_MS = 60 * MINUTE_MS;

interface Scenario {
  readonly name: string;
  readonly shardCount?: number;
  readonly timerLeadMs?: number;
  readonly assumptions?: Partial<Assumptions>;
  readonly hotShard?: number;
  readonly pollerDown?: WorldSettings['pollerDown'];
  readonly sweepsDown?: WorldSettings['sweepsDown'];
  /** Creates the bookings, at their times. */
  readonly create: (world: SimulatedWorld, chance: () => number) => void;
  /** How long it is watched. */
  readonly forMs: number;
}

/** Bookings of the 10 minutes before, all lapsing within one second. */
const sale = (count: number) => (world: SimulatedWorld, chance: () => number) => {
  const deadlineMs = START_MS + 12 * MINUTE_MS;
  for (let number = 0; number < count; number += 1) {
    world.kernel.at(START_MS + chance() * 10 * MINUTE_MS, () => {
      world.create(`sale-${number}`, deadlineMs + Math.floor(chance() * SECOND_MS));
    });
  }
};

/** Bookings at a steady rate, each with the same hold. */
const steady = (perSecond: number, forMs: number, holdMs: number) => (world: SimulatedWorld, chance: () => number) => {
  for (let number = 0; number < (perSecond * forMs) / SECOND_MS; number += 1) {
    const atMs = START_MS + ((number + chance()) * SECOND_MS) / perSecond;
    world.kernel.at(atMs, () => world.create(`steady-${number}`, Math.floor(atMs) + holdMs));
  }
};

const SCENARIOS: readonly Scenario[] = [
  { name: '100,000 lapse in one second', create: sale(100_000), forMs: 20 * MINUTE_MS },
  { name: '100,000 in one second, 40 shards', shardCount: 40, create: sale(100_000), forMs: 20 * MINUTE_MS },
  { name: '1,000,000 lapse in one second', create: sale(1_000_000), forMs: 30 * MINUTE_MS },
  { name: '1,000,000 in one second, 100 shards', shardCount: 100, create: sale(1_000_000), forMs: 30 * MINUTE_MS },
  {
    name: '1,000,000 in one second, 100 shards, 1,250 at once from the start',
    shardCount: 100,
    assumptions: { concurrencyAtFirst: 1_250, tablePartitions: 100 },
    create: sale(1_000_000),
    forMs: 30 * MINUTE_MS,
  },
  {
    name: '10,000 a second, steady',
    shardCount: 40,
    create: steady(10_000, MINUTE_MS / 2, 5 * MINUTE_MS),
    forMs: 10 * MINUTE_MS,
  },
  {
    name: '10,000 a second, concurrency grown already',
    shardCount: 40,
    assumptions: { concurrencyAtFirst: 1_250 },
    create: steady(10_000, MINUTE_MS / 2, 5 * MINUTE_MS),
    forMs: 10 * MINUTE_MS,
  },
  {
    name: '20 a second, no timer delivered for two hours',
    pollerDown: { fromMs: START_MS + 20 * MINUTE_MS, untilMs: START_MS + 20 * MINUTE_MS + 2 * HOUR_MS },
    create: steady(20, 3 * HOUR_MS, 15 * MINUTE_MS),
    forMs: 4 * HOUR_MS,
  },
  {
    name: '20 a second, 24-hour holds, three sweeps missed',
    sweepsDown: { fromMs: START_MS + 24 * HOUR_MS, untilMs: START_MS + 24 * HOUR_MS + 15 * MINUTE_MS },
    create: steady(20, HOUR_MS, 24 * HOUR_MS),
    forMs: 26 * HOUR_MS,
  },
  {
    name: '500 a second into one shard',
    hotShard: 0,
    create: steady(500, 2 * MINUTE_MS, 5 * MINUTE_MS),
    forMs: 15 * MINUTE_MS,
  },
  {
    name: '2,000 a second into one shard',
    hotShard: 0,
    create: steady(2_000, 2 * MINUTE_MS, 5 * MINUTE_MS),
    forMs: 15 * MINUTE_MS,
  },
];

const LEADS_MS = [0, 100, 250, 500, 1_000, 2_000];

export interface Simulated {
  readonly text: string;
  readonly figures: Record<string, unknown>;
  readonly plot: Plot;
}

const play = async (scenario: Scenario, seed: number): Promise<Outcome> => {
  const { shardCount = 10, timerLeadMs = 1_000, assumptions, create, forMs, ...faults } = scenario;
  const world = new SimulatedWorld(START_MS, {
    seed,
    shardCount,
    settings: { timerLeadMs, sweepIntervalMs: 5 * MINUTE_MS },
    assumptions: { ...ASSUMPTIONS, ...assumptions },
    ...faults,
  });
  create(world, world.chance);
  world.scheduleSweeps(START_MS + forMs);
  await world.kernel.run(START_MS + forMs);
  return world.outcome();
};

/** @param seed the same seed gives the same figures */
export const simulate = async (seed: number): Promise<Simulated> => {
  const rows: (string | number)[][] = [];
  const figures: Record<string, unknown> = { seed, assumptions: ASSUMPTIONS };
  const series: Plot['series'][number][] = [];
  for (const scenario of SCENARIOS) {
    const outcome = await play(scenario, seed);
    const { lagsMs, ...counts } = outcome;
    const lags = percentilesOf(lagsMs);
    figures[scenario.name] = { ...counts, ...lags };
    rows.push([
      scenario.name,
      outcome.bookings,
      lags.p50,
      lags.p99,
      lags.max,
      outcome.peakConcurrency,
      outcome.throttled,
      outcome.bySweep,
      outcome.unfinishedSweeps,
      outcome.early,
      outcome.left,
    ]);
    series.push({ name: scenario.name, points: distribution(lagsMs, 1) });
  }
  const leadRows: (string | number)[][] = [];
  for (const timerLeadMs of LEADS_MS) {
    for (const [name, assumptions] of [
      ['as assumed', {}],
      ['delivery late by 300 ms on average', { deliveryJitterMs: 300 }],
    ] as const) {
      const create = steady(50, 2 * MINUTE_MS, 5 * MINUTE_MS);
      const { lagsMs, billedMs, bookings, invocations } = await play(
        { name, timerLeadMs, assumptions, create, forMs: 10 * MINUTE_MS },
        seed,
      );
      const lags = percentilesOf(lagsMs);
      leadRows.push([
        timerLeadMs,
        name,
        lags.p50,
        lags.p99,
        lags.p999,
        lags.max,
        bookings / invocations,
        billedMs / bookings,
      ]);
      figures[`timerLead ${timerLeadMs} ms, ${name}`] = { ...lags, billedMsPerBooking: billedMs / bookings };
    }
  }
  const header = [
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
  const leadHeader = [
    'lead ms',
    'SQS',
    'p50 ms',
    'p99 ms',
    'p99.9 ms',
    'max ms',
    'timers a batch',
    'billed ms a booking',
  ];
  return {
    text: `${textTable(header, rows)}\n\ntimerLead at 50 deadlines a second, simulated\n${textTable(leadHeader, leadRows)}`,
    figures,
    plot: {
      title: 'Lag in the simulation',
      xLabel: 'ms after the deadline (logarithmic)',
      yLabel: '% of bookings',
      series: series.filter(({ name }) => name.includes('one second') || name.includes('hours')),
      xTicks: [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000],
      yTicks: [0, 25, 50, 75, 100],
    },
  };
};
