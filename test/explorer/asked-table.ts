/** The port `Table` where every request is asked of whoever plays the world. */
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
import type { Request, TableName } from './requests.ts';

/** Resolves with the answer to a request, or rejects, whenever whoever plays the world decides. */
export type Ask = (request: Request) => Promise<unknown>;

/** Of many writes, what became of one: answered, or not tried because the table was busy. */
export type EachAnswer = BatchedWriteAnswer | 'throttled';

export class AskedTable implements Table {
  readonly #ask: Ask;
  readonly #on: TableName;
  readonly #isEmptyShard: (shard: number) => boolean;

  /** @param isEmptyShard whether nobody ever writes into a shard: then there is nothing to ask */
  constructor(ask: Ask, on: TableName, isEmptyShard: (shard: number) => boolean) {
    this.#ask = ask;
    this.#on = on;
    this.#isEmptyShard = isEmptyShard;
  }

  create(item: Item, keyAttribute: string): Promise<WriteAnswer> {
    return this.#ask({ do: 'create', on: this.#on, item, keyAttribute }) as Promise<WriteAnswer>;
  }

  write(key: Item, write: ConditionalWrite): Promise<WriteAnswer> {
    return this.#ask({ do: 'write', on: this.#on, key, write }) as Promise<WriteAnswer>;
  }

  /** What was not answered, or not tried, is written again one by one: as the table of DynamoDB does it. */
  async writeMany(writes: readonly KeyedWrite[]): Promise<BatchedWriteAnswer[]> {
    if (writes.length === 0) return [];
    const answers = (await this.#ask({ do: 'write many', on: this.#on, writes }).catch(() => [])) as EachAnswer[];
    return Promise.all(
      writes.map(({ key, write }, index) => {
        const answer = answers[index] ?? 'throttled';
        return answer === 'throttled' ? this.#writeAgain(key, write) : answer;
      }),
    );
  }

  #writeAgain(key: Item, write: ConditionalWrite): Promise<BatchedWriteAnswer> {
    const again: Request = { do: 'write', on: this.#on, key, write, mayHaveBeenMade: true };
    return this.#ask(again).catch((error) => ({ kind: 'failed', error })) as Promise<BatchedWriteAnswer>;
  }

  get(key: Item): Promise<Item | undefined> {
    return this.#ask({ do: 'get', on: this.#on, key }) as Promise<Item | undefined>;
  }

  getMany(keys: readonly Item[], { consistent, attributes }: Parameters<Table['getMany']>[1]): Promise<Item[]> {
    return this.#ask({ do: 'get many', on: this.#on, keys, consistent, attributes }) as Promise<Item[]>;
  }

  async query(query: IndexQuery): Promise<IndexPage> {
    const [shard = 0] = Object.values(query.partition);
    if (this.#isEmptyShard(shard)) return { items: [] };
    return this.#ask({ do: 'query', on: this.#on, query }) as Promise<IndexPage>;
  }

  scan(condition: readonly Clause[], attributes: readonly string[], cursor: Item | undefined): Promise<IndexPage> {
    return this.#ask({ do: 'scan', on: this.#on, condition, attributes, cursor }) as Promise<IndexPage>;
  }

  async count(): Promise<number> {
    throw new Error('nobody counts bookings in a small world');
  }
}
