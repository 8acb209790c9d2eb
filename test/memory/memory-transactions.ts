/** The port `Transactions` over tables in memory: all writes are made at once, or none. */

import type { AnyOf } from '../../functions/table/conditional-write.ts';
import type { Item } from '../../functions/table/item.ts';
import type {
  FoundByWrite,
  TransactedWrite,
  TransactionAnswer,
  Transactions,
} from '../../functions/table/transaction.ts';
import { ValidationException } from './attribute-value.ts';
import { fulfils } from './conditional-writes.ts';
import type { TableState } from './table-state.ts';

export class MemoryTransactions implements Transactions {
  readonly #tables: ReadonlyMap<string, TableState>;

  /** @param tables by their names */
  constructor(tables: ReadonlyMap<string, TableState>) {
    this.#tables = tables;
  }

  async transact(writes: readonly TransactedWrite[]): Promise<TransactionAnswer> {
    return transactedIn(this.#tables, writes);
  }
}

/** Most writes of one transaction (Amazon DynamoDB API Reference, TransactWriteItems). */
const MAX_WRITES = 100;

/**
 * Everything is judged before anything is written: what one write is not taken for keeps all from being made.
 *
 * @throws ValidationException for what DynamoDB does not take, such as two writes of one item
 */
export const transactedIn = (
  tables: ReadonlyMap<string, TableState>,
  writes: readonly TransactedWrite[],
): TransactionAnswer => {
  if (writes.length === 0 || writes.length > MAX_WRITES) {
    throw new ValidationException(`Member must have length between 1 and ${MAX_WRITES}, got ${writes.length}`);
  }
  const seen = writes.map((write) => {
    const state = tables.get(write.table);
    if (state === undefined) throw new ValidationException(`there is no table ${write.table}`);
    const key = state.keyOf(write.kind === 'put' ? write.item : write.key);
    // What can be told from the request alone is told before any condition is looked at.
    if (write.kind === 'put') state.itemOf(write.item);
    if (write.kind === 'update') state.expectNoKeyIn(write.write);
    return { write, state, key, found: state.get(key) };
  });
  const keys = seen.map(({ write: { table }, key }) => JSON.stringify([table, key]));
  if (new Set(keys).size < keys.length) {
    throw new ValidationException('Transaction request cannot include multiple operations on one item');
  }
  const judged = seen.map(
    ({ write, found }): FoundByWrite => (isAllowed(write, found) ? { refused: false } : { refused: true, found }),
  );
  if (judged.some(({ refused }) => refused)) return { kind: 'refused', writes: judged };
  const made = seen.map(({ write, state, key }) => ({ state, key, item: itemMade(state, key, write) }));
  for (const { state, key, item } of made) {
    if (item === undefined) state.delete(key);
    else state.put(item);
  }
  return { kind: 'made' };
};

/** The item that a write leaves; undefined for none. */
const itemMade = (state: TableState, key: Item, write: TransactedWrite): Item | undefined => {
  switch (write.kind) {
    case 'put':
      return write.item;
    case 'update':
      return state.updated(key, write.write);
    case 'delete':
      return undefined;
  }
};

const isAllowed = (write: TransactedWrite, found: Item | undefined): boolean =>
  write.kind === 'update' ? fulfils(found, write.write.condition) : holdsOne(found, write.anyOf);

const holdsOne = (found: Item | undefined, anyOf: AnyOf): boolean => anyOf.some((clauses) => fulfils(found, clauses));
