/** Holds a sale on a running service: the crowd in a thread of its own, then the audit. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { type Service, SHARD_COUNT } from '../service.ts';
import { type Audit, auditSale } from './audit.ts';
import type { Bought, BuyersSettings } from './buyers.ts';
import { openStore, type Tables } from './counter.ts';
import type { Sale } from './crowd.ts';
import { engineCpuMs } from './engine-cpu.ts';
import { type Handovers, readHandovers } from './handovers.ts';

export interface SaleResult extends Bought, Handovers {
  readonly audit: Audit;
  /** CPU of the service with its Lambdas and queues, without the buyers and without DynamoDB, ms. */
  readonly serviceCpuMs: number;
  /** CPU of DynamoDB, which is a process of its own, ms. Undefined where the system does not say. */
  readonly engineCpuMs: number | undefined;
  /** What the service reported as errors. */
  readonly problems: readonly string[];
}

/** How long after the last deadline a booking may take to be marked. */
const PATIENCE_MS = 30_000;

let sales = 0;

/** @param through what the buyers use: the store, as an application of one's own does, or the HTTP API */
export const holdSale = async (
  service: Service,
  size: Omit<Sale, 'prefix'>,
  through: 'store' | 'http',
): Promise<SaleResult> => {
  sales += 1;
  const sale: Sale = { ...size, prefix: `sale${sales}-` };
  const { SlotsTableName: slotsTable = '', ApiUrl: apiUrl } = service.runtime.outputs;
  const tables: Tables = {
    dynamodbEndpoint: service.dynamodbEndpoint,
    table: service.table,
    slotsTable,
    shardCount: SHARD_COUNT,
  };
  const problemsBefore = service.problems.length;
  const cpuBefore = process.cpuUsage();
  const engineBefore = engineCpuMs();
  const bought = await inThread({ sale, tables, apiUrl: through === 'http' ? apiUrl : undefined });
  const { holds } = bought.crowd;
  const lastMs = holds.reduce((last, { untilMs }) => Math.max(last, untilMs), 0);
  await sleep(Math.max(0, lastMs - Date.now()) + 1_000);
  const { user, system } = process.cpuUsage(cpuBefore);
  const engineAfter = engineCpuMs();
  await untilMarked(service, sale.prefix, lastMs + PATIENCE_MS);
  const problems = service.problems.slice(problemsBefore);
  return {
    ...bought,
    ...readHandovers(bought.crowd),
    audit: await auditSale(sale, bought.crowd, await service.stored(sale.prefix), openStore(tables)),
    serviceCpuMs: (user + system) / 1_000 - bought.cpuMs,
    engineCpuMs: engineBefore === undefined || engineAfter === undefined ? undefined : engineAfter - engineBefore,
    problems,
  };
};

const inThread = (workerData: BuyersSettings): Promise<Bought> =>
  new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./buyers.ts', import.meta.url), { workerData });
    worker.once('message', resolve);
    worker.once('error', reject);
    worker.once('exit', () => reject(new Error('the thread of the buyers ended without a result')));
  });

const untilMarked = async (service: Service, prefix: string, deadlineMs: number): Promise<void> => {
  while (Date.now() < deadlineMs) {
    const stored = await service.stored(prefix);
    if ([...stored.values()].every(({ status }) => status !== 'PENDING')) return;
    await sleep(1_000);
  }
};
