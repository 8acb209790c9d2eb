/** BookingExpiry on tables of five makes, whole, on the local runtime: everything as it would be deployed. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { AttributeValue, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { PurgeQueueCommand, SQSClient } from '@aws-sdk/client-sqs';
import { DynamoDBDocumentClient, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { tableClient } from '../../client/index.ts';
import { readDeadlineOf } from '../../functions/table/deadline.ts';
import { LOCAL_CREDENTIALS, REGION } from '../../local/account.ts';
import type { PublishedEvent } from '../../local/event-bus.ts';
import { type LocalRuntime, startRuntime } from '../../local/testing.ts';
import { FIVE_TABLES, type TableOfAMake } from '../support/five-tables.ts';
import { fiveTablesApp } from '../support/five-tables-app.ts';
import { eventually } from '../support/lambda.ts';
import { heldItem, idOf, type OpenedTable, openTable, storedKey } from '../support/open-table.ts';
import { patientClient } from '../support/store.ts';

const LONG_ENOUGH_MS = 60_000;
/** Long enough to be sent to the queue, and to be lost there. */
const LOST_HOLD_MS = 20_000;
/** What a scheduled sweep leaves to timers that are merely slow, a second that a deadline may be rounded up by, and one more. */
const LEFT_TO_TIMERS_MS = 32_000;
/** Whoever pays in time has this long, also on a busy machine. */
const IN_TIME_MS = 10_000;
let runtime: LocalRuntime;
let stop = async (): Promise<void> => {};
let client: DynamoDBClient;
let documents: DynamoDBDocumentClient;
const events: PublishedEvent[] = [];
/** The ids of items whose timers were sent. */
const timersSent: string[] = [];

beforeAll(async () => {
  runtime = await startRuntime({
    app: fiveTablesApp(),
    isolated: true,
    schedulePeriodMs: 'never',
    onEvent: (event) => events.push(event),
    onLogLine: (_, line) => {
      const entry = line.startsWith('{') ? JSON.parse(line) : {};
      if (entry.message === 'bookings scheduled') timersSent.push(...entry.scheduled);
    },
  });
  stop = runtime.stop;
  client = patientClient(runtime.dynamodbEndpoint);
  documents = DynamoDBDocumentClient.from(client);
  await loseTimers();
});
afterAll(() => stop());

const tableNameOf = ({ name }: TableOfAMake): string => runtime.nameOf(`Strangers/${name}`);
const opened = (make: TableOfAMake): Promise<OpenedTable> => openTable(make, client, tableNameOf(make));
const statusOf = (make: TableOfAMake, item: Record<string, AttributeValue> | undefined) =>
  item?.[make.shape.status.attribute]?.S;
const expired = async (make: TableOfAMake, table: OpenedTable, name: string): Promise<Record<string, AttributeValue>> =>
  (await eventually(
    () => table.get(name),
    (item) => statusOf(make, item) === make.shape.status.expired,
    LONG_ENOUGH_MS,
  )) ?? {};
/** The deadline of an item as its table has it, epoch ms. */
const deadlineIn = ({ shape }: TableOfAMake, item: Record<string, AttributeValue>): number => {
  const reading = readDeadlineOf(shape, item[shape.deadline.attribute]);
  return reading.valid ? reading.expiresAtMs : Number.NaN;
};

/** Items whose timers are lost before anything else waits in the queues: they lapse while the other tests run. */
let lost: readonly { readonly make: TableOfAMake; readonly table: OpenedTable }[];
let lostDeadlineMs: number;
const loseTimers = async (): Promise<void> => {
  lostDeadlineMs = Date.now() + LOST_HOLD_MS;
  lost = await Promise.all(
    FIVE_TABLES.map(async (make) => {
      const table = await opened(make);
      await table.put(heldItem(make, 'lost', lostDeadlineMs));
      await eventually(() => timersSent.includes(idOf(make, 'lost')), Boolean, LONG_ENOUGH_MS);
      return { make, table };
    }),
  );
  const sqs = new SQSClient({ region: REGION, credentials: LOCAL_CREDENTIALS, endpoint: runtime.sqsEndpoint });
  for (const { name } of FIVE_TABLES) {
    await sqs.send(new PurgeQueueCommand({ QueueUrl: runtime.nameOf(`Strangers/${name}-expiry/Timers/Queue`) }));
  }
  sqs.destroy();
};

test('all of it runs here', () => {
  expect(runtime.notRun).toEqual([]);
});

/** Of the tests of one table. */
const IN_TURN = { concurrent: false };
// All tables at once, as strangers would use them: each of their tests waits for real time.
describe.concurrent.each(FIVE_TABLES)('a table of $name', (make) => {
  const { shape } = make;
  const { attributes } = shape;

  test('has its bare items expire by their timers, never before their deadline', IN_TURN, async () => {
    const table = await opened(make);
    const items = Array.from({ length: 12 }, (_, index) =>
      heldItem(make, `bare ${index}`, Date.now() + 2_000 + 100 * index),
    );
    await Promise.all(items.map((item) => table.put(item)));
    for (const [index, item] of items.entries()) {
      const found = await expired(make, table, `bare ${index}`);
      expect(Number(found[attributes.expiredAtMs]?.N)).toBeGreaterThanOrEqual(deadlineIn(make, item));
      expect(found[attributes.expiredBy]).toEqual({ S: 'timer' });
      expect(found).not.toHaveProperty([attributes.pendingShard]);
    }
  });

  test('has an item that was paid in time stay paid', IN_TURN, async () => {
    const table = await opened(make);
    const item = heldItem(make, 'paid', Date.now() + IN_TIME_MS);
    await table.put(item);
    const seen = (await table.get('paid')) ?? {};
    const sell = tableClient(make.description).confirm({
      key: make.keyOf('paid'),
      status: make.paid,
      seen: seen as never,
    });
    await documents.send(new UpdateCommand({ TableName: table.name, ...sell }));
    await table.put(heldItem(make, 'beside paid', Date.now() + IN_TIME_MS));
    await expired(make, table, 'beside paid');
    expect(statusOf(make, await table.get('paid'))).toBe(make.paid);
  });

  test('has an item that is held again lapse again', IN_TURN, async () => {
    const table = await opened(make);
    const holdAgain = async () => {
      const item = heldItem(make, 'again', Date.now() + 2_000);
      await table.put({ ...(await table.get('again')), ...item });
      const found = await eventually(
        () => table.get('again'),
        (each) =>
          statusOf(make, each) === shape.status.expired &&
          Number(each?.[attributes.expiredAtMs]?.N) >= deadlineIn(make, item),
        LONG_ENOUGH_MS,
      );
      expect(found?.[attributes.expiredBy]).toEqual({ S: 'timer' });
    };
    await holdAgain();
    await holdAgain();
  });

  test('has no item stop another, whatever is in it', IN_TURN, async () => {
    const table = await opened(make);
    const now = Date.now();
    const deadline = shape.deadline.attribute;
    const strange: Record<string, AttributeValue>[] = [
      heldItem(make, 'strange 0', now + 2_000, { [attributes.holdStartedAtMs]: { N: '9'.repeat(38) } }),
      heldItem(make, 'strange 1', now + 2_000, { [attributes.pendingShard]: { N: '0.5' } }),
      heldItem(make, 'strange 2', now + 2_000, { [attributes.holdStartedAtMs]: { M: { constructor: { S: 'x' } } } }),
      heldItem(make, 'strange 3', now + 2_000, { constructor: { S: 'x' }, toString: { N: '1' } }),
      heldItem(make, `strange ${'\uffff'.repeat(100)}`, now + 2_000),
      {
        ...heldItem(make, 'unusable', now),
        [deadline]: shape.deadline.unit === 'iso8601' ? { S: 'soon' } : { N: '7' },
      },
    ];
    for (const [index, item] of strange.entries()) {
      await table.put(item);
      await table.put(heldItem(make, `sane ${index}`, now + 2_000));
    }
    for (const [index] of strange.entries()) await expired(make, table, `sane ${index}`);
    for (const name of ['strange 0', 'strange 1', 'strange 2', 'strange 3', `strange ${'\uffff'.repeat(100)}`]) {
      expect((await expired(make, table, name))[attributes.expiredBy]).toEqual({ S: 'timer' });
    }
    expect(statusOf(make, await table.get('unusable'))).toBe(shape.status.pending[0]);
  });

  test('is told of on the bus: each item that lapsed, and none that its owner freed', IN_TURN, async () => {
    const table = await opened(make);
    await table.put(heldItem(make, 'told', Date.now() + 1_500));
    await table.put(heldItem(make, 'freed', Date.now() + 600_000));
    const held = (await table.get('freed')) ?? {};
    if (make.name !== 'bookings') {
      await table.put({ ...held, [shape.status.attribute]: { S: shape.status.expired } });
    }
    const event = await eventually(
      () => events.find(({ detail }) => (detail as { bookingId: string }).bookingId === idOf(make, 'told')),
      Boolean,
      LONG_ENOUGH_MS,
    );
    expect(event?.['detail-type']).toBe('BookingExpired');
    const isTextAlone = shape.key.sort === undefined && shape.key.partition.type === 'S';
    expect((event?.detail as { key?: object } | undefined)?.key).toEqual(isTextAlone ? undefined : make.keyOf('told'));
    const told = events.map(({ detail }) => (detail as { bookingId: string }).bookingId);
    expect(told).not.toContain(idOf(make, 'freed'));
  });
});

describe('after kill -9', () => {
  const SCRIPT = fileURLToPath(new URL('../support/five-tables-process.ts', import.meta.url));
  const dataDir = mkdtempSync(join(tmpdir(), 'booking-expiry-five-'));
  let child: ChildProcess | undefined;
  afterAll(() => {
    child?.kill('SIGKILL');
    rmSync(dataDir, { recursive: true, force: true });
  });
  const start = async (): Promise<{ dynamodb: string; tables: Record<string, string> }> => {
    const started = spawn(process.execPath, [SCRIPT], {
      env: { ...process.env, DATA_DIR: dataDir, DYNAMODB_ENDPOINT: '', SQS_ENDPOINT: '' },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    child = started;
    const line = await new Promise<string>((resolve, reject) => {
      const lines = createInterface({ input: started.stdout });
      lines.on('line', (each) => {
        if (each.startsWith('{')) resolve(each);
      });
      started.once('exit', (code) => reject(new Error(`the runtime ended with ${code}`)));
    });
    return JSON.parse(line);
  };

  test('what was held before expires, in each of the tables', async () => {
    let { dynamodb, tables } = await start();
    const before = patientClient(dynamodb);
    const deadlineMs = Date.now() + 6_000;
    for (const make of FIVE_TABLES) {
      const table = await openTable(make, before, tables[make.name]);
      await Promise.all(
        Array.from({ length: 10 }, (_, index) => table.put(heldItem(make, `held ${index}`, deadlineMs + 100 * index))),
      );
    }
    before.destroy();
    const ended = new Promise((resolve) => child?.once('exit', resolve));
    child?.kill('SIGKILL');
    await ended;
    ({ dynamodb, tables } = await start());
    const after = patientClient(dynamodb);
    for (const make of FIVE_TABLES) {
      const table = await openTable(make, after, tables[make.name]);
      for (let index = 0; index < 10; index += 1) {
        const item = await expired(make, table, `held ${index}`);
        expect(Number(item[make.shape.attributes.expiredAtMs]?.N)).toBeGreaterThanOrEqual(deadlineMs + 100 * index);
        expect(item).toMatchObject(storedKey(make, `held ${index}`));
      }
    }
    after.destroy();
  });
});

test('a sweep finds what was left when all timers were lost, in each of the tables', async () => {
  await sleep(Math.max(0, lostDeadlineMs + LEFT_TO_TIMERS_MS - Date.now()));
  for (const { make, table } of lost)
    expect(statusOf(make, await table.get('lost'))).toBe(make.shape.status.pending[0]);
  await runtime.fireSchedules();
  for (const { make, table } of lost) {
    const item = await expired(make, table, 'lost');
    expect(item[make.shape.attributes.expiredBy]).toEqual({ S: 'sweep' });
  }
});
