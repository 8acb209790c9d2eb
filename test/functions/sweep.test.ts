/** Sweeps: what is overdue expires, and what comes near gets its timers. */
import { SQSClient } from '@aws-sdk/client-sqs';
import { PutCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { UnprocessableError } from '../../functions/adapters/permanent-error.ts';
import { sweepScheduling } from '../../functions/adapters/sweep-scheduling.ts';
import { TimerSender } from '../../functions/adapters/timer-sender.ts';
import { decodeTimer } from '../../functions/core/expiry-timer.ts';
import { DAY_MS, MINUTE_MS } from '../../functions/core/hold-time.ts';
import { LEGAL_SHARDS } from '../../functions/core/pending-shard.ts';
import { type SweepPorts, sweep } from '../../functions/core/sweep.ts';
import { LOCAL_CREDENTIALS, REGION } from '../../local/engines.ts';
import { type Engines, SHARD_COUNT, startEngines } from '../support/engines.ts';
import { givenMany, request, sweepsOn } from '../support/sweeps.ts';

let engines: Engines;
let nowMs: number;

// A table of its own for each test: a sweep sees all that is in it.
beforeEach(async () => {
  engines = await startEngines();
  nowMs = Date.now();
});
afterEach(() => engines.stop());

const { ports, givenPending } = sweepsOn(
  () => engines,
  () => nowMs,
);

describe('what is overdue', () => {
  test('is expired from 30 s after its deadline on, and not before', async () => {
    await givenPending('overdue', -30_000);
    await givenPending('just lapsed', -29_999);
    await givenPending('running', 5_000);
    const report = await sweep(ports(), request());
    expect(report).toMatchObject({ expired: 1, overdueFound: 1, remaining: false, errors: [], lagsMs: [30_000] });
    expect(await engines.store.get('overdue')).toMatchObject({
      status: 'EXPIRED',
      expiredBy: 'sweep',
      expiredAtMs: nowMs,
    });
    expect((await engines.store.get('just lapsed'))?.status).toBe('PENDING');
  });

  test('is expired from its deadline on when somebody asks', async () => {
    await givenPending('now', 0);
    await givenPending('in a millisecond', 1);
    expect(await sweep(ports(), request({ overdueAfterMs: 0 }))).toMatchObject({ expired: 1 });
  });

  test('is found in every shard, over many pages', async () => {
    await givenMany(700, (index) => givenPending(`b${index}`, -60_000 - index));
    const progress: number[] = [];
    const report = await sweep(ports(), request({ onProgress: ({ expired }) => progress.push(expired) }));
    expect(report).toMatchObject({ expired: 700, overdueFound: 700, remaining: false });
    expect(progress.at(-1)).toBe(700);
  });

  test('is expired although SQS cannot be reached', async () => {
    await givenPending('overdue', -60_000);
    await givenPending('coming near', 10 * MINUTE_MS, DAY_MS);
    const nowhere = new SQSClient({ region: REGION, credentials: LOCAL_CREDENTIALS, endpoint: 'http://127.0.0.1:1' });
    const queue = new TimerSender(nowhere, 'http://127.0.0.1:1/000000000000/timers');
    const scheduling = sweepScheduling(queue, engines.sweepState);
    const report = await sweep(ports({ scheduling }), request());
    expect(report).toMatchObject({ expired: 1, scheduled: 0, remaining: true });
    expect(report.errors[0]?.message).toContain('could not send the timer of booking coming near');
  });

  test('is expired although the state of the last sweep cannot be read', async () => {
    await givenPending('overdue', -60_000);
    const readState = async () => {
      throw new Error('no such table');
    };
    const scheduling = { ...ports().scheduling, readState } as NonNullable<SweepPorts['scheduling']>;
    expect(await sweep(ports({ scheduling }), request())).toMatchObject({ expired: 1, remaining: true });
  });

  test('is expired once by two sweeps at the same time', async () => {
    await givenMany(100, (index) => givenPending(`b${index}`, -60_000));
    const reports = await Promise.all([sweep(ports(), request()), sweep(ports(), request())]);
    expect(reports.reduce((sum, { expired }) => sum + expired, 0)).toBe(100);
  });

  test('is left for the next sweep when time runs out, which finishes it', async () => {
    await givenMany(400, (index) => givenPending(`b${index}`, -60_000));
    let asked = 0;
    const first = await sweep(ports(), request({ mayContinue: () => ++asked < 15 }));
    expect(first.remaining).toBe(true);
    expect(first.expired).toBeGreaterThan(0);
    expect(first.expired).toBeLessThan(400);
    const second = await sweep(ports(), request());
    expect(first.expired + second.expired).toBe(400);
    expect(second.remaining).toBe(false);
  });

  test('G1, G10: is found in every legal shard, whatever deployment wrote it there', async () => {
    for (const shard of [0, SHARD_COUNT, 199]) {
      const Item = {
        bookingId: `in shard ${shard}`,
        status: 'PENDING',
        expiresAtMs: nowMs - 60_000,
        pendingShard: shard,
      };
      await engines.documents.send(new PutCommand({ TableName: engines.table, Item }));
    }
    expect(await sweep(ports(), request())).toMatchObject({ expired: 3, remaining: false });
  });

  test('and can never be expired is told apart, and does not fail the sweep or keep the others waiting', async () => {
    await givenMany(60, (index) => givenPending(`b${index}`, -60_000));
    const refusing: SweepPorts['store'] = {
      leaveIndex: (ids) => engines.held.leaveIndex(ids),
      expire: async (ids, by, atMs) => {
        const outcomes = await engines.held.expire(
          ids.filter((id) => id !== 'b7'),
          by,
          atMs,
        );
        if (ids.includes('b7')) outcomes.set('b7', { kind: 'failed', error: new UnprocessableError('too large') });
        return outcomes;
      },
    };
    const report = await sweep(ports({ store: refusing }), request());
    expect(report).toMatchObject({ expired: 59, overdueFound: 60, remaining: false, errors: [] });
    expect(report.unprocessable.map(({ bookingId }) => bookingId)).toEqual(['b7']);
  });

  test('but settled by a foreign writer is left alone and leaves the index', async () => {
    await givenPending('paid elsewhere', -60_000);
    await engines.documents.send(
      new UpdateCommand({
        TableName: engines.table,
        Key: { bookingId: 'paid elsewhere' },
        UpdateExpression: 'SET #status = :confirmed',
        ExpressionAttributeNames: { '#status': 'status' },
        ExpressionAttributeValues: { ':confirmed': 'CONFIRMED' },
      }),
    );
    expect(await sweep(ports(), request())).toMatchObject({ expired: 0, overdueFound: 0 });
    expect((await engines.store.get('paid elsewhere'))?.status).toBe('CONFIRMED');
    let rows = 0;
    for (const shard of LEGAL_SHARDS) for await (const _ of engines.index.pendingRows(shard, nowMs)) rows += 1;
    expect(rows).toBe(0);
  });

  test('G11: without a status leaves the index, and means no missed timer', async () => {
    const Item = { bookingId: 'no status', expiresAtMs: nowMs - 60_000, pendingShard: 4 };
    await engines.documents.send(new PutCommand({ TableName: engines.table, Item }));
    expect(await sweep(ports(), request())).toMatchObject({ expired: 0, overdueFound: 0, errors: [] });
    expect((await engines.index.pendingPage({ shard: 4, throughMs: nowMs, limit: 10 })).rows).toEqual([]);
  });
});

describe('far bookings that come near', () => {
  const timersSent = async () => (await engines.drain()).map((body) => decodeTimer(body).bookingId);

  test('get one timer each, however many sweeps run', async () => {
    await givenPending('far', 0, DAY_MS);
    await givenPending('farther', 14 * MINUTE_MS + 1, DAY_MS);
    expect(await sweep(ports(), request())).toMatchObject({ scheduled: 1, remaining: false });
    expect(await sweep(ports(), request())).toMatchObject({ scheduled: 0, remaining: false, errors: [] });
    expect(await timersSent()).toEqual(['far']);
  });

  test('are scheduled from 9 to 14 minutes ahead, sweep after sweep, none twice and none missed', async () => {
    const holds = Array.from({ length: 60 }, (_, minute) => minute * MINUTE_MS + 20_000);
    await Promise.all(holds.map((inMs, index) => givenPending(`b${index}`, inMs, DAY_MS)));
    const startMs = nowMs;
    let scheduled = 0;
    for (let sweeps = 0; sweeps <= 12; sweeps += 1) {
      nowMs = startMs + sweeps * 5 * MINUTE_MS;
      scheduled += (await sweep(ports(), request())).scheduled;
      const reach = 14 + sweeps * 5;
      expect(scheduled).toBe(Math.min(60, reach));
    }
  });

  test('are not scheduled again if their hold was near: the stream sent that timer', async () => {
    await givenPending('near', 5 * MINUTE_MS, 15 * MINUTE_MS);
    await givenPending('far', 5 * MINUTE_MS, 15 * MINUTE_MS + 1);
    expect(await sweep(ports(), request())).toMatchObject({ scheduled: 1 });
  });

  test('without a known start get a timer: one too many does no harm', async () => {
    const Item = { bookingId: 'foreign', status: 'PENDING', expiresAtMs: nowMs + MINUTE_MS, pendingShard: 4 };
    await engines.documents.send(new PutCommand({ TableName: engines.table, Item }));
    expect(await sweep(ports(), request())).toMatchObject({ scheduled: 1 });
  });

  test('are scheduled up to where time ran out, and the next sweep goes on from there', async () => {
    await givenMany(600, async (index) => {
      const Item = {
        bookingId: `b${index}`,
        status: 'PENDING',
        expiresAtMs: nowMs + MINUTE_MS + index * 1_000,
        holdStartedAtMs: nowMs - DAY_MS,
        pendingShard: 0,
      };
      await engines.documents.send(new PutCommand({ TableName: engines.table, Item }));
    });
    // The full shard is read when the empty ones are through, so that time runs out in the midst of it on any engine.
    let emptyLeft = LEGAL_SHARDS.length - 1;
    const { promise: emptyRead, resolve: areRead } = Promise.withResolvers<void>();
    const index: Pick<Engines['index'], 'pendingPage'> = {
      pendingPage: async (part) => {
        if (part.shard === 0) await emptyRead;
        const page = await engines.index.pendingPage(part);
        if (part.shard !== 0 && --emptyLeft === 0) areRead();
        return page;
      },
    };
    let asked = 0;
    // Once for each empty shard, and for the full one as often as it has parts.
    const first = await sweep(ports({ index }), request({ mayContinue: () => ++asked <= LEGAL_SHARDS.length + 10 }));
    expect(first.remaining).toBe(true);
    expect(first.scheduled).toBeGreaterThan(0);
    const second = await sweep(ports(), request());
    expect(second.remaining).toBe(false);
    // All but at most the last of the first part is not repeated.
    expect(first.scheduled + second.scheduled).toBeLessThanOrEqual(601);
    expect(first.scheduled + second.scheduled).toBeGreaterThanOrEqual(600);
  });

  test('G9: are scheduled although one among them cannot be: its shard goes on, and the next sweep tries it again', async () => {
    await givenMany(60, (index) => givenPending(`b${index}`, MINUTE_MS + index * 1_000, DAY_MS));
    const scheduling = ports().scheduling as NonNullable<SweepPorts['scheduling']>;
    const failingFor = (bookingId: string, error: Error): NonNullable<SweepPorts['scheduling']> => ({
      ...scheduling,
      send: async (timers) => {
        const failing = timers.filter(({ timer }) => timer.bookingId === bookingId);
        await scheduling.send(timers.filter((timer) => !failing.includes(timer)));
        return failing.map((scheduled) => ({ scheduled, error }));
      },
    });
    const transient = await sweep(ports({ scheduling: failingFor('b7', new Error('throttled')) }), request());
    expect(transient).toMatchObject({ scheduled: 59, remaining: true });
    const permanent = failingFor('b7', new UnprocessableError('no message'));
    const again = await sweep(ports({ scheduling: permanent }), request());
    expect(again).toMatchObject({ remaining: false, errors: [] });
    expect(again.unprocessable.map(({ bookingId }) => bookingId)).toEqual(['b7']);
    expect(await sweep(ports(), request())).toMatchObject({ scheduled: 0, remaining: false });
  });

  test('G6, G7: are scheduled although earlier sweeps noted more than their horizon, and the sweep says so', async () => {
    await givenPending('far', 10 * MINUTE_MS, DAY_MS);
    await (await sweepScheduling(engines.queue, engines.sweepState).readState()).moveTo(nowMs + 7 * DAY_MS);
    const report = await sweep(ports(), request());
    expect(report).toMatchObject({ scheduled: 1, remaining: false, errors: [] });
    expect(report.warnings[0]).toContain('a clock was wrong or the interval was longer');
    expect((await sweep(ports(), request())).warnings).toEqual([]);
  });

  test('G6: are scheduled after the interval was made longer, although their holds were near by the new one', async () => {
    const forty = { timerLeadMs: 1_000, sweepIntervalMs: 5 * MINUTE_MS };
    const sixty = { ...forty, sweepIntervalMs: 60 * MINUTE_MS };
    await sweep(ports(), request({ settings: forty }));
    // Written under the shorter interval, which left it to its sweeps.
    await givenPending('of 40 minutes', 40 * MINUTE_MS, 40 * MINUTE_MS);
    expect(await sweep(ports(), request({ settings: sixty }))).toMatchObject({ scheduled: 1 });
  });

  test('whose timers could not be sent are scheduled by the next sweep', async () => {
    await givenPending('far', 10 * MINUTE_MS, DAY_MS);
    const scheduling = ports().scheduling as NonNullable<SweepPorts['scheduling']>;
    const failing = {
      ...scheduling,
      send: async (timers: Parameters<typeof scheduling.send>[0]) =>
        timers.map((scheduled) => ({ scheduled, error: new Error('throttled') })),
    };
    expect(await sweep(ports({ scheduling: failing }), request())).toMatchObject({ scheduled: 0, remaining: true });
    expect(await sweep(ports(), request())).toMatchObject({ scheduled: 1, remaining: false });
  });
});
