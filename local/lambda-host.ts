/**
 * Runs one Lambda's bundle as Lambda does: in execution environments that are isolated from each other and from the
 * runtime, each with the template's environment and one invocation at a time; made on demand, reused when idle, thrown
 * away after a crash or when the function's time limit is exceeded.
 */
import { randomUUID } from 'node:crypto';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { Invocation, WorkerMessage, WorkerSettings } from './lambda-worker.ts';
import type { ClockOffset } from './moved-clock.ts';
import { workerFile } from './paths.ts';
import type { Caller } from './permissions/caller.ts';
import type { Access } from './permissions/gate.ts';
import { leftIn, lineCutter, type Printed, STREAMS, sharedCopy } from './printed.ts';

export interface LambdaSettings {
  /** The short id by which logs and messages name it. */
  readonly logicalId: string;
  readonly functionName: string;
  readonly bundle: string;
  readonly handlerName: string;
  readonly environment: Record<string, string>;
  readonly timeoutMs: number;
  /** Time for loading its bundle at first; then it is loaded once more, within `timeoutMs`. @default 10,000 */
  readonly initTimeoutMs?: number;
  readonly memorySizeMb: number;
  /** Most execution environments at once. */
  readonly maxConcurrency: number;
  readonly onLogLine: (line: string) => void;
  /** Called after each invocation with its duration, in ms, as Lambda bills it: from the event to the answer. */
  readonly onInvocation?: (durationMs: number) => void;
  /** What its clocks go by. @default - the system's clock */
  readonly clockOffset?: ClockOffset | undefined;
  /** Whom its requests to AWS are checked for. @default - they are not checked */
  readonly caller?: Caller | undefined;
  /** Called with each permission that its requests need, once for each of its environments. */
  readonly onAccess?: (access: Access) => void;
}

/** Thrown when an invocation failed: the function threw, crashed or ran out of time. */
export class InvocationError extends Error {
  override readonly name = 'InvocationError';
  readonly errorType: string;
  readonly requestId: string;

  constructor(errorType: string, message: string, requestId: string) {
    super(message);
    this.errorType = errorType;
    this.requestId = requestId;
  }
}

/**
 * Time that Lambda allows for loading a bundle. If it does not suffice, Lambda begins anew, with the time limit of the function
 * (AWS Lambda Developer Guide, "Understanding the Lambda execution environment lifecycle", Init phase).
 */
const INIT_TIMEOUT_MS = 10_000;
/** What Node needs beside the function's own objects; the template's memory counts both. */
const MIN_HEAP_MB = 64;

/**
 * What an execution environment begins with: the second one, and every later run, loads the code that the first one compiled,
 * of the worker as of the bundle. Without it half of the time in which an environment starts is the worker's own code.
 */
const workerStart = (): string =>
  `require('node:module').enableCompileCache?.(${JSON.stringify(join(tmpdir(), 'lambda-compile-cache'))});
import(${JSON.stringify(workerFile().href)});`;

interface Environment {
  readonly worker: Worker;
  /** Called with the next answer, or with undefined when the worker is gone. */
  onAnswer: ((answer: WorkerMessage | undefined) => void) | undefined;
}

/**
 * Environments of one Lambda that are started at the same time. On AWS each has processors of its own. Here a crowd of fifty would
 * keep each other, and every request, from being ready in time, while the first of them could serve the crowd.
 */
const STARTED_AT_ONCE = Math.max(2, availableParallelism());

export class LambdaHost {
  readonly settings: LambdaSettings;
  readonly #idle: Environment[] = [];
  readonly #all = new Set<Environment>();
  /** Those that load the bundle: not among all yet. */
  readonly #starting = new Set<Environment>();
  readonly #waiting: (() => void)[] = [];
  #inFlight = 0;
  #idleAgain: (() => void)[] = [];
  #stopped = false;

  constructor(settings: LambdaSettings) {
    this.settings = settings;
  }

  /**
   * Loads the bundle before any event comes: a bundle that cannot start is noticed at once, and the first events find
   * warm environments.
   *
   * @param count how many environments to make, where so many are allowed
   * @throws InvocationError with the bundle's own error
   */
  async warmUp(count = 1): Promise<void> {
    const length = Math.min(count, this.settings.maxConcurrency);
    const environments = await Promise.all(Array.from({ length }, () => this.#acquire()));
    for (const environment of environments) this.#release(environment);
  }

  /**
   * Invokes the function and waits for its result. Waits for a free environment where all are busy.
   *
   * @throws InvocationError if the function threw, crashed or ran out of time
   */
  async invoke(event: unknown): Promise<unknown> {
    const requestId = randomUUID();
    this.#inFlight += 1;
    try {
      const environment = await this.#acquire();
      const { timeoutMs } = this.settings;
      const invocation: Invocation = { requestId, event: JSON.stringify(event), timeoutMs };
      const startedAtMs = performance.now();
      const answer = await this.#ask(environment, timeoutMs, () => environment.worker.postMessage(invocation));
      this.settings.onInvocation?.(performance.now() - startedAtMs);
      if (answer === 'late') {
        await this.#discard(environment);
        throw new InvocationError('Sandbox.Timedout', `Task timed out after ${timeoutMs / 1000} seconds`, requestId);
      }
      if (answer === undefined) {
        await this.#discard(environment);
        throw new InvocationError(
          'Runtime.ExitError',
          'the execution environment ended during the invocation',
          requestId,
        );
      }
      this.#release(environment);
      if (answer.kind === 'failed') throw new InvocationError(answer.errorType, answer.errorMessage, requestId);
      return answer.kind === 'done' && answer.result !== undefined ? JSON.parse(answer.result) : undefined;
    } finally {
      this.#inFlight -= 1;
      if (this.#inFlight === 0) for (const tell of this.#idleAgain.splice(0)) tell();
    }
  }

  /** How many execution environments it has, busy and idle. */
  get environments(): number {
    return this.#all.size;
  }

  /** Bytes of the used heap of each environment. */
  async heapBytes(): Promise<number[]> {
    const statistics = await Promise.all([...this.#all].map(({ worker }) => worker.getHeapStatistics()));
    return statistics.map(({ used_heap_size }) => used_heap_size);
  }

  /** Ends all environments at once, as the loss of their machine would: what they were doing fails. The next event gets a new one. */
  async crash(): Promise<void> {
    await Promise.all([...this.#all].map((environment) => this.#discard(environment)));
  }

  /** Lets what is in flight finish, then ends all environments, those that are not loaded yet too. */
  async stop(): Promise<void> {
    if (this.#inFlight > 0) await new Promise<void>((resolve) => this.#idleAgain.push(resolve));
    this.#stopped = true;
    await Promise.all([...this.#all, ...this.#starting].map((environment) => this.#discard(environment)));
  }

  async #acquire(): Promise<Environment> {
    while (this.#idle.length === 0 && !this.#mayStart) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    return this.#idle.pop() ?? this.#start();
  }

  get #mayStart(): boolean {
    const { size } = this.#starting;
    return size < STARTED_AT_ONCE && this.#all.size + size < this.settings.maxConcurrency;
  }

  #release(environment: Environment): void {
    if (this.#all.has(environment)) this.#idle.push(environment);
    this.#waiting.shift()?.();
  }

  async #discard(environment: Environment): Promise<void> {
    this.#all.delete(environment);
    const place = this.#idle.indexOf(environment);
    if (place >= 0) this.#idle.splice(place, 1);
    await environment.worker.terminate();
    this.#waiting.shift()?.();
  }

  /** @throws InvocationError if the bundle cannot be loaded, or not within two time limits */
  async #start(): Promise<Environment> {
    const { logicalId, initTimeoutMs = INIT_TIMEOUT_MS, timeoutMs } = this.settings;
    for (const limitMs of [initTimeoutMs, timeoutMs]) {
      const loaded = await this.#load(limitMs);
      if (loaded !== 'late') return loaded;
      if (this.#stopped) break;
    }
    const seconds = [initTimeoutMs, timeoutMs].map((limitMs) => limitMs / 1_000);
    throw new InvocationError(
      'Runtime.InitError',
      `${logicalId}: not loaded after ${seconds[0]} seconds, nor after ${seconds[1]} more`,
      '',
    );
  }

  /** @throws InvocationError with the bundle's own error */
  async #load(limitMs: number): Promise<Environment | 'late'> {
    const { environment: env, onLogLine, onAccess, bundle, handlerName, functionName, memorySizeMb } = this.settings;
    const { clockOffset, caller } = this.settings;
    const copy = sharedCopy();
    const workerData: WorkerSettings = {
      printed: copy,
      bundle,
      handlerName,
      functionName,
      memorySizeMb,
      clockOffset,
      caller,
    };
    const worker = new Worker(workerStart(), {
      eval: true,
      workerData,
      env: { ...env },
      execArgv: ['--enable-source-maps'],
      stdout: true,
      stderr: true,
      resourceLimits: { maxOldGenerationSizeMb: Math.max(MIN_HEAP_MB, memorySizeMb) },
    });
    const lines = { stdout: lineCutter(onLogLine), stderr: lineCutter(onLogLine) };
    const print = (printed: Printed): void => {
      for (const stream of STREAMS) lines[stream].add(printed[stream] ?? '');
    };
    // What its own console does not print: a warning of Node's, for example.
    for (const stream of STREAMS) {
      worker[stream].setEncoding('utf8').on('data', (text: string) => lines[stream].add(text));
    }
    const environment: Environment = { worker, onAnswer: undefined };
    this.#starting.add(environment);
    const answer = (message: WorkerMessage | undefined) => {
      const tell = environment.onAnswer;
      environment.onAnswer = undefined;
      tell?.(message);
    };
    worker.on('message', (message: WorkerMessage) => {
      if ('printed' in message) print(message.printed);
      if (message.kind === 'access') onAccess?.(message.access);
      else if (message.kind !== 'printed') answer(message);
    });
    worker.on('error', (error) => onLogLine(JSON.stringify({ level: 'ERROR', message: String(error) })));
    worker.on('exit', () => {
      print(leftIn(copy));
      for (const stream of STREAMS) lines[stream].end();
      const place = this.#idle.indexOf(environment);
      if (place >= 0) this.#idle.splice(place, 1);
      this.#all.delete(environment);
      answer(undefined);
    });
    try {
      const first = await this.#ask(environment, limitMs, () => {});
      if (first === 'late' || first?.kind !== 'ready') {
        await worker.terminate();
        if (first === 'late') return first;
        const thrown = first?.kind === 'failed' ? first.errorMessage : 'it ended';
        throw new InvocationError('Runtime.InitError', `${this.settings.logicalId}: ${thrown}`, '');
      }
      this.#all.add(environment);
      return environment;
    } finally {
      this.#starting.delete(environment);
      // Another one may start.
      this.#waiting.shift()?.();
    }
  }

  /** Waits for the environment's next message: `late` if none comes in time, undefined if the worker ends. */
  #ask(environment: Environment, timeoutMs: number, act: () => void): Promise<WorkerMessage | undefined | 'late'> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        environment.onAnswer = undefined;
        resolve('late');
      }, timeoutMs);
      environment.onAnswer = (message) => {
        clearTimeout(timer);
        resolve(message);
      };
      act();
    });
  }
}
