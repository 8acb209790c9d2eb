/** Far bookings, which only sweeps schedule: what is done to them meanwhile, and sweeps that do not run. */
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { MINUTE_MS } from '../../functions/core/hold-time.ts';
import { type Stage, stages, withInterval } from './stage.ts';

const { open, close } = stages();
let stage: Stage;
beforeEach(async () => {
  stage = await open();
});
afterAll(close);

const MINUTES_40 = 40 * MINUTE_MS;

describe('a far booking gets the same deadline again', () => {
  /** Until its deadline is 10 minutes away. */
  const waits = async () => {
    await stage.creates('ann', MINUTES_40);
    await stage.schedulesAll();
    await stage.passes(30 * MINUTE_MS);
  };

  test('G5: by an extension, after a sweep has scheduled it: it is on time', async () => {
    await waits();
    await stage.moves('extend', 'ann', { holdMs: 10 * MINUTE_MS });
    await stage.schedulesAll();
    await stage.passes(10 * MINUTE_MS);
    expect(stage.lag('ann')).toBe(0);
  });

  test.each([1, 10, 13])(
    'G5: by an extension %d minutes before it, and before a sweep got to it: it is on time',
    async (minutes) => {
      stage.misses(100);
      await stage.creates('ann', MINUTES_40);
      await stage.schedulesAll();
      stage.stands(MINUTES_40 - minutes * MINUTE_MS);
      await stage.moves('extend', 'ann', { holdMs: minutes * MINUTE_MS });
      await stage.schedulesAll();
      await stage.sweeps();
      await stage.passes(minutes * MINUTE_MS);
      expect(stage.lag('ann')).toBe(0);
    },
  );

  test('G5: by a stranger who says that its hold began now, before a sweep got to it: it is on time', async () => {
    stage.misses(100);
    await stage.creates('ann', MINUTES_40);
    await stage.schedulesAll();
    stage.stands(30 * MINUTE_MS);
    await stage.world.changeAgainstTheRules('ann', 'holdStartedAtMs', { N: String(stage.world.nowMs) });
    await stage.schedulesAll();
    await stage.sweeps();
    await stage.passes(10 * MINUTE_MS);
    expect(stage.lag('ann')).toBe(0);
  });
});

describe('sweeps do not run', () => {
  test.each([
    [5, 1, 0],
    [5, 2, 1],
    [5, 3, 6],
    [10, 1, 1],
    [1, 9, 0],
  ])(
    'G11: at one every %d minutes, for %d in a row: far bookings are at most %d minutes late',
    async (interval, missed, lateMinutes) => {
      stage.settings = withInterval(interval);
      await stage.passes(0);
      // Around the time that no sweep gets to: a deadline every 20 s.
      const holds = Array.from({ length: 40 }, (_, index) => 39 * MINUTE_MS + index * 20_000);
      for (const [index, holdMs] of holds.entries()) await stage.creates(`b${index}`, holdMs);
      await stage.schedulesAll();
      await stage.passes(30 * MINUTE_MS);
      stage.misses(missed);
      await stage.passes(30 * MINUTE_MS);
      const lags = holds.map((_, index) => Number(stage.lag(`b${index}`)));
      expect(Math.max(...lags)).toBeLessThanOrEqual(lateMinutes * MINUTE_MS);
    },
  );
});

test('the notes of earlier sweeps are deleted, and two sweeps run at once: far bookings are on time', async () => {
  await stage.creates('ann', MINUTES_40);
  await stage.schedulesAll();
  await stage.passes(20 * MINUTE_MS);
  const { world } = stage;
  const last = world.moments.at(-1);
  if (last === undefined) throw new Error('nothing has happened');
  await world.restore(last, 'lost', []);
  await stage.sweeps({ atOnce: 2 });
  await stage.passes(20 * MINUTE_MS);
  expect(stage.lag('ann')).toBe(0);
});

test('a stranger’s own word for what was paid is left alone, and leaves the index', async () => {
  await stage.creates('ann', 5_000);
  await stage.schedulesAll();
  await stage.world.changeByTheRules('ann', 'status', { S: 'PAID' });
  await stage.passes(10 * MINUTE_MS);
  expect(stage.world.stored('ann')).toMatchObject({ status: 'PAID' });
  expect(stage.world.stored('ann')?.pendingShard).toBeUndefined();
});
