/** The service under measurement: the local runtime as `npm start` runs it, with meters in front of its engines on request. */

import { Worker } from 'node:worker_threads';
import { ScanCommand } from '@aws-sdk/client-dynamodb';
import type { Booking } from '../functions/core/booking-status.ts';
import { MINUTE_MS, SECOND_MS, type TimerSettings } from '../functions/core/hold-time.ts';
import { tableClient } from '../functions/runtime/clients.ts';
import { type Item, readBooking } from '../functions/table/item.ts';
import { BOOKINGS_SHAPE } from '../functions/table/shape.ts';
import { LOCAL_CREDENTIALS, REGION, startDynamoDb, startSqs } from '../local/engines.ts';
import type { ClockOffset } from '../local/moved-clock.ts';
import { type OwnRuntime, startOwnRuntime } from '../service/service.ts';
import type { LambdaUse } from './bill.ts';
import { type Meter, startMeter } from './meter.ts';
import type { Load, WriterSettings, Written } from './writer.ts';

export const SHARD_COUNT = 10;
/** What the template gives the Lambdas unless it is given something else. */
export const USUAL_SETTINGS: TimerSettings = { timerLeadMs: SECOND_MS, sweepIntervalMs: 5 * MINUTE_MS };

export interface ServiceOptions {
  /** Puts meters between the service and its engines. They cost CPU, so lags are measured without. */
  readonly metered?: boolean;
  /** Where the app was synthesized into. */
  readonly assemblyDirectory: string;
  /** Changes what the template gives the Lambdas. */
  readonly environment?: Record<string, string>;
  /** What every clock goes by. */
  readonly clockOffset?: ClockOffset;
  /** Whether the Lambdas may do only what the template allows: off, only to find out what the check costs. @default true */
  readonly enforcePermissions?: boolean;
}

/** What one batch of timers came to. */
export interface BatchSeen {
  readonly atMs: number;
  readonly outcomes: readonly { readonly bookingId: string; readonly outcome: string; readonly lagMs?: number }[];
}

export interface Service {
  readonly runtime: OwnRuntime;
  readonly table: string;
  /** DynamoDB itself, past the meter. */
  readonly dynamodbEndpoint: string;
  readonly meters: { readonly dynamodb: Meter; readonly sqs: Meter; readonly application: Meter } | undefined;
  readonly batches: BatchSeen[];
  readonly problems: string[];
  /** Invocations of each Lambda since the service was last asked to forget. */
  readonly lambdaUse: () => Record<string, LambdaUse>;
  /** Execution environments of all Lambdas. */
  environments(): number;
  /** Used heap of the Lambda environment that uses most, in MB. */
  largestHeapMb(): Promise<number>;
  /** Forgets what was measured so far. */
  reset(): void;
  /** Runs an application's thread through a load; resolves when it has written and confirmed everything. */
  apply(load: Load): Promise<Written[]>;
  /** Every booking whose id begins so, as stored. */
  stored(prefix: string): Promise<Map<string, Booking>>;
  stop(): Promise<void>;
}

/**
 * Starts the service, and its meters before it.
 *
 * @throws Error if a part of it cannot be started; what was started before is stopped
 */
export const startService = async (options: ServiceOptions): Promise<Service> => {
  const stops: Stops = [];
  try {
    return await start(options, stops);
  } catch (error) {
    await stopAll(stops);
    throw error;
  }
};

type Stops = (() => Promise<void>)[];

const stopAll = async (stops: Stops): Promise<void> => {
  for (const undo of stops.splice(0).reverse()) await undo();
};

const start = async (
  { metered = false, assemblyDirectory, environment = {}, clockOffset, enforcePermissions = true }: ServiceOptions,
  stops: Stops,
): Promise<Service> => {
  const batches: BatchSeen[] = [];
  const problems: string[] = [];
  let use = new Map<string, { invocations: number; billedMs: number; gbSeconds: number }>();
  let meters: Service['meters'];
  let dynamodbEndpoint: string | undefined;
  if (metered) {
    const dynamodb = await startDynamoDb({ port: 0, portVariable: 'DYNAMODB_PORT' });
    stops.push(() => dynamodb.stop());
    const sqs = await startSqs({ port: 0, portVariable: 'SQS_PORT' });
    stops.push(() => sqs.stop());
    dynamodbEndpoint = dynamodb.endpoint;
    meters = {
      dynamodb: await startMeter(dynamodb.endpoint),
      sqs: await startMeter(sqs.endpoint),
      application: await startMeter(dynamodb.endpoint),
    };
    process.env.DYNAMODB_ENDPOINT = meters.dynamodb.endpoint;
    process.env.SQS_ENDPOINT = meters.sqs.endpoint;
    stops.push(async () => {
      delete process.env.DYNAMODB_ENDPOINT;
      delete process.env.SQS_ENDPOINT;
      await Promise.all(Object.values(meters ?? {}).map((meter) => meter.stop()));
    });
  }
  const runtime = await startOwnRuntime({
    schedulePeriodMs: 'never',
    assemblyDirectory,
    changeEnvironment: (before) => ({ ...before, ...environment }),
    clockOffsetOf: () => clockOffset,
    enforcePermissions,
    onProblem: (problem) => problems.push(problem),
    onInvocation: ({ logicalId, durationMs, memorySizeMb }) => {
      const sum = use.get(logicalId) ?? { invocations: 0, billedMs: 0, gbSeconds: 0 };
      const billedMs = Math.ceil(durationMs);
      sum.invocations += 1;
      sum.billedMs += billedMs;
      sum.gbSeconds += (billedMs / 1_000) * (memorySizeMb / 1_024);
      use.set(logicalId, sum);
    },
    onLogLine: (_, line) => {
      try {
        const entry = JSON.parse(line) as { level?: string; message?: string; outcomes?: BatchSeen['outcomes'] };
        if (entry.outcomes) batches.push({ atMs: Date.now(), outcomes: entry.outcomes });
        if (entry.level === 'ERROR') problems.push(line);
      } catch {
        problems.push(line);
      }
    },
  });
  stops.push(() => runtime.stop());
  const table = runtime.outputs.BookingsTableName ?? '';
  const direct = dynamodbEndpoint ?? runtime.dynamodbEndpoint;
  const client = tableClient({ region: REGION, credentials: LOCAL_CREDENTIALS, endpoint: direct });

  return {
    runtime,
    table,
    dynamodbEndpoint: direct,
    meters,
    batches,
    problems,
    lambdaUse: () => Object.fromEntries([...use].map(([logicalId, sum]) => [logicalId, { ...sum }])),
    environments: () => [...runtime.lambdas.values()].reduce((sum, lambda) => sum + lambda.environments, 0),
    largestHeapMb: async () => {
      const heaps = await Promise.all([...runtime.lambdas.values()].map((lambda) => lambda.heapBytes()));
      return Math.max(0, ...heaps.flat()) / 1e6;
    },
    reset: () => {
      batches.length = 0;
      use = new Map();
      for (const meter of Object.values(meters ?? {})) meter.reset();
    },
    apply: (load) =>
      new Promise((resolve, reject) => {
        const workerData: WriterSettings = {
          dynamodbEndpoint: meters?.application.endpoint ?? direct,
          table,
          shardCount: SHARD_COUNT,
          load,
          clockOffset,
        };
        const worker = new Worker(new URL('./writer.ts', import.meta.url), { workerData });
        worker.once('message', resolve);
        worker.once('error', reject);
      }),
    stored: async (prefix) => {
      const found = new Map<string, Booking>();
      let ExclusiveStartKey: Item | undefined;
      do {
        const page = await client.send(
          new ScanCommand({ TableName: table, ConsistentRead: true, ...(ExclusiveStartKey && { ExclusiveStartKey }) }),
        );
        for (const booking of (page.Items ?? []).flatMap((item) => readBooking(BOOKINGS_SHAPE, item) ?? [])) {
          if (booking.bookingId.startsWith(prefix)) found.set(booking.bookingId, booking);
        }
        ExclusiveStartKey = page.LastEvaluatedKey;
      } while (ExclusiveStartKey !== undefined);
      return found;
    },
    stop: () => stopAll(stops),
  };
};
