/** Something that follows a table's writes and may lag behind them: an index, or the copy that is read eventually. */
import type { Item } from '../../functions/table/item.ts';

/** One write of an item: as it was before and is after; undefined where there is none. */
export interface Change {
  readonly keyText: string;
  readonly before: Item | undefined;
  readonly after: Item | undefined;
}

/** Sees the table's writes in their order, each at once, or later while it lags. */
export class Follower {
  readonly #see: (change: Change) => void;
  #unseen: Change[] = [];
  #lags = false;

  /** @param see called with each write when it is seen */
  constructor(see: (change: Change) => void = () => {}) {
    this.#see = see;
  }

  /** Whether it waits to be told to catch up. */
  get lags(): boolean {
    return this.#lags;
  }

  /** The writes that it has not seen yet, in their order. */
  get unseen(): readonly Change[] {
    return this.#unseen;
  }

  /** From now on it sees nothing until it is told to. */
  lag(): void {
    this.#lags = true;
  }

  /** Sees what it has not seen, and from now on everything at once. */
  catchUp(): void {
    this.#lags = false;
    for (const change of this.#unseen.splice(0)) this.#see(change);
  }

  follow(change: Change): void {
    if (this.#lags) this.#unseen.push(change);
    else this.#see(change);
  }

  /** An item as it sees it. */
  seen(keyText: string, item: Item | undefined): Item | undefined {
    const first = this.#unseen.find((change) => change.keyText === keyText);
    return first ? first.before : item;
  }

  /** Stands where another one does. */
  standLike(other: Follower): void {
    this.#unseen = [...other.#unseen];
    this.#lags = other.#lags;
  }
}
