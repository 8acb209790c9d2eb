import { describe, expect, test } from 'vitest';
import { ASSUMPTIONS } from '../../bench/simulation/assumptions.ts';
import { Allowance, Kernel, seededChance } from '../../bench/simulation/kernel.ts';
import { steady } from '../../bench/simulation/loads.ts';
import { play as playScenario, type Scenario } from '../../bench/simulation/play.ts';
import { playAll } from '../../bench/simulation/play-all.ts';
import { OrdinaryPolling, ProvisionedPolling } from '../../bench/simulation/polling.ts';
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

  test('does what is due at once in the same millisecond, and last', async () => {
    const kernel = new Kernel(0);
    const seen: string[] = [];
    kernel.at(5, () => {
      seen.push('first');
      kernel.at(1, () => seen.push(`too late, so at ${kernel.now()}`));
    });
    kernel.at(5, () => seen.push('second'));
    kernel.at(4.2, () => seen.push('rounded up to 5 comes third'));
    await kernel.run(5);
    expect(seen).toEqual(['first', 'second', 'rounded up to 5 comes third', 'too late, so at 5']);
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

describe('an allowance', () => {
  test('is full at first, is refilled as time goes, and never holds more than its most', () => {
    const allowance = new Allowance(3, 10, 0);
    for (let taken = 0; taken < 3; taken += 1) allowance.take(0);
    expect([allowance.left(0), allowance.nextAtMs(0), allowance.left(99), allowance.left(100)]).toEqual([0, 100, 0, 1]);
    expect(allowance.left(60_000)).toBe(3);
  });

  test('gets no more by being resized, only faster', () => {
    const allowance = new Allowance(1, 10, 0);
    allowance.take(0);
    allowance.resize(100, 1_000, 0);
    expect([allowance.left(0), allowance.left(50), allowance.left(60_000)]).toEqual([0, 50, 100]);
  });
});

describe('polling', () => {
  /** How many batches are taken in a second, if none ever ends. */
  const takenIn = (polling: ProvisionedPolling, fromMs: number, most = Number.POSITIVE_INFINITY): number => {
    let taken = 0;
    for (let atMs = fromMs; atMs < fromMs + 1_000; atMs += 1) {
      for (; taken < most && polling.mayPoll(atMs, 0); taken += 1) polling.polled(atMs);
    }
    return taken;
  };

  test('of a provisioned poller is ten times a second at most, after the one poll that it has at hand', () => {
    const taken = takenIn(new ProvisionedPolling(ASSUMPTIONS, { min: 7, max: 7 }, 0), 0);
    expect(taken).toBeGreaterThanOrEqual(7 + 69);
    expect(taken).toBeLessThanOrEqual(7 + 70);
  });

  test('of provisioned pollers has ten batches at once for each', () => {
    const polling = new ProvisionedPolling(ASSUMPTIONS, { min: 3, max: 9 }, 0);
    expect([polling.mayPoll(0, 29), polling.mayPoll(0, 30)]).toEqual([true, false]);
  });

  test('grows by 1,000 batches at once a minute with provisioned pollers, to their most', () => {
    const polling = new ProvisionedPolling(ASSUMPTIONS, { min: 10, max: 200 }, 0);
    for (let second = 1; second <= 60; second += 1) polling.grow(1_000, second * 1_000);
    expect([polling.mayPoll(60_000, 1_089), polling.mayPoll(60_000, 1_100)]).toEqual([true, false]);
    for (let second = 61; second <= 300; second += 1) polling.grow(1_000, second * 1_000);
    expect([polling.mayPoll(300_000, 1_999), polling.mayPoll(300_000, 2_000)]).toEqual([true, false]);
  });

  test('begins with five batches without them, and grows by 300 a minute to 1,250', () => {
    const polling = new OrdinaryPolling(ASSUMPTIONS);
    expect([polling.mayPoll(0, 4), polling.mayPoll(0, 5)]).toEqual([true, false]);
    for (let second = 0; second < 60; second += 1) polling.grow(1_000);
    expect([polling.mayPoll(0, 304), polling.mayPoll(0, 305)]).toEqual([true, false]);
    for (let second = 0; second < 600; second += 1) polling.grow(1_000);
    expect([polling.mayPoll(0, 1_249), polling.mayPoll(0, 1_250)]).toEqual([true, false]);
  });
});

/** As the million of docs/performance.md, and as small as it can be: each poller and each shard has as much to do. */
const burst = (bookings: number, changes: Partial<Scenario> = {}): Scenario => ({
  name: `${bookings} in one second`,
  load: {
    kind: 'coinciding',
    bookings,
    writtenOverMs: MINUTE_MS,
    firstDeadlineAfterMs: 2 * MINUTE_MS,
    lapseOverMs: 1_000,
  },
  forMs: 10 * MINUTE_MS,
  ...changes,
});

describe('a burst', () => {
  test('of a thousandth of the target, with a thousandth of its pollers and shards, keeps a p99 of 5 s', async () => {
    const share = { shardCount: 1, pollers: { min: 10, max: 10 }, assumptions: { tablePartitions: 2 } };
    const { lags, ...counts } = await playScenario(burst(5_000, share), 1);
    expect(counts).toMatchObject({ bookings: 5_000, left: 0, early: 0, deadLetters: 0, bySweep: 0 });
    expect(lags.p99).toBeLessThanOrEqual(5_000);
    // It is no fast path: with half the pollers it takes about twice as long.
    const half = await playScenario(burst(5_000, { ...share, pollers: { min: 5, max: 5 } }), 1);
    expect(half.lags.p99).toBeGreaterThan(1.7 * lags.p99);
  });

  test('takes no more than a hundred timers a second for each poller', async () => {
    const { lags, peakConcurrency } = await playScenario(burst(2_000, { pollers: { min: 2, max: 2 } }), 1);
    // 200 a second; what arrived before the first deadline had three seconds at most.
    expect(lags.max).toBeGreaterThan((2_000 / 200 - 4) * 1_000);
    expect(peakConcurrency).toBeLessThanOrEqual(20);
  });

  test.each([
    ['environments that can be made', { environmentsAtOnce: 3, environmentsPerSecond: 0.001 }, 3],
    ['messages that may be in flight', { maxInFlight: 40 }, 40],
  ])('has no more batches at once than the %s allow', async (_, assumptions, most) => {
    const scenario = burst(500, { pollers: { min: 20, max: 20 } });
    const outcome = await playScenario({ ...scenario, assumptions }, 1);
    expect(outcome).toMatchObject({ left: 0, early: 0 });
    expect(outcome.peakConcurrency).toBeLessThanOrEqual(most);
    expect((await playScenario(scenario, 1)).peakConcurrency).toBeGreaterThan(most);
  });

  test('is throttled where its shards lie on one partition, and not where each has its own', async () => {
    const pollers = { min: 50, max: 50 };
    const apart = await playScenario(burst(4_000, { pollers }), 1);
    const together = await playScenario(burst(4_000, { pollers, assumptions: { indexPartitions: 1 } }), 1);
    expect(apart.throttled).toBe(0);
    expect(together.throttled).toBeGreaterThan(0);
    expect(together).toMatchObject({ left: 0, early: 0 });
  });

  test.each([1, 2, 3])('with emptier polls takes longer, and loses none: seed %d', async (seed) => {
    const pollers = { min: 5, max: 5 };
    const [full, two] = await Promise.all(
      [10, 2].map((timersPerPoll) => playScenario(burst(1_500, { pollers, assumptions: { timersPerPoll } }), seed)),
    );
    expect(two?.lags.p99).toBeGreaterThan(full?.lags.p99 ?? 0);
    expect(two).toMatchObject({ bookings: 1_500, left: 0, early: 0 });
  });
});

test('bookings that are paid in time are neither expired nor left, and few cost a write at their deadline', async () => {
  const load = { ...steady(50, 20_000, MINUTE_MS), paidShare: 0.7 };
  const { confirmed, lags, bookings, left, early, tableWrites } = await playScenario(
    { name: 'paid', load, forMs: 10 * MINUTE_MS },
    1,
  );
  expect({ bookings, left, early }).toEqual({ bookings: 1_000, left: 0, early: 0 });
  expect(confirmed).toBeGreaterThan(600);
  expect(confirmed).toBeLessThan(800);
  // Those that are paid while their timers wait were not seen to be paid: their writes are refused.
  expect(tableWrites).toBeGreaterThanOrEqual(1_000 - confirmed);
  expect(tableWrites).toBeLessThan(1_000 - confirmed + 40);
  expect(lags.max).toBeLessThan(5_000);
});

test('writes of the application that find a partition full are counted', async () => {
  const scenario: Scenario = {
    name: 'crowded',
    hotShard: 0,
    load: steady(3_000, 2_000, MINUTE_MS),
    forMs: 5 * MINUTE_MS,
  };
  expect((await playScenario(scenario, 1)).crowded).toBeGreaterThan(1_000);
  expect((await playScenario({ ...scenario, load: steady(500, 2_000, MINUTE_MS) }, 1)).crowded).toBe(0);
});

describe('scenarios in threads', () => {
  const small = [burst(300), burst(50, { shardCount: 3 }), burst(200, { pollers: { min: 2, max: 9 } })];

  test('come out in the order given, as they do one by one, and say how far they are', async () => {
    const shares: number[] = [];
    const played = await playAll(small, 7, (share) => shares.push(share));
    expect(played.map(({ bookings }) => bookings)).toEqual([300, 50, 200]);
    for (const [index, scenario] of small.entries()) expect(played[index]).toEqual(await playScenario(scenario, 7));
    expect(shares).toEqual(shares.toSorted((one, other) => one - other));
    expect(shares).toHaveLength(3);
    expect(shares.at(-1)).toBe(1);
  });

  test('that fail say which one, and end the others', async () => {
    await expect(playAll([...small, { ...burst(10), name: 'no such world', shardCount: -1 }], 1)).rejects.toThrow(
      '"no such world" could not be simulated: Cannot read properties of undefined',
    );
  });
});
