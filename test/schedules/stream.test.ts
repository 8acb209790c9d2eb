/** Readers of the table’s stream that fail, lag behind, or get many changes of one booking at once. */
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { DAY_MS, MINUTE_MS } from '../../functions/core/hold-time.ts';
import type { Fault } from '../histories/faults.ts';
import { type Stage, stages } from './stage.ts';

const { open, close } = stages();
let stage: Stage;
beforeEach(async () => {
  stage = await open();
});
afterAll(close);

const OUTAGE: Fault = { kind: 'outage', requests: 1_000 };
const MINUTES_30 = 30 * MINUTE_MS;

describe('schedule-expiry fails each time it is invoked', () => {
  test('G2: for five minutes: bookings of three attributes that are written meanwhile expire, those that lapse later on time', async () => {
    await stage.strangerWrites('near', 2 * MINUTE_MS);
    await stage.strangerWrites('far', MINUTES_30);
    for (let minute = 0; minute < 5; minute += 1) {
      await stage.schedulesAll({ fault: OUTAGE });
      await stage.passes(MINUTE_MS);
    }
    await stage.schedulesAll();
    await stage.passes(MINUTES_30);
    expect(stage.lag('far')).toBe(0);
    expect(stage.lag('near')).toBeLessThanOrEqual(5 * MINUTE_MS);
  });

  test('G2: for longer than its records live: sweeps find what it gave up, and far bookings are on time', async () => {
    await stage.strangerWrites('near', 2 * MINUTE_MS);
    await stage.strangerWrites('far', DAY_MS);
    await stage.schedulesAll({ fault: OUTAGE });
    stage.stands(20 * 60 * MINUTE_MS);
    await stage.world.giveUp(2);
    await stage.sweeps();
    expect(stage.world.stored('near')?.status).toBe('EXPIRED');
    expect(stage.world.stored('far')?.pendingShard).toBeGreaterThanOrEqual(0);
    await stage.passes(DAY_MS - 20 * 60 * MINUTE_MS);
    expect(stage.lag('far')).toBe(0);
  });

  test('G2: and nobody ever gives its records up: sweeps read on through the table and find every booking', async () => {
    for (const id of ['ann', 'bob', 'cat']) await stage.strangerWrites(id, MINUTES_30);
    // A page of this table is one item.
    await stage.passes(MINUTES_30 + 10 * MINUTE_MS);
    for (const id of ['ann', 'bob', 'cat']) expect(stage.world.stored(id)?.status).toBe('EXPIRED');
  });
});

describe('schedule-expiry is behind', () => {
  test('two minutes: what has not lapsed by then is on time, the rest expires at once', async () => {
    await stage.creates('in time', 3 * MINUTE_MS);
    await stage.creates('lapsed', MINUTE_MS);
    stage.stands(2 * MINUTE_MS);
    await stage.schedulesAll();
    await stage.passes(MINUTES_30);
    expect([stage.lag('in time'), stage.lag('lapsed')]).toEqual([0, MINUTE_MS]);
  });

  test('27 minutes: a booking that was far when it was written, and is near now, is on time', async () => {
    await stage.creates('far', MINUTES_30);
    stage.stands(27 * MINUTE_MS);
    await stage.schedulesAll();
    await stage.passes(MINUTES_30);
    expect(stage.lag('far')).toBe(0);
  });
});

describe('many changes of one booking reach schedule-expiry at once', () => {
  test('it was deleted and created again: its new life has its timer', async () => {
    await stage.creates('ann', 5_000);
    await stage.world.delete('ann');
    await stage.creates('ann', 8_000);
    await stage.schedulesAll();
    await stage.passes(MINUTE_MS);
    expect(stage.lag('ann')).toBe(0);
  });

  test('its deadline went somewhere else and came back: it is on time', async () => {
    await stage.creates('ann', 5_000);
    await stage.moves('extend', 'ann', { holdMs: 9_000 });
    await stage.moves('extend', 'ann', { holdMs: 5_000 });
    await stage.schedulesAll();
    await stage.passes(MINUTE_MS);
    expect(stage.lag('ann')).toBe(0);
  });

  test('its deadline became far and near again: it is on time', async () => {
    await stage.creates('ann', 5_000);
    await stage.moves('extend', 'ann', { holdMs: DAY_MS });
    await stage.moves('extend', 'ann', { holdMs: 5_000 });
    await stage.schedulesAll();
    await stage.passes(MINUTE_MS);
    expect(stage.lag('ann')).toBe(0);
  });

  test.each(['CONFIRMED', 'EXPIRED'])(
    'it was %s and somebody made it PENDING again with the same deadline: it is on time',
    async (status) => {
      await stage.creates('ann', 5_000);
      await stage.schedulesAll();
      await stage.world.changeAgainstTheRules('ann', 'status', { S: status });
      // The timer of its first life comes for nothing.
      stage.world.lose(0);
      await stage.world.changeAgainstTheRules('ann', 'status', { S: 'PENDING' });
      await stage.schedulesAll();
      await stage.passes(MINUTE_MS);
      expect(stage.lag('ann')).toBe(0);
    },
  );

  test.each([-DAY_MS, -20 * MINUTE_MS, 0, 60 * MINUTE_MS])(
    'its far deadline is moved to a near one, and its hold says that it began %d ms from now: it is on time',
    async (sinceMs) => {
      await stage.strangerWrites('ann', DAY_MS, { pendingShard: 1, holdStartedAtMs: stage.world.nowMs + sinceMs });
      await stage.schedulesAll();
      await stage.sweeps();
      const expiresAtMs = { N: String(stage.world.nowMs + 8 * MINUTE_MS) };
      await stage.world.changeAgainstTheRules('ann', 'expiresAtMs', expiresAtMs);
      await stage.schedulesAll();
      await stage.passes(10 * MINUTE_MS);
      expect(stage.lag('ann')).toBe(0);
    },
  );
});

describe('publish-events', () => {
  test('G8: tells of an expiry although the bus took nothing for 150 tries', async () => {
    await stage.creates('ann', 5_000);
    await stage.schedulesAll();
    await stage.passes(MINUTE_MS);
    for (let tries = 0; tries < 150; tries += 1) await stage.publishesAll({ fault: OUTAGE });
    expect(stage.world.published.size).toBe(0);
    await stage.publishesAll();
    expect([...stage.world.published.values()]).toMatchObject([{ bookingId: 'ann', lagMs: 0 }]);
  });
});
