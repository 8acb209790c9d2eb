/** All that is left to chance in a history, as one list of numbers: the list repeats the history, and a shorter list a simpler one. */

/** A small generator of pseudo-random numbers (mulberry32): 32 bits each. */
const randomFrom = (seed: number): (() => number) => {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
};

/** Each choice is a number of which 0 is the plainest: nothing fails, nobody waits, the one who is at it goes on. */
export class Choices {
  readonly taken: number[] = [];
  readonly #next: (index: number, options: number) => number;

  private constructor(next: (index: number, options: number) => number) {
    this.#next = next;
  }

  static random(seed: number): Choices {
    const random = randomFrom(seed);
    return new Choices((_, options) => random() % options);
  }

  /** @param given the choices of an earlier history; what comes after them is the plainest */
  static again(given: readonly number[]): Choices {
    return new Choices((index, options) => (given[index] ?? 0) % options);
  }

  /** A whole number from 0 to `options` - 1. */
  pick(options: number): number {
    const chosen = this.#next(this.taken.length, options);
    this.taken.push(chosen);
    return chosen;
  }

  /** One of these; the first is the plainest. */
  of<T>(options: readonly [T, ...T[]]): T {
    return options[this.pick(options.length)] ?? options[0];
  }

  /** Whether something happens that has this chance. */
  chance(percent: number): boolean {
    return this.pick(1_000) >= 1_000 - percent * 10;
  }
}

/**
 * Simplifies a list of choices as long as what it leads to stays: parts are left out, then numbers made smaller.
 *
 * @param holds whether a list still leads to it
 * @param most how many lists are tried at the most
 */
export const simplified = async (
  given: readonly number[],
  holds: (choices: readonly number[]) => Promise<boolean>,
  most: number,
): Promise<readonly number[]> => {
  let best = given;
  let tries = 0;
  const attempt = async (candidate: readonly number[]): Promise<boolean> => {
    if (tries >= most) return false;
    tries += 1;
    if (!(await holds(candidate))) return false;
    best = candidate;
    return true;
  };
  for (let before: readonly number[] | undefined; before !== best && tries < most; ) {
    before = best;
    for (let size = Math.max(1, best.length >> 1); size >= 1; size >>= 1) {
      for (let at = 0; at < best.length && tries < most; ) {
        const without = [...best.slice(0, at), ...best.slice(at + size)];
        if (!(await attempt(without))) at += size;
      }
    }
    for (let at = 0; at < best.length && tries < most; at += 1) {
      const value = best[at] ?? 0;
      for (const smaller of new Set([0, value >> 1, value - 1])) {
        if (smaller >= value || smaller < 0) continue;
        if (await attempt(best.with(at, smaller))) break;
      }
    }
  }
  return best;
};
