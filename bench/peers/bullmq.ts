/** BullMQ: a delayed job for each booking. */
import { Queue, Worker } from 'bullmq';
import { expire, type Job, runPeer, TASK } from './program.ts';

const connection = { host: '127.0.0.1', port: Number(process.env.REDIS_PORT), maxRetriesPerRequest: null };

await runPeer({
  work: async () => {
    const worker = new Worker<Job>(TASK, ({ data }) => expire(data), {
      connection,
      // Jobs that wait for a database run side by side. 20, 50 and 300 were tried: nothing but noise between them.
      concurrency: 20,
      // A worker that died is noticed when its lock has lapsed, at the next check: after 30 s each unless one says less.
      lockDuration: 10_000,
      stalledInterval: 5_000,
    });
    worker.on('error', (error) => console.error(error.message));
  },
  produce: async () => {
    const queue = new Queue<Job>(TASK, { connection });
    // So that Redis does not fill with jobs that are done.
    const options = { removeOnComplete: true, removeOnFail: true };
    return (job) => queue.add(TASK, job, { ...options, delay: Math.max(0, job.expiresAtMs - Date.now()) });
  },
});
