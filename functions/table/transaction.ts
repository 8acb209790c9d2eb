/** Writes of several items, in one table or more, that are made all or not at all. How they are said to DynamoDB is in expressions.ts. */
import type { AnyOf, ConditionalWrite } from './conditional-write.ts';
import type { Item } from './item.ts';

/** One write of a transaction. No two of them are of the same item. */
export type TransactedWrite =
  /** An item in place of whatever has its key. */
  | { readonly kind: 'put'; readonly table: string; readonly item: Item; readonly anyOf: AnyOf }
  | { readonly kind: 'update'; readonly table: string; readonly key: Item; readonly write: ConditionalWrite }
  | { readonly kind: 'delete'; readonly table: string; readonly key: Item; readonly anyOf: AnyOf };

/** What the condition of one write found. */
export type FoundByWrite =
  | { readonly refused: false }
  /** Undefined if there is no such item. */
  | { readonly refused: true; readonly found: Item | undefined };

/**
 * The answer to a transaction. made: now, or by an earlier try of this very transaction whose answer was lost.
 * refused: at least one condition did not hold; there is one entry for each write, in their order. busy: another write was at
 * one of the items, or the table was throttled; nothing was made, and another try makes sense.
 */
export type TransactionAnswer =
  | { readonly kind: 'made' }
  | { readonly kind: 'refused'; readonly writes: readonly FoundByWrite[] }
  | { readonly kind: 'busy'; readonly reason: string };

export interface Transactions {
  /**
   * Makes all writes or none, in one try.
   *
   * @throws Error of the engine, if they are neither made nor refused nor in somebody's way
   */
  transact(writes: readonly TransactedWrite[]): Promise<TransactionAnswer>;
}
