/** Lag from a deadline to the webhook that tells of it, and from the time of a notice to its webhook; what a webhook costs. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { SECOND_MS } from '../../functions/core/hold-time.ts';
import { percentilesOf } from '../../measure/lag-report.ts';
import { PRICES } from '../../measure/prices.ts';
import { PROJECT_DIRECTORY, synthesize } from '../../service/project.ts';
import type { LambdaUse } from '../bill.ts';
import type { Rows, SectionWork } from '../section.ts';
import { startService } from '../service.ts';

const PER_SECOND = 50;
/** The shortest that there is: the longer it is, the longer a measurement takes. */
const NOTICE_SECONDS = 10;
/** How long after the last deadline a webhook may take before it counts as missed, ms. */
const PATIENCE_MS = 30_000;
/** Bytes of the log for a webhook in a full batch, measured: its own line, and its share of the batch's lines. */
const LOG_BYTES = 550;

interface Arrival {
  readonly type: string;
  readonly lagMs: number;
}

/** An application that takes everything, and notes when each first webhook of an event came. */
const startApplication = async () => {
  const arrivals = new Map<string, Arrival>();
  let requests = 0;
  const server = createServer(async (request, response) => {
    const atMs = Date.now();
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    response.writeHead(204).end();
    requests += 1;
    const { type, data } = JSON.parse(Buffer.concat(chunks).toString('utf8'));
    const dueAtMs = Date.parse(data.expiresAt) - (type === 'BookingExpiring' ? NOTICE_SECONDS * SECOND_MS : 0);
    const id = String(request.headers['webhook-id']);
    if (!arrivals.has(id)) arrivals.set(id, { type, lagMs: atMs - dueAtMs });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    arrivals,
    requests: () => requests,
    reset: () => {
      arrivals.clear();
      requests = 0;
    },
    stop: () => {
      server.closeAllConnections();
      server.close();
    },
  };
};

export const webhooksSection = async (work: SectionWork): Promise<void> => {
  const rows = work.table(['load', 'webhooks', 'p50 ms', 'p99 ms', 'max ms', 'missed', 'repeated', 'a batch']);
  const application = await startApplication();
  try {
    for (const withNotices of [false, true]) await measure(work, rows, application, withNotices);
  } finally {
    application.stop();
  }
};

const measure = async (
  work: SectionWork,
  rows: Rows,
  application: Awaited<ReturnType<typeof startApplication>>,
  withNotices: boolean,
): Promise<void> => {
  const { seconds } = work.options;
  const assemblyDirectory = join(PROJECT_DIRECTORY, '.local', 'bench-webhooks');
  await synthesize(assemblyDirectory, {
    stage: 'bench',
    removalPolicy: 'destroy',
    webhookUrl: application.url,
    ...(withNotices && { noticeBeforeSeconds: String(NOTICE_SECONDS) }),
  });
  const service = await startService({ assemblyDirectory });
  try {
    const label = `${PER_SECOND}/s, spread${withNotices ? ', with notices' : ''}`;
    const holdMs = withNotices ? (2 * NOTICE_SECONDS + 5) * SECOND_MS : 10 * SECOND_MS;
    const load = { perSecond: PER_SECOND, holdMs, shape: 'spread', paidShare: 0 } as const;
    const apply = async (forSeconds: number, prefix: string) => {
      application.reset();
      service.reset();
      const written = await service.apply({ ...load, seconds: forSeconds, prefix });
      const wanted = written.length * (withNotices ? 2 : 1);
      const lastMs = Math.max(...written.map(({ expiresAtMs }) => expiresAtMs));
      while (application.arrivals.size < wanted && Date.now() < lastMs + PATIENCE_MS) await sleep(100);
      await sleep(SECOND_MS);
      return written.length;
    };
    // Warm, as one that runs is.
    await work.progress(`${label}, to warm up`, 30, () => apply(6, 'warm-'));
    const count = await work.progress(label, seconds + 40, () => apply(seconds, 'load-'));
    const use = service.lambdaUse().SendWebhooksFunction;
    for (const type of ['BookingExpired', ...(withNotices ? ['BookingExpiring'] : [])]) {
      const lagsMs = [...application.arrivals.values()].filter((each) => each.type === type).map(({ lagMs }) => lagMs);
      const { p50, p99, max } = percentilesOf(lagsMs);
      const repeated = application.requests() - application.arrivals.size;
      const aBatch = application.requests() / (use?.invocations ?? 1);
      rows.push([`${label}: ${type}`, lagsMs.length, p50, p99, max, count - lagsMs.length, repeated, aBatch]);
      work.figures[`${label}: ${type}`] = {
        ...percentilesOf(lagsMs),
        webhooks: lagsMs.length,
        missed: count - lagsMs.length,
      };
    }
    if (use && !withNotices) tellCost(work, use, application.requests());
    work.figures[`${label}: problems`] = service.problems;
  } finally {
    await service.stop();
  }
};

/** With a receiver that answers at once. One that takes 100 ms adds that time to each batch. */
const tellCost = (work: SectionWork, use: LambdaUse, webhooks: number): void => {
  const costOf = (webhooksPerBatch: number, secondsPerBatch: number) => {
    const batches = 1 / webhooksPerBatch;
    return (
      1e6 *
      // Sent by EventBridge for each; received and deleted for each batch.
      ((1 + 2 * batches) * PRICES.sqsRequest +
        batches * (PRICES.lambdaRequest + secondsPerBatch * (256 / 1024) * PRICES.lambdaGbSecond) +
        (LOG_BYTES * PRICES.logGb) / 1e9)
    );
  };
  const perBatch = webhooks / use.invocations;
  const secondsPerBatch = use.billedMs / use.invocations / 1_000;
  const costs = {
    'as measured': costOf(perBatch, secondsPerBatch),
    'one a batch, answered in 100 ms': costOf(1, 0.1),
    'ten a batch, answered in 100 ms': costOf(10, 0.1),
    'one a batch, no answer in 10 s, one try': costOf(1, 10),
  };
  work.figures.usdPerMillionWebhooks = costs;
  work.figures.webhooksPerBatch = perBatch;
  work.figures.secondsPerBatch = secondsPerBatch;
  const table = work.table(['USD per million webhooks', 'USD'], 'Beside the event itself, 1 USD per million');
  for (const [name, usd] of Object.entries(costs)) table.push([name, usd]);
};
