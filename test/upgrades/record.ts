/**
 * `node test/upgrades/record.ts`, before a release: writes down what this version leaves behind (items, timers, stream
 * records, events, the sweep's state, a cursor, requests), as <version>.json beside this file. Every later version must be
 * able to work with it: upgrades.test.ts.
 */

import { readFileSync, writeFileSync } from 'node:fs';
import { DescribeTableCommand, DynamoDBClient, PutItemCommand, ScanCommand } from '@aws-sdk/client-dynamodb';
import {
  DescribeStreamCommand,
  DynamoDBStreamsClient,
  GetRecordsCommand,
  GetShardIteratorCommand,
} from '@aws-sdk/client-dynamodb-streams';
import { SQSClient } from '@aws-sdk/client-sqs';
import type { DynamoDBRecord } from 'aws-lambda';
import { BookingErasure } from '../../functions/adapters/booking-erasure.ts';
import { bookingLists } from '../../functions/adapters/booking-lists.ts';
import { BookingStore } from '../../functions/adapters/booking-store.ts';
import { DynamoDbTable } from '../../functions/adapters/dynamodb-table.ts';
import { HeldItems } from '../../functions/adapters/held-items.ts';
import { KeyRecords } from '../../functions/adapters/key-records.ts';
import { PatrolNotes } from '../../functions/adapters/patrol-notes.ts';
import { PendingIndex } from '../../functions/adapters/pending-index.ts';
import { isPermanent } from '../../functions/adapters/permanent-error.ts';
import { sweepScheduling } from '../../functions/adapters/sweep-scheduling.ts';
import { TimerSender } from '../../functions/adapters/timer-sender.ts';
import { createBookingsApi } from '../../functions/api/bookings-api.ts';
import { createHandler as createPublish } from '../../functions/publish-events.ts';
import { createHandler as createSchedule } from '../../functions/schedule-expiry.ts';
import { createHandler as createSweep } from '../../functions/sweep.ts';
import { BOOKINGS_SHAPE } from '../../functions/table/shape.ts';
import { LOCAL_CREDENTIALS, REGION } from '../../local/engines.ts';
import { startTemplateEngines } from '../../local/template-engines.ts';
import { synthesize } from '../../service/project.ts';
import { recordingDeadLetters } from '../support/dead-letters.ts';
import { TEST_ASSEMBLY } from '../support/synthesize.ts';
import { recordingTelemetry } from '../support/telemetry.ts';

export const NOW_MS = 1_800_000_000_000;
export const SETTINGS = { timerLeadMs: 1_000, sweepIntervalMs: 300_000 };
export const SHARD_COUNT = 10;

/** What a version left behind. */
export interface Release {
  readonly version: string;
  readonly items: Record<string, object>[];
  readonly records: DynamoDBRecord[];
  readonly timers: string[];
  readonly eventIds: string[];
  readonly sweepState: Record<string, object>[];
  readonly cursor: string;
  /** Bookings that the page after the cursor begins with. */
  readonly afterCursor: string[];
  readonly requests: { readonly body: string; readonly headers: Record<string, string>; readonly bookingId: string }[];
}

const record = async (): Promise<void> => {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  await synthesize(TEST_ASSEMBLY);
  const { dynamodb, sqs: sqsEngine, nameOf, stop } = await startTemplateEngines(TEST_ASSEMBLY);
  const client = { region: REGION, credentials: LOCAL_CREDENTIALS, endpoint: dynamodb.endpoint };
  const raw = new DynamoDBClient(client);
  const table = nameOf('BookingsTable');
  const bookings = new DynamoDbTable(raw, table);
  const store = new BookingStore(bookings, SHARD_COUNT);
  const held = new HeldItems(bookings, BOOKINGS_SHAPE);
  const index = new PendingIndex(bookings, BOOKINGS_SHAPE, SHARD_COUNT);
  const { deadLetters } = recordingDeadLetters();
  const { telemetry } = recordingTelemetry();
  const timers: string[] = [];
  const sqs = {
    send: async ({ input }: { input: { Entries: { Id: string; MessageBody: string }[] } }) => {
      timers.push(...input.Entries.map(({ MessageBody }) => MessageBody));
      return { Successful: input.Entries.map(({ Id }) => ({ Id })) };
    },
  };
  const clock = () => NOW_MS;
  const api = createBookingsApi({
    store,
    slots: { lookUp: () => Promise.reject(new Error('a release is recorded without slots')) },
    index,
    newestFirst: bookingLists(bookings, BOOKINGS_SHAPE),
    deletion: new BookingErasure(bookings, store, BOOKINGS_SHAPE),
    idempotency: new KeyRecords(new DynamoDbTable(raw, nameOf('IdempotencyTable'))),
    sweepPorts: { store: held, index, clock, isPermanent },
    isCronToken: async () => false,
    clock,
    telemetry,
    settings: SETTINGS,
    authorization: { kind: 'iam' },
  });
  const ask = async (path: string, init: RequestInit) => {
    const response = await api.request(`/api/v1${path}`, init, { caller: 'customer', remainingMs: () => 25_000 });
    return JSON.parse(await response.text());
  };
  const requests: Release['requests'][number][] = [];
  const create = async (given: object, headers: Record<string, string> = {}): Promise<string> => {
    const body = JSON.stringify(given);
    const allHeaders = { 'content-type': 'application/json', ...headers };
    const { bookingId } = await ask('/bookings', { method: 'POST', headers: allHeaders, body });
    requests.push({ body, headers: allHeaders, bookingId });
    return bookingId;
  };
  await create({ bookingId: 'near', holdSeconds: 600, details: { seat: '7A', price: 12.5, extras: ['meal', null] } });
  await create({ bookingId: 'far', holdSeconds: 86_400 });
  await create({ holdSeconds: 300 }, { 'idempotency-key': 'order-1' });
  for (const [bookingId, move] of [
    ['paid', 'confirm'],
    ['given-up', 'cancel'],
  ]) {
    await create({ bookingId, holdSeconds: 60 });
    await ask(`/bookings/${bookingId}/${move}`, { method: 'POST' });
  }
  await create({ bookingId: 'extended', holdSeconds: 60 });
  await store.extend('extended', 120_000, NOW_MS);
  await store.create({ bookingId: 'lapsed', holdMs: 1_000 }, NOW_MS - 2_000);
  await held.expire(['lapsed'], 'timer', NOW_MS);
  const bare = { bookingId: { S: 'foreign' }, status: { S: 'PENDING' }, expiresAtMs: { N: String(NOW_MS + 30_000) } };
  await raw.send(new PutItemCommand({ TableName: table, Item: bare }));

  const records = await readStream(new DynamoDBStreamsClient(client), String(await streamOf(raw, table)));
  const pending = records.filter(({ dynamodb: change }) => change?.NewImage?.status?.S === 'PENDING');
  const queue = new TimerSender(sqs as never, 'http://127.0.0.1/timers');
  const ports = {
    store: held,
    shape: BOOKINGS_SHAPE,
    index,
    queue,
    deadLetters,
    clock,
    isPermanent,
    telemetry,
    shardCount: SHARD_COUNT,
    settings: SETTINGS,
  };
  await createSchedule(ports)({ Records: pending });
  const eventIds: string[] = [];
  const bus = {
    publish: async (events: readonly { detail: { eventId: string } }[]) => {
      eventIds.push(...events.map(({ detail }) => detail.eventId));
      return [];
    },
  };
  await createPublish({ bus: bus as never, deadLetters, telemetry, shape: BOOKINGS_SHAPE })({ Records: records });
  const state = new DynamoDbTable(raw, nameOf('SweepStateTable'));
  const scheduling = sweepScheduling(queue, state);
  const notes = new PatrolNotes(
    state,
    new SQSClient({ ...client, endpoint: sqsEngine.endpoint }),
    nameOf('ScheduleExpiryDeadLetterQueue'),
  );
  await createSweep({ ...ports, scheduling, notes })({}, { getRemainingTimeInMillis: () => 60_000 });
  const page = await ask('/bookings?status=PENDING&limit=2', {});
  const next = await ask(`/bookings?status=PENDING&limit=2&cursor=${page.cursor}`, {});

  const release: Release = {
    version,
    items: ((await raw.send(new ScanCommand({ TableName: table }))).Items ?? []) as Record<string, object>[],
    records,
    timers,
    eventIds,
    sweepState: ((await raw.send(new ScanCommand({ TableName: nameOf('SweepStateTable') }))).Items ?? []) as Record<
      string,
      object
    >[],
    cursor: page.cursor,
    afterCursor: next.bookings.map(({ bookingId }: { bookingId: string }) => bookingId),
    requests,
  };
  writeFileSync(new URL(`./${version}.json`, import.meta.url), `${JSON.stringify(release, undefined, 2)}\n`);
  console.log(
    `${version}.json: ${release.items.length} items, ${records.length} stream records, ${timers.length} timers`,
  );
  await stop();
};

const streamOf = async (raw: DynamoDBClient, table: string): Promise<string | undefined> => {
  return (await raw.send(new DescribeTableCommand({ TableName: table }))).Table?.LatestStreamArn;
};

const readStream = async (streams: DynamoDBStreamsClient, StreamArn: string): Promise<DynamoDBRecord[]> => {
  const { StreamDescription } = await streams.send(new DescribeStreamCommand({ StreamArn }));
  const { ShardIterator } = await streams.send(
    new GetShardIteratorCommand({
      StreamArn,
      ShardId: StreamDescription?.Shards?.[0]?.ShardId,
      ShardIteratorType: 'TRIM_HORIZON',
    }),
  );
  const { Records = [] } = await streams.send(new GetRecordsCommand({ ShardIterator }));
  return Records.map(({ eventID, eventName, dynamodb }) => ({
    eventID,
    eventName,
    // The engine's own time would make every recording another.
    dynamodb: { ...dynamodb, ApproximateCreationDateTime: NOW_MS / 1_000 },
  })) as DynamoDBRecord[];
};

if (import.meta.main) await record();
