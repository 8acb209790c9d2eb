/** The embedded DynamoDB, a child process that listens on loopback only. */
import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { accessSync, constants, rmSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { placeDatabase } from './database-place.ts';
import { startDynamoDbGuard } from './dynamodb-guard.ts';
import { answers, claimPort, type Engine, EngineError, type EngineOptions, HOST, onClaimedPort } from './engine.ts';
import { fileOfPackage } from './paths.ts';
import { hasSqlite } from './sqlite.ts';
import { openStreamRecords, type StreamRecords } from './stream-records.ts';

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

export interface DynamoDbOptions extends EngineOptions {
  /** Told, once, if the engine is going to get slower with every write. @default - nobody is told */
  readonly onProblem?: (problem: string) => void;
  /** Where a file system in memory would be. @default /dev/shm */
  readonly memoryFolder?: string;
}

/** The embedded DynamoDB, with a view of its streams that it has not itself. */
export interface DynamoDbEngine extends Engine {
  /** Absent where its file cannot be looked into. */
  readonly streamRecords?: StreamRecords | undefined;
}

/** The same with an address for the runtime itself and one for everybody else. */
export interface GuardedEngine extends DynamoDbEngine {
  /** Where the runtime's own parts find the engine, past the guard. */
  readonly directEndpoint: string;
}

/** Starts the embedded DynamoDB. It ends with this process, however this process ends, and then takes its temporary files along. */
export const startDynamoDb = (options: DynamoDbOptions): Promise<DynamoDbEngine> =>
  onClaimedPort(options, (port) => startDynoxide(options, port));

const startDynoxide = async (options: DynamoDbOptions, port: number): Promise<DynamoDbEngine> => {
  const executable = findDynoxide();
  const { host = HOST } = options;
  const endpoint = `http://${host}:${port}`;
  const engineArguments = ['serve', '--host', host, '--port', String(port)];
  const place = placeDatabase(options.dataDir, options.memoryFolder);
  if (place !== undefined) engineArguments.push('--db-path', place.file);
  const removeTemporaryFiles = (): void => {
    if (place?.temporaryDirectory !== undefined) rmSync(place.temporaryDirectory, { recursive: true, force: true });
  };
  // The shell waits for the end of its standard input, which is this process: even a kill -9 leaves no engine behind, and
  // no temporary files. What it would say of the engine's end has no reader then, and must not end the shell itself.
  // A group of its own keeps Ctrl-C in the terminal from reaching it before the last batches are through.
  const untilInputEnds =
    'place=$1; shift; exec 3<&0; "$@" 3<&- </dev/null & engine=$!; { cat <&3 >/dev/null; kill $engine; } & exec 3<&-; ' +
    'exec 2>/dev/null; wait $engine; [ -z "$place" ] || rm -rf -- "$place"';
  const child =
    process.platform === 'win32'
      ? spawn(executable, engineArguments, { stdio: ['pipe', 'ignore', 'pipe'] })
      : spawn('sh', ['-c', untilInputEnds, 'sh', place?.temporaryDirectory ?? '', executable, ...engineArguments], {
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
    if (ended || tries > 500) {
      removeTemporaryFiles();
      throw new EngineError(`the embedded DynamoDB did not start: ${complaint.trim()}`);
    }
    await sleep(20);
  }
  const streamRecords =
    place && hasSqlite() ? openStreamRecords(place.file, options.onProblem ?? (() => {})) : undefined;
  return {
    endpoint,
    streamRecords,
    stop: async () => {
      streamRecords?.close();
      child.stdin?.end();
      await end;
      removeTemporaryFiles();
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
export const startGuardedDynamoDb = async (options: DynamoDbOptions): Promise<GuardedEngine> => {
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
      streamRecords: engine.streamRecords,
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
