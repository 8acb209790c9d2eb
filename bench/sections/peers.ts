/**
 * The same deadlines through the service and through delayed jobs of BullMQ, pg-boss and graphile-worker, one after the
 * other on the same machine. Each is measured at the acknowledgement of its conditional write, by whoever made it.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { claimPort } from '../../local/engines.ts';
import { distribution } from '../../measure/distribution.ts';
import { percentilesOf } from '../../measure/lag-report.ts';
import { loadOf } from '../fresh-load.ts';
import { measureLag } from '../load-lag.ts';
import { type Series, textTable } from '../report.ts';
import type { SectionWork } from '../section.ts';
import { startService } from '../service.ts';
import type { Load } from '../writer.ts';

const PEERS_DIRECTORY = fileURLToPath(new URL('../peers/', import.meta.url));
const PEERS = ['bullmq', 'pg-boss', 'graphile-worker'] as const;

/** What has to run, and so be rented, whether anything lapses or not. */
const KEEPS_RUNNING = {
  'booking-expiry': 'nothing',
  bullmq: 'Redis, a worker',
  'pg-boss': 'PostgreSQL, a worker',
  'graphile-worker': 'PostgreSQL, a worker',
  'cron every 5 minutes': 'cron',
};

/** Thrown with the command that installs what is missing. */
class MissingPeerError extends Error {
  override readonly name = 'MissingPeerError';
}

interface Expired {
  readonly bookingId: string;
  readonly expiresAtMs: number;
  /** The clock before the write. */
  readonly nowMs: number;
  /** The clock when the write was acknowledged. */
  readonly doneMs: number;
  readonly expired: boolean;
}

interface PeersResult {
  readonly text: string;
  readonly figures: Record<string, unknown>;
  readonly series: readonly Series[];
  /** Deadlines of the service's own bookings, epoch ms. */
  readonly deadlinesMs: readonly number[];
  /** What kept some of them from being measured. */
  readonly failure?: unknown;
}

export const peersSection = async (work: SectionWork): Promise<void> => {
  const load = loadOf(50, work.options.seconds, 'spread');
  const result = await measurePeers(load, work.assemblyDirectory, work.progress);
  work.say(`\n${result.text}`);
  Object.assign(work.figures, result.figures);
  if (result.failure !== undefined) throw result.failure;
  const cron = {
    name: '5-minute cron',
    points: distribution(lagOfCron(result.deadlinesMs, work.options.seed), 1),
  };
  work.plot('peers', {
    title: 'Lag at 50 deadlines a second, acknowledged',
    xLabel: 'ms after the deadline (logarithmic)',
    yLabel: '% of bookings',
    series: [...result.series, cron],
    xTicks: [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000],
    yTicks: [0, 25, 50, 75, 100],
  });
};

/**
 * @param load deadlines per second, how long, and the hold; always spread, none paid
 * @throws MissingPeerError if Redis, PostgreSQL or the peers' packages are not installed
 */
const measurePeers = async (
  load: Omit<Load, 'prefix'>,
  assemblyDirectory: string,
  progress: SectionWork['progress'],
): Promise<PeersResult> => {
  const postgresBin = findPostgres();
  if (!existsSync(join(PEERS_DIRECTORY, 'node_modules'))) {
    throw new MissingPeerError('the peers are not installed: npm install --prefix bench/peers');
  }
  const rows: (string | number)[][] = [];
  const series: Series[] = [];
  const figures: Record<string, unknown> = {};
  const note = (name: keyof typeof KEEPS_RUNNING, expired: readonly Expired[], bookings: number, cpuMs?: number) => {
    const lagsMs = expired.map(({ nowMs, expiresAtMs }) => nowMs - expiresAtMs);
    const doneMs = expired.map(({ doneMs: atMs, expiresAtMs }) => atMs - expiresAtMs);
    const done = percentilesOf(doneMs);
    const early = lagsMs.filter((lagMs) => lagMs < 0).length;
    const counts = { expired: expired.length, early, missed: bookings - expired.length };
    figures[name] = { ...counts, beforeWrite: percentilesOf(lagsMs), acknowledged: done, cpuMs };
    rows.push([
      name,
      counts.expired,
      done.p50,
      done.p99,
      done.p999,
      done.max,
      percentilesOf(lagsMs).p99,
      early,
      counts.missed,
      KEEPS_RUNNING[name],
    ]);
    series.push({ name, points: distribution(doneMs, 1) });
  };

  let failure: unknown;
  const own = await progress('booking-expiry', load.seconds + 40, () => measureOwn(load, assemblyDirectory));
  note('booking-expiry', own.expired, own.bookings);
  const directory = mkdtempSync(join(tmpdir(), 'booking-expiry-peers-'));
  const servers: ChildProcess[] = [];
  try {
    const env = await startServers(directory, postgresBin, servers);
    for (const name of PEERS) {
      const { expired, bookings } = await progress(name, load.seconds + 30, () => measurePeer(name, env, load));
      note(name, expired, bookings);
    }
  } catch (error) {
    failure = error;
  } finally {
    for (const server of servers) server.kill('SIGINT');
    await Promise.all(servers.map((server) => ended(server)));
    rmSync(directory, { recursive: true, force: true });
  }
  const deadlinesMs = own.expired.map(({ expiresAtMs }) => expiresAtMs);
  const cron = percentilesOf(lagOfCron(deadlinesMs, 1));
  rows.push([
    'cron every 5 minutes',
    deadlinesMs.length,
    cron.p50,
    cron.p99,
    cron.p999,
    cron.max,
    cron.p99,
    0,
    0,
    'cron',
  ]);
  figures['cron every 5 minutes'] = { computed: true, beforeWrite: cron };
  const header = [
    'system',
    'expired',
    'p50 ms',
    'p99 ms',
    'p99.9 ms',
    'max ms',
    'p99 before the write',
    'early',
    'missed',
    'keeps running',
  ];
  const title = `The same deadlines, ${load.perSecond} a second, acknowledged`;
  const text = `${title}\n${textTable(header, rows)}`;
  return { text, figures, series, deadlinesMs, ...(failure !== undefined && { failure }) };
};

/** The lag that a cron job every 5 minutes gives: computed for every phase that it may have against the deadlines. */
export const lagOfCron = (deadlinesMs: readonly number[], seed: number): number[] => {
  const periodMs = 300_000;
  const phases = Array.from({ length: 60 }, (_, phase) => (phase * periodMs) / 60 + (seed % 1_000));
  return phases.flatMap((phaseMs) =>
    deadlinesMs.map((deadlineMs) => (((phaseMs - deadlineMs) % periodMs) + periodMs) % periodMs),
  );
};

const measureOwn = async (load: Omit<Load, 'prefix'>, assemblyDirectory: string) => {
  const answeredAtMs = new Map<string, number>();
  const service = await startService({
    assemblyDirectory,
    metered: true,
    onWritten: (bookingId, atMs) => answeredAtMs.set(bookingId, atMs),
  });
  try {
    await measureLag(service, { ...load, seconds: 6 });
    const result = await measureLag(service, load);
    const stored = await service.stored(result.load.prefix);
    const expired = [...stored.values()]
      .filter(({ status }) => status === 'EXPIRED')
      .map(({ bookingId, expiresAtMs = Number.NaN, expiredAtMs = Number.NaN }): Expired => {
        const doneMs = answeredAtMs.get(bookingId) ?? Number.NaN;
        return { bookingId, expiresAtMs, nowMs: expiredAtMs, doneMs, expired: true };
      });
    return { expired, bookings: result.bookings };
  } finally {
    await service.stop();
  }
};

const measurePeer = async (name: string, env: Record<string, string>, load: Omit<Load, 'prefix'>) => {
  const start = async (role: string): Promise<ChildProcess> => {
    const child = spawn(process.execPath, ['peer.ts', name, role], {
      cwd: PEERS_DIRECTORY,
      env: { ...process.env, ...env },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    await line(child, 'ready');
    return child;
  };
  const worker = await start('worker');
  const producer = await start('producer');
  try {
    const found: Expired[] = [];
    if (worker.stdout) {
      createInterface({ input: worker.stdout }).on('line', (text) => {
        // Peers print lines of their own too.
        if (text.startsWith('{"bookingId"')) found.push(JSON.parse(text) as Expired);
      });
    }
    const run = async (prefix: string, forSeconds: number): Promise<Expired[]> => {
      const bookings = load.perSecond * forSeconds;
      found.length = 0;
      producer.stdin?.write(
        `${JSON.stringify({ bookings, perSecond: load.perSecond, holdMs: load.holdMs, prefix })}\n`,
      );
      await line(producer, 'written');
      const giveUpAtMs = Date.now() + load.holdMs + 30_000;
      while (found.length < bookings && Date.now() < giveUpAtMs) await sleep(50);
      await sleep(500);
      return found.filter((each) => each.expired);
    };
    await run(`${name}-warm-`, 6);
    return { expired: await run(`${name}-load-`, load.seconds), bookings: load.perSecond * load.seconds };
  } finally {
    for (const child of [producer, worker]) child.kill('SIGKILL');
    await Promise.all([ended(producer), ended(worker)]);
  }
};

/** Resolves when a process prints this line. */
const line = (child: ChildProcess, wanted: string): Promise<void> =>
  new Promise((resolve, reject) => {
    let text = '';
    const onData = (chunk: Buffer) => {
      text += chunk;
      if (!text.split('\n').includes(wanted)) return;
      child.stdout?.off('data', onData);
      resolve();
    };
    child.stdout?.on('data', onData);
    child.once('exit', (code) => reject(new Error(`it ended with exit code ${code} before it printed ${wanted}`)));
  });

const ended = (child: ChildProcess): Promise<void> =>
  child.exitCode !== null || child.signalCode !== null
    ? Promise.resolve()
    : new Promise((resolve) => child.once('exit', () => resolve()));

const startServers = async (
  directory: string,
  postgresBin: string,
  servers: ChildProcess[],
): Promise<Record<string, string>> => {
  const redisPort = await claimPort({ port: 0, portVariable: 'REDIS_PORT' });
  // As BullMQ's documentation requires for production: appended to disk, and never evicting.
  const redisSettings = ['--appendonly', 'yes', '--maxmemory-policy', 'noeviction', '--dir', directory];
  servers.push(
    spawn('redis-server', ['--bind', '127.0.0.1', '--port', String(redisPort), ...redisSettings], { stdio: 'ignore' }),
  );
  const data = join(directory, 'postgres');
  // PostgreSQL refuses to run as root.
  const postgresUser = process.getuid?.() === 0 ? userId('postgres') : undefined;
  if (postgresUser) {
    chmodSync(directory, 0o755);
    execFileSync('mkdir', [data]);
    chownSync(data, postgresUser.uid, postgresUser.gid);
  }
  execFileSync(join(postgresBin, 'initdb'), ['-D', data, '-U', 'bench', '--auth=trust'], {
    stdio: 'ignore',
    cwd: '/',
    ...postgresUser,
  });
  const pgPort = await claimPort({ port: 0, portVariable: 'PG_PORT' });
  const pgSettings = ['-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories='];
  servers.push(
    spawn(join(postgresBin, 'postgres'), ['-D', data, '-p', String(pgPort), ...pgSettings], {
      stdio: 'ignore',
      cwd: '/',
      ...postgresUser,
    }),
  );
  for (let tries = 0; tries < 100; tries += 1) {
    try {
      execFileSync(join(postgresBin, 'pg_isready'), ['-h', '127.0.0.1', '-p', String(pgPort)], { stdio: 'ignore' });
      break;
    } catch {
      await sleep(100);
    }
  }
  return { PG_URL: `postgres://bench@127.0.0.1:${pgPort}/postgres`, REDIS_PORT: String(redisPort) };
};

const userId = (name: string): { uid: number; gid: number } => ({
  uid: Number(execFileSync('id', ['-u', name], { encoding: 'utf8' })),
  gid: Number(execFileSync('id', ['-g', name], { encoding: 'utf8' })),
});

/** Debian keeps PostgreSQL's programs off the PATH, by version. */
const findPostgres = (): string => {
  const missing: string[] = [];
  try {
    execFileSync('redis-server', ['--version'], { stdio: 'ignore' });
  } catch {
    missing.push('redis-server');
  }
  const root = '/usr/lib/postgresql';
  const newest = existsSync(root) ? readdirSync(root).sort((a, b) => Number(b) - Number(a))[0] : undefined;
  if (newest === undefined) missing.push('postgresql');
  if (missing.length > 0) throw new MissingPeerError(`not installed: apt-get install -y ${missing.join(' ')}`);
  return join(root, newest ?? '', 'bin');
};
