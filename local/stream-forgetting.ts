/** Keeps the embedded DynamoDB's streams short while the runtime runs. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { EventSourceMapping } from './event-source-mapping.ts';
import type { StreamRecords } from './stream-records.ts';

/**
 * Records that stay in each stream although every reader of the template has passed them: for programs of the user's own,
 * which may read the stream too. The engine describes a stream by looking at all of its records, 0.2 ms for each thousand.
 */
const KEPT_ANYWAY = 10_000;
const PERIOD_MS = 1_000;
/** Between two batches: the engine's writes go first. */
const BREATH_MS = 10;

/** Forgets, again and again, what is older than a day or has been passed by all. */
export class StreamForgetting {
  readonly #records: StreamRecords;
  readonly #mappings: readonly EventSourceMapping[];
  readonly #onProblem: (problem: string) => void;
  readonly #keptAnyway: number;
  readonly #stopping = new AbortController();
  #running: Promise<void> | undefined;

  constructor(
    records: StreamRecords,
    mappings: readonly EventSourceMapping[],
    onProblem: (problem: string) => void,
    keptAnyway = KEPT_ANYWAY,
  ) {
    this.#records = records;
    this.#mappings = mappings;
    this.#onProblem = onProblem;
    this.#keptAnyway = keptAnyway;
  }

  start(): void {
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    try {
      while (!this.#stopping.signal.aborted) {
        await this.#pause(PERIOD_MS);
        for (const table of this.#records.tables()) {
          while (!this.#stopping.signal.aborted && this.#forget(table)) await this.#pause(BREATH_MS);
        }
      }
    } catch (error) {
      this.#onProblem(`stream records are not forgotten any more: ${error instanceof Error ? error.message : error}`);
    }
  }

  #forget(table: string): boolean {
    return this.#records.forget(table, passedByAll(this.#mappings, table), this.#keptAnyway);
  }

  async #pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { ref: false, signal: this.#stopping.signal }).catch(() => {});
  }
}

/**
 * Up to which sequence number every reader of the template has read a table's stream. 0 if one of them has not begun, or is
 * disabled and will want them all; and if the template has none, for then whoever reads is not known here.
 */
export const passedByAll = (mappings: readonly EventSourceMapping[], table: string): number => {
  const readers = mappings.filter(({ eventSourceArn }) => eventSourceArn.includes(`:table/${table}/stream/`));
  const passed = readers.map((reader) => reader.passed?.() ?? 0);
  return passed.length === 0 ? 0 : Math.min(...passed);
};
