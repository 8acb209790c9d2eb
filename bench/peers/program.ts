/**
 * What the peers written for Node have in common: the bookings in PostgreSQL, the conditional update at the deadline, and how a
 * program is told what to do. Each peer is a file beside this one, started as `node <peer>.ts <role>` by bench/peer-runs.
 *
 * The worker prints a line of JSON for each booking that it has expired. The producer reads a plan as one line of JSON, creates the
 * bookings and prints how far behind it was in the end. Both end with their standard input, so that none outlives the benchmark.
 */
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';

/** What a job carries. */
export interface Job {
  readonly bookingId: string;
  readonly expiresAtMs: number;
}

/** What the benchmark sends to the producer. */
interface Plan {
  readonly bookings: number;
  readonly perSecond: number;
  readonly holdMs: number;
  readonly prefix: string;
}

export interface Peer {
  /** Starts what runs the jobs. */
  work(): Promise<void>;
  /** @returns what enqueues a job, after its booking has been written */
  produce(): Promise<(job: Job) => Promise<unknown>>;
}

export const TASK = 'expire-booking';
export const connectionString = process.env.PG_URL ?? '';
export const pool = new pg.Pool({ connectionString, max: 20 });
pool.on('error', () => {});

/** One conditional update, at which lag is measured: the clock before it, and when it was acknowledged. */
export const expire = async ({ bookingId, expiresAtMs }: Job): Promise<void> => {
  const nowMs = Date.now();
  const { rowCount } = await pool.query({
    name: 'expire',
    text: `UPDATE bookings SET status = 'EXPIRED', expired_at_ms = $2
           WHERE booking_id = $1 AND status = 'PENDING' AND expires_at_ms <= $2`,
    values: [bookingId, nowMs],
  });
  if (rowCount === 1) report({ bookingId, expiresAtMs, nowMs, doneMs: Date.now() });
};

export const report = (expiry: Job & { readonly nowMs: number; readonly doneMs: number }): void => {
  console.log(JSON.stringify(expiry));
};

export const runPeer = async (peer: Peer): Promise<void> => {
  const [role] = process.argv.slice(2);
  process.stdin.once('end', () => process.exit());
  if (role === 'worker') {
    process.stdin.resume();
    await pool.query(`CREATE TABLE IF NOT EXISTS bookings (
      booking_id text PRIMARY KEY, status text NOT NULL, expires_at_ms bigint NOT NULL, expired_at_ms bigint)`);
    await peer.work();
    console.log('ready');
    return;
  }
  if (role !== 'producer') throw new Error(`role must be worker or producer, got ${role}`);
  const enqueue = await peer.produce();
  console.log('ready');
  for await (const line of createInterface({ input: process.stdin })) {
    console.log(JSON.stringify({ written: true, behindMs: await write(JSON.parse(line) as Plan, enqueue) }));
  }
};

/** @returns ms by which the last write was acknowledged after the last booking was due to be created */
const write = async (
  { bookings, perSecond, holdMs, prefix }: Plan,
  enqueue: (job: Job) => Promise<unknown>,
): Promise<number> => {
  const startedAt = performance.now();
  const writes: Promise<unknown>[] = [];
  for (let number = 0; number < bookings; number += 1) {
    const aheadMs = startedAt + (number * 1_000) / perSecond - performance.now();
    if (aheadMs > 1) await sleep(aheadMs);
    const job = { bookingId: `${prefix}${number}`, expiresAtMs: Date.now() + holdMs };
    const create = async () => {
      const text = `INSERT INTO bookings (booking_id, status, expires_at_ms) VALUES ($1, 'PENDING', $2)`;
      await pool.query({ name: 'create', text, values: [job.bookingId, job.expiresAtMs] });
      await enqueue(job);
    };
    writes.push(create());
  }
  await Promise.all(writes);
  return performance.now() - startedAt - (bookings * 1_000) / perSecond;
};
