/** `npm run plan`: the rules that size a sale, what is chosen of what was simulated, and what is printed. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ASSUMPTIONS } from '../../bench/simulation/assumptions.ts';
import type { Played } from '../../bench/simulation/play.ts';
import { chosenOf, scenarioOf, type Tried } from '../../commands/plan/choose.ts';
import { costOf, pollerHoursOf } from '../../commands/plan/cost.ts';
import { quotasOf } from '../../commands/plan/quotas.ts';
import { type Sale, saleOf } from '../../commands/plan/sale.ts';
import {
  candidatesFor,
  demandOf,
  pollersFor,
  shardsFor,
  UNPREPARED,
  warmWritesFor,
} from '../../commands/plan/sizing.ts';
import { PRICES } from '../../measure/prices.ts';
import { PROJECT_DIRECTORY } from '../../service/project.ts';

const typed = { sale: '200000', seconds: '60', hold: '10m', paid: '80', p99: '100' };
const SALE: Sale = { bookings: 200_000, seconds: 60, holdMs: 600_000, paidShare: 0.8, targetP99Ms: 100 };

describe('a sale', () => {
  test('is what was typed', () => {
    expect(saleOf(typed)).toEqual(SALE);
  });

  test.each([
    ['90s', 90_000],
    ['2h', 7_200_000],
    ['7d', 604_800_000],
  ])('is held for %s', (hold, holdMs) => {
    expect(saleOf({ ...typed, hold }).holdMs).toBe(holdMs);
  });

  test.each([
    [{ sale: undefined }, '--sale must say how many bookings are written, got none'],
    [{ sale: '0' }, '--sale must be a whole number from 1 to 2000000, got 0'],
    [{ sale: '2000001' }, '--sale must be a whole number from 1 to 2000000, got 2000001'],
    [{ sale: '1e6' }, '--sale must be a whole number from 1 to 2000000, got 1e6'],
    [{ seconds: '0' }, '--seconds must be a whole number from 1 to 86400, got 0'],
    [{ hold: '10' }, '--hold must be a time from 5s to 7d, such as 90s, 10m, 2h or 1d, got 10'],
    [{ hold: '4s' }, '--hold must be a time from 5s to 7d, such as 90s, 10m, 2h or 1d, got 4s'],
    [{ hold: '8d' }, 'got 8d'],
    [{ paid: '101' }, '--paid must be a whole number from 0 to 100, got 101'],
    [{ paid: '0.8' }, '--paid must be a whole number from 0 to 100, got 0.8'],
    [{ p99: '-1' }, '--p99 must be a whole number from 1 to 600000, got -1'],
  ])('typed as %j is refused, with what is allowed', (change, message) => {
    const { sale, ...rest } = { ...typed, ...change };
    expect(() => saleOf(sale === undefined ? rest : { sale, ...rest })).toThrow(message);
  });
});

describe('what a sale needs', () => {
  test('is a timer for each booking, paid or not, and index writes for each that enters and leaves', () => {
    const { timersPerSecond, indexWritesPerSecond } = demandOf({ ...SALE, bookings: 60_000 });
    expect(timersPerSecond).toBe(1_000);
    // 48,000 payments in the ten minutes of a hold.
    expect(indexWritesPerSecond).toBe(1_000 + 80);
  });

  test('is more where bookings lapse while others are written', () => {
    const long = { ...SALE, bookings: 600_000, seconds: 1_200, paidShare: 0 };
    expect(demandOf(long).indexWritesPerSecond).toBe(500 + 500);
  });

  test.each([
    [0, 10],
    [2_500, 10],
    [2_501, 11],
    [50_000, 200],
    [1_000_000, 200],
  ])('for %d index writes a second is %d shards', (writes, shards) => {
    expect(shardsFor(writes)).toBe(shards);
  });

  test.each([
    [100, 0.75, 4_000],
    [3_000, 0.75, 4_000],
    [3_001, 0.75, 5_000],
    [3_600, 0.25, 15_000],
  ])('for %d writes a second at %s of a partition is %d of warm throughput', (writes, use, warm) => {
    expect(warmWritesFor(writes, use)).toBe(warm);
  });

  test.each([
    ['as many as hold the timers that wait', 3_333, 1_000, { min: 63, max: 200 }],
    ['more where they wait longer', 3_333, 2_000, { min: 105, max: 210 }],
    ['as many as poll often enough', 4_000, 0, { min: 50, max: 200 }],
    ['two at least', 1, 1_000, { min: 2, max: 200 }],
    ['no more than may stand ready, and than there may be', 1_000_000, 1_000, { min: 200, max: 2_000 }],
  ])('is pollers, %s', (_, timersPerSecond, leadMs, pollers) => {
    expect(pollersFor(timersPerSecond, leadMs)).toEqual(pollers);
  });

  test('is tried without pollers first, then with them, then with a longer lead', () => {
    const tried = candidatesFor(SALE).map(({ pollers, timerLeadMs }) => [pollers?.min, timerLeadMs]);
    expect(tried).toEqual([
      [undefined, 1_000],
      [63, 1_000],
      [105, 2_000],
    ]);
  });

  test('is simulated with the partitions that its warm throughput gives', () => {
    const [setting] = candidatesFor(SALE);
    expect(scenarioOf(SALE, setting, 'sale')).toMatchObject({
      shardCount: setting.shardCount,
      assumptions: {
        tablePartitions: setting.tableWarmWrites / 1_000,
        indexPartitions: setting.indexWarmWrites / 1_000,
      },
      load: { bookings: 200_000, writtenOverMs: 60_000, holdMs: 600_000, paidShare: 0.8 },
    });
    expect(scenarioOf(SALE, UNPREPARED, 'unprepared')).not.toHaveProperty('pollers');
  });
});

/** As simulated, with everything in order. */
const played = (changes: Partial<Omit<Played, 'lags'>> & { readonly p99?: number } = {}): Played => {
  const { p99 = 10, ...counts } = changes;
  return {
    bookings: 1_000,
    confirmed: 0,
    left: 0,
    early: 0,
    bySweep: 0,
    deadLetters: 0,
    throttled: 0,
    crowded: 0,
    tableWrites: 0,
    reads: 0,
    sent: 0,
    invocations: 0,
    billedMs: 0,
    peakConcurrency: 0,
    unfinishedSweeps: 0,
    lags: { p50: 5, p99, p999: p99, max: p99 },
    points: [],
    ...counts,
  };
};

describe('what is chosen', () => {
  const triedAs = (...outcomes: Played[]): Tried[] =>
    outcomes.map((outcome) => ({ setting: UNPREPARED, played: outcome, cost: costOf(SALE, UNPREPARED, outcome) }));

  test('is the cheapest that keeps the target', () => {
    const tried = triedAs(played({ p99: 101 }), played({ p99: 100 }), played({ p99: 1 }));
    expect(chosenOf(tried, 100)).toEqual({ chosen: tried[1], meetsTarget: true });
  });

  test('is the nearest where none keeps it, the cheaper of two that are equal', () => {
    const tried = triedAs(played({ p99: 900 }), played({ p99: 500 }), played({ p99: 500 }));
    const { chosen, meetsTarget } = chosenOf(tried, 100);
    expect(chosen).toBe(tried[1]);
    expect(meetsTarget).toBe(false);
  });

  test('is none that leaves a booking behind', () => {
    const tried = triedAs(played({ left: 1 }), played({ p99: 50 }));
    expect(chosenOf(tried, 100).chosen).toBe(tried[1]);
  });

  test('is the cheapest where everybody pays', () => {
    const tried = triedAs(played({ confirmed: 1_000, p99: Number.NaN }), played());
    expect(chosenOf(tried, 100)).toEqual({ chosen: tried[0], meetsTarget: true });
  });
});

describe('what it costs', () => {
  test('is each unit, request and second at its price', () => {
    const none = { ...SALE, bookings: 0 };
    const usd = (changes: Partial<Played>) => costOf(none, UNPREPARED, played({ bookings: 0, ...changes })).totalUsd;
    expect(usd({})).toBe(0);
    expect(usd({ tableWrites: 10 })).toBeCloseTo(10 * PRICES.writeUnit, 12);
    expect(usd({ reads: 10 })).toBeCloseTo(10 * PRICES.readUnit, 12);
    expect(usd({ invocations: 10 })).toBeCloseTo(20 * PRICES.sqsRequest + 10 * PRICES.lambdaRequest, 12);
    expect(usd({ billedMs: 1_000 })).toBeCloseTo((192 / 1_024) * PRICES.lambdaGbSecond, 12);
    expect(ASSUMPTIONS.expireMemoryMb).toBe(192);
  });

  test('is an event and two index units for each that expires, and no event for each that is paid', () => {
    const cost = (confirmed: number) => costOf(SALE, UNPREPARED, played({ confirmed })).bookingsUsd;
    expect(cost(0) - cost(1_000)).toBeCloseTo(1_000 * PRICES.event, 12);
  });

  test('is the pollers by the hour, from an hour before until the last hold has lapsed', () => {
    expect([pollerHoursOf(SALE), pollerHoursOf({ ...SALE, holdMs: 86_400_000 })]).toEqual([2, 26]);
    const pollers = { min: 63, max: 200 };
    const cost = costOf(SALE, { ...UNPREPARED, pollers }, played());
    expect(cost.pollersUsd).toBeCloseTo(2 * 63 * PRICES.pollerHour, 12);
    expect(cost.totalUsd).toBeCloseTo(cost.bookingsUsd + cost.pollersUsd, 12);
  });
});

test('quotas have room for the batches that were simulated, for the stream, and for the API', () => {
  const demand = { timersPerSecond: 3_000, tableWritesPerSecond: 3_000, indexWritesPerSecond: 3_000 };
  const setting = { ...UNPREPARED, tableWarmWrites: 5_000, indexWarmWrites: 50_000 };
  const [executions, writes] = quotasOf(demand, setting, played({ peakConcurrency: 1_500 }));
  // 2,000 for batches, 10 for the stream, 300 for the API.
  expect(executions).toMatchObject({ usually: 1_000, needed: 2_400 });
  expect(writes).toMatchObject({ usually: 40_000, needed: 50_000 });
});

const run = (...args: string[]) =>
  new Promise<{ code: unknown; out: string; err: string }>((resolve) => {
    const file = join(PROJECT_DIRECTORY, 'commands/plan.ts');
    execFile(process.execPath, [file, ...args], (error, out, err) => resolve({ code: error?.code ?? 0, out, err }));
  });

describe('npm run plan', () => {
  test('says what to set, what to expect and what it costs, and how far it is', async () => {
    const { code, out, err } = await run('--sale', '3000', '--seconds', '5', '--paid', '50', '--hold', '30s');
    expect(code).toBe(0);
    expect(out).toContain('3,000 bookings in 5 s (600 a second), held for 30 s, 50 % paid');
    for (const part of ['shardCount', 'timerPollersMin', 'warm throughput, index', 'if nothing is set', 'USD']) {
      expect(out).toContain(part);
    }
    expect(out).toMatch(/→ (no pollers|\d+ pollers), lead [\d,]+ ms +\d+ +\d+/);
    expect(out).toContain('nothing of it was seen on AWS');
    expect(err).toMatch(/simulating the sale: \d+ %/);
  });

  test('says it in JSON, the same for the same seed, and nobody is early or left', async () => {
    const args = ['--sale', '2000', '--seconds', '2', '--hold', '20s', '--p99', '60000', '--json'];
    const [first, again] = await Promise.all([run(...args), run(...args)]);
    expect(again.out).toBe(first.out);
    const plan = JSON.parse(first.out);
    expect(plan).toMatchObject({
      sale: { bookings: 2_000, seconds: 2, perSecond: 1_000 },
      targetMet: true,
      expected: { early: 0, left: 0 },
      ifNothingIsSet: { early: 0, left: 0 },
      assumptions: ASSUMPTIONS,
    });
    expect(plan.expected.lags.p99).toBeGreaterThan(0);
    expect(plan.costUsd.totalUsd).toBeGreaterThan(0);
  });

  test('ends with 1 and the nearest where nothing keeps the target', async () => {
    const { code, out } = await run('--sale', '500', '--seconds', '1', '--hold', '10s', '--p99', '1');
    expect(code).toBe(1);
    expect(out).toContain('a p99 of 1 ms, is not kept by anything that can be set');
  });

  test.each([
    [['--sale', 'many'], 'plan: --sale must be a whole number from 1 to 2000000, got many'],
    [[], 'plan: --sale must say how many bookings are written, got none'],
    [['--sale', '5', '--shards', '3'], "Unknown option '--shards'"],
  ])('of %j is refused with where to read what is allowed', async (args, message) => {
    const { code, out, err } = await run(...args);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toContain(message);
    expect(err).toContain('npm run plan -- --help shows what is allowed');
  });
});
