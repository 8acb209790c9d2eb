/** What timers cost while they wait: a service that has so many of them in its queue, idle and under load. */

import { setTimeout as sleep } from 'node:timers/promises';
import pMap from 'p-map';
import { encodeTimer } from '../../functions/core/expiry-timer.ts';
import { MAX_SQS_DELAY_SECONDS, MINUTE_MS } from '../../functions/core/hold-time.ts';
import { AwsClient } from '../../local/aws-client.ts';
import { cpuPerBooking, cpuUse } from '../cpu-use.ts';
import { HIGH_STEP_RATE, measureUsualAndHigh, startWarmService, USUAL_STEP_RATE, warmUp } from '../load-lag.ts';
import type { SectionWork } from '../section.ts';
import type { Service } from '../service.ts';

/** 225,000 are what 250 bookings a second with holds of 15 minutes come to. */
const WAITING = [0, 4_000, 225_000];
const IDLE_SECONDS = 5;
const BATCH = 10;
const AT_ONCE = 8;

export const waitingSection = async (work: SectionWork): Promise<void> => {
  const service = await work.progress('starting a service', 20, () =>
    startWarmService({ assemblyDirectory: work.assemblyDirectory }, USUAL_STEP_RATE),
  );
  try {
    const header = [
      'timers waiting',
      'idle, CPU ms a second',
      `lag p50 ms at ${USUAL_STEP_RATE}/s`,
      'p99 ms',
      'max ms',
      'main thread, CPU ms',
      `lag p50 ms at ${HIGH_STEP_RATE}/s`,
      'p99 ms',
      'max ms',
      'CPU ms a booking',
      'early',
      'missed',
    ];
    await warmUp(service, HIGH_STEP_RATE, work.progress);
    const rows = work.table(header, 'With timers in the queue');
    let sent = 0;
    for (const waiting of WAITING) {
      await work.progress(`sending ${waiting.toLocaleString('en-US')} timers`, 0, (showShare) =>
        sendTimers(service, sent, waiting, showShare),
      );
      sent = waiting;
      const before = cpuUse();
      await sleep(IDLE_SECONDS * 1_000);
      const idle = cpuPerBooking(before, cpuUse(), IDLE_SECONDS);
      const { usual, high, ...found } = await measureUsualAndHigh(service, work.progress);
      const [usualCells = [], highCells = []] = [usual, high].map(({ p50, p99, max }) => [p50, p99, max]);
      const { usualCpu, highCpu, early, missed } = found;
      const cpuMs = highCpu.processMs + highCpu.dynamodbMs;
      rows.push([waiting, idle.mainMs, ...usualCells, usualCpu.mainMs, ...highCells, cpuMs, early, missed]);
      work.figures[waiting] = { idleMainMsPerSecond: idle.mainMs, usual, high, ...found };
    }
  } finally {
    await service.stop();
  }
};

/** Timers of bookings that nobody made, due long after this has ended. */
const sendTimers = async (
  service: Service,
  from: number,
  to: number,
  onProgress: (share: number) => void,
): Promise<void> => {
  const { sqsEndpoint, outputs } = service.runtime;
  const client = new AwsClient({ endpoint: sqsEndpoint, service: 'sqs' });
  const firsts = Array.from({ length: Math.ceil((to - from) / BATCH) }, (_, batch) => from + batch * BATCH);
  let done = 0;
  await pMap(
    firsts,
    async (first) => {
      const Entries = Array.from({ length: Math.min(BATCH, to - first) }, (_, index) => ({
        Id: String(index),
        MessageBody: encodeTimer({ bookingId: `waiting-${first + index}`, expiresAtMs: Date.now() + 15 * MINUTE_MS }),
        DelaySeconds: MAX_SQS_DELAY_SECONDS,
      }));
      await client.call('SendMessageBatch', { QueueUrl: outputs.TimerQueueUrl, Entries });
      done += 1;
      onProgress(done / firsts.length);
    },
    { concurrency: AT_ONCE },
  );
  client.destroy();
};
