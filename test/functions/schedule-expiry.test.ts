import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { UnprocessableError } from '../../functions/adapters/permanent-error.ts';
import { COUNTS, METRICS } from '../../functions/contract.ts';
import { decodeTimer } from '../../functions/core/expiry-timer.ts';
import { MINUTE_MS } from '../../functions/core/hold-time.ts';
import { createHandler, type ScheduleExpiryPorts } from '../../functions/schedule-expiry.ts';
import { BOOKINGS_SHAPE } from '../../functions/table/shape.ts';
import { recordingDeadLetters } from '../support/dead-letters.ts';
import { type Engines, SHARD_COUNT, startEngines } from '../support/engines.ts';
import { type ImageOf, streamEvent, streamRecord } from '../support/records.ts';
import { recordingTelemetry } from '../support/telemetry.ts';

let engines: Engines;
let told: ReturnType<typeof recordingTelemetry>;
let dead: ReturnType<typeof recordingDeadLetters>;
let nowMs: number;

beforeAll(async () => {
  engines = await startEngines();
});
afterAll(() => engines.stop());
beforeEach(() => {
  told = recordingTelemetry();
  dead = recordingDeadLetters();
  nowMs = Date.now();
});

const portsOf = (): ScheduleExpiryPorts => ({
  store: engines.held,
  queue: engines.queue,
  deadLetters: dead.deadLetters,
  clock: () => nowMs,
  telemetry: told.telemetry,
  shape: BOOKINGS_SHAPE,
  shardCount: SHARD_COUNT,
  settings: { timerLeadMs: 1_000, sweepIntervalMs: 5 * MINUTE_MS },
});
const handle = (records: ReturnType<typeof streamRecord>[], ports: Partial<ScheduleExpiryPorts> = {}) =>
  createHandler({ ...portsOf(), ...ports })(streamEvent(...records));

/** A booking that lapses now, so that its timer can be received at once. */
const near = (bookingId: string): ImageOf => ({
  bookingId,
  expiresAtMs: nowMs,
  pendingShard: 1,
  holdStartedAtMs: nowMs - 1_000,
});

describe('a batch of stream records', () => {
  test('gives each near booking its timer, and a far one none', async () => {
    const far = { ...near('far'), expiresAtMs: nowMs + 86_400_000 };
    const response = await handle([streamRecord(near('n1')), streamRecord(far), streamRecord(near('n2'))]);
    expect(response.batchItemFailures).toEqual([]);
    const timers = (await engines.drain()).map(decodeTimer);
    expect(timers.map(({ bookingId }) => bookingId).sort()).toEqual(['n1', 'n2']);
    expect(timers[0]?.expiresAtMs).toBe(nowMs);
    expect(told.counts).toMatchObject({ [COUNTS.scheduled]: 2, [COUNTS.leftToSweep]: 1 });
  });

  test('sends 25 timers in three requests', async () => {
    await handle(Array.from({ length: 25 }, (_, index) => streamRecord(near(`many-${index}`))));
    expect(await engines.drain()).toHaveLength(25);
  });

  test('sends one timer for a booking that was created and extended within it', async () => {
    const created = near('twice');
    const extended = { ...created, expiresAtMs: nowMs + 500 };
    await handle([streamRecord(created), streamRecord(extended, created)]);
    const timers = (await engines.drain()).map(decodeTimer);
    expect(timers).toEqual([{ bookingId: 'twice', expiresAtMs: nowMs + 500 }]);
  });

  test('sends nothing for a change that left the deadline as it was', async () => {
    await handle([streamRecord(near('same'), near('same'))]);
    expect(await engines.drain()).toEqual([]);
  });

  test('leaves a booking with no usable deadline alone, says so, and goes on with the rest', async () => {
    const records = [
      streamRecord({ ...near('seconds'), expiresAtMs: Math.floor(nowMs / 1_000) }),
      streamRecord({ ...near('text'), expiresAtMs: 'tomorrow' }),
      streamRecord({ ...near('none'), expiresAtMs: undefined }),
      streamRecord({ ...near('negative'), expiresAtMs: -1 }),
      streamRecord(near('good')),
    ];
    expect((await handle(records)).batchItemFailures).toEqual([]);
    expect((await engines.drain()).map((body) => decodeTimer(body).bookingId)).toEqual(['good']);
    expect(told.counts[METRICS.invalidDeadline]).toBe(4);
    const reasons = told.lines.filter(({ level }) => level === 'error').map(({ data }) => data);
    expect(reasons).toHaveLength(4);
    expect(reasons[0]).toMatchObject({ bookingId: 'seconds', reason: expect.stringContaining('looks like seconds') });
  });

  test('puts a booking into the index that its foreign writer left out of it', async () => {
    const bookingId = 'foreign';
    const expiresAtMs = nowMs + 5_000;
    await engines.store.create({ bookingId, holdMs: 5_000 }, nowMs);
    await handle([streamRecord({ bookingId, expiresAtMs })]);
    const adopted = await engines.store.get(bookingId);
    expect(adopted?.pendingShard).toBeGreaterThanOrEqual(0);
    expect(adopted?.holdStartedAtMs).toBe(nowMs);
    expect(told.counts[COUNTS.adopted]).toBe(1);
  });

  test('reports the record of a timer that could not be sent, and no other', async () => {
    const failing = streamRecord(near('failing'));
    const queue = {
      send: async (timers: Parameters<ScheduleExpiryPorts['queue']['send']>[0]) =>
        timers
          .filter(({ timer }) => timer.bookingId === 'failing')
          .map((scheduled) => ({ scheduled, error: new Error('SQS is down') })),
    };
    const response = await handle([streamRecord(near('fine')), failing], { queue });
    expect(response.batchItemFailures).toEqual([{ itemIdentifier: failing.dynamodb?.SequenceNumber }]);
    expect(told.counts).toMatchObject({ [COUNTS.failed]: 1, [COUNTS.scheduled]: 1 });
  });

  test('puts a timer that can never be sent into the dead-letter queue, and its record is done', async () => {
    const queue: ScheduleExpiryPorts['queue'] = {
      send: async (timers) =>
        timers
          .filter(({ timer }) => timer.bookingId === 'poison')
          .map((scheduled) => ({ scheduled, error: new UnprocessableError('no such message') })),
    };
    const response = await handle([streamRecord(near('fine')), streamRecord(near('poison'))], { queue });
    expect(response.batchItemFailures).toEqual([]);
    expect(dead.letters).toMatchObject([
      { body: { bookingId: 'poison', problem: 'timer not sent' }, reason: 'UnprocessableError: no such message' },
    ]);
    expect(told.counts).toMatchObject({ [METRICS.unprocessable]: 1, [COUNTS.scheduled]: 1 });
  });

  test('repeats a record whose dead letter was not taken: nothing is lost', async () => {
    const record = streamRecord(near('poison'));
    const queue: ScheduleExpiryPorts['queue'] = {
      send: async (timers) => timers.map((scheduled) => ({ scheduled, error: new UnprocessableError('no') })),
    };
    const response = await handle([record], { queue, deadLetters: { put: async (letters) => [...letters] } });
    expect(response.batchItemFailures).toEqual([{ itemIdentifier: record.dynamodb?.SequenceNumber }]);
  });

  test('sends no timer twice because another record failed and the batch came again', async () => {
    let isDown = true;
    const sent: string[] = [];
    const queue: ScheduleExpiryPorts['queue'] = {
      send: async (timers) => {
        const failing = timers.filter(({ timer }) => isDown && timer.bookingId === 'first');
        sent.push(...timers.filter((each) => !failing.includes(each)).map(({ timer }) => timer.bookingId));
        return failing.map((scheduled) => ({ scheduled, error: new Error('SQS is down') }));
      },
    };
    const handler = createHandler({ ...portsOf(), queue });
    const batch = streamEvent(streamRecord(near('first')), streamRecord(near('second')), streamRecord(near('third')));
    expect((await handler(batch)).batchItemFailures).toHaveLength(1);
    expect((await handler(batch)).batchItemFailures).toHaveLength(1);
    isDown = false;
    expect((await handler(batch)).batchItemFailures).toEqual([]);
    expect(sent).toEqual(['second', 'third', 'first']);
  });

  test('reports the record of a booking that could not be adopted', async () => {
    const record = streamRecord({ bookingId: 'stray', expiresAtMs: nowMs });
    const store = {
      adopt: async () => new Map([['stray', { kind: 'failed' as const, error: new Error('throttled') }]]),
    };
    const response = await handle([record], { store });
    expect(response.batchItemFailures).toEqual([{ itemIdentifier: record.dynamodb?.SequenceNumber }]);
    await engines.drain();
  });
});
