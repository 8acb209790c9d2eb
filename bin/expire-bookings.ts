/** `npm run expire-bookings`: one sweep now, against the running local runtime or a deployed table. */

import { parseArgs } from 'node:util';
import { DescribeTableCommand, DynamoDBClient, ListTagsOfResourceCommand } from '@aws-sdk/client-dynamodb';
import { SingleBar } from 'cli-progress';
import { BookingStore } from '../functions/adapters/booking-store.ts';
import { sweepScheduling } from '../functions/adapters/sweep-scheduling.ts';
import { TABLE_TAGS } from '../functions/contract.ts';
import { MINUTE_MS, SECOND_MS } from '../functions/core/hold-time.ts';
import { SWEEP_STARTED, sweep, sweepFinished } from '../functions/core/sweep.ts';
import { documentClient, queueClient } from '../functions/runtime/clients.ts';
import { systemClock } from '../functions/runtime/clock.ts';
import { readRuntimeFile } from '../local/runtime-file.ts';

const USAGE = `Usage: npm run expire-bookings -- [options]

Expires every booking whose hold has lapsed and that is still PENDING, now. Without options it works on the local
runtime that is running (npm start). For a deployed stack, give its table; region and credentials come from the
ordinary AWS configuration.

  --table <name>         the bookings table (output BookingsTableName), or the variable BOOKINGS_TABLE
  --region <region>      its region (default: the AWS configuration's)
  --endpoint-url <url>   another DynamoDB endpoint
  --shard-count <n>      shards to look into, for a table without the stack's tags; then only what is overdue is swept
  --dry-run              list what would expire, change nothing
  --json                 one JSON object instead of text
  -h, --help             this text

Exit codes: 0 done, 1 the table could not be reached or a part of the sweep failed, 2 wrong usage.`;

/** Bookings from which on a progress bar is worth its place. */
const MUCH_TO_DO = 500;

class UsageError extends Error {
  override readonly name = 'UsageError';
}

const readOptions = () => {
  try {
    const { values } = parseArgs({
      options: {
        table: { type: 'string' },
        region: { type: 'string' },
        'endpoint-url': { type: 'string' },
        'shard-count': { type: 'string' },
        'dry-run': { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    const shardCount = values['shard-count'];
    if (shardCount !== undefined && !/^([1-9]\d?|1\d\d|200)$/.test(shardCount)) {
      throw new UsageError(`--shard-count must be a whole number from 1 to 200, got ${shardCount}`);
    }
    return { ...values, table: values.table ?? process.env.BOOKINGS_TABLE };
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
};
type Options = ReturnType<typeof readOptions>;

/** Where the table is and how to sign: the local runtime's if no table is named. */
const findTable = (options: Options) => {
  const endpointUrl = options['endpoint-url'];
  const given = { ...(options.region && { region: options.region }), ...(endpointUrl && { endpoint: endpointUrl }) };
  if (options.table)
    return { table: options.table, dynamodb: given, sqs: options.region ? { region: options.region } : {} };
  const local = readRuntimeFile();
  if (local === undefined) {
    throw new Error('no local runtime is running: start it with npm start, or name a deployed table with --table');
  }
  const signing = { region: 'us-east-1', credentials: { accessKeyId: 'local', secretAccessKey: 'local' } };
  return {
    table: local.bookingsTable,
    dynamodb: { ...signing, endpoint: local.dynamodb },
    sqs: { ...signing, endpoint: local.sqs },
  };
};

/** The stack's settings, which it noted in the table's tags. */
const readTags = async (client: DynamoDBClient, table: string): Promise<Map<string, string>> => {
  const { Table } = await client.send(new DescribeTableCommand({ TableName: table }));
  const { Tags = [] } = await client
    .send(new ListTagsOfResourceCommand({ ResourceArn: Table?.TableArn }))
    // Not every engine has tags, and not every operator may read them.
    .catch(() => ({ Tags: [] }));
  return new Map(Tags.map(({ Key = '', Value = '' }) => [Key, Value]));
};

const run = async (): Promise<void> => {
  const options = readOptions();
  if (options.help) {
    console.log(USAGE);
    return;
  }
  const say = (line: string): void => {
    if (!options.json) console.log(line);
  };
  const { table, dynamodb, sqs } = findTable(options);
  const client = documentClient(dynamodb);
  say(SWEEP_STARTED);
  const tags = await readTags(new DynamoDBClient({ maxAttempts: 2, ...dynamodb }), table).catch((error) => {
    const at = dynamodb.endpoint ? ` at ${dynamodb.endpoint}` : '';
    const hint = options.table ? '' : ' (is npm start still running?)';
    throw new Error(`cannot reach the table ${table}${at}: ${reasonOf(error)}${hint}`, { cause: error });
  });
  const shardCount = Number(options['shard-count'] ?? tags.get(TABLE_TAGS.shardCount) ?? 0);
  if (shardCount === 0) {
    throw new Error(`the table ${table} has no tag ${TABLE_TAGS.shardCount} that can be read: give --shard-count`);
  }
  const store = new BookingStore(client, table, shardCount);

  if (options['dry-run']) {
    await dryRun(store, shardCount, options.json);
    return;
  }
  const stateTable = tags.get(TABLE_TAGS.sweepStateTable);
  const queueUrl = tags.get(TABLE_TAGS.timerQueueUrl);
  const settings = {
    timerLeadMs: Number(tags.get(TABLE_TAGS.timerLeadMs) ?? SECOND_MS),
    sweepIntervalMs: Number(tags.get(TABLE_TAGS.sweepIntervalMinutes) ?? 5) * MINUTE_MS,
  };
  const progress = process.stdout.isTTY && !options.json ? await progressBar(store, shardCount) : undefined;
  let interrupted = false;
  process.once('SIGINT', () => {
    interrupted = true;
  });
  const report = await sweep(
    {
      store,
      clock: systemClock,
      ...(stateTable && queueUrl && { scheduling: sweepScheduling(client, queueClient(sqs), stateTable, queueUrl) }),
    },
    {
      overdueAfterMs: 0,
      shardCount,
      settings,
      mayContinue: () => !interrupted,
      onProgress: ({ overdueFound }) => progress?.update(overdueFound),
    },
  );
  progress?.stop();
  const { expired, scheduled, remaining, overdueFound, errors } = report;
  if (options.json)
    console.log(JSON.stringify({ expired, scheduled, overdueFound, remaining, errors: errors.map(reasonOf) }));
  for (const error of errors) console.error(`expire-bookings: ${reasonOf(error)}`);
  say(sweepFinished(expired));
  process.exitCode = errors.length > 0 ? 1 : 0;
};

const dryRun = async (store: BookingStore, shardCount: number, json: boolean): Promise<void> => {
  const nowMs = systemClock();
  const found: { bookingId: string; expiresAt: string; overdueMs: number }[] = [];
  for (let shard = 0; shard < shardCount; shard += 1) {
    for await (const { bookingId, expiresAtMs } of store.pendingRows(shard, nowMs)) {
      found.push({
        bookingId,
        expiresAt: new Date(expiresAtMs).toISOString(),
        overdueMs: Math.floor(nowMs - expiresAtMs),
      });
    }
  }
  found.sort((a, b) => b.overdueMs - a.overdueMs);
  if (json) {
    console.log(JSON.stringify({ wouldExpire: found }));
    return;
  }
  for (const { bookingId, expiresAt, overdueMs } of found) {
    console.log(`  ${expiresAt}  overdue ${(overdueMs / SECOND_MS).toFixed(3)} s  ${bookingId}`);
  }
  console.log(`Would expire ${found.length} booking(s)`);
};

const progressBar = async (store: BookingStore, shardCount: number): Promise<SingleBar | undefined> => {
  const nowMs = systemClock();
  const counts = await Promise.all(
    Array.from({ length: shardCount }, (_, shard) => store.countPending(shard, nowMs)),
  ).catch(() => []);
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total < MUCH_TO_DO) return undefined;
  const bar = new SingleBar({ format: '  {bar} {value}/{total} bookings, {eta_formatted} left', hideCursor: true });
  bar.start(total, 0);
  return bar;
};

/** The last reason in an error's chain of causes is the one that helps; some errors of the SDK have only a name. */
const reasonOf = (error: unknown): string => {
  if (error instanceof AggregateError && error.errors.length > 0) return error.errors.map(reasonOf).join('; ');
  if (!(error instanceof Error)) return String(error);
  const own = error.message || error.name;
  return error.cause instanceof Error && !own.includes(error.cause.message) ? `${own}: ${reasonOf(error.cause)}` : own;
};

run().catch((error) => {
  console.error(`expire-bookings: ${reasonOf(error)}`);
  if (error instanceof UsageError) console.error(`\n${USAGE}`);
  process.exitCode = error instanceof UsageError ? 2 : 1;
});
