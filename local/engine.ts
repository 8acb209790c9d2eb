/** What the engines have in common: an address on loopback, a port that is theirs, errors that say the way out. */
import { createServer } from 'node:net';
import { LOOPBACK_NAMES } from './page-guard.ts';

/** Where engines listen unless they are told another address. */
export const HOST = '127.0.0.1';

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

/** Whether anything answers at an HTTP endpoint, whatever it answers. */
export const answers = async (endpoint: string, timeoutMs = 1_000): Promise<boolean> => {
  try {
    await fetch(endpoint, { signal: AbortSignal.timeout(timeoutMs) });
    return true;
  } catch {
    return false;
  }
};
