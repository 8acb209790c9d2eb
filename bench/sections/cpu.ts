/**
 * The service's own CPU per booking, with the network and every wait taken out: the real handlers over the real SDK clients,
 * whose HTTP handler answers at once from memory.
 */

import { randomUUID } from 'node:crypto';
import type { DynamoDBRecord, SQSRecord } from 'aws-lambda';
import { DynamoDbTable } from '../../functions/adapters/dynamodb-table.ts';
import { HeldItems } from '../../functions/adapters/held-items.ts';
import { TimerSender } from '../../functions/adapters/timer-sender.ts';
import { METRICS_OF } from '../../functions/contract.ts';
import { encodeTimer } from '../../functions/core/expiry-timer.ts';
import { SAME_MOMENT_MS } from '../../functions/core/hold-time.ts';
import { createHandler as createExpire } from '../../functions/expire-booking.ts';
import { queueClient, tableClient } from '../../functions/runtime/clients.ts';
import { lambdaTelemetry } from '../../functions/runtime/telemetry.ts';
import { createHandler as createSchedule } from '../../functions/schedule-expiry.ts';
import { BOOKINGS_SHAPE } from '../../functions/table/shape.ts';
import { LOCAL_CREDENTIALS, REGION } from '../../local/engines.ts';
import { measureLoading } from '../loading.ts';
import { textTable } from '../report.ts';
import type { SectionWork } from '../section.ts';
import { USUAL_SETTINGS } from '../service.ts';

const BATCH = 10;
const NOW_MS = 1_800_000_000_000;

interface CpuResult {
  readonly what: string;
  /** CPU of the whole process, user and system, in µs per booking. */
  readonly microsPerBooking: number;
}

export const cpuSection = async ({ figures, say, progress, assemblyDirectory }: SectionWork): Promise<void> => {
  const handlers = await progress('own CPU', 20, () => measureCpu(20_000));
  figures.handlers = handlers;
  const rows = handlers.map(({ what, microsPerBooking }) => [what, microsPerBooking]);
  say(`\nOwn CPU, network and waits taken out\n${textTable(['what', 'µs a booking'], rows)}`);
  const bundles = await progress('loading of the bundles', 20, () => measureLoading(assemblyDirectory));
  figures.bundles = bundles;
  const bundleRows = bundles.map(({ name, bytes, importMs, residentMb }) => [
    name,
    bytes / 1_000,
    importMs,
    residentMb,
  ]);
  say(`\n${textTable(['Lambda', 'bundle kB', 'import ms', 'memory MB'], bundleRows)}`);
};

interface HttpRequest {
  readonly headers: Record<string, string>;
  readonly body: Uint8Array;
}

/** Answers as DynamoDB and SQS do when all goes well. */
const answerFromMemory = {
  metadata: { handlerProtocol: 'http/1.1' },
  handle: async ({ headers, body }: HttpRequest) => {
    const operation = headers['x-amz-target']?.replace(/^.*\./, '');
    const input = JSON.parse(new TextDecoder().decode(body));
    return {
      response: {
        statusCode: 200,
        headers: { 'content-type': 'application/x-amz-json-1.0' },
        body: Buffer.from(JSON.stringify(answerTo(operation, input))),
      },
    };
  },
};

interface Input {
  readonly RequestItems?: Record<string, { Keys: Record<string, unknown>[] }>;
  readonly Statements?: readonly unknown[];
  readonly Entries?: readonly { readonly Id: string }[];
}

const answerTo = (
  operation: string | undefined,
  { RequestItems = {}, Statements = [], Entries = [] }: Input,
): unknown => {
  switch (operation) {
    case 'BatchGetItem': {
      const pending = { status: { S: 'PENDING' }, expiresAtMs: { N: String(NOW_MS) } };
      const found = Object.entries(RequestItems).map(([table, { Keys }]) => [
        table,
        Keys.map((key) => ({ ...key, ...pending })),
      ]);
      return { Responses: Object.fromEntries(found) };
    }
    case 'BatchExecuteStatement':
      return { Responses: Statements.map(() => ({})) };
    case 'SendMessageBatch':
      return { Successful: Entries.map(({ Id }) => ({ Id, MessageId: Id })) };
    default:
      throw new Error(`no answer to ${operation}`);
  }
};

/** Runs a handler over batches until enough bookings are done, and says what CPU they took. */
const cpuOf = async (what: string, bookings: number, batch: () => Promise<unknown>): Promise<CpuResult> => {
  for (let done = 0; done < bookings / 4; done += BATCH) await batch();
  const before = process.cpuUsage();
  for (let done = 0; done < bookings; done += BATCH) await batch();
  const { user, system } = process.cpuUsage(before);
  return { what, microsPerBooking: (user + system) / bookings };
};

/** @param bookings how many each handler is measured over */
const measureCpu = async (bookings: number): Promise<CpuResult[]> => {
  const client = { region: REGION, credentials: LOCAL_CREDENTIALS, requestHandler: answerFromMemory };
  const table = new DynamoDbTable(tableClient({ ...client, endpoint: 'http://127.0.0.1' }), 'bookings');
  const store = new HeldItems(table, BOOKINGS_SHAPE);
  const deadLetters = {
    put: async (letters: readonly unknown[]) => {
      if (letters.length > 0) throw new Error('nothing here is unprocessable');
      return [];
    },
  };
  const queue = new TimerSender(
    queueClient({ ...client, endpoint: 'http://127.0.0.1', useQueueUrlAsEndpoint: false }),
    'http://127.0.0.1/000000000000/timers',
  );
  // Logs and metrics are part of the work, but they go nowhere here.
  const write = process.stdout.write;
  const log = console.log;
  const info = console.info;
  try {
    console.log = console.info = () => {};
    process.stdout.write = () => true;
    const telemetry = lambdaTelemetry('bench', METRICS_OF.expireBooking);
    const schedule = createSchedule({
      store,
      queue,
      deadLetters,
      clock: () => NOW_MS,
      telemetry,
      shape: BOOKINGS_SHAPE,
      shardCount: 10,
      settings: USUAL_SETTINGS,
    });
    const expire = async (deadlineOf: (index: number) => number, sameMomentMs = SAME_MOMENT_MS): Promise<void> => {
      let nowMs = NOW_MS - 1_000;
      const handle = createExpire({
        store,
        queue,
        deadLetters,
        clock: () => nowMs,
        waitUntil: async (timeMs) => {
          // The read made while waiting comes back before the deadline, as it does in a second.
          await new Promise(setImmediate);
          nowMs = Math.max(nowMs, timeMs);
        },
        telemetry,
        timerLeadMs: USUAL_SETTINGS.timerLeadMs,
        sameMomentMs,
        shape: BOOKINGS_SHAPE,
      });
      await handle({ Records: Array.from({ length: BATCH }, (_, index) => timerRecord(deadlineOf(index))) });
    };
    const spread = (index: number) => NOW_MS + 20 * index;
    return [
      await cpuOf('schedule-expiry', bookings, () =>
        schedule({ Records: Array.from({ length: BATCH }, writtenRecord) }),
      ),
      await cpuOf('expire-booking, deadlines coincide', bookings, () => expire(() => NOW_MS)),
      await cpuOf('expire-booking, deadlines 20 ms apart', bookings, () => expire(spread)),
      await cpuOf('the same with sameMomentMs 50', bookings, () => expire(spread, 50)),
      await cpuOf('the same with sameMomentMs 200', bookings, () => expire(spread, 200)),
    ];
  } finally {
    process.stdout.write = write;
    console.log = log;
    console.info = info;
  }
};

const timerRecord = (expiresAtMs: number): SQSRecord => ({
  messageId: randomUUID(),
  receiptHandle: 'receipt',
  body: encodeTimer({ bookingId: randomUUID(), expiresAtMs }),
  attributes: {
    ApproximateReceiveCount: '1',
    SentTimestamp: '0',
    SenderId: 'bench',
    ApproximateFirstReceiveTimestamp: '0',
  },
  messageAttributes: {},
  md5OfBody: '',
  eventSource: 'aws:sqs',
  eventSourceARN: '',
  awsRegion: REGION,
});

let records = 0;
const writtenRecord = (): DynamoDBRecord => {
  records += 1;
  const bookingId = { S: randomUUID() };
  return {
    eventID: String(records),
    eventName: 'INSERT',
    dynamodb: {
      SequenceNumber: String(records),
      Keys: { bookingId },
      NewImage: {
        bookingId,
        status: { S: 'PENDING' },
        expiresAtMs: { N: String(NOW_MS + 600_000) },
        holdStartedAtMs: { N: String(NOW_MS) },
        pendingShard: { N: '3' },
        createdAtMs: { N: String(NOW_MS) },
      },
    },
  };
};
