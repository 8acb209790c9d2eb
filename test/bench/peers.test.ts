/** The comparison with other systems, as far as it needs none of them. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { treeCpuMs } from '../../bench/cpu-use.ts';
import { Acknowledgements } from '../../bench/peer-runs/acknowledgements.ts';
import { leftBehind, measureAfterKill } from '../../bench/peer-runs/after-kill.ts';
import { CONTESTANTS } from '../../bench/peer-runs/catalogue.ts';
import { climb, climbed, RATES, type Rung } from '../../bench/peer-runs/climb.ts';
import { PEERS_DIRECTORY } from '../../bench/peer-runs/installs.ts';
import { SYSTEMS } from '../../bench/peer-runs/names.ts';
import { missingFor } from '../../bench/peer-runs/needs.ts';
import { stepOf } from '../../bench/peer-runs/step.ts';
import type { StoredBooking } from '../../bench/peer-runs/system.ts';
import { eventually, lambdaOf } from '../support/lambda.ts';

const rung = (rate: number, p99Ms: number, changes: Partial<Rung> = {}): Rung => ({
  rate,
  p99Ms,
  missed: 0,
  producerBehindMs: 0,
  ...changes,
});

describe('a ladder', () => {
  test('begins at 50 a second and climbs', () => {
    expect(RATES[0]).toBe(50);
    expect(RATES).toEqual(RATES.toSorted((a, b) => a - b));
  });

  test('tries a rate once more that was not sustained, and ends if it is not again', async () => {
    const lagsMs = [5, 80, 50, 5, 51, 90];
    const asked: number[] = [];
    const { highest, limit } = await climb([50, 100, 200, 300, 400], async (rate) => {
      asked.push(rate);
      return rung(rate, lagsMs[asked.length - 1] ?? 0);
    });
    expect(asked).toEqual([50, 100, 100, 200, 300, 300]);
    expect([highest?.rate, limit]).toEqual([200, 'lag']);
  });

  test('that ends with its list was stopped by nothing else', () => {
    expect(climbed([rung(50, 5), rung(100, 5)]).limit).toBe('end of the list');
  });

  test.each([
    ['missed one', rung(100, 5, { missed: 1 }), 'lag'],
    ['had a producer more than a second behind', rung(100, 5, { producerBehindMs: 1_001 }), 'producer'],
    ['had nothing to measure a lag of', rung(100, Number.NaN), 'lag'],
  ])('does not count a rate that %s', (_, failed, limit) => {
    expect(climbed([rung(50, 5), failed])).toMatchObject({ highest: { rate: 50 }, limit });
  });

  test('of which no rate was sustained has no highest', () => {
    expect(climbed([rung(50, 500), rung(100, 900)])).toMatchObject({ highest: undefined, limit: 'lag' });
  });
});

describe('a step', () => {
  const expiry = (lagMs: number, writeMs: number) => ({
    bookingId: 'a',
    expiresAtMs: 1_000,
    nowMs: 1_000 + lagMs,
    doneMs: 1_000 + lagMs + writeMs,
  });

  test('counts who was early and who was missed, and takes the lag at the acknowledgement', () => {
    const step = stepOf(50, 4, [expiry(-1, 5), expiry(3, 5), expiry(9, 5)], 0, 1);
    expect(step).toMatchObject({ expired: 3, early: 1, missed: 1, p99Ms: 14 });
    expect([step.beforeWrite.max, step.acknowledged.max]).toEqual([9, 14]);
  });
});

describe('the acknowledgement of a write', () => {
  const NOW_MS = 1_790_000_000_000;
  const statement = (bookingId: string, status: string, nowMs: number) => ({
    Statement: 'UPDATE …',
    Parameters: [{ S: status }, { N: String(nowMs) }, { S: bookingId }, { S: 'PENDING' }, { N: String(nowMs) }],
  });
  const update = (bookingId: string, nowMs: number) => ({
    Key: { bookingId: { S: bookingId } },
    ExpressionAttributeValues: { ':v0': { S: 'EXPIRED' }, ':v1': { N: String(nowMs) } },
  });
  const answering = createServer((request, response) => {
    request.resume().on('end', () => response.end('{}'));
  });
  const acknowledgements = new Acknowledgements();
  beforeAll(async () => {
    await once(answering.listen(0, '127.0.0.1'), 'listening');
  });
  afterAll(() => {
    acknowledgements.stop();
    answering.close();
  });

  test('is seen where the write was made, for each booking and each try of its own', async () => {
    const { port } = answering.address() as AddressInfo;
    const lambda = lambdaOf(
      `const { request } = require('node:http');
      exports.handler = ({ operation, body }) => new Promise((resolve, reject) => {
        const headers = { 'x-amz-target': 'DynamoDB_20120810.' + operation };
        const sent = request({ host: '127.0.0.1', port: ${port}, method: 'POST', headers }, (response) => response.resume().on('end', resolve));
        sent.on('error', reject).end(JSON.stringify(body));
      })`,
      { environment: acknowledgements.environment },
    );
    const Statements = [
      statement('one', 'EXPIRED', NOW_MS),
      statement('one', 'EXPIRED', NOW_MS + 20),
      statement('paid', 'CONFIRMED', NOW_MS),
    ];
    const beforeMs = Date.now();
    await lambda.invoke({ operation: 'BatchExecuteStatement', body: { Statements } });
    await lambda.invoke({ operation: 'UpdateItem', body: update('two', NOW_MS) });
    await lambda.invoke({ operation: 'PutItem', body: update('three', NOW_MS) });
    const seen = await eventually(
      () => acknowledgements.finder(),
      (find) => find('two', NOW_MS) > 0,
    );
    const found = [seen('one', NOW_MS), seen('one', NOW_MS + 20), seen('two', NOW_MS)];
    expect(found.filter((atMs) => atMs >= beforeMs && atMs <= Date.now())).toHaveLength(3);
    expect([seen('one', NOW_MS + 1), seen('paid', NOW_MS), seen('three', NOW_MS)]).toEqual(Array(3).fill(Number.NaN));
    acknowledgements.reset();
    expect(acknowledgements.finder()('one', NOW_MS)).toBeNaN();
    await lambda.stop();
  });
});

describe('what a kill leaves behind', () => {
  const pending = (expiresAtMs: number): StoredBooking => ({ status: 'PENDING', expiresAtMs });
  const expired = (expiresAtMs: number, lagMs: number): StoredBooking => ({
    status: 'EXPIRED',
    expiresAtMs,
    expiredAtMs: expiresAtMs + lagMs,
  });

  test('is what is PENDING after its deadline, and the longest lag of the others', () => {
    expect(leftBehind([pending(1_000), pending(3_000), expired(500, 20), expired(500, 5_100)], 2_000)).toEqual({
      pending: 1,
      longestLagMs: 5_100,
    });
    expect(leftBehind([pending(1_000)], 2_000).longestLagMs).toBeNaN();
  });

  /** A system that gives its bookings back so long after their deadline. */
  const measureWith = (lagsMs: readonly number[]) => {
    let nowMs = 0;
    const story: string[] = [];
    const deadlinesMs = lagsMs.map((_, index) => 12_000 + index * 100);
    const system = {
      write: async () => 0,
      kill: async () => void story.push(`killed at ${nowMs}`),
      restart: async () => void story.push(`started at ${nowMs}`),
      stored: async () =>
        deadlinesMs.map((atMs, index) => {
          const lagMs = lagsMs[index] ?? 0;
          return atMs + lagMs <= nowMs ? expired(atMs, lagMs) : pending(atMs);
        }),
    };
    const sleep = async (ms: number) => {
      nowMs += ms;
    };
    return measureAfterKill(system, 'a', { now: () => nowMs, sleep }).then((result) => ({ result, story }));
  };

  test('is looked at until nothing is left', async () => {
    const { result, story } = await measureWith([10, 4_000]);
    expect(story).toEqual(['killed at 8000', 'started at 13000']);
    expect(result).toEqual({
      bookings: 2,
      pendingAfter30s: 0,
      pending: 0,
      lookedAtSeconds: 5.9,
      longestLagMs: 4_000,
    });
  });

  test('is counted after 30 s, and again when it has come after all', async () => {
    const { result } = await measureWith([10, 60_000]);
    expect(result).toMatchObject({ pendingAfter30s: 1, pending: 0, longestLagMs: 60_000 });
  });

  test('is given up after 150 s', async () => {
    const { result } = await measureWith([Number.POSITIVE_INFINITY, 10]);
    expect(result).toMatchObject({ pendingAfter30s: 1, pending: 1, lookedAtSeconds: 150, longestLagMs: 10 });
  });
});

describe('what a peer needs', () => {
  const all = { redis: 'redis-server', postgresql: '/usr/lib/postgresql/15/bin', python: 'python3' };

  test('is named with the command that brings it', () => {
    expect(missingFor(['npm packages', 'redis', 'postgresql'], {}, '24.0.0')).toBe(
      'redis-server and postgresql not found: apt-get install -y redis-server postgresql',
    );
    expect(missingFor(['python packages', 'postgresql'], { postgresql: '/usr' })).toBe(
      'python3-venv not found: apt-get install -y python3-venv',
    );
    expect(missingFor(['npm packages'], all, '22.1.0')).toBe('Node must be 24 or newer, got 22.1.0');
  });

  test('is only its own: without Redis those that need PostgreSQL are measured', () => {
    const { redis: _, ...rest } = all;
    const left = CONTESTANTS.filter(({ needs }) => missingFor(needs, rest) === undefined).map(({ name }) => name);
    expect(left).toEqual(SYSTEMS.filter((name) => name !== 'bullmq'));
    expect(CONTESTANTS.filter(({ needs }) => missingFor(needs, all) !== undefined)).toEqual([]);
  });
});

test('every system has its name and its program', () => {
  expect(CONTESTANTS.map(({ name }) => name)).toEqual([...SYSTEMS]);
  const files = CONTESTANTS.flatMap(({ program }) => program ?? []);
  expect(files.length).toBe(SYSTEMS.length - 1);
  for (const file of files) expect(existsSync(join(PEERS_DIRECTORY, file)), file).toBe(true);
});

test('CPU of a process includes that of its children, also of those that have ended', async () => {
  const burn = `const end = Date.now() + 300; while (Date.now() < end);`;
  const parent = `require('node:child_process').spawnSync(process.execPath, ['-e', ${JSON.stringify(burn)}]); console.log('burnt'); setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['-e', parent], { stdio: ['ignore', 'pipe', 'ignore'] });
  try {
    await once(child.stdout, 'data');
    const cpuMs = treeCpuMs([child.pid ?? 0]);
    if (existsSync('/proc/self/stat')) expect(cpuMs).toBeGreaterThan(100);
    else expect(cpuMs).toBeNaN();
  } finally {
    child.kill('SIGKILL');
  }
});
