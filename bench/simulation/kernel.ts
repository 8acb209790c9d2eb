/** A discrete-event simulation's time: events in order, promises that are due at a simulated time, and a seeded chance. */

/**
 * Simulated time in whole ms. Code under simulation awaits `sleep` and reads `now`; nothing takes real time. What is due at the
 * same millisecond is kept together, so that a million events need no more places in the heap than there are milliseconds.
 */
export class Kernel {
  #nowMs: number;
  readonly #due = new Map<number, (() => void)[]>();
  /** The milliseconds at which something is due: a heap, the earliest first. */
  readonly #times: number[] = [];

  constructor(startMs: number) {
    this.#nowMs = startMs;
  }

  readonly now = (): number => this.#nowMs;

  /** Runs something at a time; at once if the time has passed. */
  at(atMs: number, run: () => void): void {
    const dueMs = Math.max(Math.ceil(atMs), this.#nowMs);
    const together = this.#due.get(dueMs);
    if (together) {
      together.push(run);
      return;
    }
    this.#due.set(dueMs, [run]);
    this.#push(dueMs);
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => this.at(this.#nowMs + ms, resolve));
  }

  /** Lets time go on until nothing is left to happen, or a time is reached. */
  async run(untilMs: number): Promise<void> {
    for (let next = this.#times[0]; next !== undefined && next <= untilMs; next = this.#times[0]) {
      this.#nowMs = next;
      const together = this.#due.get(next) ?? [];
      // It grows while it is gone through: what is due at once comes last.
      for (let index = 0; index < together.length; index += 1) together[index]?.();
      this.#due.delete(next);
      this.#pop();
      // Whatever these events resolved goes on before time does.
      await new Promise(setImmediate);
    }
    this.#nowMs = Math.max(this.#nowMs, untilMs);
  }

  #push(timeMs: number): void {
    const heap = this.#times;
    let place = heap.length;
    heap.push(timeMs);
    while (place > 0) {
      const parent = (place - 1) >> 1;
      const above = heap[parent] as number;
      if (above <= timeMs) break;
      heap[place] = above;
      place = parent;
    }
    heap[place] = timeMs;
  }

  #pop(): void {
    const heap = this.#times;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let place = 0;
    for (;;) {
      let child = 2 * place + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && (heap[child + 1] as number) < (heap[child] as number)) child += 1;
      const below = heap[child] as number;
      if (below >= last) break;
      heap[place] = below;
      place = child;
    }
    heap[place] = last;
  }
}

/** Numbers from 0 to 1 that look random and are the same for the same seed (mulberry32). */
export const seededChance = (seed: number): (() => number) => {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
};

/** Something that is refilled at a rate up to a most, and taken from one by one. */
export class Allowance {
  #mostAtOnce: number;
  #perSecond: number;
  #left: number;
  #refilledAtMs: number;

  /** Full at first. */
  constructor(mostAtOnce: number, perSecond: number, nowMs: number) {
    this.#mostAtOnce = mostAtOnce;
    this.#perSecond = perSecond;
    this.#left = mostAtOnce;
    this.#refilledAtMs = nowMs;
  }

  /** Changes the most and the rate from now on. What is left stays left. */
  resize(mostAtOnce: number, perSecond: number, nowMs: number): void {
    this.#refill(nowMs);
    this.#mostAtOnce = mostAtOnce;
    this.#perSecond = perSecond;
  }

  /** How many whole ones may be taken. */
  left(nowMs: number): number {
    this.#refill(nowMs);
    return Math.floor(this.#left + 1e-9);
  }

  /** Takes one, or what is left of one. */
  take(nowMs: number): void {
    this.#refill(nowMs);
    this.#left = Math.max(0, this.#left - 1);
  }

  /** When there is one, if none is taken before. */
  nextAtMs(nowMs: number): number {
    this.#refill(nowMs);
    return nowMs + Math.max(0, ((1 - this.#left) * 1_000) / this.#perSecond);
  }

  #refill(nowMs: number): void {
    if (nowMs === this.#refilledAtMs) return;
    const more = ((nowMs - this.#refilledAtMs) * this.#perSecond) / 1_000;
    this.#left = Math.min(this.#mostAtOnce, this.#left + more);
    this.#refilledAtMs = nowMs;
  }
}
