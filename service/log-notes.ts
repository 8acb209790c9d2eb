/** What the Lambdas' log lines tell of sweeps and of webhooks. */
import { SWEEP_STARTED } from '../functions/core/sweep.ts';

/** A sweep by its Lambda. */
export interface SweepNote {
  readonly startedAt: string;
  /** Absent while it runs. */
  readonly endedAt?: string;
  readonly expired?: number;
  /** Timers that it sent. */
  readonly scheduled?: number;
}

/** One try of one webhook. */
export interface WebhookTryNote {
  readonly at: string;
  readonly webhookId: string;
  /** Type of its event. */
  readonly type: string;
  readonly try: number;
  readonly outcome: 'delivered' | 'failed' | 'given up';
  /** What the application answered, if it did. */
  readonly status?: number;
  readonly error?: string;
  readonly durationMs: number;
  readonly nextTryAt?: string;
}

/** How many tries are kept. */
const KEPT_TRIES = 50;

const OUTCOMES: readonly (readonly [message: string, outcome: WebhookTryNote['outcome']])[] = [
  ['webhook delivered', 'delivered'],
  ['webhook not delivered', 'failed'],
  ['webhook given up', 'given up'],
];

export class LogNotes {
  #sweep: SweepNote | undefined;
  #tries: readonly WebhookTryNote[] = [];

  /** The last sweep, if there was one. */
  get sweep(): SweepNote | undefined {
    return this.#sweep;
  }

  /** The last tries, newest first. */
  get tries(): readonly WebhookTryNote[] {
    return this.#tries;
  }

  /** Takes in a line of a Lambda's log. A line that is none of these, or no JSON, tells nothing. */
  take(logicalId: string, line: string): void {
    if (logicalId !== 'SweepFunction' && logicalId !== 'SendWebhooksFunction') return;
    const entry = parsed(line);
    const message = String(entry.message ?? '');
    const at = String(entry.timestamp ?? '');
    if (logicalId === 'SweepFunction') this.#takeSweep(entry, message, at);
    const outcome = OUTCOMES.find(([beginning]) => message.startsWith(beginning))?.[1];
    if (logicalId === 'SendWebhooksFunction' && outcome !== undefined) {
      const tried = {
        ...(entry as unknown as Omit<WebhookTryNote, 'at' | 'outcome'>),
        at,
        outcome,
      };
      this.#tries = [onlyNoted(tried), ...this.#tries].slice(0, KEPT_TRIES);
    }
  }

  #takeSweep({ expired, scheduled }: Record<string, unknown>, message: string, at: string): void {
    if (message === SWEEP_STARTED) this.#sweep = { startedAt: at };
    else if (typeof expired === 'number' && typeof scheduled === 'number')
      this.#sweep = { startedAt: this.#sweep?.startedAt ?? at, endedAt: at, expired, scheduled };
  }
}

const onlyNoted = (entry: WebhookTryNote): WebhookTryNote => {
  const { at, webhookId, type, try: number, outcome, status, error, durationMs, nextTryAt } = entry;
  return {
    ...{ at, webhookId, type, try: number, outcome, durationMs },
    ...(status !== undefined && { status }),
    ...(error !== undefined && { error: String(error) }),
    ...(nextTryAt !== undefined && { nextTryAt }),
  };
};

const parsed = (line: string): Record<string, unknown> => {
  try {
    const value = JSON.parse(line);
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
};
