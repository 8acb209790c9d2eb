/** Lets processes send their requests one at a time, in an order that is given. */
import { setImmediate } from 'node:timers/promises';

export class Turns {
  readonly #waiting: (() => void)[] = [];
  #underWay = 0;
  /** How many requests were sent: the one clock by which calls and answers are ordered. */
  sent = 0;

  /** Waits for a turn, and sends. */
  async take<T>(send: () => Promise<T>): Promise<T> {
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await send();
    } finally {
      this.#underWay -= 1;
    }
  }

  /**
   * Gives turns until nobody wants one.
   *
   * @param picks whose turn it is, again and again
   * @param between called after each request
   */
  async run(picks: readonly number[], between: () => Promise<void>): Promise<void> {
    for (let turn = 0; ; turn += 1) {
      await this.#quiet();
      if (turn > 0) await between();
      const pick = (picks[turn % picks.length] ?? 0) % Math.max(1, this.#waiting.length);
      const [next] = this.#waiting.splice(pick, 1);
      if (next === undefined) return;
      this.#underWay += 1;
      this.sent += 1;
      next();
    }
  }

  /** Until every process waits for its turn or has ended. */
  async #quiet(): Promise<void> {
    do await setImmediate();
    while (this.#underWay > 0);
    await setImmediate();
  }
}
