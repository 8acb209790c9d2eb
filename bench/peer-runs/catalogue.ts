/** The systems that are compared: what they need, what they keep running, and what is killed. */
import { startChildSystem } from './child-system.ts';
import type { SystemName } from './names.ts';
import type { Found, Need } from './needs.ts';
import { startOwnSystem } from './own-system.ts';
import type { PeerSystem } from './system.ts';

export interface Contestant {
  readonly name: SystemName;
  readonly needs: readonly Need[];
  /** What has to run, and so be rented, whether anything lapses or not. */
  readonly keepsRunning: string;
  /** What the measurement after a kill ends. */
  readonly killed: string;
  /** Its program in bench/peers; absent for this service. */
  readonly program?: string;
  start(found: Found, assemblyDirectory: string): Promise<PeerSystem>;
}

const child = (
  name: SystemName,
  file: string,
  needs: readonly Need[],
  keepsRunning: string,
  environment: Record<string, string> = {},
): Contestant => ({
  name,
  needs,
  keepsRunning,
  killed: 'the worker process',
  program: file,
  start: (found) => startChildSystem({ file, needs, environment }, found),
});

const POSTGRES: readonly Need[] = ['npm packages', 'postgresql'];
const WORKER = 'PostgreSQL, a worker';

export const CONTESTANTS: readonly Contestant[] = [
  {
    name: 'booking-expiry',
    needs: [],
    keepsRunning: 'nothing',
    killed: 'all environments of expire-booking',
    start: (_, assemblyDirectory) => startOwnSystem(assemblyDirectory),
  },
  child('bullmq', 'bullmq.ts', ['npm packages', 'redis', 'postgresql'], 'Redis, PostgreSQL, a worker'),
  child('graphile-worker', 'graphile-worker.ts', POSTGRES, WORKER),
  child('pg-boss', 'pg-boss.ts', POSTGRES, WORKER),
  child('procrastinate', 'procrastinate_worker.py', ['python packages', 'postgresql'], WORKER),
  child('poller-50ms', 'postgres-poller.ts', POSTGRES, WORKER, { POLL_MS: '50' }),
  child('poller-10ms', 'postgres-poller.ts', POSTGRES, WORKER, { POLL_MS: '10' }),
];
