/**
 * A sparse index: items that have both of its attributes, by partition and in the order of its sort key. Made for many
 * items: it sorts a partition when it is read, and forgets removed entries when they are half of it.
 */
import type { Item } from '../../functions/table/item.ts';
import { compareNumbers, only } from './attribute-value.ts';

/** What an index is made of. Both keys are numbers. */
export interface IndexSchema {
  readonly name: string;
  readonly partition: string;
  readonly sort: string;
  /** Attributes that it holds beside the keys. */
  readonly projected: readonly string[];
}

interface Entry {
  readonly keyText: string;
  readonly sortDigits: string;
  readonly item: Item;
  isRemoved: boolean;
}

interface Partition {
  entries: Entry[];
  removed: number;
  isSorted: boolean;
}

/** Where a page begins: after this sort key and table key. */
export interface Position {
  readonly sortDigits: string;
  readonly keyText: string;
}

export class SortedIndex {
  readonly #schema: IndexSchema;
  readonly #keyName: string;
  readonly #partitions = new Map<string, Partition>();
  readonly #entries = new Map<string, { readonly entry: Entry; readonly partition: Partition }>();

  constructor(schema: IndexSchema, keyName: string) {
    this.#schema = schema;
    this.#keyName = keyName;
  }

  /** Takes in an item as it is after a write; undefined if it was deleted. */
  put(keyText: string, item: Item | undefined): void {
    const [partitionDigits, sortDigits] = [item?.[this.#schema.partition]?.N, item?.[this.#schema.sort]?.N];
    const old = this.#entries.get(keyText);
    const isIn = item !== undefined && partitionDigits !== undefined && sortDigits !== undefined;
    if (old) this.#remove(keyText, old);
    if (!isIn) return;
    const partition = this.#partitionOf(partitionDigits);
    const entry = { keyText, sortDigits, item: this.#project(item), isRemoved: false };
    const last = partition.entries.at(-1);
    partition.isSorted &&= last === undefined || inOrder(last, entry) < 0;
    partition.entries.push(entry);
    this.#entries.set(keyText, { entry, partition });
  }

  /** Items of a partition from a position on, in order, lazily. */
  *from(partitionDigits: string, from: string, after: Position | undefined): Generator<Entry> {
    const partition = this.#partitions.get(partitionDigits);
    if (partition === undefined) return;
    if (!partition.isSorted) partition.entries.sort(inOrder);
    partition.isSorted = true;
    const { entries } = partition;
    const isBefore = (entry: Entry): boolean =>
      compareNumbers(entry.sortDigits, from) < 0 || (after !== undefined && inOrder(entry, after) <= 0);
    for (let place = placeOfFirst(entries, isBefore); place < entries.length; place += 1) {
      const entry = entries[place];
      if (entry && !entry.isRemoved) yield entry;
    }
  }

  #partitionOf(digits: string): Partition {
    let partition = this.#partitions.get(digits);
    if (partition === undefined) {
      partition = { entries: [], removed: 0, isSorted: true };
      this.#partitions.set(digits, partition);
    }
    return partition;
  }

  #remove(keyText: string, { entry, partition }: { readonly entry: Entry; readonly partition: Partition }): void {
    entry.isRemoved = true;
    this.#entries.delete(keyText);
    partition.removed += 1;
    if (partition.removed * 2 <= partition.entries.length) return;
    partition.entries = partition.entries.filter(({ isRemoved }) => !isRemoved);
    partition.removed = 0;
  }

  #project(item: Item): Item {
    const { partition, sort, projected } = this.#schema;
    return only(item, [this.#keyName, partition, sort, ...projected]);
  }
}

/** By sort key, and by table key where that is the same: so a page goes on where the last one ended. */
const inOrder = (one: Position, other: Position): number =>
  compareNumbers(one.sortDigits, other.sortDigits) ||
  (one.keyText < other.keyText ? -1 : one.keyText > other.keyText ? 1 : 0);

/** The place of the first entry that is not before something, in a sorted list. */
const placeOfFirst = <T>(entries: readonly T[], isBefore: (entry: T) => boolean): number => {
  let low = 0;
  let high = entries.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (isBefore(entries[middle] as T)) low = middle + 1;
    else high = middle;
  }
  return low;
};
