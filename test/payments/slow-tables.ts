/** The service's tables as one of its servers reaches them: each request is a step, and some fail, carried out or not. */
import type { Item } from '../../functions/table/item.ts';
import type { BatchedWriteAnswer, Table, WriteAnswer } from '../../functions/table/table.ts';
import type { TransactedWrite, TransactionAnswer, Transactions } from '../../functions/table/transaction.ts';

/** What becomes of one request. unheard: it is carried out, and nobody hears of it. */
export type TableFate = 'fine' | 'failed' | 'unheard' | 'busy';

export interface TableGate {
  /** Waits until it is this request's turn. @param mayBeBusy whether another may be in its way */
  arrive(what: string, mayBeBusy: boolean): Promise<TableFate>;
}

/** An error of the kind that goes away. */
const brokenConnection = (): Error => Object.assign(new Error('the connection broke'), { name: 'TimeoutError' });

const carriedOut = async <T>(gate: TableGate, what: string, act: () => Promise<T>): Promise<T> => {
  const fate = await gate.arrive(what, false);
  if (fate === 'failed') throw brokenConnection();
  const answer = await act();
  if (fate === 'unheard') throw brokenConnection();
  return answer;
};

type UsedTable = Pick<Table, 'create' | 'write' | 'writeMany' | 'get' | 'getMany'>;

/** A table of which the payments need no lists. */
export const slowTable = (table: UsedTable, gate: TableGate): Table => {
  const used: UsedTable = {
    create: (item: Item, keyAttribute: string): Promise<WriteAnswer> =>
      carriedOut(gate, 'puts a booking', () => table.create(item, keyAttribute)),
    write: (key, write) => carriedOut(gate, 'writes the booking', () => table.write(key, write)),
    // It never throws: each write has its answer.
    writeMany: (writes): Promise<BatchedWriteAnswer[]> =>
      carriedOut(gate, 'writes bookings', () => table.writeMany(writes)).catch((error: Error) =>
        writes.map(() => ({ kind: 'failed', error })),
      ),
    get: (key) => carriedOut(gate, 'reads the booking', () => table.get(key)),
    getMany: (keys, options) => carriedOut(gate, 'reads slots', () => table.getMany(keys, options)),
  };
  return used as Table;
};

export const slowTransactions = (transactions: Transactions, gate: TableGate): Transactions => ({
  transact: async (writes: readonly TransactedWrite[]): Promise<TransactionAnswer> => {
    const fate = await gate.arrive('writes the booking with its slots', true);
    if (fate === 'failed') throw brokenConnection();
    if (fate === 'busy') return { kind: 'busy', reason: 'TransactionConflict' };
    const answer = await transactions.transact(writes);
    if (fate === 'unheard') throw brokenConnection();
    return answer;
  },
});
