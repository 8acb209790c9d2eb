/**
 * One peer doing the service's job: bookings lie in PostgreSQL, each has a delayed job, and at its deadline the job makes
 * one conditional update of the booking's row. Started by bench/sections/peers.ts as `peer.ts <name> <role>`: the worker prints a line
 * of JSON for every booking that it has expired, the producer creates the bookings.
 */
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { Queue, Worker } from 'bullmq';
import { makeWorkerUtils, run } from 'graphile-worker';
import pg from 'pg';
import { PgBoss } from 'pg-boss';

/** What the parent sends as one line of JSON to the producer. */
interface Plan {
  readonly bookings: number;
  readonly perSecond: number;
  readonly holdMs: number;
  readonly prefix: string;
}

const [name = '', role = ''] = process.argv.slice(2);
const { PG_URL: connectionString = '', REDIS_PORT = '' } = process.env;
const pool = new pg.Pool({ connectionString, max: 20 });
pool.on('error', () => {});
const redis = { host: '127.0.0.1', port: Number(REDIS_PORT), maxRetriesPerRequest: null };
const TASK = 'expire-booking';

interface Job {
  readonly bookingId: string;
  readonly expiresAtMs: number;
}

const expire = async ({ bookingId, expiresAtMs }: Job): Promise<void> => {
  const nowMs = Date.now();
  const { rowCount } = await pool.query({
    name: 'expire',
    text: `UPDATE bookings SET status = 'EXPIRED', expired_at_ms = $2
           WHERE booking_id = $1 AND status = 'PENDING' AND expires_at_ms <= $2`,
    values: [bookingId, nowMs],
  });
  console.log(JSON.stringify({ bookingId, expiresAtMs, nowMs, doneMs: Date.now(), expired: rowCount === 1 }));
};

interface Peer {
  /** Starts what runs the jobs. */
  work(): Promise<void>;
  /** Returns what enqueues a job. */
  producer(): Promise<(job: Job) => Promise<unknown>>;
}

const PEERS: Record<string, Peer> = {
  bullmq: {
    work: async () => {
      new Worker<Job>(TASK, ({ data }) => expire(data), { connection: redis, concurrency: 50 });
    },
    producer: async () => {
      const queue = new Queue<Job>(TASK, { connection: redis });
      return (job) => queue.add(TASK, job, { delay: job.expiresAtMs - Date.now(), removeOnComplete: true });
    },
  },
  'pg-boss': {
    work: async () => {
      const boss = new PgBoss({ connectionString, useListenNotify: true });
      boss.on('error', console.error);
      await boss.start();
      await boss.createQueue(TASK, { notify: true });
      // Half a second is the shortest interval that it takes. A notification announces new jobs, not jobs that come due.
      const polling = { pollingIntervalSeconds: 0.5, notifyPollingIntervalSeconds: 0.5 };
      await boss.work<Job>(TASK, { ...polling, batchSize: 50, localConcurrency: 4 }, async (jobs) => {
        await Promise.all(jobs.map(({ data }) => expire(data)));
      });
    },
    producer: async () => {
      const boss = new PgBoss({ connectionString, supervise: false, schedule: false });
      boss.on('error', console.error);
      await boss.start();
      return (job) => boss.send(TASK, job, { startAfter: new Date(job.expiresAtMs) });
    },
  },
  'graphile-worker': {
    work: async () => {
      await run({
        pgPool: pool,
        concurrency: 20,
        // The default is 2,000. New jobs are notified, jobs that come due are polled for.
        pollInterval: 100,
        noHandleSignals: true,
        taskList: { [TASK]: (payload) => expire(payload as Job) },
      });
    },
    producer: async () => {
      const utils = await makeWorkerUtils({ pgPool: pool });
      return (job) => utils.addJob(TASK, { ...job }, { runAt: new Date(job.expiresAtMs) });
    },
  },
};

const peer = PEERS[name];
if (peer === undefined) throw new Error(`peer must be one of ${Object.keys(PEERS).join(', ')}, got ${name}`);

if (role === 'worker') {
  await pool.query(`CREATE TABLE IF NOT EXISTS bookings (
    booking_id text PRIMARY KEY, status text NOT NULL, expires_at_ms bigint NOT NULL, expired_at_ms bigint)`);
  await peer.work();
  console.log('ready');
} else {
  const enqueue = await peer.producer();
  console.log('ready');
  for await (const line of createInterface({ input: process.stdin })) {
    const { bookings, perSecond, holdMs, prefix } = JSON.parse(line) as Plan;
    const startedAt = performance.now();
    const writes: Promise<unknown>[] = [];
    for (let number = 0; number < bookings; number += 1) {
      const aheadMs = startedAt + (number * 1_000) / perSecond - performance.now();
      if (aheadMs > 1) await sleep(aheadMs);
      const job = { bookingId: `${prefix}${number}`, expiresAtMs: Date.now() + holdMs };
      const write = async () => {
        const text = `INSERT INTO bookings (booking_id, status, expires_at_ms) VALUES ($1, 'PENDING', $2)`;
        await pool.query({ name: 'create', text, values: [job.bookingId, job.expiresAtMs] });
        await enqueue(job);
      };
      writes.push(write());
    }
    await Promise.all(writes);
    console.log('written');
  }
}
