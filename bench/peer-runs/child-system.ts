/** A peer as processes: servers of its own, a producer and a worker, which bench/peers holds the programs of. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { treeCpuMs } from '../cpu-use.ts';
import { STEP_HOLD_MS } from '../load-lag.ts';
import { ended } from './guarded-server.ts';
import { PEERS_DIRECTORY, VENV_PYTHON } from './installs.ts';
import type { Found, Need } from './needs.ts';
import { type Servers, startServers } from './servers.ts';
import { applyStep } from './step.ts';
import type { Expiry, PeerLoad, PeerSystem } from './system.ts';

export interface PeerProgram {
  /** File in bench/peers. */
  readonly file: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly needs: readonly Need[];
}

const WARM_UP: PeerLoad = { perSecond: 100, seconds: 12, holdMs: STEP_HOLD_MS, prefix: 'warm-' };
const READY_WITHIN_MS = 60_000;
/** A kill waits so long for the next expiry, to come when the worker is at work. */
const NEXT_EXPIRY_MS = 2_000;

/** Starts servers, worker and producer. What was started is stopped if a part of it cannot be. */
export const startChildSystem = async (program: PeerProgram, found: Found): Promise<PeerSystem> => {
  const servers = await startServers(program.needs, found);
  const system = new ChildSystem(program, servers);
  try {
    await system.start();
    return system;
  } catch (error) {
    await system.stop();
    throw error;
  }
};

class ChildSystem implements PeerSystem {
  readonly #program: PeerProgram;
  readonly #servers: Servers;
  #worker: ChildProcess | undefined;
  #producer: ChildProcess | undefined;
  #found = new Map<string, Expiry>();
  #onExpiry: (() => void) | undefined;
  #onWritten: ((behindMs: number) => void) | undefined;
  /** CPU of workers that were killed. */
  #goneCpuMs = 0;

  constructor(program: PeerProgram, servers: Servers) {
    this.#program = program;
    this.#servers = servers;
  }

  async start(): Promise<void> {
    this.#worker = await this.#startRole('worker');
    this.#producer = await this.#startRole('producer');
  }

  async warmUp(): Promise<void> {
    await applyStep(this, WARM_UP);
  }

  write({ perSecond, seconds, holdMs, prefix }: PeerLoad): Promise<number> {
    this.#found = new Map();
    const plan = { bookings: perSecond * seconds, perSecond, holdMs, prefix };
    const producer = this.#producer;
    return new Promise((resolve, reject) => {
      const onExit = (code: number | null) => reject(new Error(`the producer ended with exit code ${code}`));
      producer?.once('exit', onExit);
      this.#onWritten = (behindMs) => {
        producer?.off('exit', onExit);
        resolve(behindMs);
      };
      producer?.stdin?.write(`${JSON.stringify(plan)}\n`);
    });
  }

  expired(): number {
    return this.#found.size;
  }

  async expiries(prefix: string): Promise<Expiry[]> {
    return [...this.#found.values()].filter(({ bookingId }) => bookingId.startsWith(prefix));
  }

  async stored(prefix: string) {
    const rows = await this.#servers.query(
      `SELECT status, expires_at_ms, expired_at_ms FROM bookings WHERE booking_id LIKE '${prefix}%'`,
    );
    return rows.map(([status = '', expiresAtMs, expiredAtMs]) => ({
      status,
      expiresAtMs: Number(expiresAtMs),
      expiredAtMs: expiredAtMs === '' ? undefined : Number(expiredAtMs),
    }));
  }

  cpuMs(): number {
    const programs = [this.#worker, this.#producer].flatMap((child) => child?.pid ?? []);
    return this.#goneCpuMs + treeCpuMs([...this.#servers.pids, ...programs]);
  }

  /** With SIGKILL, right after an expiry: a worker that polls does nothing most of the time. */
  async kill(): Promise<void> {
    const next = new Promise<void>((resolve) => {
      this.#onExpiry = resolve;
    });
    await Promise.race([next, sleep(NEXT_EXPIRY_MS)]);
    this.#onExpiry = undefined;
    const worker = this.#worker;
    if (worker?.pid === undefined) return;
    this.#goneCpuMs += treeCpuMs([worker.pid]);
    this.#worker = undefined;
    worker.kill('SIGKILL');
    await ended(worker);
  }

  async restart(): Promise<void> {
    this.#worker = await this.#startRole('worker');
  }

  async stop(): Promise<void> {
    for (const child of [this.#producer, this.#worker]) {
      child?.kill('SIGKILL');
      if (child) await ended(child);
    }
    await this.#servers.stop();
  }

  /** Resolves when the program says that it is ready. */
  #startRole(role: 'worker' | 'producer'): Promise<ChildProcess> {
    const { file, environment } = this.#program;
    const child = spawn(file.endsWith('.py') ? VENV_PYTHON : process.execPath, [file, role], {
      cwd: PEERS_DIRECTORY,
      env: { ...process.env, ...this.#servers.environment, ...environment },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    // Whoever writes to a program that has ended hears of its end otherwise.
    child.stdin?.on('error', () => {});
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => {
        child.kill('SIGKILL');
        reject(new Error(`${file} ${role} was not ready after ${READY_WITHIN_MS / 1_000} s`));
      }, READY_WITHIN_MS);
      const end = (why: string) => {
        clearTimeout(late);
        reject(new Error(`${file} ${role} ${why} before it was ready`));
      };
      child.once('error', (error) => end(`did not start (${error.message})`));
      child.once('exit', (code, signal) => end(`ended with ${signal ?? `exit code ${code}`}`));
      createInterface({ input: child.stdout }).on('line', (line) => {
        if (line === 'ready') {
          clearTimeout(late);
          resolve(child);
        } else this.#take(line);
      });
    });
  }

  /** Peers print lines of their own too. */
  #take(line: string): void {
    if (line.startsWith('{"bookingId"')) {
      const expiry = JSON.parse(line) as Expiry;
      this.#found.set(expiry.bookingId, expiry);
      this.#onExpiry?.();
    } else if (line.startsWith('{"written"')) {
      this.#onWritten?.((JSON.parse(line) as { behindMs: number }).behindMs);
    }
  }
}
