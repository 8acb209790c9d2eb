/** What a sweep costs: with the same overdue bookings in ever larger tables, and with a backlog that takes several runs. */

import { DynamoDBClient, UpdateTableCommand } from '@aws-sdk/client-dynamodb';
import { BatchWriteCommand, DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import pMap from 'p-map';
import { DynamoDbTable } from '../../functions/adapters/dynamodb-table.ts';
import { HeldItems } from '../../functions/adapters/held-items.ts';
import { PatrolNotes } from '../../functions/adapters/patrol-notes.ts';
import { PendingIndex } from '../../functions/adapters/pending-index.ts';
import { isPermanent } from '../../functions/adapters/permanent-error.ts';
import { sweepScheduling } from '../../functions/adapters/sweep-scheduling.ts';
import { TimerSender } from '../../functions/adapters/timer-sender.ts';
import { MINUTE_MS } from '../../functions/core/hold-time.ts';
import { shardOf } from '../../functions/core/pending-shard.ts';
import { queueClient, tableClient } from '../../functions/runtime/clients.ts';
import { createHandler } from '../../functions/sweep.ts';
import { BOOKINGS_SHAPE } from '../../functions/table/shape.ts';
import { LOCAL_CREDENTIALS, REGION } from '../../local/engines.ts';
import { startTemplateEngines } from '../../local/template-engines.ts';
import { startMeter, type Usage } from '../meter.ts';
import type { SectionWork } from '../section.ts';
import { SHARD_COUNT, USUAL_SETTINGS } from '../service.ts';

const HOUR_MS = 60 * MINUTE_MS;
/** The scheduled sweep leaves alone what lapsed less than 30 s ago; the bench's bookings lapsed longer ago. */
const OVERDUE_MS = 10 * MINUTE_MS;

interface SweepResult {
  readonly tableSize: number;
  readonly overdue: number;
  readonly expired: number;
  readonly seconds: number;
  readonly usage: Usage;
}

interface BacklogResult {
  readonly overdue: number;
  readonly timeLimitSeconds: number;
  /** Each run in its turn. */
  readonly runs: readonly {
    readonly expired: number;
    readonly seconds: number;
    readonly remaining: boolean;
    readonly heapMb: number;
  }[];
}

const SWEEP_HEADER = ['bookings in the table', 'overdue, expired', 'requests', 'read units', 'write units', 'seconds'];
const BACKLOG_HEADER = ['run', 'expired', 'seconds', 'bookings a second', 'heap MB', 'hands over'];

export const sweepSection = async (work: SectionWork): Promise<void> => {
  const { tableSizes, backlog } = work.options;
  const rows = work.table(SWEEP_HEADER);
  const sizes: SweepResult[] = [];
  work.figures.sizes = sizes;
  for (const tableSize of tableSizes) {
    const result = await work.progress(`sweep 1,000 overdue of ${tableSize.toLocaleString('en-US')}`, 0, (showShare) =>
      measureSweep(work.assemblyDirectory, 1_000, tableSize, (done) => showShare(done / tableSize)),
    );
    const uses = Object.values(result.usage);
    const sum = (of: 'requests' | 'readUnits' | 'writeUnits') => uses.reduce((total, use) => total + use[of], 0);
    rows.push([tableSize, result.expired, sum('requests'), sum('readUnits'), sum('writeUnits'), result.seconds]);
    sizes.push(result);
  }
  const result = await work.progress(`backlog of ${backlog.toLocaleString('en-US')} overdue`, 0, (showShare) =>
    measureBacklog(work.assemblyDirectory, backlog, 30, (done) => showShare(done / backlog)),
  );
  const title = `Backlog: ${backlog.toLocaleString('en-US')} overdue at once, ${result.timeLimitSeconds} s for each run`;
  work
    .table(BACKLOG_HEADER, title)
    .push(
      ...result.runs.map(({ expired, seconds, heapMb, remaining }, index) => [
        index + 1,
        expired,
        seconds,
        expired / seconds,
        heapMb,
        remaining ? 'yes' : 'no',
      ]),
    );
  work.figures.backlog = result;
};

/** A table of the template on an engine of its own, behind a meter, and the sweep's handler over it. */
const startTable = async (assemblyDirectory: string) => {
  const { dynamodb, sqs, nameOf, stop } = await startTemplateEngines(assemblyDirectory);
  const meter = await startMeter(dynamodb.endpoint);
  const client = { region: REGION, credentials: LOCAL_CREDENTIALS };
  const table = nameOf('BookingsTable');
  // Nobody reads this table's stream, and the engine's writes get slower with every record that it keeps.
  const engine = new DynamoDBClient({ ...client, endpoint: dynamodb.endpoint });
  await engine.send(new UpdateTableCommand({ TableName: table, StreamSpecification: { StreamEnabled: false } }));
  const metered = tableClient({ ...client, endpoint: meter.endpoint });
  const direct = DynamoDBDocumentClient.from(engine);
  const queues = queueClient({ ...client, endpoint: sqs.endpoint });
  const bookings = new DynamoDbTable(metered, table);
  const handle = createHandler({
    store: new HeldItems(bookings, BOOKINGS_SHAPE),
    index: new PendingIndex(bookings, BOOKINGS_SHAPE, SHARD_COUNT),
    scheduling: sweepScheduling(
      new TimerSender(queues, nameOf('TimerQueue')),
      new DynamoDbTable(metered, nameOf('SweepStateTable')),
    ),
    clock: Date.now,
    isPermanent,
    notes: new PatrolNotes(
      new DynamoDbTable(metered, nameOf('SweepStateTable')),
      queues,
      nameOf('ScheduleExpiryDeadLetterQueue'),
    ),
    shardCount: SHARD_COUNT,
    telemetry: {
      count: () => {},
      lag: () => {},
      info: () => {},
      warn: () => {},
      error: console.error,
      flush: () => {},
    },
    settings: USUAL_SETTINGS,
  });
  return {
    meter,
    /** Fills the table: some overdue, and of the rest every second one paid and every second one on hold for an hour more. */
    fill: async (overdue: number, size: number, onProgress: (done: number) => void) => {
      const nowMs = Date.now();
      const itemOf = (number: number) => {
        const bookingId = `booking-${number}`;
        if (number >= overdue && number % 2 === 0) {
          return { bookingId, status: 'CONFIRMED', expiresAtMs: nowMs + HOUR_MS, confirmedAtMs: nowMs };
        }
        const expiresAtMs = number < overdue ? nowMs - OVERDUE_MS - number : nowMs + HOUR_MS + number;
        const pendingShard = shardOf(bookingId, SHARD_COUNT);
        return { bookingId, status: 'PENDING', expiresAtMs, pendingShard, holdStartedAtMs: nowMs - HOUR_MS };
      };
      let done = 0;
      await pMap(
        Array.from({ length: Math.ceil(size / 25) }, (_, batch) => batch * 25),
        async (first) => {
          const numbers = Array.from({ length: Math.min(25, size - first) }, (_, index) => first + index);
          const RequestItems = { [table]: numbers.map((number) => ({ PutRequest: { Item: itemOf(number) } })) };
          await direct.send(new BatchWriteCommand({ RequestItems }));
          done += numbers.length;
          onProgress(done);
        },
        { concurrency: 8 },
      );
    },
    /** Runs the sweep's Lambda handler with a time limit. */
    sweep: async (limitMs: number) => {
      const startedAtMs = performance.now();
      const remainingMs = () => limitMs - (performance.now() - startedAtMs);
      const answer = await handle({}, { getRemainingTimeInMillis: remainingMs });
      return { ...answer, seconds: (performance.now() - startedAtMs) / 1_000 };
    },
    stop: async () => {
      await meter.stop();
      await stop();
    },
  };
};

/** The same number of overdue bookings in a table of some size. */
const measureSweep = async (
  assemblyDirectory: string,
  overdue: number,
  tableSize: number,
  onProgress: (done: number) => void,
): Promise<SweepResult> => {
  const table = await startTable(assemblyDirectory);
  try {
    await table.fill(overdue, tableSize, onProgress);
    table.meter.reset();
    const { expired, seconds } = await table.sweep(900_000);
    return { tableSize, overdue, expired, seconds, usage: table.meter.usage() };
  } finally {
    await table.stop();
  }
};

/** Everything overdue at once, swept in as many runs as it takes. */
const measureBacklog = async (
  assemblyDirectory: string,
  overdue: number,
  timeLimitSeconds: number,
  onProgress: (done: number) => void,
): Promise<BacklogResult> => {
  const table = await startTable(assemblyDirectory);
  try {
    await table.fill(overdue, overdue, onProgress);
    const runs: BacklogResult['runs'][number][] = [];
    for (let remaining = true; remaining && runs.length < 100; ) {
      let heapMb = 0;
      const watch = setInterval(() => {
        heapMb = Math.max(heapMb, process.memoryUsage().heapUsed / 1e6);
      }, 50);
      const run = await table.sweep(timeLimitSeconds * 1_000);
      clearInterval(watch);
      remaining = run.remaining;
      runs.push({ expired: run.expired, seconds: run.seconds, remaining, heapMb });
    }
    return { overdue, timeLimitSeconds, runs };
  } finally {
    await table.stop();
  }
};
