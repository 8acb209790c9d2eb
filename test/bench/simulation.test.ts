import { describe, expect, test } from 'vitest';
import { ASSUMPTIONS } from '../../bench/simulation/assumptions.ts';
import { Kernel, seededChance } from '../../bench/simulation/kernel.ts';
import { SimulatedWorld, type WorldSettings } from '../../bench/simulation/simulated-world.ts';

const START_MS = 1_800_000_000_000;
const MINUTE_MS = 60_000;

const play = async (changes: Partial<WorldSettings>, bookings: number, holdMs: number, forMs: number) => {
  const world = new SimulatedWorld(START_MS, {
    seed: 1,
    shardCount: 10,
    settings: { timerLeadMs: 1_000, sweepIntervalMs: 5 * MINUTE_MS },
    assumptions: ASSUMPTIONS,
    ...changes,
  });
  for (let number = 0; number < bookings; number += 1) {
    world.kernel.at(START_MS + number * 20, () => world.create(`b-${number}`, START_MS + number * 20 + holdMs));
  }
  world.scheduleSweeps(START_MS + forMs);
  await world.kernel.run(START_MS + forMs);
  return world.outcome();
};

describe('simulated time', () => {
  test('goes from event to event in order, and first come is first served at the same time', async () => {
    const kernel = new Kernel(0);
    const seen: string[] = [];
    kernel.at(20, () => seen.push(`late at ${kernel.now()}`));
    kernel.at(10, () => seen.push(`early at ${kernel.now()}`));
    kernel.at(10, () => seen.push('early too'));
    await kernel.run(100);
    expect(seen).toEqual(['early at 10', 'early too', 'late at 20']);
    expect(kernel.now()).toBe(100);
  });

  test('lets what was awaited go on before time does', async () => {
    const kernel = new Kernel(0);
    const seen: number[] = [];
    const walk = async () => {
      await kernel.sleep(5);
      await Promise.resolve();
      seen.push(kernel.now());
      await kernel.sleep(5);
      seen.push(kernel.now());
    };
    void walk();
    kernel.at(6, () => seen.push(kernel.now()));
    await kernel.run(100);
    expect(seen).toEqual([5, 6, 10]);
  });

  test('has a chance that is the same for the same seed and spreads over 0 to 1', () => {
    const draw = (seed: number) => Array.from({ length: 1_000 }, seededChance(seed));
    expect(draw(7)).toEqual(draw(7));
    expect(draw(7)).not.toEqual(draw(8));
    const mean = draw(7).reduce((sum, value) => sum + value, 0) / 1_000;
    expect(mean).toBeGreaterThan(0.45);
    expect(mean).toBeLessThan(0.55);
  });
});

describe('the service in simulated time', () => {
  test('expires every booking by its timer, none early, the same way for the same seed', async () => {
    const outcome = await play({}, 500, 2 * MINUTE_MS, 6 * MINUTE_MS);
    expect(outcome).toMatchObject({ bookings: 500, left: 0, early: 0, bySweep: 0, deadLetters: 0 });
    expect(await play({}, 500, 2 * MINUTE_MS, 6 * MINUTE_MS)).toEqual(outcome);
  });

  test('leaves to the sweep what the poller does not deliver', async () => {
    const pollerDown = { fromMs: START_MS, untilMs: START_MS + 60 * MINUTE_MS };
    const outcome = await play({ pollerDown }, 500, 2 * MINUTE_MS, 12 * MINUTE_MS);
    expect(outcome).toMatchObject({ left: 0, early: 0, bySweep: 500 });
  });

  test('schedules far bookings by the sweep', async () => {
    const outcome = await play({}, 200, 60 * MINUTE_MS, 70 * MINUTE_MS);
    expect(outcome).toMatchObject({ left: 0, early: 0, bySweep: 0 });
  });

  test('throttles what a shard does not take in a second, and loses none of it', async () => {
    const assumptions = { ...ASSUMPTIONS, partitionWritesPerSecond: 5 };
    const outcome = await play({ hotShard: 0, assumptions }, 300, 2 * MINUTE_MS, 30 * MINUTE_MS);
    expect(outcome).toMatchObject({ left: 0, early: 0 });
    expect(outcome.throttled).toBeGreaterThan(0);
  });
});
