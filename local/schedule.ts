/** EventBridge Scheduler and Lambda's asynchronous invocation, as far as the template uses them. */
import { setTimeout as sleep } from 'node:timers/promises';
import { InvocationError, type LambdaHost } from './lambda-host.ts';
import { UnsupportedTemplateError } from './template.ts';

const UNIT_MS: Record<string, number> = { minute: 60_000, hour: 3_600_000, day: 86_400_000 };
/** Pauses before the first and the second retry (AWS Lambda Developer Guide, asynchronous invocation errors). */
const ASYNC_RETRY_PAUSES_MS = [60_000, 120_000];

/**
 * The period of a rate expression, such as `rate(5 minutes)`.
 *
 * @throws UnsupportedTemplateError for any other expression
 */
export const ratePeriodMs = (expression: unknown): number => {
  const [, count, unit] = /^rate\((\d+) (minute|hour|day)s?\)$/.exec(String(expression)) ?? [];
  const unitMs = UNIT_MS[unit ?? ''];
  if (count === undefined || unitMs === undefined)
    throw new UnsupportedTemplateError([`schedule expression ${expression}`]);
  return Number(count) * unitMs;
};

export interface AsyncInvokeSettings {
  readonly maxRetryAttempts: number;
  readonly maxEventAgeMs: number;
  readonly onDiscarded: ((description: unknown) => Promise<void>) | undefined;
}

export interface ScheduleSettings extends AsyncInvokeSettings {
  /** Never: it fires only when it is told to. */
  readonly periodMs: number | 'never';
  /** Whether it fires when it is started, too. */
  readonly firesAtStart: boolean;
  readonly input: unknown;
  readonly onProblem: (problem: string) => void;
}

/** Fires a Lambda at its rate, or when it is told to. */
export class LocalSchedule {
  readonly #lambda: LambdaHost;
  readonly #settings: ScheduleSettings;
  readonly #stopping = new AbortController();
  readonly #inFlight = new Set<Promise<void>>();
  #timer: NodeJS.Timeout | undefined;
  #nextAtMs: number | undefined;

  constructor(lambda: LambdaHost, settings: ScheduleSettings) {
    this.#lambda = lambda;
    this.#settings = settings;
  }

  start(): void {
    const { periodMs, firesAtStart } = this.#settings;
    if (firesAtStart) void this.fire();
    if (periodMs === 'never') return;
    this.#nextAtMs = Date.now() + periodMs;
    this.#timer = setInterval(() => {
      this.#nextAtMs = Date.now() + periodMs;
      void this.fire();
    }, periodMs);
  }

  /** Which Lambda it fires, and when it does so next by its rate, epoch ms; never if that is undefined. */
  get next(): { readonly logicalId: string; readonly atMs: number | undefined } {
    return { logicalId: this.#lambda.settings.logicalId, atMs: this.#nextAtMs };
  }

  /**
   * Fires now, beside the rate. Resolves when the invocation, with its retries, is through.
   *
   * @param input what the function is invoked with. @default - that of the schedule
   */
  fire(input: unknown = this.#settings.input): Promise<void> {
    const run = this.#invoke(input).finally(() => this.#inFlight.delete(run));
    this.#inFlight.add(run);
    return run;
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#nextAtMs = undefined;
    this.#stopping.abort();
    await Promise.all(this.#inFlight);
  }

  async #invoke(input: unknown): Promise<void> {
    const { maxRetryAttempts, maxEventAgeMs, onDiscarded, onProblem } = this.#settings;
    const { logicalId, functionName } = this.#lambda.settings;
    const acceptedAtMs = Date.now();
    for (let retries = 0; ; retries += 1) {
      try {
        await this.#lambda.invoke(input);
        return;
      } catch (error) {
        onProblem(`${logicalId} failed: ${error instanceof Error ? error.message : error}`);
        const pauseMs = ASYNC_RETRY_PAUSES_MS[retries] ?? 0;
        const outOfTries = retries >= maxRetryAttempts;
        const tooOld = Date.now() + pauseMs - acceptedAtMs > maxEventAgeMs;
        if (outOfTries || tooOld) {
          await onDiscarded?.({
            version: '1.0',
            timestamp: new Date().toISOString(),
            requestContext: {
              requestId: error instanceof InvocationError ? error.requestId : '',
              functionArn: functionName,
              condition: outOfTries ? 'RetriesExhausted' : 'EventAgeExceeded',
              approximateInvokeCount: retries + 1,
            },
            requestPayload: input,
            responseContext: { statusCode: 200, executedVersion: '$LATEST', functionError: 'Unhandled' },
            responsePayload: { errorMessage: error instanceof Error ? error.message : String(error) },
          });
          return;
        }
        await sleep(pauseMs, undefined, { signal: this.#stopping.signal }).catch(() => {});
        if (this.#stopping.signal.aborted) return;
      }
    }
  }
}
