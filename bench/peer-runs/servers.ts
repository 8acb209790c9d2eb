/** Redis and PostgreSQL for one peer: on free ports of loopback, with their data where the embedded DynamoDB has its own. */
import { execFile, execFileSync } from 'node:child_process';
import { chownSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { temporaryFolders } from '../../local/database-place.ts';
import { claimPort } from '../../local/engine.ts';
import { type Server, type ServerCommand, startGuarded } from './guarded-server.ts';
import type { Found, Need } from './needs.ts';

export interface Servers {
  /** What tells a peer's programs where they are. */
  readonly environment: Readonly<Record<string, string>>;
  readonly pids: readonly number[];
  /** Rows of a query of the bookings, columns separated by `|`. */
  query(sql: string): Promise<string[][]>;
  stop(): Promise<void>;
}

const run = promisify(execFile);
const START_TRIES = 200;

/** @throws Error if one of them does not start; what was started before is stopped */
export const startServers = async (needs: readonly Need[], found: Found): Promise<Servers> => {
  const directory = mkdtempSync(join(temporaryFolders()[0], 'bench-peers-'));
  // PostgreSQL refuses to run as root.
  const user = process.getuid?.() === 0 ? userNamed('postgres') : undefined;
  if (user) chownSync(directory, user.uid, user.gid);
  const started: Server[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(started.splice(0).map((server) => server.stop()));
    rmSync(directory, { recursive: true, force: true });
  };
  try {
    const environment: Record<string, string> = {};
    if (needs.includes('redis') && found.redis !== undefined) {
      const port = await claimPort({ port: 0, portVariable: 'REDIS_PORT' });
      started.push(startRedis(found.redis, port, join(directory, 'redis')));
      environment.REDIS_PORT = String(port);
    }
    // The bookings lie in PostgreSQL whatever runs the jobs.
    const bin = found.postgresql ?? '';
    const port = await claimPort({ port: 0, portVariable: 'PG_PORT' });
    started.push(await startPostgres(bin, port, directory, user));
    environment.PG_URL = `postgres://bench@127.0.0.1:${port}/postgres`;
    return {
      environment,
      pids: started.map(({ pid }) => pid),
      query: async (sql) => {
        const given = ['--no-align', '--tuples-only', '--quiet', '--command', sql, environment.PG_URL ?? ''];
        const { stdout } = await run(join(bin, 'psql'), given, { maxBuffer: 1 << 28 });
        return stdout
          .split('\n')
          .filter(Boolean)
          .map((line) => line.split('|'));
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
};

const startRedis = (command: string, port: number, place: string): Server => {
  mkdirSync(place);
  const settings = [
    ...['--bind', '127.0.0.1', '--port', String(port), '--dir', place],
    // As BullMQ's documentation requires for production: appended to disk, and never evicting.
    ...['--appendonly', 'yes', '--maxmemory-policy', 'noeviction', '--save', ''],
    // How often a second Redis looks whose wait is over: ten times by default, which alone is up to 100 ms of lag.
    ...['--hz', '100'],
  ];
  return startGuarded({ command, given: settings, signal: 'TERM', place });
};

const startPostgres = async (
  bin: string,
  port: number,
  place: string,
  user: ServerCommand['user'],
): Promise<Server> => {
  const data = join(place, 'postgres');
  await run(join(bin, 'initdb'), ['-D', data, '-U', 'bench', '--auth=trust', '--no-sync'], { cwd: '/', ...user });
  const settings = ['listen_addresses=127.0.0.1', 'unix_socket_directories=', 'max_connections=200'];
  const given = ['-D', data, '-p', String(port), ...settings.flatMap((setting) => ['-c', setting])];
  const server = startGuarded({ command: join(bin, 'postgres'), given, signal: 'INT', place, user });
  for (let tries = 0; ; tries += 1) {
    try {
      await run(join(bin, 'pg_isready'), ['-h', '127.0.0.1', '-p', String(port)]);
      return server;
    } catch (error) {
      if (tries < START_TRIES) {
        await sleep(50);
        continue;
      }
      await server.stop();
      throw new Error('PostgreSQL did not start', { cause: error });
    }
  }
};

const userNamed = (name: string): { uid: number; gid: number } => ({
  uid: Number(execFileSync('id', ['-u', name], { encoding: 'utf8' })),
  gid: Number(execFileSync('id', ['-g', name], { encoding: 'utf8' })),
});
