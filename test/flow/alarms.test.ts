/**
 * Each alarm of the default deployment goes off by its cause, and back when the cause is gone. The template's own alarms are
 * evaluated on what the Lambdas and engines really do; only the clock is moved, from minute to minute.
 */
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type AttributeValue, GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { PurgeQueueCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startLossyQueue } from '../../demo/lossy-queue.ts';
import { LOCAL_CREDENTIALS, REGION } from '../../local/engines.ts';
import { clockOffset } from '../../local/moved-clock.ts';
import { PROJECT_DIRECTORY } from '../../service/project.ts';
import { type OwnRuntimeOptions, startOwnRuntime } from '../../service/service.ts';
import { itemBytes, MAX_ITEM_BYTES } from '../memory/item-size.ts';
import { startFaultyEngine } from '../support/faulty-engine.ts';
import { eventually } from '../support/lambda.ts';
import { patientClient } from '../support/store.ts';
import { TEST_ASSEMBLY } from '../support/synthesize.ts';

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;

/** A service whose minutes pass when the test says so. */
const startService = async (options: OwnRuntimeOptions = {}) => {
  const offset = clockOffset();
  const now = () => Date.now() + (offset[0] ?? 0);
  const changes: string[] = [];
  const runtime = await startOwnRuntime({
    assemblyDirectory: TEST_ASSEMBLY,
    schedulePeriodMs: 'never',
    clock: now,
    clockOffsetOf: () => offset,
    onAlarm: ({ name, state }) => changes.push(`${name.split('/')[1]} ${state}`),
    ...options,
  });
  const dynamodb = patientClient(runtime.dynamodbEndpoint);
  const sqs = new SQSClient({ region: REGION, credentials: LOCAL_CREDENTIALS, endpoint: runtime.sqsEndpoint });
  return {
    runtime,
    sqs,
    now,
    changes,
    write: async (bookingId: string, expiresAtMs: number, others: Record<string, AttributeValue> = {}) => {
      const Item: Record<string, AttributeValue> = {
        bookingId: { S: bookingId },
        status: { S: 'PENDING' },
        expiresAtMs: { N: String(expiresAtMs) },
        ...others,
      };
      await dynamodb.send(new PutItemCommand({ TableName: runtime.outputs.BookingsTableName, Item }));
    },
    /** Looked at in the table: a read by the API would expire it. */
    eventuallyExpired: (bookingId: string) =>
      eventually(
        async () => {
          const { BookingsTableName: TableName } = runtime.outputs;
          return (await dynamodb.send(new GetItemCommand({ TableName, Key: { bookingId: { S: bookingId } } }))).Item;
        },
        (item) => item?.status?.S === 'EXPIRED',
      ),
    /** Minutes pass, with a look at the alarms in each. */
    pass: async (minutes: number, during: () => Promise<unknown> = async () => {}) => {
      for (let minute = 0; minute < minutes; minute += 1) {
        await during();
        await runtime.checkAlarms();
        offset[0] = (offset[0] ?? 0) + MINUTE_MS;
      }
      await runtime.checkAlarms();
    },
    stateOf: async (name: string) =>
      (await runtime.checkAlarms()).find((alarm) => alarm.name.endsWith(`/${name}`))?.state,
  };
};

describe('the alarm', () => {
  const faults = new Map<string, Awaited<ReturnType<typeof startFaultyEngine>>>();
  let service: Awaited<ReturnType<typeof startService>>;
  let lossy: Awaited<ReturnType<typeof startLossyQueue>>;
  const raised = new Set<string>();

  beforeAll(async () => {
    lossy = await startLossyQueue((body) => body.includes('its timer gets lost'));
    for (const way of [
      'SweepFunction DYNAMODB',
      'ScheduleExpiryFunction SQS',
      'PublishEventsFunction EVENTBRIDGE',
      'BookingsApiFunction DYNAMODB',
    ]) {
      faults.set(way, await startFaultyEngine());
    }
    service = await startService({
      changeEnvironment: (environment, logicalId) => {
        const changed = { ...environment };
        const ownHost = new URL(environment.AWS_ENDPOINT_URL_SQS ?? '').host;
        for (const [way, fault] of faults) {
          const [lambda, engine] = way.split(' ');
          const name = `AWS_ENDPOINT_URL_${engine}`;
          if (lambda !== logicalId) continue;
          fault.forwardTo(environment[name] ?? '');
          changed[name] = fault.endpoint;
          // The SDK goes where the URL of a queue points.
          for (const [key, value] of Object.entries(changed)) {
            if (engine === 'SQS') changed[key] = value.replace(ownHost, new URL(fault.endpoint).host);
          }
        }
        if (logicalId !== 'ScheduleExpiryFunction') return changed;
        // Between the fault and the queue.
        lossy.forwardTo(environment.AWS_ENDPOINT_URL_SQS ?? '');
        faults.get('ScheduleExpiryFunction SQS')?.forwardTo(lossy.endpoint);
        return changed;
      },
    });
  });
  afterAll(async () => {
    await service.runtime.stop();
    await lossy.stop();
    for (const fault of faults.values()) await fault.stop();
  });

  /** A line of a log may arrive later than the answer of its Lambda. */
  const eventuallyIs = (name: string, state: string) =>
    eventually(
      async () => ({ state: await service.stateOf(name), changes: service.changes }),
      (looked) => looked.state === state,
    );
  const expectAlarm = async (name: string) => {
    raised.add(name);
    await eventuallyIs(name, 'ALARM');
  };
  const expectQuiet = async (name: string) => {
    await eventuallyIs(name, 'OK');
    expect(service.changes).toContain(`${name} OK`);
  };
  const sweep = () => service.runtime.fireSchedules();

  test('sweep-not-running: nobody sweeps for three intervals', async () => {
    const { pass } = service;
    await sweep();
    await pass(1);
    expect(await service.stateOf('sweep-not-running')).toBe('OK');
    await pass(13);
    expect(await service.stateOf('sweep-not-running')).toBe('OK');
    await pass(2);
    await expectAlarm('sweep-not-running');
    await sweep();
    await pass(1);
    await expectQuiet('sweep-not-running');
  });

  test('dead-letters: somebody sends what is no timer', async () => {
    const { pass, runtime, sqs } = service;
    await sqs.send(new SendMessageCommand({ QueueUrl: runtime.outputs.TimerQueueUrl, MessageBody: 'no timer' }));
    await eventually(
      async () => {
        await pass(1);
        return service.stateOf('dead-letters');
      },
      (state) => state === 'ALARM',
    );
    await expectAlarm('dead-letters');
    await sqs.send(new PurgeQueueCommand({ QueueUrl: runtime.outputs.TimerDeadLetterQueueUrl }));
    await pass(2);
    await expectQuiet('dead-letters');
  });

  test('unprocessable: an item has no room for what the service has to write', async () => {
    const { pass, now, write } = service;
    const bookingId = 'as large as DynamoDB takes, and so that the engine counts the length of its keys right';
    const expiresAtMs = now() + 60 * MINUTE_MS;
    const bare = { bookingId: { S: bookingId }, status: { S: 'PENDING' }, expiresAtMs: { N: String(expiresAtMs) } };
    const fill = { S: 'x'.repeat(MAX_ITEM_BYTES - itemBytes({ ...bare, fill: { S: '' } })) };
    await write(bookingId, expiresAtMs, { fill });
    await eventually(
      async () => {
        await pass(1);
        return service.stateOf('unprocessable');
      },
      (state) => state === 'ALARM',
    );
    await expectAlarm('unprocessable');
    await pass(16);
    await expectQuiet('unprocessable');
  });

  test('invalid-deadlines: an application writes seconds', async () => {
    await service.write('written in seconds', Math.round(service.now() / SECOND_MS));
    await eventually(
      async () => {
        await service.pass(1);
        return service.stateOf('invalid-deadlines');
      },
      (state) => state === 'ALARM',
    );
    await expectAlarm('invalid-deadlines');
    await service.pass(16);
    await expectQuiet('invalid-deadlines');
  });

  test('overdue-found: a timer gets lost', async () => {
    await service.write('its timer gets lost', service.now() + SECOND_MS);
    await eventually(
      () => lossy.lost.length,
      (lost) => lost > 0,
    );
    await service.pass(1);
    await sweep();
    await service.pass(1);
    await expectAlarm('overdue-found');
    await service.pass(5);
    await sweep();
    await service.pass(1);
    await expectQuiet('overdue-found');
  });

  test('late: bookings are marked ten seconds after their deadlines', async () => {
    const { now, pass, write } = service;
    let late = 0;
    await eventually(
      async () => {
        late += 1;
        const bookingId = `late ${late}`;
        await write(bookingId, now() - 10 * SECOND_MS);
        await service.eventuallyExpired(bookingId);
        await pass(1);
        return service.stateOf('late');
      },
      (state) => state === 'ALARM',
    );
    expect(late, 'three minutes of five').toBeGreaterThanOrEqual(3);
    await expectAlarm('late');
    await pass(8);
    await expectQuiet('late');
  });

  test('sweep-unfinished: two sweeps on end cannot reach the table', async () => {
    const fault = faults.get('SweepFunction DYNAMODB');
    // Once each: the schedule would try it twice more.
    const sweepOnce = () =>
      service.runtime.lambdas
        .get('SweepFunction')
        ?.invoke({})
        .catch(() => {});
    fault?.become('answering 500');
    await sweepOnce();
    await service.pass(5);
    await sweepOnce();
    await service.pass(1);
    await expectAlarm('sweep-unfinished');
    fault?.become('well');
    await service.pass(4);
    await sweep();
    await service.pass(5);
    await sweep();
    await service.pass(1);
    await expectQuiet('sweep-unfinished');
  });

  test.each([
    ['schedule-expiry', 'ScheduleExpiryFunction SQS', 'cannot send timers'],
    ['publish-events', 'PublishEventsFunction EVENTBRIDGE', 'cannot publish'],
  ])('%s-behind: it cannot get past a record', async (name, way, bookingId) => {
    const fault = faults.get(way);
    fault?.become('answering 500');
    await service.write(bookingId, service.now() + SECOND_MS);
    await eventually(
      () => fault?.failures() ?? 0,
      (failures) => failures > 0,
    );
    await service.pass(4);
    await expectAlarm(`${name}-behind`);
    fault?.become('well');
    await eventually(
      async () => {
        await service.pass(1);
        return service.stateOf(`${name}-behind`);
      },
      (state) => state === 'OK',
    );
    await expectQuiet(`${name}-behind`);
  });

  test('api-errors: the HTTP API cannot reach the table, for ten minutes', async () => {
    const fault = faults.get('BookingsApiFunction DYNAMODB');
    const ask = () => fetch(`${service.runtime.outputs.ApiUrl}/api/v1/bookings/any`);
    fault?.become('answering 500');
    expect((await ask()).status).toBe(503);
    await service.pass(5);
    expect((await ask()).status).toBe(503);
    await service.pass(1);
    await expectAlarm('api-errors');
    fault?.become('well');
    await service.pass(10, ask);
    await expectQuiet('api-errors');
  });

  test('timers-not-read: nobody polls the queue', async () => {
    const directory = withoutQueueReader();
    const unread = await startService({ assemblyDirectory: directory });
    try {
      await unread.write('waits for its reader', unread.now());
      await eventually(
        async () => {
          await unread.pass(1);
          return unread.stateOf('timers-not-read');
        },
        (state) => state === 'ALARM',
      );
      raised.add('timers-not-read');
      await unread.sqs.send(new PurgeQueueCommand({ QueueUrl: unread.runtime.outputs.TimerQueueUrl }));
      await unread.pass(2);
      expect(await unread.stateOf('timers-not-read')).toBe('OK');
    } finally {
      await unread.runtime.stop();
      rmSync(directory, { recursive: true, force: true });
    }
  });

  test('and there is no other', async () => {
    const all = (await service.runtime.checkAlarms()).map(({ name }) => name.split('/')[1] ?? '');
    expect([...raised].sort()).toEqual(all.sort());
  });
});

/** The app with the timer queue's event source mapping switched off. */
const withoutQueueReader = (): string => {
  const directory = join(PROJECT_DIRECTORY, '.local', `unread-${process.pid}`);
  cpSync(TEST_ASSEMBLY, directory, { recursive: true });
  const file = readdirSync(directory).find((name) => name.endsWith('.template.json')) ?? '';
  const template = JSON.parse(readFileSync(join(directory, file), 'utf8'));
  for (const { Type, Properties } of Object.values<{ Type: string; Properties: Record<string, unknown> }>(
    template.Resources,
  )) {
    const isOfQueue = JSON.stringify(Properties.EventSourceArn)?.includes('TimerQueue');
    if (Type === 'AWS::Lambda::EventSourceMapping' && isOfQueue) Properties.Enabled = false;
  }
  writeFileSync(join(directory, file), JSON.stringify(template));
  return directory;
};
