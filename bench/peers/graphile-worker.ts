/** graphile-worker: a job with `runAt` for each booking. */
import { makeWorkerUtils, run } from 'graphile-worker';
import { expire, type Job, pool, runPeer, TASK } from './program.ts';

await runPeer({
  work: async () => {
    await run({
      pgPool: pool,
      noHandleSignals: true,
      taskList: { [TASK]: (payload) => expire(payload as Job) },
      preset: {
        worker: {
          concurrentJobs: Number(process.env.CONCURRENCY ?? 24),
          // New jobs are notified, jobs that come due are polled for: every 2,000 ms unless one says otherwise.
          pollInterval: Number(process.env.POLL ?? 10),
          // Takes many jobs by one query, and completes many by one (its page on performance, Batching).
          localQueue: { size: Number(process.env.LOCAL ?? 100) },
          completeJobBatchDelay: 0,
          // Default, and said aloud because the answer to a poll is planned once.
          preparedStatements: true,
        },
      },
    });
  },
  produce: async () => {
    const utils = await makeWorkerUtils({ pgPool: pool });
    return (job) => utils.addJob(TASK, { ...job }, { runAt: new Date(job.expiresAtMs) });
  },
});
