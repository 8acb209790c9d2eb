/** A discrete-event simulation's time: events in order, promises that are due at a simulated time, and a seeded chance. */

/** Simulated time in whole ms. Code under simulation awaits `sleep` and reads `now`; nothing takes real time. */
export class Kernel {
  #nowMs: number;
  readonly #heap: { readonly atMs: number; readonly order: number; readonly run: () => void }[] = [];
  #order = 0;

  constructor(startMs: number) {
    this.#nowMs = startMs;
  }

  readonly now = (): number => this.#nowMs;

  /** Runs something at a time; at once if the time has passed. */
  at(atMs: number, run: () => void): void {
    const heap = this.#heap;
    const event = { atMs: Math.max(Math.ceil(atMs), this.#nowMs), order: this.#order++, run };
    let place = heap.length;
    heap.push(event);
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (!isBefore(event, heap[parent])) break;
      heap[place] = heap[parent] as typeof event;
      place = parent;
    }
    heap[place] = event;
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => this.at(this.#nowMs + ms, resolve));
  }

  /** Lets time go on until nothing is left to happen, or a time is reached. */
  async run(untilMs: number): Promise<void> {
    for (let next = this.#heap[0]; next !== undefined && next.atMs <= untilMs; next = this.#heap[0]) {
      this.#nowMs = next.atMs;
      for (let due: typeof next | undefined = next; due !== undefined && due.atMs <= this.#nowMs; due = this.#heap[0]) {
        this.#pop();
        due.run();
      }
      // Whatever these events resolved goes on before time does.
      await new Promise(setImmediate);
    }
    this.#nowMs = Math.max(this.#nowMs, untilMs);
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let place = 0;
    for (;;) {
      let child = 2 * place + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1] as typeof last, heap[child])) child += 1;
      if (!isBefore(heap[child] as typeof last, last)) break;
      heap[place] = heap[child] as typeof last;
      place = child;
    }
    heap[place] = last;
  }
}

interface Ordered {
  readonly atMs: number;
  readonly order: number;
}

const isBefore = (one: Ordered, other: Ordered | undefined): boolean =>
  other !== undefined && (one.atMs < other.atMs || (one.atMs === other.atMs && one.order < other.order));

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
