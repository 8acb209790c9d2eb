/** The embedded engines: DynamoDB as a child process, SQS in this one. Both listen on loopback only. */
import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { accessSync, constants, mkdirSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { createServer } from 'node:net';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { buildApp as BuildApp } from 'fauxqs';
import { LOCAL_ACCOUNT_ID } from './account.ts';
import { startDynamoDbGuard } from './dynamodb-guard.ts';
import { LOOPBACK_NAMES, REFUSED, refusalBody, whyRefused } from './page-guard.ts';
import { fileOfPackage, mainOfPackage, packedFile } from './paths.ts';

const HOST = '127.0.0.1';

export { LOCAL_ACCOUNT_ID, LOCAL_CREDENTIALS, REGION } from './account.ts';

/** An engine that serves an AWS protocol at an endpoint. */
export interface Engine {
  readonly endpoint: string;
  stop(): Promise<void>;
}

/** Thrown when an engine cannot be started, with the way out in the message. */
export class EngineError extends Error {
  override readonly name = 'EngineError';
}

export interface EngineOptions {
  /** 0 for any free port. */
  readonly port: number;
  /** The environment variable or the option that sets the port, for the message when it is in use. */
  readonly portVariable: string;
  /** Folder that the data outlives a restart in; absent for memory. */
  readonly dataDir?: string | undefined;
  /** Address to listen on. @default 127.0.0.1 */
  readonly host?: string;
}

/** An engine with an address for the runtime itself and one for everybody else. */
export interface GuardedEngine extends Engine {
  /** Where the runtime's own parts find the engine, past the guard. */
  readonly directEndpoint: string;
}

/**
 * Finds out whether a port can be had.
 *
 * @returns the port, or a free one for 0
 * @throws EngineError if it is in use
 */
export const claimPort = ({ port, portVariable, host = HOST }: EngineOptions): Promise<number> =>
  new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', (error: NodeJS.ErrnoException) => {
      const problem = error.code === 'EADDRINUSE' ? 'is in use' : `cannot be listened on (${error.message})`;
      reject(new EngineError(`port ${port} ${problem}: set ${portVariable} to another, or to 0 for any free one`));
    });
    probe.listen(port, host, () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === 'object' && address ? address.port : port));
    });
  });

/** Most ports that an engine is tried on, when any free one will do. */
const MAX_PORTS_TRIED = 5;

/**
 * Starts an engine on the port that was asked for. A free port may be somebody else's by the time the engine listens: it
 * gets another one.
 */
export const onClaimedPort = async <T>(options: EngineOptions, start: (port: number) => Promise<T>): Promise<T> => {
  for (let tried = 1; ; tried += 1) {
    const port = await claimPort(options);
    try {
      return await start(port);
    } catch (error) {
      const isTaken = /EADDRINUSE|in use/i.test(error instanceof Error ? error.message : '');
      if (!isTaken || options.port !== 0 || tried === MAX_PORTS_TRIED) throw error;
    }
  }
};

/**
 * The endpoint of an engine that the operator runs, if the variable is set.
 *
 * @throws EngineError unless it is on loopback: nothing local may ever reach a real account
 */
export const externalEndpoint = (variable: string, value: string | undefined): string | undefined => {
  if (value === undefined || value === '') return undefined;
  const url = URL.canParse(value) ? new URL(value) : undefined;
  if (url === undefined || !LOOPBACK_NAMES.includes(url.hostname)) {
    throw new EngineError(`${variable} must be a URL on loopback, such as http://127.0.0.1:8000, got ${value}`);
  }
  return value.replace(/\/$/, '');
};

/**
 * The embedded DynamoDB's executable: of the package for this platform, of the package `dynoxide`, or on the PATH.
 *
 * @throws EngineError with the ways out if there is none
 */
export const findDynoxide = (platform: string = process.platform, arch: string = process.arch): string => {
  const executable = platform === 'win32' ? 'dynoxide.exe' : 'dynoxide';
  const candidates: string[] = [];
  try {
    candidates.push(fileOfPackage(`@dynoxide/${platform}-${arch}`, executable));
  } catch {
    // Not installed for this platform; it may be elsewhere.
  }
  for (const directory of (process.env.PATH ?? '').split(delimiter)) candidates.push(join(directory, executable));
  const found = platform === process.platform && arch === process.arch ? candidates.find(isExecutable) : undefined;
  if (found !== undefined) return found;
  throw new EngineError(
    [
      `there is no embedded DynamoDB for ${platform}-${arch} in node_modules. Either`,
      '  - install it for this platform: npm i --no-save dynoxide',
      '  - or run any DynamoDB engine on loopback, DynamoDB Local for example, and set DYNAMODB_ENDPOINT to its URL',
    ].join('\n'),
  );
};

const isExecutable = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
};

/** Starts the embedded DynamoDB. It ends with this process, however this process ends. */
export const startDynamoDb = (options: EngineOptions): Promise<Engine> =>
  onClaimedPort(options, (port) => startDynoxide(options, port));

const startDynoxide = async (options: EngineOptions, port: number): Promise<Engine> => {
  const executable = findDynoxide();
  const { host = HOST } = options;
  const endpoint = `http://${host}:${port}`;
  const engineArguments = ['serve', '--host', host, '--port', String(port)];
  if (options.dataDir !== undefined) {
    mkdirSync(options.dataDir, { recursive: true });
    engineArguments.push('--db-path', join(options.dataDir, 'dynamodb.sqlite'));
  }
  // The shell waits for the end of its standard input, which is this process: even a kill -9 leaves no engine behind.
  // A group of its own keeps Ctrl-C in the terminal from reaching it before the last batches are through.
  const untilInputEnds =
    'exec 3<&0; "$@" 3<&- </dev/null & engine=$!; { cat <&3 >/dev/null; kill $engine; } & exec 3<&-; wait $engine';
  const child =
    process.platform === 'win32'
      ? spawn(executable, engineArguments, { stdio: ['pipe', 'ignore', 'pipe'] })
      : spawn('sh', ['-c', untilInputEnds, 'sh', executable, ...engineArguments], {
          stdio: ['pipe', 'ignore', 'pipe'],
          detached: true,
        });
  let complaint = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    complaint = `${complaint}${chunk}`.slice(-2_000);
  });
  let ended = false;
  const end = new Promise<void>((resolve) => {
    child.once('exit', () => {
      ended = true;
      resolve();
    });
    child.once('error', (error) => {
      complaint = error.message;
      ended = true;
      resolve();
    });
  });
  // What answers may be whoever else got the port.
  for (let tries = 0; ended || !(await answers(endpoint)); tries += 1) {
    if (ended || tries > 500) throw new EngineError(`the embedded DynamoDB did not start: ${complaint.trim()}`);
    await sleep(20);
  }
  return {
    endpoint,
    stop: async () => {
      child.stdin?.end();
      await end;
    },
  };
};

/**
 * An address that a web page cannot find an engine at: one of 16 million on Linux, where all of 127.0.0.0/8 is loopback.
 * Elsewhere only the port is unknown.
 */
const hiddenHost = (): string =>
  process.platform === 'linux' ? `127.${randomInt(1, 255)}.${randomInt(256)}.${randomInt(1, 255)}` : HOST;

/**
 * Starts the embedded DynamoDB out of the sight of web pages, and a guard at the port that was asked for. By itself the
 * engine answers pages of every origin.
 */
export const startGuardedDynamoDb = async (options: EngineOptions): Promise<GuardedEngine> => {
  if (options.port !== 0) await claimPort(options);
  const hidden = { ...options, host: hiddenHost(), port: 0 };
  // A sandbox may have 127.0.0.1 alone.
  const host = await claimPort(hidden).then(
    () => hidden.host,
    () => HOST,
  );
  const engine = await startDynamoDb({ ...hidden, host });
  try {
    const guard = await startDynamoDbGuard(engine.endpoint, options.port);
    return {
      endpoint: guard.endpoint,
      directEndpoint: engine.endpoint,
      stop: async () => {
        await guard.stop();
        await engine.stop();
      },
    };
  } catch (error) {
    await engine.stop();
    throw error;
  }
};

/** Whether anything answers at an HTTP endpoint, whatever it answers. */
export const answers = async (endpoint: string, timeoutMs = 1_000): Promise<boolean> => {
  try {
    await fetch(endpoint, { signal: AbortSignal.timeout(timeoutMs) });
    return true;
  } catch {
    return false;
  }
};

/** Where fauxqs's own modules are, in its package and packed with these sources. */
export const EMBEDDED_SQS = {
  packedAs: 'embedded-sqs.js',
  modules: ['./app.js', './sqs/sqsStore.js', './sns/snsStore.js', './s3/s3Store.js', './persistence.js'],
} as const;

/** What is used of fauxqs's own modules: its published entry point can only listen on every interface. */
interface FauxqsModules {
  buildApp: typeof BuildApp;
  SqsStore: new () => FauxqsSqsStore;
  SnsStore: new () => object;
  S3Store: new () => object;
  PersistenceManager: new (
    dataDir: string,
  ) => {
    loadSqsAndSns(sqsStore: FauxqsSqsStore, snsStore: object): void;
    updateMessageReady: (messageId: string) => void;
    close(): void;
  };
}
interface FauxqsSqsStore {
  host: string;
  persistence?: unknown;
  queues: Map<string, FauxqsQueue>;
}
interface FauxqsQueue {
  readonly name: string;
  url: string;
  persistence?: unknown;
  readonly inflightMessages: Map<string, unknown>;
  changeVisibility(receiptHandle: string, seconds: number): void;
}

const fauxqsModules = async (): Promise<FauxqsModules> => {
  // Read when they are needed: a program that brings its own SQS, or none, does not load them.
  const packed = packedFile(EMBEDDED_SQS.packedAs);
  if (packed !== undefined) return import(packed.href);
  const main = mainOfPackage('fauxqs');
  const modules = await Promise.all(EMBEDDED_SQS.modules.map((path) => import(new URL(path, main).href)));
  return Object.assign({}, ...modules);
};

/** Starts the embedded SQS in this process. */
export const startSqs = (options: EngineOptions): Promise<Engine> =>
  onClaimedPort(options, (port) => startFauxqs(options, port));

const startFauxqs = async (options: EngineOptions, port: number): Promise<Engine> => {
  const endpoint = `http://${HOST}:${port}`;
  const { buildApp, SqsStore, SnsStore, S3Store, PersistenceManager } = await fauxqsModules();
  const sqsStore = new SqsStore();
  // With no host of its own, queue URLs have the address that the client asked at: names below localhost do not
  // resolve everywhere.
  sqsStore.host = '';
  const snsStore = new SnsStore();
  let persistence: InstanceType<FauxqsModules['PersistenceManager']> | undefined;
  if (options.dataDir !== undefined) {
    if (!isBuiltin('node:sqlite')) {
      throw new EngineError(
        `the embedded SQS keeps messages in a folder with Node 22.13 or later, this is ${process.version}. Either use that, or ` +
          'leave the folder out, or set SQS_ENDPOINT to the URL of any SQS engine on loopback',
      );
    }
    mkdirSync(options.dataDir, { recursive: true });
    persistence = new PersistenceManager(options.dataDir);
    persistence.loadSqsAndSns(sqsStore, snsStore);
    sqsStore.persistence = persistence;
    // Its own statement for this breaks its schema. Left out, the message is in flight on disk and visible in memory,
    // and the next start makes visible what was in flight.
    persistence.updateMessageReady = () => {};
    const queues = [...sqsStore.queues.values()];
    sqsStore.queues.clear();
    for (const queue of queues) {
      queue.persistence = persistence;
      queue.url = `${endpoint}/${LOCAL_ACCOUNT_ID}/${queue.name}`;
      sqsStore.queues.set(queue.url, queue);
      // Whoever held these messages ended with the last run: nobody is going to delete them.
      for (const receiptHandle of [...queue.inflightMessages.keys()]) queue.changeVisibility(receiptHandle, 0);
    }
  }
  const app = buildApp({
    logger: false,
    // The stores' own types are not exported.
    stores: { sqsStore, snsStore, s3Store: new S3Store() } as never,
  });
  app.addHook('onRequest', async (request, reply) => {
    const reason = whyRefused(request);
    if (reason !== undefined) return reply.code(REFUSED).type('application/json').send(refusalBody(reason));
  });
  const stop = async () => {
    await app.close();
    persistence?.close();
  };
  try {
    await app.listen({ port, host: HOST });
  } catch (error) {
    await stop();
    throw error;
  }
  return { endpoint, stop };
};
