/** The Lambda that sweeps: what it says, counts and notes, and when it fails. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { sweepScheduling } from '../../functions/adapters/sweep-scheduling.ts';
import { COUNTS, METRICS } from '../../functions/contract.ts';
import { DAY_MS, MINUTE_MS } from '../../functions/core/hold-time.ts';
import type { SweepPorts } from '../../functions/core/sweep.ts';
import { createHandler, type SweepHandlerPorts } from '../../functions/sweep.ts';
import { type Engines, SHARD_COUNT, startEngines } from '../support/engines.ts';
import { settings, sweepsOn } from '../support/sweeps.ts';
import { recordingTelemetry } from '../support/telemetry.ts';

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

describe('the sweep Lambda', () => {
  const handlerPorts = (): Omit<SweepHandlerPorts, 'telemetry'> => ({
    ...ports(),
    store: engines.held,
    notes: engines.notes,
    shardCount: SHARD_COUNT,
    settings,
  });
  const context = { getRemainingTimeInMillis: () => 60_000 };

  test('says the two lines that operators search for, and sends its counts, zeros included', async () => {
    await givenPending('overdue', -60_000);
    const told = recordingTelemetry();
    const handler = createHandler({ ...handlerPorts(), telemetry: told.telemetry });
    expect(await handler({}, context)).toEqual({ expired: 1, scheduled: 0, adopted: 0, remaining: false });
    expect(told.lines.map(({ message }) => message)).toEqual([
      'Starting booking expiration process...',
      'Successfully expired 1 booking(s)',
    ]);
    expect(told.counts).toEqual({
      [COUNTS.expiredBySweep]: 1,
      [METRICS.overdueFound]: 1,
      [COUNTS.scheduled]: 0,
      [COUNTS.adopted]: 0,
      [METRICS.unprocessable]: 0,
      [COUNTS.failed]: 0,
      [METRICS.sweepUnfinished]: 0,
    });
  });

  test('G6: after a deployment trusts no earlier note, and otherwise does', async () => {
    await (await sweepScheduling(engines.queue, engines.sweepState).readState()).moveTo(nowMs + 14 * MINUTE_MS);
    await givenPending('left to sweeps', 10 * MINUTE_MS, DAY_MS);
    const handler = createHandler({ ...handlerPorts(), telemetry: recordingTelemetry().telemetry });
    expect(await handler({}, context)).toMatchObject({ scheduled: 0 });
    expect(await handler({ isDeployment: true }, context)).toMatchObject({ scheduled: 1 });
  });

  test('stops with 10 s to go', async () => {
    await givenPending('overdue', -60_000);
    const told = recordingTelemetry();
    const handler = createHandler({ ...handlerPorts(), telemetry: told.telemetry });
    const answer = await handler({}, { getRemainingTimeInMillis: () => 10_000 });
    expect(answer).toEqual({ expired: 0, scheduled: 0, adopted: 0, remaining: true });
    expect(told.counts[METRICS.sweepUnfinished]).toBe(1);
  });

  test('fails, and is unfinished, if it could not look for what is in no index', async () => {
    await givenPending('overdue', -60_000);
    const told = recordingTelemetry();
    const store: SweepHandlerPorts['store'] = {
      expire: (...args) => engines.held.expire(...args),
      leaveIndex: (ids) => engines.held.leaveIndex(ids),
      adopt: (...args) => engines.held.adopt(...args),
      pendingItems: () => Promise.reject(new Error('not authorized to scan')),
    };
    const handler = createHandler({ ...handlerPorts(), store, telemetry: told.telemetry });
    await expect(handler({}, context)).rejects.toThrow('the sweep met 1 error(s)');
    expect((await engines.store.get('overdue'))?.status).toBe('EXPIRED');
    expect(told.counts).toMatchObject({ [METRICS.overdueFound]: 1, [METRICS.sweepUnfinished]: 1 });
  });

  test('fails, after doing what it could, if a part of it failed', async () => {
    await givenPending('overdue', -60_000);
    const told = recordingTelemetry();
    const readState = async () => {
      throw new Error('no such table');
    };
    const scheduling = { ...ports().scheduling, readState } as NonNullable<SweepPorts['scheduling']>;
    const handler = createHandler({ ...handlerPorts(), scheduling, telemetry: told.telemetry });
    await expect(handler({}, context)).rejects.toThrow('the sweep met 1 error(s)');
    expect((await engines.store.get('overdue'))?.status).toBe('EXPIRED');
  });
});
