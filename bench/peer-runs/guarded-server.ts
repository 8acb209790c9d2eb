/** Servers that end with the benchmark, however it ends. */
import { type ChildProcess, spawn } from 'node:child_process';

export interface Server {
  /** Its own process, whose children are part of it. */
  readonly pid: number;
  stop(): Promise<void>;
}

/**
 * A shell waits for the end of its standard input, which is the benchmark: even a kill -9 of that leaves no server and no data
 * behind. A group of its own keeps Ctrl-C in the terminal from reaching the server before the peers are through.
 */
const UNTIL_INPUT_ENDS =
  'signal=$1; place=$2; shift 2; exec 3<&0; "$@" 3<&- </dev/null & server=$!; { cat <&3 >/dev/null; kill -$signal $server; } & exec 3<&-; ' +
  'exec 2>/dev/null; wait $server; rm -rf -- "$place"';

export interface ServerCommand {
  readonly command: string;
  readonly given: readonly string[];
  /** What asks it to end at once, clients or not. */
  readonly signal: string;
  /** Folder that is removed when it has ended. */
  readonly place: string;
  /** Whom it runs as. @default - whoever runs the benchmark */
  readonly user?: { readonly uid: number; readonly gid: number } | undefined;
}

/** @throws Error if there is no shell */
export const startGuarded = ({ command, given, signal, place, user }: ServerCommand): Server => {
  const child = spawn('sh', ['-c', UNTIL_INPUT_ENDS, 'sh', signal, place, command, ...given], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
    cwd: '/',
    ...user,
  });
  if (child.pid === undefined) throw new Error(`${command} could not be started`);
  return {
    pid: child.pid,
    stop: async () => {
      child.stdin?.end();
      await ended(child);
    },
  };
};

/** Resolves when a process has ended. */
export const ended = (child: ChildProcess): Promise<void> =>
  child.exitCode !== null || child.signalCode !== null
    ? Promise.resolve()
    : new Promise((resolve) => child.once('exit', () => resolve()));
