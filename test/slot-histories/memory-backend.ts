/** Tables in memory behind a network that fails. It does above the tables what the SDK and its adapters do: three tries each. */
import { answerToRefused, answerToRefusedCreation, answerToRefusedTransaction } from '../../functions/table/answers.ts';
import type { Clause } from '../../functions/table/conditional-write.ts';
import type { Item } from '../../functions/table/item.ts';
import { SLOT_ATTRIBUTES } from '../../functions/table/shape.ts';
import type { DeletingTable, WriteAnswer } from '../../functions/table/table.ts';
import type { TransactedWrite, TransactionAnswer } from '../../functions/table/transaction.ts';
import { fulfils } from '../memory/conditional-writes.ts';
import { createdIn, foundIn, MemoryTable } from '../memory/memory-table.ts';
import { transactedIn } from '../memory/memory-transactions.ts';
import { BOOKINGS_SCHEMA } from '../memory/schemas.ts';
import { TableState } from '../memory/table-state.ts';
import type { TryFault } from '../support/unreliable-requests.ts';
import type { Backend, Operation } from './backend.ts';

const TRIES = 3;

/** @param knowsTokens whether a transaction that was made is recognized when it arrives again, as for ten minutes on AWS */
export const memoryBackend = (knowsTokens: boolean): Backend => {
  const bookings = new TableState(BOOKINGS_SCHEMA, { hasStream: false });
  const slots = new TableState({ key: SLOT_ATTRIBUTES.slotId }, { hasStream: false });
  const tables = new Map([
    ['bookings', bookings],
    ['slots', slots],
  ]);
  let late: (() => void)[] = [];
  let faultOf: (operation: string) => TryFault | undefined = () => undefined;

  /** @param heard what an answer means, by whether an earlier try may have been carried out */
  const send = <T>(
    operation: Operation,
    carryOut: () => T,
    heard = (answer: T, _wasTried: boolean): T => answer,
  ): T => {
    for (let tries = 0; tries < TRIES; tries += 1) {
      const fault = faultOf(operation);
      if (fault === 'answer-lost') carryOut();
      if (fault === 'held-back' || fault === 'repeated') late.push(carryOut);
      if (fault === undefined || fault === 'repeated') return heard(carryOut(), tries > 0);
    }
    throw Object.assign(new Error('no answer in time'), { name: 'TimeoutError' });
  };

  const transactOnce = (writes: readonly TransactedWrite[]) => {
    let isMade = false;
    return (): TransactionAnswer => {
      if (isMade && knowsTokens) return { kind: 'made' };
      const answer = transactedIn(tables, writes);
      isMade ||= answer.kind === 'made';
      return answer;
    };
  };

  const deleteOnce = (key: Item, condition: readonly Clause[]) => (): WriteAnswer => {
    const found = bookings.get(key);
    if (!fulfils(found, condition)) return { kind: 'refused', found };
    bookings.delete(key);
    return { kind: 'made', item: undefined };
  };

  class UnreliableTable extends MemoryTable implements DeletingTable {
    override async create(item: Item, keyAttribute: string): Promise<WriteAnswer> {
      return send(
        'PutItem',
        () => createdIn(bookings, item, keyAttribute),
        (answer, wasTried) =>
          answer.kind === 'refused' ? answerToRefusedCreation(answer.found, item, wasTried) : answer,
      );
    }

    override async write(...[key, write]: Parameters<MemoryTable['write']>): Promise<WriteAnswer> {
      return send(
        'UpdateItem',
        () => bookings.update(key, write, { mayCreate: true }),
        (answer, wasTried) => (answer.kind === 'refused' ? answerToRefused(answer.found, write, wasTried) : answer),
      );
    }

    async delete(key: Item, condition: readonly Clause[]): Promise<WriteAnswer> {
      return send('DeleteItem', deleteOnce(key, condition), (answer, wasTried) =>
        answer.kind === 'refused' && wasTried && answer.found === undefined
          ? { kind: 'made', item: undefined }
          : answer,
      );
    }

    override async get(key: Item): Promise<Item | undefined> {
      return send('GetItem', () => bookings.get(key));
    }
  }

  return {
    bookings: new UnreliableTable(bookings),
    slots: { getMany: async (keys, options) => send('BatchGetItem', () => foundIn(slots, keys, options)) },
    transactions: {
      transact: async (writes) =>
        send('TransactWriteItems', transactOnce(writes), (answer, wasTried) =>
          answer.kind === 'refused' ? answerToRefusedTransaction(writes, answer.writes, wasTried) : answer,
        ),
    },
    bookingsTable: 'bookings',
    slotsTable: 'slots',
    befallBy: (decide) => {
      faultOf = decide;
    },
    get lateRequests() {
      return late.length;
    },
    landLate: async () => {
      const landing = late;
      late = [];
      for (const carryOut of landing) carryOut();
    },
    items: async () => ({ bookings: [...bookings.items], slots: [...slots.items] }),
    isInstant: true,
    deleteSlot: async (slotId) => slots.delete({ [SLOT_ATTRIBUTES.slotId]: { S: slotId } }),
    end: async () => {},
  };
};
