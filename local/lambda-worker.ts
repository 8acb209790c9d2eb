/**
 * One execution environment of one Lambda: a worker thread that loads the bundle and handles one invocation at a time.
 * The other end is lambda-host.ts. Events and results cross as JSON text, as they do in Lambda.
 */
import { pathToFileURL } from 'node:url';
import { parentPort, workerData } from 'node:worker_threads';
import { LOCAL_CREDENTIALS, localArn } from './account.ts';
import { type ClockOffset, goByOffset } from './moved-clock.ts';
import type { Caller } from './permissions/caller.ts';
import type { Access } from './permissions/gate.ts';
import { type Printed, Printing, redirect, type SharedCopy, STREAMS } from './printed.ts';

export interface WorkerSettings {
  /** The bundle's file. */
  readonly bundle: string;
  /** Name of the exported handler. */
  readonly handlerName: string;
  readonly functionName: string;
  readonly memorySizeMb: number;
  /** Where what is printed lies until it is sent. */
  readonly printed: SharedCopy;
  /** @default - the system's clock */
  readonly clockOffset?: ClockOffset | undefined;
  /** Whom its requests to AWS are checked for. @default - they are not checked */
  readonly caller?: Caller | undefined;
}

/** From the host: one invocation. */
export interface Invocation {
  readonly requestId: string;
  readonly event: string;
  /** The function's time limit, in ms. */
  readonly timeoutMs: number;
}

/**
 * To the host: `ready` once, or `failed` if the bundle cannot be loaded; then one answer per invocation, with what was printed.
 * Between them `access`, once for each permission that a request needed, and `printed` for what is not to wait for an answer.
 */
export type WorkerMessage =
  | { readonly kind: 'ready' }
  | { readonly kind: 'access'; readonly access: Access }
  | { readonly kind: 'printed'; readonly printed: Printed }
  | { readonly kind: 'done'; readonly printed: Printed; readonly result: string | undefined }
  | {
      readonly kind: 'failed';
      readonly printed: Printed;
      readonly errorType: string;
      readonly errorMessage: string;
      readonly stack: string;
    };

const settings = workerData as WorkerSettings;
const tell = (message: WorkerMessage): void => parentPort?.postMessage(message);
const printing = new Printing(settings.printed, (printed) => tell({ kind: 'printed', printed }));
const tellFailure = (thrown: unknown): void => {
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  const [errorType, errorMessage, stack] = [error.name, error.message, error.stack ?? ''];
  tell({ kind: 'failed', printed: printing.take(), errorType, errorMessage, stack });
};

const serve = (handler: (event: unknown, context: unknown) => unknown): void => {
  parentPort?.on('message', async ({ requestId, event, timeoutMs }: Invocation) => {
    const startedAtMs = performance.now();
    const context = {
      awsRequestId: requestId,
      functionName: settings.functionName,
      functionVersion: '$LATEST',
      invokedFunctionArn: localArn('lambda', `function:${settings.functionName}`),
      memoryLimitInMB: String(settings.memorySizeMb),
      getRemainingTimeInMillis: () => Math.max(0, timeoutMs - (performance.now() - startedAtMs)),
    };
    try {
      const result = JSON.stringify(await handler(JSON.parse(event), context));
      tell({ kind: 'done', printed: printing.take(), result });
    } catch (thrown) {
      tellFailure(thrown);
    }
  });
  tell({ kind: 'ready' });
};

const begin = async (): Promise<void> => {
  for (const stream of STREAMS) redirect(process[stream], (text) => printing.print(stream, text));
  if (settings.clockOffset) goByOffset(settings.clockOffset);
  if (settings.caller) {
    const { guardRequests } = await import('./permissions/guarded-requests.ts');
    guardRequests(settings.caller, LOCAL_CREDENTIALS.accessKeyId, (access) => tell({ kind: 'access', access }));
  }
  const bundle = await import(pathToFileURL(settings.bundle).href);
  const handler = bundle[settings.handlerName] ?? bundle.default?.[settings.handlerName];
  if (typeof handler !== 'function') throw new Error(`${settings.bundle} exports no ${settings.handlerName}`);
  serve(handler);
};

// No await at the top level: where this is compiled into a CommonJS file there is none.
begin().catch(tellFailure);
