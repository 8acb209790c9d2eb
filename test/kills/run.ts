/**
 * `npm run test:kills -- --kills 200`: ends the local runtime with SIGKILL again and again, at random moments, on one data
 * folder, while an application creates and confirms bookings. After every restart and one sweep, nothing may be lost, early,
 * or expired although it was paid.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { BookingStore } from '../../functions/adapters/booking-store.ts';
import { DynamoDbTable } from '../../functions/adapters/dynamodb-table.ts';
import { HeldItems } from '../../functions/adapters/held-items.ts';
import { PendingIndex } from '../../functions/adapters/pending-index.ts';
import { isPermanent } from '../../functions/adapters/permanent-error.ts';
import { sweep } from '../../functions/core/sweep.ts';
import { tableClient } from '../../functions/runtime/clients.ts';
import { BOOKINGS_SHAPE } from '../../functions/table/shape.ts';
import { LOCAL_CREDENTIALS, REGION } from '../../local/engines.ts';
import { percentile } from '../../measure/lag-report.ts';
import { synthesize } from '../../service/project.ts';
import { endIfUsage, parseOptions, UsageError } from '../../terminal/usage.ts';
import { TEST_ASSEMBLY } from '../support/synthesize.ts';

const USAGE = `Usage: npm run test:kills -- [options]

  --kills <n>       how often the runtime is killed (default 30)
  --longest <ms>    longest life between two kills (default 3000)
  -h, --help        this text`;

const readOptions = () => {
  const { values } = parseOptions({
    options: {
      kills: { type: 'string', default: '30' },
      longest: { type: 'string', default: '3000' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  for (const name of ['kills', 'longest'] as const) {
    if (/^[1-9]\d*$/.test(values[name])) continue;
    throw new UsageError(`--${name} must be a whole number from 1, got ${values[name]}`);
  }
  return { kills: Number(values.kills), longestMs: Number(values.longest), help: values.help };
};

const { kills, longestMs, help } = (() => {
  try {
    return readOptions();
  } catch (error) {
    return endIfUsage('test:kills', error);
  }
})();
if (help) {
  console.log(USAGE);
  process.exit();
}

const SHARD_COUNT = 10;
const SETTINGS = { timerLeadMs: 1_000, sweepIntervalMs: 300_000 };

interface Known {
  readonly expiresAtMs: number;
  /** What its customer was told. Unknown where the answer got lost with the runtime. */
  paid: boolean | 'unknown';
  done: boolean;
}

interface Life {
  readonly process: ChildProcess;
  readonly ended: Promise<void>;
  readonly store: BookingStore;
  readonly held: HeldItems;
  readonly index: PendingIndex;
}

const begin = async (dataDir: string): Promise<Life> => {
  const child = spawn(process.execPath, [fileURLToPath(new URL('../support/runtime-process.ts', import.meta.url))], {
    env: { ...process.env, DATA_DIR: dataDir },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const line = await Promise.race([
    new Promise<string>((resolve) => createInterface({ input: child.stdout }).once('line', resolve)),
    ended.then(() =>
      Promise.reject(new Error(`the runtime did not start again: ${child.exitCode ?? child.signalCode}`)),
    ),
  ]);
  const { dynamodb, outputs } = JSON.parse(line) as { dynamodb: string; outputs: Record<string, string> };
  const client = tableClient({ region: REGION, credentials: LOCAL_CREDENTIALS, endpoint: dynamodb, maxAttempts: 1 });
  const bookings = new DynamoDbTable(client, outputs.BookingsTableName ?? '');
  return {
    process: child,
    ended,
    store: new BookingStore(bookings, SHARD_COUNT),
    held: new HeldItems(bookings, BOOKINGS_SHAPE),
    index: new PendingIndex(bookings, BOOKINGS_SHAPE, SHARD_COUNT),
  };
};

const known = new Map<string, Known>();
const lagsMs: number[] = [];
const broken: string[] = [];
let bySweep = 0;

/** One sweep of all that is overdue, then every booking that has lapsed or was paid is looked at. */
const examine = async ({ store, held, index }: Life): Promise<void> => {
  const nowMs = Date.now();
  const { expired, errors } = await sweep(
    { store: held, index, clock: Date.now, isPermanent },
    { overdueAfterMs: 0, settings: SETTINGS, mayContinue: () => true },
  );
  bySweep += expired;
  if (errors.length > 0) broken.push(`the sweep met ${errors[0]}`);
  for (const [bookingId, booking] of known) {
    if (booking.done) continue;
    const { expiresAtMs, paid } = booking;
    const found = await store.get(bookingId);
    if (found === undefined) broken.push(`${bookingId} is lost`);
    else if (paid === true && found.status !== 'CONFIRMED') broken.push(`${bookingId} was paid and is ${found.status}`);
    else if (found.status === 'EXPIRED') {
      const lagMs = (found.expiredAtMs ?? 0) - (found.expiresAtMs ?? 0);
      if (lagMs < 0) broken.push(`${bookingId} expired ${-lagMs} ms early`);
      if (found.expiredBy === 'timer') lagsMs.push(lagMs);
    } else if (found.status === 'PENDING' && expiresAtMs <= nowMs) broken.push(`${bookingId} is overdue after a sweep`);
    booking.done = found?.status !== 'PENDING';
  }
};

const useUntil = async ({ store }: Life, isAlive: () => boolean): Promise<void> => {
  while (isAlive()) {
    const bookingId = `kill-${known.size}`;
    const holdMs = 1_000 + Math.floor(Math.random() * 6_000);
    const nowMs = Date.now();
    try {
      await store.create({ bookingId, holdMs }, nowMs);
      const booking: Known = { expiresAtMs: nowMs + holdMs, paid: false, done: false };
      known.set(bookingId, booking);
      if (Math.random() < 0.2) {
        booking.paid = 'unknown';
        booking.paid = (await store.confirm(bookingId, Date.now())).kind === 'moved';
      }
    } catch {
      // It was killed under this request: nobody was promised anything.
    }
    await sleep(10);
  }
};

const dataDir = mkdtempSync(join(tmpdir(), 'booking-expiry-kills-'));
await synthesize(TEST_ASSEMBLY);
let examined = 0;
try {
  for (let kill = 1; kill <= kills && broken.length === 0; kill += 1) {
    const life = await begin(dataDir);
    await examine(life);
    let alive = true;
    setTimeout(
      () => {
        alive = false;
        life.process.kill('SIGKILL');
      },
      100 + Math.random() * longestMs,
    );
    await useUntil(life, () => alive);
    await life.ended;
    if (kill % 10 === 0) {
      console.log(
        `${kill} of ${kills} kills survived, ${known.size} bookings, ${bySweep} expired by a sweep after a restart`,
      );
    }
  }
  const life = await begin(dataDir);
  await sleep(8_000);
  await examine(life);
  examined = [...known.values()].filter(({ done }) => done).length;
  life.process.kill('SIGTERM');
  await life.ended;
} finally {
  rmSync(dataDir, { recursive: true, force: true });
}
const { length: timely } = lagsMs;
console.log(
  `${kills} kills, ${known.size} bookings, ${examined} settled or expired; by timer ${timely}, lag p50 ${percentile(lagsMs, 0.5)} ms, max ${percentile(lagsMs, 1)} ms; by sweep ${bySweep}`,
);
console.log(broken.length === 0 ? 'Every promise was kept.' : `Broken:\n  ${broken.join('\n  ')}`);
process.exit(broken.length === 0 ? 0 : 1);
