/**
 * What a sale needs, by rules of AWS's limits. The simulation then shows what it does; these rules only say what is worth
 * simulating.
 */

import { ASSUMPTIONS } from '../../bench/simulation/assumptions.ts';
import { SECOND_MS } from '../../functions/core/hold-time.ts';
import { MAX_SHARDS } from '../../functions/core/pending-shard.ts';
import {
  SHARD_COUNT,
  TIMER_LEAD_MS,
  TIMER_POLLERS_MAX,
  TIMER_POLLERS_MIN,
  type TimerPollers,
} from '../../lib/limits.ts';
import type { Sale } from './sale.ts';

/** What may be set before a sale. */
export interface Setting {
  readonly shardCount: number;
  /** Undefined where none is provisioned. */
  readonly pollers: TimerPollers | undefined;
  readonly timerLeadMs: number;
  /** Warm throughput, in write units a second. */
  readonly tableWarmWrites: number;
  readonly indexWarmWrites: number;
}

/** How much a sale asks of each part at its peak, a second. */
export interface Demand {
  /** Timers that come due: each booking has one, paid or not. */
  readonly timersPerSecond: number;
  /** Write units of the table, and of the index: a booking enters it once and leaves it once. */
  readonly tableWritesPerSecond: number;
  readonly indexWritesPerSecond: number;
}

/** A new on-demand table or index takes as many writes a second without warm throughput. */
export const COLD_WRITES = 4_000;
/** How much of the table's partitions is planned for: bookings come in bursts, and a hash gives some more than others. */
const TABLE_USE = 0.75;
/**
 * How much of a partition one shard may take, and with it how much warm throughput the index has for what it takes: a hash puts
 * several shards on one partition. More shards cost nothing: a sweep looks into every legal one anyway.
 */
const SHARD_USE = 0.25;
/** How many more timers are planned for than come evenly. */
const TIMER_ROOM = 1.25;
/** From its arrival on, a timer waits for its lead, and for half a second more on average: delays are whole seconds. */
const waitSeconds = (timerLeadMs: number): number => timerLeadMs / SECOND_MS + 0.5;

/** @returns the peak of a sale that is written, settled and lapses evenly */
export const demandOf = ({ bookings, seconds, holdMs, paidShare }: Sale): Demand => {
  const perSecond = bookings / seconds;
  const holdSeconds = holdMs / SECOND_MS;
  const paid = (paidShare * bookings) / Math.max(seconds, holdSeconds);
  const expired = (1 - paidShare) * perSecond;
  // Payments come while bookings are written; lapses only join them if the sale lasts longer than a hold.
  const writes = perSecond + paid + (seconds > holdSeconds ? expired : 0);
  const atPeak = Math.max(writes, expired);
  return { timersPerSecond: perSecond, tableWritesPerSecond: atPeak, indexWritesPerSecond: atPeak };
};

/** Shards for a number of index writes a second: never fewer than there are by default, never more than are legal. */
export const shardsFor = (indexWritesPerSecond: number): number => {
  const needed = Math.ceil(indexWritesPerSecond / (ASSUMPTIONS.partitionWritesPerSecond * SHARD_USE));
  return Math.min(MAX_SHARDS, Math.max(SHARD_COUNT.default, needed));
};

/** Warm throughput in whole thousands, at least what a new table or index has. */
export const warmWritesFor = (writesPerSecond: number, use: number): number =>
  Math.max(COLD_WRITES, Math.ceil(writesPerSecond / use / 1_000) * 1_000);

/**
 * Pollers that take each timer when it comes, so that it waits for its deadline in a Lambda: ten timers a batch, ten batches at
 * once for each poller, and ten polls a second.
 */
export const pollersFor = (timersPerSecond: number, timerLeadMs: number): TimerPollers => {
  const { batchesPerPoller, pollsPerSecond, timersPerPoll } = ASSUMPTIONS;
  const byPolls = timersPerSecond / (pollsPerSecond * timersPerPoll);
  const byBatches = (timersPerSecond * waitSeconds(timerLeadMs)) / (batchesPerPoller * timersPerPoll);
  const needed = Math.ceil(TIMER_ROOM * Math.max(byPolls, byBatches));
  const min = Math.min(TIMER_POLLERS_MIN.max, Math.max(TIMER_POLLERS_MIN.min, needed));
  const max = Math.min(TIMER_POLLERS_MAX.max, Math.max(TIMER_POLLERS_MAX.default, 2 * needed));
  return { min, max };
};

/** As a deployment is that nobody prepared: the default settings, and a table that never had much to do. */
export const UNPREPARED: Setting = {
  shardCount: SHARD_COUNT.default,
  pollers: undefined,
  timerLeadMs: TIMER_LEAD_MS.default,
  tableWarmWrites: COLD_WRITES,
  indexWarmWrites: COLD_WRITES,
};

/** Settings worth trying, the cheapest first; the first has no pollers. */
export const candidatesFor = (sale: Sale): [Setting, ...Setting[]] => {
  const demand = demandOf(sale);
  const common = {
    shardCount: shardsFor(demand.indexWritesPerSecond),
    tableWarmWrites: warmWritesFor(demand.tableWritesPerSecond, TABLE_USE),
    indexWarmWrites: warmWritesFor(demand.indexWritesPerSecond, SHARD_USE),
  };
  const lead = TIMER_LEAD_MS.default;
  return [
    { ...common, pollers: undefined, timerLeadMs: lead },
    { ...common, pollers: pollersFor(demand.timersPerSecond, lead), timerLeadMs: lead },
    { ...common, pollers: pollersFor(demand.timersPerSecond, 2 * lead), timerLeadMs: 2 * lead },
  ];
};
