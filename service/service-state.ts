/** What goes on behind the bookings of a running service: its queues, alarms, sweeps and webhooks. */
import { GetQueueAttributesCommand, SQSClient } from '@aws-sdk/client-sqs';
import { LOCAL_CREDENTIALS, REGION } from '../local/account.ts';
import type { AlarmState } from '../local/alarms.ts';
import type { LocalRuntime } from '../local/runtime.ts';
import type { LogNotes, SweepNote, WebhookTryNote } from './log-notes.ts';

export interface ServiceState {
  /** When it was so, ISO 8601. */
  readonly asOf: string;
  /** Timers that wait for their time, and those that a Lambda has now. */
  readonly timers: { readonly waiting: number; readonly inFlight: number };
  readonly deadLetters: readonly { readonly queue: string; readonly count: number }[];
  readonly alarms: readonly {
    readonly name: string;
    readonly state: AlarmState['state'];
    readonly description: string;
    readonly since: string;
  }[];
  readonly sweep: {
    readonly last?: SweepNote;
    /** Null where it sweeps only when it is told to. */
    readonly nextAt: string | null;
  };
  /** Absent where no webhooks are sent. */
  readonly webhooks?: {
    /** Those that were never tried, and those that wait for another try. */
    readonly waiting: number;
    readonly retrying: number;
    readonly tries: readonly WebhookTryNote[];
  };
}

/** Alarms are measured and evaluated this often, ms: as often as the runtime does it by itself. */
const CHECK_ALARMS_MS = 5_000;

const DEAD_LETTERS = /^(.*?)DeadLetterQueueUrl$/;

export class ServiceStateReader {
  readonly #runtime: LocalRuntime;
  readonly #notes: LogNotes;
  readonly #sqs: SQSClient;
  #alarms: readonly AlarmState[] = [];
  #alarmsAtMs = Number.NEGATIVE_INFINITY;

  constructor(runtime: LocalRuntime, notes: LogNotes) {
    this.#runtime = runtime;
    this.#notes = notes;
    this.#sqs = new SQSClient({ region: REGION, credentials: LOCAL_CREDENTIALS, endpoint: runtime.sqsEndpoint });
  }

  /** @throws Error if an engine does not answer */
  async read(): Promise<ServiceState> {
    const { outputs } = this.#runtime;
    const { TimerQueueUrl, WebhookQueueUrl, WebhookRetryQueueUrl } = outputs;
    const deadLetterQueues = Object.entries(outputs).filter(([name]) => DEAD_LETTERS.test(name));
    const [timers, fresh, retrying, deadLetters] = await Promise.all([
      this.#count(TimerQueueUrl),
      this.#count(WebhookQueueUrl),
      this.#count(WebhookRetryQueueUrl),
      Promise.all(
        deadLetterQueues.map(async ([name, url]) => {
          const { waiting, inFlight } = await this.#count(url);
          return { queue: wordsOf(name), count: waiting + inFlight };
        }),
      ),
    ]);
    const { sweep, tries } = this.#notes;
    const nextAtMs = this.#runtime.nextSchedules().find(({ logicalId }) => logicalId === 'SweepFunction')?.atMs;
    return {
      asOf: new Date().toISOString(),
      timers,
      deadLetters,
      alarms: (await this.#checkedAlarms()).map(({ name, state, description, sinceMs }) => ({
        ...{ name, state, description },
        since: new Date(sinceMs).toISOString(),
      })),
      sweep: {
        ...(sweep && { last: sweep }),
        nextAt: nextAtMs === undefined ? null : new Date(nextAtMs).toISOString(),
      },
      ...(WebhookQueueUrl !== undefined && {
        webhooks: {
          waiting: fresh.waiting + fresh.inFlight,
          retrying: retrying.waiting + retrying.inFlight,
          tries,
        },
      }),
    };
  }

  stop(): void {
    this.#sqs.destroy();
  }

  async #checkedAlarms(): Promise<readonly AlarmState[]> {
    if (performance.now() - this.#alarmsAtMs >= CHECK_ALARMS_MS) {
      this.#alarmsAtMs = performance.now();
      this.#alarms = await this.#runtime.checkAlarms();
    }
    return this.#alarms;
  }

  async #count(QueueUrl: string | undefined): Promise<{ waiting: number; inFlight: number }> {
    if (QueueUrl === undefined) return { waiting: 0, inFlight: 0 };
    const { Attributes = {} } = await this.#sqs.send(
      new GetQueueAttributesCommand({
        QueueUrl,
        AttributeNames: [
          'ApproximateNumberOfMessages',
          'ApproximateNumberOfMessagesDelayed',
          'ApproximateNumberOfMessagesNotVisible',
        ],
      }),
    );
    return {
      waiting:
        Number(Attributes.ApproximateNumberOfMessages) + Number(Attributes.ApproximateNumberOfMessagesDelayed ?? 0),
      inFlight: Number(Attributes.ApproximateNumberOfMessagesNotVisible ?? 0),
    };
  }
}

/** The words that alarms and the runbook use: `schedule-expiry` of `ScheduleExpiryDeadLetterQueueUrl`. */
const wordsOf = (outputName: string): string =>
  outputName
    .replace(DEAD_LETTERS, '$1')
    .replace(/(?!^)([A-Z])/g, '-$1')
    .toLowerCase();
