/** What the commands have in common: where the bookings table is, how to sign, and what its stack noted about itself. */

import {
  DescribeTableCommand,
  DynamoDBClient,
  type DynamoDBClientConfig,
  ListTagsOfResourceCommand,
} from '@aws-sdk/client-dynamodb';
import type { LambdaClientConfig } from '@aws-sdk/client-lambda';
import type { SecretsManagerClientConfig } from '@aws-sdk/client-secrets-manager';
import type { SQSClient, SQSClientConfig } from '@aws-sdk/client-sqs';
import { BookingErasure } from '../functions/adapters/booking-erasure.ts';
import { BookingStore } from '../functions/adapters/booking-store.ts';
import { dynamoDbSlots } from '../functions/adapters/dynamodb-slots.ts';
import { DynamoDbTable } from '../functions/adapters/dynamodb-table.ts';
import { HeldItems } from '../functions/adapters/held-items.ts';
import { PendingIndex } from '../functions/adapters/pending-index.ts';
import { sweepScheduling } from '../functions/adapters/sweep-scheduling.ts';
import { TimerSender } from '../functions/adapters/timer-sender.ts';
import { DEAD_LETTERS_TAG_PREFIX, TABLE_TAGS } from '../functions/contract.ts';
import { MINUTE_MS, SECOND_MS, type TimerSettings } from '../functions/core/hold-time.ts';
import { MAX_SHARDS } from '../functions/core/pending-shard.ts';
import type { SweepScheduling } from '../functions/core/ports.ts';
import { queueClient, tableClient } from '../functions/runtime/clients.ts';
import { type Afterwards, bookingsTable, tableShape } from '../functions/table/shape.ts';
import { LOCAL_CREDENTIALS, REGION } from '../local/account.ts';
import { readServiceFile, shownServiceFile } from '../service/runtime-file.ts';
import { seeHelp, UsageError, WRONG_USAGE } from '../terminal/usage.ts';
import { expectRightClock, watchClock } from './engine-clock.ts';
import type { EventSourceAccess } from './event-sources.ts';
import { type Place, placeText, watchPlace } from './place.ts';
import { wholeNumber } from './whole-number.ts';

/** Options of every command that works on the table, for `parseArgs`. */
export const CONNECT_OPTIONS = {
  table: { type: 'string' },
  region: { type: 'string' },
  'endpoint-url': { type: 'string' },
  'shard-count': { type: 'string' },
} as const;

export const CONNECT_USAGE = `  --table <name>         the bookings table (output BookingsTableName), or the variable BOOKINGS_TABLE; without it the
                         local runtime that is running (npm start; RUNTIME_FILE chooses another than the usual)
  --region <region>      its region (default: the AWS configuration's)
  --endpoint-url <url>   another DynamoDB endpoint
  --shard-count <n>      shards to look into, for a table without the stack's tags`;

export interface ConnectOptions {
  readonly table?: string | undefined;
  readonly region?: string | undefined;
  readonly 'endpoint-url'?: string | undefined;
  readonly 'shard-count'?: string | undefined;
}

export interface Connection {
  readonly store: BookingStore;
  readonly deletion: BookingErasure;
  readonly held: HeldItems;
  readonly index: PendingIndex;
  readonly place: Place;
  /** The same in words. */
  readonly placeText: string;
  readonly shardCount: number;
  readonly settings: TimerSettings;
  /** Absent where the table's tags do not say which queue and which state are its own. */
  readonly scheduling?: SweepScheduling;
  /** For items as they are stored, where the store's view of a booking is not enough. */
  readonly client: DynamoDBClient;
  readonly sqsClient: SQSClient;
  readonly streamArn?: string;
  /** Where the readers of the stream and the queue can be asked for; absent on an engine of one's own. */
  readonly eventSources?: EventSourceAccess;
  /** The bookings' own timers; absent where the table's tags do not say. */
  readonly queue?: TimerSender;
  readonly timerQueueUrl?: string;
  /** What the names of the service's alarms begin with; absent where the table's tags do not say. */
  readonly alarmPrefix?: string;
  /** Where webhooks wait and what signs them; absent where none are sent. */
  readonly webhooks?: WebhookParts;
  /** URLs of the dead-letter queues, by the names that their alarms and the runbook use. */
  readonly deadLetterQueueUrls: ReadonlyMap<string, string>;
}

/** The parts of the webhooks, as the table's tags name them. */
export interface WebhookParts {
  readonly queueUrl: string;
  readonly secretId: string;
  readonly functionName: string;
  /** What clients of Secrets Manager and of Lambda are given beside the AWS configuration. */
  readonly secrets: SecretsManagerClientConfig;
  readonly lambda: LambdaClientConfig;
}

/**
 * Connects to the bookings table.
 *
 * @param purpose to write by this machine's clock, or only to look
 * @throws UsageError for a shard count that is not allowed; WrongClockError if it is to write and the clock is wrong; Error
 *   with the way out if the table cannot be reached
 */
export const connect = async (options: ConnectOptions, purpose: 'write' | 'look'): Promise<Connection> => {
  const given = options['shard-count'];
  const givenShardCount = given === undefined ? undefined : wholeNumber('shard-count', given, 1, MAX_SHARDS);
  const { table, dynamodb, sqs, eventSources, secrets, runtimePid, knownTags } = findTable(options);
  const impatient = new DynamoDBClient({ maxAttempts: 2, ...dynamodb });
  const readPlace = watchPlace(impatient, table);
  const clockDifference = watchClock(impatient);
  const { tags, streamArn } = await readTable(impatient, table, knownTags).catch(async (error) => {
    const hint = runtimePid === undefined ? '' : ' (is npm start still running?)';
    throw new Error(`cannot reach the ${placeText(await readPlace())}: ${reasonOf(error)}${hint}`, { cause: error });
  });
  if (purpose === 'write') expectRightClock(clockDifference());
  const place = await readPlace();
  const shardCount = givenShardCount ?? Number(tags.get(TABLE_TAGS.shardCount) ?? 0);
  if (shardCount === 0) {
    throw new Error(`the ${placeText(place)} has no tag ${TABLE_TAGS.shardCount} that can be read: give --shard-count`);
  }
  const client = tableClient(dynamodb);
  const bookings = new DynamoDbTable(client, table);
  const shape = tableShape(bookingsTable(afterwardsIn(tags, shardCount)));
  // There is none where the table's stack is of a version without slots.
  const slotsTable = tags.get(TABLE_TAGS.slotsTable);
  const maxHoldSeconds = tags.get(TABLE_TAGS.maxHoldSeconds);
  const store = new BookingStore(bookings, shardCount, {
    shape,
    slotted: slotsTable === undefined ? undefined : dynamoDbSlots(client, bookings, slotsTable, shape),
    ...(maxHoldSeconds !== undefined && { maxHoldMs: Number(maxHoldSeconds) * SECOND_MS }),
  });
  const sqsClient = queueClient(sqs);
  const stateTable = tags.get(TABLE_TAGS.sweepStateTable);
  const queueUrl = tags.get(TABLE_TAGS.timerQueueUrl);
  const queue = queueUrl === undefined ? undefined : new TimerSender(sqsClient, queueUrl);
  return {
    store,
    deletion: new BookingErasure(bookings, store, shape),
    held: new HeldItems(bookings, shape),
    // All that are legal: the count may have been lowered since a booking was written.
    index: new PendingIndex(bookings, shape, MAX_SHARDS),
    shardCount,
    settings: {
      timerLeadMs: Number(tags.get(TABLE_TAGS.timerLeadMs) ?? SECOND_MS),
      sweepIntervalMs: Number(tags.get(TABLE_TAGS.sweepIntervalMinutes) ?? 5) * MINUTE_MS,
      // Else a sweep by command would note that it has sent notices that it has not.
      ...(tags.has(TABLE_TAGS.noticeBeforeSeconds) && {
        noticeBeforeMs: Number(tags.get(TABLE_TAGS.noticeBeforeSeconds)) * SECOND_MS,
      }),
    },
    ...(stateTable && queue && { scheduling: sweepScheduling(queue, new DynamoDbTable(client, stateTable)) }),
    ...(queue && { queue }),
    place,
    placeText: placeText(place) + (runtimePid === undefined ? '' : ` (npm start, process ${runtimePid})`),
    client,
    sqsClient,
    ...(streamArn && { streamArn }),
    ...(eventSources && mayAsk(eventSources, place) && { eventSources }),
    ...(queueUrl && { timerQueueUrl: queueUrl }),
    ...(tags.get(TABLE_TAGS.alarmPrefix) && { alarmPrefix: tags.get(TABLE_TAGS.alarmPrefix) ?? '' }),
    ...webhookParts(tags, secrets, eventSources),
    deadLetterQueueUrls: new Map(
      [...tags]
        .filter(([name]) => name.startsWith(DEAD_LETTERS_TAG_PREFIX))
        .map(([name, url]) => [name.slice(DEAD_LETTERS_TAG_PREFIX.length), url]),
    ),
  };
};

/** What the table's stack has it keep of bookings that are settled or expired. */
const afterwardsIn = (tags: ReadonlyMap<string, string>, shardCount: number): Afterwards => {
  const days = tags.get(TABLE_TAGS.retentionDays);
  return {
    ...(days !== undefined && { purgeAfterDays: Number(days) }),
    ...(tags.has(TABLE_TAGS.listSettled) && { listShards: shardCount }),
  };
};

const webhookParts = (
  tags: ReadonlyMap<string, string>,
  secrets: SecretsManagerClientConfig,
  lambda: LambdaClientConfig = {},
): Pick<Connection, 'webhooks'> => {
  const queueUrl = tags.get(TABLE_TAGS.webhookQueueUrl);
  const secretId = tags.get(TABLE_TAGS.webhookSecret);
  const functionName = tags.get(TABLE_TAGS.webhookFunction);
  if (!queueUrl || !secretId || !functionName) return {};
  return { webhooks: { queueUrl, secretId, functionName, secrets, lambda } };
};

/** A table on an engine of one's own has no readers in AWS: nobody there is asked about it. */
const mayAsk = ({ endpoint }: EventSourceAccess, place: Place): boolean =>
  place.region !== undefined ||
  [endpoint, process.env.AWS_ENDPOINT_URL_LAMBDA, process.env.AWS_ENDPOINT_URL].some(Boolean);

interface Found {
  readonly table: string;
  readonly dynamodb: DynamoDBClientConfig;
  readonly sqs: SQSClientConfig;
  readonly eventSources?: EventSourceAccess;
  readonly secrets: SecretsManagerClientConfig;
  /** Process of the local runtime, where the table is its own. */
  readonly runtimePid?: number;
  readonly knownTags?: Readonly<Record<string, string>> | undefined;
}

const findTable = (options: ConnectOptions): Found => {
  const table = options.table ?? process.env.BOOKINGS_TABLE;
  const endpoint = options['endpoint-url'];
  const region = options.region && { region: options.region };
  if (table) {
    return {
      table,
      dynamodb: { ...region, ...(endpoint && { endpoint }) },
      sqs: { ...region },
      eventSources: { ...region },
      secrets: { ...region },
    };
  }
  const local = readServiceFile();
  if (local === undefined) {
    throw new Error(
      `no local runtime is running, as there is no ${shownServiceFile()}: start it with npm start, or name a deployed ` +
        'table with --table',
    );
  }
  const signing = { region: REGION, credentials: LOCAL_CREDENTIALS };
  return {
    table: local.bookingsTable,
    dynamodb: { ...signing, endpoint: local.dynamodb },
    sqs: { ...signing, endpoint: local.sqs },
    ...(local.eventSourceMappings && { eventSources: { ...signing, endpoint: local.eventSourceMappings } }),
    secrets: { ...signing, ...(local.secretsManager && { endpoint: local.secretsManager }) },
    runtimePid: local.pid,
    knownTags: local.tags,
  };
};

/** @param knownTags what the local runtime's file says that they are, so that an engine without tags will do */
const readTable = async (
  client: DynamoDBClient,
  table: string,
  knownTags: Readonly<Record<string, string>> | undefined,
): Promise<{ readonly tags: ReadonlyMap<string, string>; readonly streamArn: string | undefined }> => {
  const { Table } = await client.send(new DescribeTableCommand({ TableName: table }));
  const streamArn = Table?.LatestStreamArn;
  if (knownTags !== undefined) return { tags: new Map(Object.entries(knownTags)), streamArn };
  const { Tags = [] } = await client
    .send(new ListTagsOfResourceCommand({ ResourceArn: Table?.TableArn }))
    // Not every engine has tags, and not every operator may read them.
    .catch(() => ({ Tags: [] }));
  return { tags: new Map(Tags.map(({ Key = '', Value = '' }) => [Key, Value])), streamArn };
};

/** The last reason in an error's chain of causes is the one that helps; some errors of the SDK have only a name. */
export const reasonOf = (error: unknown): string => {
  if (error instanceof AggregateError && error.errors.length > 0) return error.errors.map(reasonOf).join('; ');
  if (!(error instanceof Error)) return String(error);
  const own = error.message || error.name;
  return error.cause instanceof Error && !own.includes(error.cause.message) ? `${own}: ${reasonOf(error.cause)}` : own;
};

/** Runs a command's body; an error ends it with its reason, and wrong usage with where to read what is allowed. */
export const runCommand = (name: string, body: () => Promise<void>): void => {
  body().catch((error) => {
    console.error(`${name}: ${reasonOf(error)}`);
    if (error instanceof UsageError) console.error(seeHelp(`npm run ${name}`));
    process.exitCode = error instanceof UsageError ? WRONG_USAGE : 1;
  });
};
