/**
 * What a team would write first: a timer of the process for each booking, and a message in SQS for each booking with a consumer that
 * updates its item. On the same engines and under the same load as the service, and with nothing of what the service does besides.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import type { SQSClient } from '@aws-sdk/client-sqs';
import { DeleteMessageCommand, ReceiveMessageCommand, SendMessageCommand } from '@aws-sdk/client-sqs';
import { BookingStore } from '../functions/adapters/booking-store.ts';
import { DynamoDbTable } from '../functions/adapters/dynamodb-table.ts';
import { queueClient, tableClient } from '../functions/runtime/clients.ts';
import { LOCAL_CREDENTIALS, REGION } from '../local/engines.ts';
import { startTemplateEngines } from '../local/template-engines.ts';
import { type CpuUse, cpuPerBooking, cpuUse } from './cpu-use.ts';
import { SHARD_COUNT } from './service.ts';
import type { Load } from './writer.ts';

export interface RivalResult {
  readonly lagsMs: readonly number[];
  readonly bookings: number;
  readonly early: number;
  readonly missed: number;
  /** For each booking, writing it included. */
  readonly cpu: CpuUse;
}

export type RivalName = 'setTimeout' | 'SQS and UpdateItem';

interface Rival {
  schedule(bookingId: string, expiresAtMs: number): Promise<void> | void;
  stop(): Promise<void>;
}

type Expire = (bookingId: string, expiresAtMs: number) => Promise<void>;

/** How long after the last deadline a booking may take before it counts as missed. */
const PATIENCE_MS = 30_000;
/** Requests of a busy machine may take long; that is no failure of what is measured. */
const PATIENT = { connectionTimeout: 30_000, requestTimeout: 60_000, throwOnRequestTimeout: true };
const WAIT_SECONDS = 20;

/** Applies a load, whose shape is taken for spread and of which nobody pays. */
export const measureRival = async (
  name: RivalName,
  assemblyDirectory: string,
  { perSecond, seconds, holdMs }: Pick<Load, 'perSecond' | 'seconds' | 'holdMs'>,
): Promise<RivalResult> => {
  const engines = await startTemplateEngines(assemblyDirectory);
  const client = { region: REGION, credentials: LOCAL_CREDENTIALS, requestHandler: PATIENT };
  const dynamodb = tableClient({ ...client, endpoint: engines.dynamodb.endpoint });
  const sqs = queueClient({ ...client, endpoint: engines.sqs.endpoint });
  const table = engines.nameOf('BookingsTable');
  const store = new BookingStore(new DynamoDbTable(dynamodb, table), SHARD_COUNT);
  const lagsMs: number[] = [];
  const expire: Expire = async (bookingId, expiresAtMs) => {
    const nowMs = Date.now();
    await dynamodb.send(
      new UpdateItemCommand({
        TableName: table,
        Key: { bookingId: { S: bookingId } },
        UpdateExpression: 'SET #status = :expired, expiredAtMs = :nowMs REMOVE pendingShard',
        ConditionExpression: '#status = :pending AND expiresAtMs <= :nowMs',
        ExpressionAttributeNames: { '#status': 'status' },
        ExpressionAttributeValues: {
          ':expired': { S: 'EXPIRED' },
          ':pending': { S: 'PENDING' },
          ':nowMs': { N: String(nowMs) },
        },
      }),
    );
    lagsMs.push(nowMs - expiresAtMs);
  };
  const rival =
    name === 'setTimeout' ? timersOfTheProcess(expire) : messages(sqs, engines.nameOf('TimerQueue'), expire);
  try {
    const before = cpuUse();
    const count = perSecond * seconds;
    const startedAt = performance.now();
    const written: Promise<void>[] = [];
    for (let number = 0; number < count; number += 1) {
      const aheadMs = startedAt + (number * 1_000) / perSecond - performance.now();
      if (aheadMs > 1) await sleep(aheadMs);
      const write = async () => {
        const nowMs = Date.now();
        const bookingId = `rival-${number}`;
        await store.create({ bookingId, holdMs }, nowMs);
        await rival.schedule(bookingId, nowMs + holdMs);
      };
      written.push(write());
    }
    await Promise.all(written);
    const giveUpAtMs = Date.now() + holdMs + PATIENCE_MS;
    while (lagsMs.length < count && Date.now() < giveUpAtMs) await sleep(50);
    return {
      lagsMs,
      bookings: count,
      early: lagsMs.filter((lagMs) => lagMs < 0).length,
      missed: count - lagsMs.length,
      cpu: cpuPerBooking(before, cpuUse(), count),
    };
  } finally {
    await rival.stop();
    dynamodb.destroy();
    sqs.destroy();
    await engines.stop();
  }
};

/** Exact while its process lives, and gone with it. */
const timersOfTheProcess = (expire: Expire): Rival => {
  const timers = new Set<NodeJS.Timeout>();
  return {
    schedule: (bookingId, expiresAtMs) => {
      const timer = setTimeout(() => {
        timers.delete(timer);
        // A timer of the process may come a millisecond early.
        const untilMs = expiresAtMs - Date.now();
        void sleep(Math.max(0, untilMs)).then(() => expire(bookingId, expiresAtMs));
      }, expiresAtMs - Date.now());
      timers.add(timer);
    },
    stop: async () => {
      for (const timer of timers) clearTimeout(timer);
    },
  };
};

/** A message for each booking, delayed by whole seconds, as SQS wants it, rounded up so that none is early. */
const messages = (sqs: SQSClient, QueueUrl: string, expire: Expire): Rival => {
  const stopping = new AbortController();
  const consume = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      const poll = new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: WAIT_SECONDS });
      const { Messages = [] } = await sqs.send(poll, { abortSignal: stopping.signal });
      await Promise.all(
        Messages.map(async ({ Body = '', ReceiptHandle }) => {
          const { bookingId, expiresAtMs } = JSON.parse(Body) as { bookingId: string; expiresAtMs: number };
          await expire(bookingId, expiresAtMs);
          await sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }));
        }),
      );
    }
  };
  const consuming = Promise.all(Array.from({ length: 4 }, consume));
  // A poll that is given up at the end fails; any other failure leaves bookings behind, which count as missed.
  consuming.catch(() => {});
  return {
    schedule: async (bookingId, expiresAtMs) => {
      const DelaySeconds = Math.max(0, Math.ceil((expiresAtMs - Date.now()) / 1_000));
      const MessageBody = JSON.stringify({ bookingId, expiresAtMs });
      await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody, DelaySeconds }));
    },
    stop: async () => {
      stopping.abort();
      await consuming.catch(() => {});
    },
  };
};
