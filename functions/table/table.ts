/** A table as the service uses it: what it asks of whatever keeps the items. */
import type { Clause, ConditionalWrite } from './conditional-write.ts';
import type { Item } from './item.ts';

/**
 * The answer to a conditional write. made: now, or by an earlier try of this very write whose answer was lost.
 * refused: its condition did not hold; `found` is the item as it was then, undefined if there is none.
 */
export type WriteAnswer =
  | { readonly kind: 'made'; readonly item: Item | undefined }
  | { readonly kind: 'refused'; readonly found: Item | undefined };

/** Of many writes each has its own answer. unread: refused, and the item could not be read. */
export type BatchedWriteAnswer =
  | WriteAnswer
  | { readonly kind: 'unread' }
  | { readonly kind: 'failed'; readonly error: Error };

/** One write of many. */
export interface KeyedWrite {
  readonly key: Item;
  readonly write: ConditionalWrite;
}

/** Items of one partition of an index whose sort key lies in a range, in its order. */
export interface IndexQuery {
  readonly index: string;
  readonly partition: Readonly<Record<string, number>>;
  readonly sortKey: string;
  readonly from: number;
  readonly through: number;
  readonly limit?: number;
  /** Where the last page ended. */
  readonly cursor?: Item | undefined;
}

export interface IndexPage {
  readonly items: readonly Item[];
  /** Absent on the last page. */
  readonly cursor?: Item;
}

export interface Table {
  /**
   * Creates an item on condition that there is none with its key.
   *
   * @param keyAttribute name of an attribute of the key
   * @throws Error of the engine, if it is neither made nor refused
   */
  create(item: Item, keyAttribute: string): Promise<WriteAnswer>;
  /**
   * Makes one conditional write. A `made` answer has the item as it is then.
   *
   * @throws Error of the engine, if it is neither made nor refused
   */
  write(key: Item, write: ConditionalWrite): Promise<WriteAnswer>;
  /**
   * Makes many conditional writes, each by itself, in as few round trips as the engine allows. Never throws.
   *
   * @param writes no key twice
   */
  writeMany(writes: readonly KeyedWrite[]): Promise<BatchedWriteAnswer[]>;
  /** An item, read consistently. */
  get(key: Item): Promise<Item | undefined>;
  /**
   * Items by their keys, in any order. Those that do not exist are left out.
   *
   * @param attributes which are asked for; all if absent
   * @param settle whether to ask again for keys that the engine left unprocessed; else they are left out too
   */
  getMany(
    keys: readonly Item[],
    options: { readonly consistent: boolean; readonly attributes?: readonly string[]; readonly settle: boolean },
  ): Promise<Item[]>;
  query(query: IndexQuery): Promise<IndexPage>;
  /**
   * A page of all the table's items that fulfil a condition: what a megabyte of items holds.
   *
   * @param attributes which are asked for
   * @param cursor where the last page ended
   */
  scan(condition: readonly Clause[], attributes: readonly string[], cursor: Item | undefined): Promise<IndexPage>;
  /** How many items a query would give, over all its pages. */
  count(query: IndexQuery): Promise<number>;
}

/** A table whose items may be deleted. */
export interface DeletingTable extends Table {
  /**
   * Deletes an item on condition. Of one that does not exist, the condition fails, unless an earlier try of this very
   * request has deleted it.
   *
   * @throws Error of the engine, if it is neither made nor refused
   */
  delete(key: Item, condition: readonly Clause[]): Promise<WriteAnswer>;
}

/** Items of one partition of an index whose partition key is text, the highest sort key first. */
export interface ListQuery {
  readonly index: string;
  readonly partition: readonly [attribute: string, text: string];
  readonly limit: number;
  /** Where the last page ended. */
  readonly cursor?: Item | undefined;
}

/** A table with indexes that are read from their end. */
export interface ListedTable extends Table {
  newestFirst(query: ListQuery): Promise<IndexPage>;
}
