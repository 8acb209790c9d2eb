/** The port `Transactions` over tables in memory: all writes are made at once, or none. */

import type { Item } from '../../functions/table/item.ts';
import type {
  AnyOf,
  FoundByWrite,
  TransactedWrite,
  TransactionAnswer,
  Transactions,
} from '../../functions/table/transaction.ts';
import { ValidationException } from './attribute-value.ts';
import { changed, fulfils } from './conditional-writes.ts';
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

/** @throws ValidationException for what DynamoDB does not take, such as two writes of one item */
export const transactedIn = (
  tables: ReadonlyMap<string, TableState>,
  writes: readonly TransactedWrite[],
): TransactionAnswer => {
  const seen = writes.map((write) => {
    const state = tables.get(write.table);
    if (state === undefined) throw new ValidationException(`there is no table ${write.table}`);
    const key = state.keyOf(write.kind === 'put' ? write.item : write.key);
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
  for (const { write, state, key, found } of seen) {
    if (write.kind === 'delete') state.delete(key);
    else state.put(write.kind === 'put' ? write.item : changed(found ?? key, write.write));
  }
  return { kind: 'made' };
};

const isAllowed = (write: TransactedWrite, found: Item | undefined): boolean =>
  write.kind === 'update' ? fulfils(found, write.write.condition) : holdsOne(found, write.anyOf);

const holdsOne = (found: Item | undefined, anyOf: AnyOf): boolean => anyOf.some((clauses) => fulfils(found, clauses));
