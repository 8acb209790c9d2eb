/** Plays histories of slots, each in tables of its own: in memory, or on an engine that is renewed now and then. */
import type { Engine } from '../../local/engines.ts';
import { openDynamoDb } from '../../local/open-engines.ts';
import type { Backend } from './backend.ts';
import { engineBackend } from './engine-backend.ts';
import { memoryBackend } from './memory-backend.ts';
import { Play } from './play.ts';
import type { Step } from './steps.ts';

/** Histories for one engine: it keeps what it has streamed, and gets slower with it. */
const HISTORIES_PER_ENGINE = 500;

export const SLOT_BACKENDS = ['slots', 'slots-on-engine'] as const;

export class SlotPlayer {
  readonly #where: (typeof SLOT_BACKENDS)[number];
  #engine: Engine | undefined;
  #played = 0;

  /** @param where slots: in memory. slots-on-engine: by the SDK on the embedded engine, or on the one at DYNAMODB_ENDPOINT */
  constructor(where: (typeof SLOT_BACKENDS)[number]) {
    this.#where = where;
  }

  /** @throws BrokenPromise if a promise does not hold */
  readonly play = async (history: readonly Step[]): Promise<void> => {
    // Both are met, each history always with the same one.
    const knowsTokens = history.length % 2 === 0;
    const backend = await this.#backend(knowsTokens);
    try {
      const play = new Play(backend);
      for (const step of history) await play.step(step);
      await play.end();
    } finally {
      await backend.end();
    }
  };

  async #backend(knowsTokens: boolean): Promise<Backend> {
    if (this.#where === 'slots') return memoryBackend(knowsTokens);
    if (this.#played % HISTORIES_PER_ENGINE === 0) {
      await this.stop();
      this.#engine = await openDynamoDb();
    }
    this.#played += 1;
    return engineBackend(this.#engine?.endpoint ?? '');
  }

  async stop(): Promise<void> {
    await this.#engine?.stop();
  }
}
