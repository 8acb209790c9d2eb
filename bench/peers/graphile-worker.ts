/** graphile-worker: a job with `runAt` for each booking. */
import { makeWorkerUtils, run } from 'graphile-worker';
import { connectionString, expire, type Job, runPeer, TASK } from './program.ts';

await runPeer({
  work: async () => {
    await run({
      noHandleSignals: true,
      taskList: { [TASK]: (payload) => expire(payload as Job) },
      preset: {
        worker: {
          connectionString,
          concurrentJobs: 20,
          // One for each job at once and some for its own needs, which it warns about otherwise.
          maxPoolSize: 24,
          // New jobs are notified, jobs that come due are polled for: every 2,000 ms unless one says otherwise.
          pollInterval: 5,
          // Takes many jobs by one query, and completes many by one (its page on performance, Batching).
          localQueue: { size: 100 },
          completeJobBatchDelay: 0,
        },
      },
    });
  },
  produce: async () => {
    const utils = await makeWorkerUtils({ connectionString, maxPoolSize: 20 });
    return (job) => utils.addJob(TASK, { ...job }, { runAt: new Date(job.expiresAtMs) });
  },
});
