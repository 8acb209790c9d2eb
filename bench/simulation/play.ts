/** One scenario in simulated time, from its first booking to its outcome. */
import { MINUTE_MS } from '../../functions/core/hold-time.ts';
import { distribution } from '../../measure/distribution.ts';
import { percentilesOf } from '../../measure/lag-report.ts';
import { ASSUMPTIONS, type Assumptions } from './assumptions.ts';
import { type Load, write } from './loads.ts';
import { type Outcome, SimulatedWorld, type WorldSettings } from './simulated-world.ts';

export const START_MS = 1_800_000_000_000;

/** What is simulated: plain data, so that another thread can do it. Times in ms are after its first booking. */
export interface Scenario {
  readonly name: string;
  readonly load: Load;
  /** How long it is watched. */
  readonly forMs: number;
  /** @default 10 */
  readonly shardCount?: number;
  /** @default 1,000 */
  readonly timerLeadMs?: number;
  readonly pollers?: WorldSettings['pollers'];
  readonly assumptions?: Partial<Assumptions>;
  readonly hotShard?: number;
  readonly pollerDown?: { readonly fromMs: number; readonly untilMs: number };
  readonly sweepsDown?: { readonly fromMs: number; readonly untilMs: number };
}

/** What came of it. */
export interface Played extends Omit<Outcome, 'lagsMs'> {
  /** Percentiles of the lags, in ms. */
  readonly lags: ReturnType<typeof percentilesOf>;
  /** The lags' cumulative distribution, in percent, as a plot shows it. */
  readonly points: readonly (readonly [lagMs: number, percent: number])[];
}

/** @param seed the same seed gives the same outcome */
export const play = async (scenario: Scenario, seed: number): Promise<Played> => {
  const { shardCount = 10, timerLeadMs = 1_000, pollers, assumptions, hotShard, load, forMs } = scenario;
  const world = new SimulatedWorld(START_MS, {
    seed,
    shardCount,
    settings: { timerLeadMs, sweepIntervalMs: 5 * MINUTE_MS },
    assumptions: { ...ASSUMPTIONS, ...assumptions },
    pollers,
    hotShard,
    pollerDown: afterStart(scenario.pollerDown),
    sweepsDown: afterStart(scenario.sweepsDown),
  });
  write(world, load);
  world.scheduleSweeps(START_MS + forMs);
  await world.kernel.run(START_MS + forMs);
  const { lagsMs, ...counts } = world.outcome();
  // Sorted once here, not once for each percentile.
  lagsMs.sort((one, other) => one - other);
  return { ...counts, lags: percentilesOf(lagsMs), points: distribution(lagsMs, 1) };
};

const afterStart = (span: Scenario['pollerDown']): Scenario['pollerDown'] =>
  span && { fromMs: START_MS + span.fromMs, untilMs: START_MS + span.untilMs };
