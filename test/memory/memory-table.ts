/** The port `Table` over a table in memory: what DynamoDbTable does by requests, done at once. */
import type { Clause, ConditionalWrite } from '../../functions/table/conditional-write.ts';
import type { Item } from '../../functions/table/item.ts';
import type {
  BatchedWriteAnswer,
  IndexPage,
  IndexQuery,
  KeyedWrite,
  Table,
  WriteAnswer,
} from '../../functions/table/table.ts';
import { only, ValidationException } from './attribute-value.ts';
import type { TableState } from './table-state.ts';

export class MemoryTable implements Table {
  readonly #state: TableState;

  constructor(state: TableState) {
    this.#state = state;
  }

  async create(item: Item, keyAttribute: string): Promise<WriteAnswer> {
    return createdIn(this.#state, item, keyAttribute);
  }

  async write(key: Item, write: ConditionalWrite): Promise<WriteAnswer> {
    return this.#state.update(key, write, { mayCreate: true });
  }

  async writeMany(writes: readonly KeyedWrite[]): Promise<BatchedWriteAnswer[]> {
    return writes.map((each) => writtenIn(this.#state, each));
  }

  async get(key: Item): Promise<Item | undefined> {
    return this.#state.get(key);
  }

  async getMany(keys: readonly Item[], options: Parameters<Table['getMany']>[1]): Promise<Item[]> {
    return foundIn(this.#state, keys, options);
  }

  async query(query: IndexQuery): Promise<IndexPage> {
    return this.#state.query(query);
  }

  async scan(
    condition: readonly Clause[],
    attributes: readonly string[],
    cursor: Item | undefined,
  ): Promise<IndexPage> {
    return scannedIn(this.#state, condition, attributes, cursor);
  }

  async count(query: IndexQuery): Promise<number> {
    return countedIn(this.#state, query);
  }
}

/** @throws ValidationException for what DynamoDB does not take */
export const createdIn = (state: TableState, item: Item, keyAttribute: string): WriteAnswer => {
  const answer = state.put(item, [{ attribute: keyAttribute, is: 'absent' }]);
  return answer.kind === 'made' ? { kind: 'made', item } : answer;
};

/** One write of many: an UPDATE of PartiQL never creates an item, and answers without it. */
export const writtenIn = (state: TableState, { key, write }: KeyedWrite): BatchedWriteAnswer => {
  try {
    const answer = state.update(key, write, { mayCreate: false });
    return answer.kind === 'made' ? { kind: 'made', item: undefined } : answer;
  } catch (error) {
    return { kind: 'failed', error: error instanceof Error ? error : new Error(String(error)) };
  }
};

/** @throws ValidationException for a key that is given twice */
export const foundIn = (
  state: TableState,
  keys: readonly Item[],
  { consistent, attributes }: { readonly consistent: boolean; readonly attributes?: readonly string[] | undefined },
): Item[] => {
  if (new Set(keys.map((key) => JSON.stringify(key))).size < keys.length) {
    throw new ValidationException('Provided list of item keys contains duplicates');
  }
  const items = keys
    .map((key) => (consistent ? state.get(key) : state.getEventually(key)))
    .filter((item) => item !== undefined);
  return attributes ? items.map((item) => only(item, attributes)) : items;
};

export const scannedIn = (
  state: TableState,
  condition: readonly Clause[],
  attributes: readonly string[],
  cursor: Item | undefined,
): IndexPage => {
  const page = state.scan(condition, cursor);
  return { ...page, items: page.items.map((item) => only(item, attributes)) };
};

export const countedIn = (state: TableState, query: IndexQuery): number => {
  let count = 0;
  let { cursor } = query;
  do {
    const page: IndexPage = state.query({ ...query, cursor });
    count += page.items.length;
    cursor = page.cursor;
  } while (cursor !== undefined);
  return count;
};
