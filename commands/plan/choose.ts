/** Which setting a sale gets: the cheapest of those tried whose simulated lag keeps the target, or the one that comes nearest. */
import type { Played, Scenario } from '../../bench/simulation/play.ts';
import { playAll } from '../../bench/simulation/play-all.ts';
import { MINUTE_MS, SECOND_MS } from '../../functions/core/hold-time.ts';
import { costOf, type SaleCost } from './cost.ts';
import type { Sale } from './sale.ts';
import { candidatesFor, type Setting, UNPREPARED } from './sizing.ts';

/** A setting, what was simulated of it, and what it costs. */
export interface Tried {
  readonly setting: Setting;
  readonly played: Played;
  readonly cost: SaleCost;
}

export interface Choice {
  readonly chosen: Tried;
  readonly meetsTarget: boolean;
  /** A deployment that nobody prepared. */
  readonly unprepared: Tried;
  /** All that was tried, the cheapest first. */
  readonly tried: readonly Tried[];
}

/** After the last deadline it is watched until the sweep has come three times. */
const WATCHED_MS = 16 * MINUTE_MS;

/** The sale with a setting, as it is simulated. */
export const scenarioOf = (sale: Sale, setting: Setting, name: string): Scenario => {
  const writtenOverMs = sale.seconds * SECOND_MS;
  return {
    name,
    shardCount: setting.shardCount,
    timerLeadMs: setting.timerLeadMs,
    ...(setting.pollers && { pollers: setting.pollers }),
    assumptions: {
      tablePartitions: setting.tableWarmWrites / 1_000,
      indexPartitions: setting.indexWarmWrites / 1_000,
    },
    load: {
      kind: 'steady',
      bookings: sale.bookings,
      writtenOverMs,
      holdMs: sale.holdMs,
      paidShare: sale.paidShare,
    },
    forMs: writtenOverMs + sale.holdMs + WATCHED_MS,
  };
};

/**
 * Simulates what is worth trying, and chooses.
 *
 * @param onShare called with how much of the work is done, 0 to 1
 */
export const choose = async (sale: Sale, seed: number, onShare: (share: number) => void): Promise<Choice> => {
  const [without, ...withPollers] = candidatesFor(sale);
  const first = await trySettings(sale, [UNPREPARED, without], seed, (share) => onShare(share / 2));
  const [unprepared, ...tried] = first as [Tried, ...Tried[]];
  // Pollers cost by the hour: they are tried only where it does not do without.
  if (!chosenOf(tried, sale.targetP99Ms).meetsTarget) {
    tried.push(...(await trySettings(sale, withPollers, seed, (share) => onShare((1 + share) / 2))));
  }
  onShare(1);
  return { ...chosenOf(tried, sale.targetP99Ms), unprepared, tried };
};

const trySettings = async (
  sale: Sale,
  settings: readonly Setting[],
  seed: number,
  onShare: (share: number) => void,
): Promise<Tried[]> => {
  const scenarios = settings.map((setting) => scenarioOf(sale, setting, JSON.stringify(setting)));
  const played = await playAll(scenarios, seed, onShare);
  return settings.map((setting, index) => {
    const outcome = played[index] as Played;
    return { setting, played: outcome, cost: costOf(sale, setting, outcome) };
  });
};

/** @param tried the cheapest first; at least one */
export const chosenOf = (tried: readonly Tried[], targetP99Ms: number): Pick<Choice, 'chosen' | 'meetsTarget'> => {
  const first = tried.find(({ played }) => keeps(played, targetP99Ms));
  if (first) return { chosen: first, meetsTarget: true };
  // Of equally late ones the cheaper.
  const nearest = tried.reduce((best, each) => (each.played.lags.p99 < best.played.lags.p99 ? each : best));
  return { chosen: nearest, meetsTarget: false };
};

/** Whether 99 of 100 of those that expired kept the target, and none is left. Where nobody expired, nothing was late. */
const keeps = ({ lags, left, bookings, confirmed }: Played, targetP99Ms: number): boolean =>
  left === 0 && (confirmed === bookings || lags.p99 <= targetP99Ms);
