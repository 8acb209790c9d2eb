/** DATA_DIR keeps bookings and timers over a stop and over a kill. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { BookingStore } from '../../functions/adapters/booking-store.ts';
import { startOwnRuntime } from '../../service/service.ts';
import { eventually } from '../support/lambda.ts';
import { bookingStoreAt } from '../support/store.ts';
import { TEST_ASSEMBLY } from '../support/synthesize.ts';

const SCRIPT = fileURLToPath(new URL('../support/runtime-process.ts', import.meta.url));
let dataDir: string;
let process_: ChildProcess | undefined;

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'booking-expiry-'));
});
afterEach(() => {
  process_?.kill('SIGKILL');
  rmSync(dataDir, { recursive: true, force: true });
});

const start = async (): Promise<BookingStore> => {
  const child = spawn(process.execPath, [SCRIPT], {
    // The folder is the embedded engines'.
    env: { ...process.env, DATA_DIR: dataDir, DYNAMODB_ENDPOINT: '', SQS_ENDPOINT: '' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  process_ = child;
  const line = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).once('line', resolve);
    child.once('exit', (code) => reject(new Error(`the runtime ended with ${code}`)));
  });
  const { dynamodb, outputs } = JSON.parse(line);
  return bookingStoreAt(dynamodb, outputs.BookingsTableName, 10);
};
const end = async (signal: 'SIGTERM' | 'SIGKILL'): Promise<void> => {
  const ended = new Promise((resolve) => process_?.once('exit', resolve));
  process_?.kill(signal);
  await ended;
};

describe.each(['SIGTERM', 'SIGKILL'] as const)('after %s', (signal) => {
  test('bookings expire by the timers that were waiting, on time if it is not too late', async () => {
    let store = await start();
    const startMs = Date.now();
    // Due while it is down, while it starts, and after.
    const holds = [1_000, 1_500, 3_000, 12_000];
    await Promise.all(holds.map((holdMs) => store.create({ bookingId: `b${holdMs}`, holdMs }, startMs)));
    await store.create({ bookingId: 'paid', holdMs: 11_000 }, startMs);
    expect(await store.confirm('paid', Date.now())).toMatchObject({ kind: 'moved' });
    // Long enough for the stream to have been read: all timers are in the queue, the first in flight.
    await new Promise((resolve) => setTimeout(resolve, 800));
    await end(signal);
    store = await start();
    for (const holdMs of holds) {
      const booking = await eventually(
        () => store.get(`b${holdMs}`),
        (found) => found?.status === 'EXPIRED',
      );
      expect(booking?.expiredAtMs).toBeGreaterThanOrEqual(startMs + holdMs);
      expect(booking?.expiredBy).toBe('timer');
    }
    expect((await store.get('paid'))?.status).toBe('CONFIRMED');
    await end('SIGTERM');
  });
});

test('bookings written just before a kill, whose stream records nobody read, get their timers after it', async () => {
  let store = await start();
  await Promise.all(
    Array.from({ length: 30 }, (_, index) => store.create({ bookingId: `b${index}`, holdMs: 3_000 }, Date.now())),
  );
  await end('SIGKILL');
  store = await start();
  for (let index = 0; index < 30; index += 1) {
    await eventually(
      () => store.get(`b${index}`),
      (found) => found?.status === 'EXPIRED',
      20_000,
    );
  }
});

test('two runtimes on one DATA_DIR are refused', async () => {
  await start();
  await expect(startOwnRuntime({ assemblyDirectory: TEST_ASSEMBLY, dataDir })).rejects.toThrow(
    `the data folder ${dataDir} is in use by process ${process_?.pid}`,
  );
});
