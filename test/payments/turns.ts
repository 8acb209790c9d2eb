/**
 * Whose turn it is. Everybody who takes part (a customer, a process of the shop, a request on its way) stops before each step
 * until it is his turn; one goes on at a time. So each order of steps is one list of choices, and nothing takes any time.
 */

interface Waiting {
  readonly who: string;
  readonly what: string;
  /** Not before this time, epoch ms. */
  readonly dueMs: number;
  /** Whether whoever waits may be gone instead: a process of the shop that crashes. */
  readonly mayCrash: boolean;
  readonly go: () => void;
}

/** How a step is chosen: which of those who are due, and whether it is made at all. */
export interface Director {
  /** @param waiting at least one; those who are due now @param last who went last */
  choose(waiting: readonly Pick<Waiting, 'who'>[], last: string | undefined): number;
  crashes(who: string): boolean;
  /** How far the time moves on before the next step, ms. */
  movesBy(nowMs: number): number;
  /** After each step, when everybody waits. */
  afterStep(): void;
  note(text: () => string): void;
}

/** Steps after which somebody goes round in circles. */
const MOST_STEPS = 20_000;

/** Thrown for a history that does not come to an end. */
export class EndlessError extends Error {
  override readonly name = 'EndlessError';
}

export class Turns {
  nowMs: number;
  readonly #director: Director;
  #waiting: Waiting[] = [];
  #failure: { readonly error: unknown } | undefined;
  steps = 0;

  constructor(startMs: number, director: Director) {
    this.nowMs = startMs;
    this.#director = director;
  }

  /** Stops until it is its turn. */
  turn(who: string, what: string, { afterMs = 0, mayCrash = false } = {}): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push({ who, what, dueMs: this.nowMs + afterMs, mayCrash, go: resolve });
    });
  }

  /** Lets somebody take part. An error of his ends the history. */
  start(act: () => Promise<void>): void {
    void act().catch((error: unknown) => {
      this.#failure ??= { error };
    });
  }

  /** Goes on until nobody takes part any more. @throws what one of them threw */
  async playOut(): Promise<void> {
    let last: string | undefined;
    await this.#allWait();
    while (this.#waiting.length > 0) {
      this.steps += 1;
      if (this.steps > MOST_STEPS) throw new EndlessError(`it has not come to rest after ${MOST_STEPS} steps`);
      this.nowMs += this.#director.movesBy(this.nowMs);
      let due = this.#waiting.filter(({ dueMs }) => dueMs <= this.nowMs);
      if (due.length === 0) {
        this.nowMs = Math.min(...this.#waiting.map(({ dueMs }) => dueMs));
        due = this.#waiting.filter(({ dueMs }) => dueMs <= this.nowMs);
      }
      const next = due[this.#director.choose(due, last)];
      if (next === undefined) throw new Error('a turn was given to nobody');
      this.#waiting = this.#waiting.filter((each) => each !== next);
      last = next.who;
      if (next.mayCrash && this.#director.crashes(next.who)) {
        this.#director.note(() => `${next.who} crashes before it ${next.what}`);
      } else {
        this.#director.note(() => `${next.who} ${next.what}`);
        next.go();
        await this.#allWait();
      }
      this.#director.afterStep();
    }
  }

  /** Nothing here waits for anything but turns, so that all is done that can be before the event loop goes on. */
  async #allWait(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    if (this.#failure) throw this.#failure.error;
  }
}
