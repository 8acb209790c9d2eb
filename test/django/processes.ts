/** The processes of the end-to-end test: the service, the Django project's web server, and manage.py. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { PROJECT_DIRECTORY } from '../../service/project.ts';
import { EXAMPLE } from './python.ts';

/** What a process has printed, and a way to end it. */
export interface Started {
  readonly child: ChildProcess;
  readonly printed: () => string;
  /** Ends it as a power cut would. */
  kill(): Promise<void>;
}

export interface Ended {
  readonly code: number | null;
  readonly printed: string;
}

const running = new Set<ChildProcess>();
/** Ends whatever still runs. */
export const killAll = (): void => {
  for (const child of running) killGroup(child);
};
/** A shell's children too: each process that is started here leads a group of its own. */
const killGroup = ({ pid }: ChildProcess): void => {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended meanwhile.
  }
};

export const start = (
  command: string,
  args: readonly string[],
  environment: NodeJS.ProcessEnv,
  cwd = EXAMPLE,
): Started => {
  const child = spawn(command, args, {
    cwd,
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  running.add(child);
  child.once('close', () => running.delete(child));
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (chunk) => {
      said += chunk;
    });
  return {
    child,
    printed: () => said,
    kill: async () => {
      const closed = once(child, 'close');
      killGroup(child);
      await closed;
    },
  };
};

/** Runs a command to its end. */
export const run = async (
  command: string,
  args: readonly string[],
  environment: NodeJS.ProcessEnv,
  cwd?: string,
): Promise<Ended> => {
  const { child, printed } = start(command, args, environment, cwd);
  const [code] = await once(child, 'close');
  return { code, printed: printed() };
};

/** Waits until a process has printed something; fails with what it said instead. */
export const printedBy = async (process: Started, pattern: RegExp, timeoutMs = 90_000): Promise<RegExpExecArray> => {
  const giveUpAtMs = Date.now() + timeoutMs;
  for (;;) {
    const found = pattern.exec(process.printed());
    if (found) return found;
    if (Date.now() > giveUpAtMs || process.child.exitCode !== null)
      throw new Error(`waited in vain for ${pattern}; it said:\n${process.printed()}`);
    await sleep(50);
  }
};

/** Ports that were free a moment ago: both sides must know the other's before they start. */
export const freePorts = async (count: number): Promise<number[]> => {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer().listen(0, '127.0.0.1');
      await once(server, 'listening');
      return server;
    }),
  );
  return servers.map((server) => {
    const address = server.address();
    server.close();
    if (address === null || typeof address === 'string') throw new Error('no port');
    return address.port;
  });
};

export interface Service extends Started {
  readonly api: string;
  readonly dynamodb: string;
  readonly sqs: string;
  readonly webhookSecret: string;
}

type ServiceEnvironment = { RUNTIME_FILE: string } & NodeJS.ProcessEnv;

/** The local service as `npm start` runs it. */
export const startService = async (environment: ServiceEnvironment): Promise<Service> => {
  const started = start(
    process.execPath,
    ['service/start.ts'],
    { DYNAMODB_ENDPOINT: '', SQS_ENDPOINT: '', ...environment },
    PROJECT_DIRECTORY,
  );
  await printedBy(started, /booking-expiry is running[\s\S]*Ctrl-C/);
  const [webhookSecret = ''] = await printedBy(started, /whsec_[\w+/=]+/);
  const { api, dynamodb, sqs } = JSON.parse(readFileSync(environment.RUNTIME_FILE, 'utf8'));
  return { ...started, api, dynamodb, sqs, webhookSecret };
};

/** The example's web server, as Render starts it. */
export const startShop = async (programs: string, port: number, environment: NodeJS.ProcessEnv): Promise<Started> => {
  const shop = start(
    join(programs, 'waitress-serve'),
    ['--listen', `127.0.0.1:${port}`, '--threads', '4', 'shop.wsgi:application'],
    environment,
  );
  const address = `http://127.0.0.1:${port}/webhooks/booking-expiry/`;
  for (;;) {
    const answers = await fetch(address).then(
      ({ status }) => status === 405,
      () => false,
    );
    if (answers) return shop;
    if (shop.child.exitCode !== null) throw new Error(`the web server ended:\n${shop.printed()}`);
    await sleep(50);
  }
};
