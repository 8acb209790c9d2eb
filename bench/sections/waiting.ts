/** What timers cost while they wait: a service that has so many of them in its queue, idle and under load. */

import { setTimeout as sleep } from 'node:timers/promises';
import pMap from 'p-map';
import { encodeTimer } from '../../functions/core/expiry-timer.ts';
import { MAX_SQS_DELAY_SECONDS, MINUTE_MS } from '../../functions/core/hold-time.ts';
import { AwsClient } from '../../local/aws-client.ts';
import { percentilesOf } from '../../measure/lag-report.ts';
import { cpuPerBooking, cpuUse } from '../cpu-use.ts';
import { measureLag, startWarmService, stepLoad, warmUp } from '../load-lag.ts';
import type { SectionWork } from '../section.ts';
import type { Service } from '../service.ts';

/** 225,000 are what 250 bookings a second with holds of 15 minutes come to. */
const WAITING = [0, 4_000, 225_000];
const PER_SECOND = 50;
/** The rate that a warm service must keep up with, however many timers wait. */
const HIGH_RATE = 600;
const IDLE_SECONDS = 5;
const BATCH = 10;
const AT_ONCE = 8;

export const waitingSection = async (work: SectionWork): Promise<void> => {
  const service = await work.progress('starting a service', 20, () =>
    startWarmService({ assemblyDirectory: work.assemblyDirectory }, PER_SECOND),
  );
  try {
    const header = [
      'timers waiting',
      'idle, CPU ms a second',
      `lag p50 ms at ${PER_SECOND}/s`,
      'p99 ms',
      'max ms',
      'main thread, CPU ms',
      `lag p50 ms at ${HIGH_RATE}/s`,
      'p99 ms',
      'max ms',
      'CPU ms a booking',
      'early',
      'missed',
    ];
    await warmUp(service, HIGH_RATE, work.progress);
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
      const [usual, high] = [
        await work.progress(`${PER_SECOND}/s`, 13, () => measureLag(service, stepLoad(PER_SECOND))),
        await work.progress(`${HIGH_RATE}/s`, 13, () => measureLag(service, stepLoad(HIGH_RATE))),
      ];
      const [early, missed] = [usual.early + high.early, usual.missed + high.missed];
      const lags = [usual, high].map(({ lagsMs }) => percentilesOf(lagsMs));
      const [usualCells = [], highCells = []] = lags.map(({ p50, p99, max }) => [p50, p99, max]);
      const cpuMs = high.cpu.processMs + high.cpu.dynamodbMs;
      rows.push([waiting, idle.mainMs, ...usualCells, usual.cpu.mainMs, ...highCells, cpuMs, early, missed]);
      work.figures[waiting] = {
        idleMainMsPerSecond: idle.mainMs,
        lags,
        cpu: usual.cpu,
        highCpu: high.cpu,
        early,
        missed,
      };
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
