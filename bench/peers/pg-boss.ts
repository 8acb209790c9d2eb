/** pg-boss: a job with `startAfter` for each booking. */
import { setTimeout as sleep } from 'node:timers/promises';
import { PgBoss } from 'pg-boss';
import { connectionString, expire, type Job, runPeer, TASK } from './program.ts';

/** Half a second is the shortest interval that it takes. */
const POLL_SECONDS = 0.5;
/** Each call of `work` adds a worker with polls of its own. Started evenly within one interval, they poll evenly. */
const WORKERS = 20;

await runPeer({
  work: async () => {
    // A worker that died is noticed by the check of heartbeats: once a minute unless one says otherwise.
    const boss = new PgBoss({ connectionString, max: 20, superviseIntervalSeconds: 1, monitorIntervalSeconds: 1 });
    boss.on('error', (error) => console.error(error.message));
    await boss.start();
    // 10 s is the shortest that it takes.
    await boss.createQueue(TASK, { heartbeatSeconds: 10 });
    const options = { pollingIntervalSeconds: POLL_SECONDS, batchSize: 50, burstWhenBatchFull: true };
    for (let worker = 0; worker < WORKERS; worker += 1) {
      await boss.work<Job>(TASK, options, async (jobs) => {
        await Promise.all(jobs.map(({ data }) => expire(data)));
      });
      await sleep((POLL_SECONDS * 1_000) / WORKERS);
    }
  },
  produce: async () => {
    const boss = new PgBoss({ connectionString, max: 20, supervise: false, schedule: false });
    boss.on('error', (error) => console.error(error.message));
    await boss.start();
    return (job) => boss.send(TASK, job, { startAfter: new Date(job.expiresAtMs) });
  },
});
