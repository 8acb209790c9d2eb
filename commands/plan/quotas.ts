/** AWS's quotas that a sale runs into, and to what to have them raised. */
import type { Played } from '../../bench/simulation/play.ts';
import { COLD_WRITES, type Demand, type Setting } from './sizing.ts';

export interface Quota {
  readonly name: string;
  /** As Service Quotas calls it. */
  readonly where: string;
  /** What an account has unless it was raised. */
  readonly usually: number;
  readonly needed: number;
}

/** AWS Lambda Developer Guide, "Lambda quotas": 1,000; new accounts begin with 10. */
const CONCURRENT_EXECUTIONS = 1_000;
/** Amazon DynamoDB Developer Guide, "Quotas in Amazon DynamoDB": a table's on-demand writes. */
const TABLE_WRITES = 40_000;
/** Readers of the table's stream: each runs once for each partition of the table. */
const STREAM_READERS = 2;
/** Batches at once that are planned for, beside those that were simulated: a third more. */
const ROOM = 4 / 3;
/** Seconds that one request of the HTTP API takes. Not measured on AWS: a guess on the safe side. */
const API_REQUEST_SECONDS = 0.1;

/** @returns every quota that matters, those that suffice as they are among them */
export const quotasOf = (demand: Demand, setting: Setting, { peakConcurrency }: Played): Quota[] => {
  const partitions = Math.max(setting.tableWarmWrites, COLD_WRITES) / 1_000;
  const api = demand.timersPerSecond * API_REQUEST_SECONDS;
  const executions = ROOM * peakConcurrency + STREAM_READERS * partitions + api;
  return [
    {
      name: 'concurrent executions',
      where: 'AWS Lambda, Concurrent executions',
      usually: CONCURRENT_EXECUTIONS,
      needed: Math.ceil(executions / 100) * 100,
    },
    {
      name: 'writes of the table',
      where: 'Amazon DynamoDB, Table-level write throughput limit',
      usually: TABLE_WRITES,
      needed: Math.max(setting.tableWarmWrites, setting.indexWarmWrites),
    },
  ];
};
