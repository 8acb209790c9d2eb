/** The thread of a sale's buyers. The other end is sale.ts. */
import { parentPort, workerData } from 'node:worker_threads';
import { httpCounter, openStore, storeCounter, type Tables, type TransactionCounts } from './counter.ts';
import { type CrowdResult, playCrowd, type Sale } from './crowd.ts';

export interface BuyersSettings {
  readonly sale: Sale;
  readonly tables: Tables;
  /** Where the buyers call. @default - they use the store */
  readonly apiUrl?: string | undefined;
}

export interface Bought {
  readonly crowd: CrowdResult;
  /** Undefined over HTTP: the tries are made elsewhere. */
  readonly transactions: TransactionCounts | undefined;
  /** CPU of this thread, user and system, ms. */
  readonly cpuMs: number;
}

const { sale, tables, apiUrl } = workerData as BuyersSettings;
const { store, counts } = openStore(tables);
const before = process.threadCpuUsage();
const crowd = await playCrowd(sale, apiUrl === undefined ? storeCounter(store) : httpCounter(apiUrl));
const { user, system } = process.threadCpuUsage(before);
const bought: Bought = {
  crowd,
  transactions: apiUrl === undefined ? counts : undefined,
  cpuMs: (user + system) / 1_000,
};
parentPort?.postMessage(bought);
