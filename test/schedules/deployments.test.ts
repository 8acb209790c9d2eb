/** Deployments that change a setting, run beside the version before, or are rolled back, while bookings wait. */
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { DAY_MS, MINUTE_MS } from '../../functions/core/hold-time.ts';
import { idInShard, type Stage, stages, withInterval, withShards } from './stage.ts';

const { open, close } = stages();
let stage: Stage;
beforeEach(async () => {
  stage = await open();
});
afterAll(close);

describe('another number of shards', () => {
  const IN_NEW_SHARD = idInShard(5, 6);

  test.each([
    ['right', 0],
    ['a week ahead', 7 * DAY_MS],
  ])(
    'G1: a booking in a shard that only the version which was rolled back had expires on time, the last sweep’s clock having been %s',
    async (_, offMs) => {
      stage.settings = withShards(3);
      await stage.sweeps({ offMs });
      // Both run: the new one writes and schedules, and never gets to sweep.
      await stage.creates(IN_NEW_SHARD, 30 * MINUTE_MS, { settings: withShards(6) });
      await stage.schedulesAll({ settings: withShards(6) });
      expect(stage.world.stored(IN_NEW_SHARD)?.pendingShard).toBe(5);
      await stage.isDeployed(withShards(3));
      await stage.passes(30 * MINUTE_MS);
      expect(stage.lag(IN_NEW_SHARD)).toBe(0);
    },
  );

  test('G10: sweeps of the version before do not pass over what the new one writes into shards of its own', async () => {
    stage.settings = withShards(3);
    await stage.creates(IN_NEW_SHARD, 30 * MINUTE_MS, { settings: withShards(6) });
    await stage.schedulesAll({ settings: withShards(6) });
    // The deployment takes long: what sweeps meanwhile is the version before.
    await stage.passes(28 * MINUTE_MS);
    stage.settings = withShards(6);
    await stage.passes(2 * MINUTE_MS);
    expect(stage.lag(IN_NEW_SHARD)).toBe(0);
  });

  test('fewer shards than before lose nothing either', async () => {
    stage.settings = withShards(200);
    await stage.creates(idInShard(199, 200), 30 * MINUTE_MS);
    await stage.schedulesAll();
    await stage.isDeployed(withShards(1));
    await stage.passes(30 * MINUTE_MS);
    expect(stage.lag(idInShard(199, 200))).toBe(0);
  });
});

describe('another interval between sweeps', () => {
  const HOLDS = [16, 30, 45, 69, 75].map((minutes) => minutes * MINUTE_MS);

  /** One booking of each hold is created now. */
  const createAll = async () => {
    for (const holdMs of HOLDS) await stage.creates(`hold-${holdMs}`, holdMs);
    await stage.schedulesAll();
  };
  const lags = () => HOLDS.map((holdMs) => stage.lag(`hold-${holdMs}`));

  test.each([
    [5, 60],
    [5, 180],
    [60, 5],
    [180, 1],
  ])('G6: bookings of any hold that wait while it goes from %d to %d minutes expire on time', async (before, after) => {
    stage.settings = withInterval(before);
    await stage.passes(2 * MINUTE_MS);
    await createAll();
    await stage.passes(1 * MINUTE_MS);
    await stage.isDeployed(withInterval(after));
    await stage.passes(90 * MINUTE_MS);
    expect(lags()).toEqual(HOLDS.map(() => 0));
  });

  test('G6: bookings that are written after it went from 60 to 5 minutes expire on time, also if no sweep ran at the deployment', async () => {
    stage.settings = withInterval(60);
    await stage.passes(1);
    stage.settings = withInterval(5);
    await createAll();
    await stage.sweeps();
    for (let minutes = 0; minutes < 90; minutes += 5) {
      await stage.passes(5 * MINUTE_MS);
      await stage.sweeps();
    }
    expect(lags()).toEqual(HOLDS.map(() => 0));
  });

  test('G6: a booking that the version before left to its sweeps expires on time, although a sweep of the new one had passed its deadline before it was written', async () => {
    stage.settings = withInterval(5);
    // Both versions run. The new one sweeps first, 69 minutes ahead.
    await stage.sweeps({ settings: withInterval(60) });
    await stage.creates('left to sweeps', 30 * MINUTE_MS);
    await stage.schedulesAll();
    await stage.isDeployed(withInterval(60));
    await stage.passes(30 * MINUTE_MS);
    expect(stage.lag('left to sweeps')).toBe(0);
  });
});
