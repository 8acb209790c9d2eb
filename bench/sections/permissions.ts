/** What the local check of permissions costs: requests with and without it, and whole services with and without it. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { listenOnLoopback } from '../../local/loopback.ts';
import type { Caller } from '../../local/permissions/caller.ts';
import { parsePolicy } from '../../local/permissions/policy.ts';
import { percentile, percentilesOf } from '../../measure/lag-report.ts';
import { loadOf } from '../fresh-load.ts';
import { measureLag, startWarmService } from '../load-lag.ts';
import type { Requested, RequesterSettings } from '../requester.ts';
import type { SectionWork } from '../section.ts';
import type { Load } from '../writer.ts';

const REQUESTS_TITLE = 'Ten statements in one request, by turns';
const SERVICES_TITLE = '50/s, spread: three loads on each of two services, by turns';

/** What it costs that each request of a Lambda is checked against its role: everywhere else in this benchmark it is. */
export const permissionsSection = async (work: SectionWork): Promise<void> => {
  const { figures, progress, options, assemblyDirectory } = work;
  const requestRows = work.table(['the check is', 'requests', 'p50 ms', 'p99 ms', 'CPU µs a request'], REQUESTS_TITLE);
  const requests = await progress('requests, unchecked and checked', 30, () => compareRequests(2_000, 6));
  for (const [name, { latenciesMs, cpuMicros }] of Object.entries(requests)) {
    const [p50, p99] = [percentile(latenciesMs, 0.5), percentile(latenciesMs, 0.99)];
    requestRows.push([name, latenciesMs.length, p50, p99, cpuMicros]);
    figures[`requests, ${name}`] = { requests: latenciesMs.length, p50, p99, cpuMicros };
  }
  requestRows.push(['on / off', '', '', '', requests.on.cpuMicros / requests.off.cpuMicros]);

  const load = loadOf(50, Math.min(options.seconds, 15), 'spread');
  const rows = work.table(
    ['the check is', 'expired', 'p50 ms', 'p99 ms', 'max ms', 'CPU µs a booking'],
    SERVICES_TITLE,
  );
  const services = await progress('services, unchecked and checked', 6 * (load.seconds + 15), () =>
    compareServices(assemblyDirectory, load, 3),
  );
  for (const [name, { lagsMs, cpuMicros }] of Object.entries(services)) {
    const { p50, p99, max } = percentilesOf(lagsMs);
    rows.push([name, lagsMs.length, p50, p99, max, cpuMicros]);
    figures[`services, ${name}`] = { expired: lagsMs.length, ...percentilesOf(lagsMs), cpuMicros };
  }
  rows.push(['on / off', '', '', '', '', services.on.cpuMicros / services.off.cpuMicros]);
};

interface ServiceCost {
  readonly lagsMs: readonly number[];
  /** A booking, of the whole process: application and queue included; DynamoDB is a process of its own. */
  readonly cpuMicros: number;
}

/** Applies the same load several times to two services that run all the while, one after the other, turn about. */
const compareServices = async (
  assemblyDirectory: string,
  load: Omit<Load, 'prefix'>,
  turns: number,
): Promise<{ readonly off: ServiceCost; readonly on: ServiceCost }> => {
  const off = await startWarmService({ assemblyDirectory, enforcePermissions: false }, load.perSecond);
  try {
    const on = await startWarmService({ assemblyDirectory, enforcePermissions: true }, load.perSecond);
    try {
      const sums = [off, on].map((service) => ({ service, lagsMs: [] as number[], bookings: 0, micros: 0 }));
      for (let turn = 0; turn < turns; turn += 1) {
        // Who goes first changes, so that what wears off in time does not count for one of them alone.
        for (const sum of turn % 2 === 0 ? sums : sums.toReversed()) {
          const before = process.cpuUsage();
          const result = await measureLag(sum.service, load);
          const { user, system } = process.cpuUsage(before);
          if (result.problems.length > 0) throw new Error(result.problems[0]);
          sum.lagsMs.push(...result.lagsMs);
          sum.bookings += result.bookings;
          sum.micros += user + system;
        }
      }
      const costOf = (sum: (typeof sums)[number] | undefined): ServiceCost => ({
        lagsMs: sum?.lagsMs ?? [],
        cpuMicros: (sum?.micros ?? 0) / (sum?.bookings ?? 1),
      });
      return { off: costOf(sums[0]), on: costOf(sums[1]) };
    } finally {
      await on.stop();
    }
  } finally {
    await off.stop();
  }
};

const CALLER: Caller = {
  accessKeyId: 'ASIABENCH00000000000',
  roleArn: 'arn:aws:iam::000000000000:role/bench',
  sessionArn: 'arn:aws:sts::000000000000:assumed-role/bench/bench',
  statements: parsePolicy(
    { Version: '2012-10-17', Statement: { Effect: 'Allow', Action: 'dynamodb:*', Resource: '*' } },
    'Everything',
    'identity',
  ),
  ofResources: {},
  keys: {},
  knownArns: { tables: {}, queues: {} },
};

/** Makes the same requests by the same SDK client in two threads, turn about, of which one is guarded. Nothing is stored. */
const compareRequests = async (
  requests: number,
  turns: number,
): Promise<{ readonly off: Requested; readonly on: Requested }> => {
  const engine = await listenOnLoopback(async (request, response) => {
    for await (const _ of request);
    response.writeHead(200, { 'content-type': 'application/x-amz-json-1.0' }).end('{"Responses":[]}');
  });
  const requester = (caller?: Caller): Worker => {
    const workerData: RequesterSettings = { endpoint: engine.endpoint, caller };
    return new Worker(new URL('../requester.ts', import.meta.url), { workerData });
  };
  const threads = [requester(), requester(CALLER)];
  try {
    const results = threads.map(() => ({ latenciesMs: [] as number[], cpuMicros: 0 }));
    const ask = async (index: number): Promise<Requested> => {
      const answer = once(threads[index] as Worker, 'message');
      threads[index]?.postMessage(requests);
      return (await answer)[0] as Requested;
    };
    // Code that runs for the first time is slower: that turn does not count.
    for (const index of [0, 1]) await ask(index);
    for (let turn = 0; turn < turns; turn += 1) {
      for (const index of turn % 2 === 0 ? [0, 1] : [1, 0]) {
        const { latenciesMs, cpuMicros } = await ask(index);
        results[index]?.latenciesMs.push(...latenciesMs);
        if (results[index]) results[index].cpuMicros += cpuMicros;
      }
    }
    const [off, on] = results.map(({ latenciesMs, cpuMicros }) => ({
      latenciesMs,
      cpuMicros: cpuMicros / latenciesMs.length,
    }));
    return { off: off as Requested, on: on as Requested };
  } finally {
    await Promise.all(threads.map((thread) => thread.terminate()));
    await engine.stop();
  }
};
