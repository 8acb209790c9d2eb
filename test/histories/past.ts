/**
 * What reads see that are not consistent: the table and its index as they were a while ago. DynamoDB brings both up to date
 * within a moment as a rule, and promises no bound.
 */
import type { BatchGetItemCommandInput, QueryCommandInput } from '@aws-sdk/client-dynamodb';
import type { Item } from '../../functions/table/item.ts';
import { only } from '../memory/attribute-value.ts';

export type Items = ReadonlyMap<string, Item>;

/** What was in the tables at the end of a step. */
export interface Moment {
  readonly atMs: number;
  readonly items: Items;
  /** The sweeps' own notes. */
  readonly state: readonly Item[];
}

/** Answers reads from what was there; undefined for a read that sees what is there now, which the engine answers. */
export interface OldView {
  /** The answer to a query of a shard where nothing was. */
  emptyQuery(input: QueryCommandInput): object | undefined;
  query(input: QueryCommandInput): object | undefined;
  batchGet(input: BatchGetItemCommandInput): object | undefined;
}

const INDEX_ATTRIBUTES = ['bookingId', 'expiresAtMs', 'pendingShard', 'holdStartedAtMs'];

/** The item of an id, if there is one. */
export const found = (items: Items, id: string): Item[] => {
  const item = items.get(id);
  return item === undefined ? [] : [item];
};

/**
 * @param items what was there then
 * @param isOld whether that may be other than what is there now
 */
export const viewOf = (items: Items, isOld: boolean): OldView => {
  /** Rows of a query of the index by shard and deadlines: the only kind that the service makes. */
  const rowsOf = ({ ExpressionAttributeValues: values = {} }: QueryCommandInput): Item[] => {
    const [shard, from, through] = [':partition', ':from', ':through'].map((name) => Number(values[name]?.N));
    const isWithin = ({ expiresAtMs }: Item) =>
      Number(expiresAtMs?.N) >= (from ?? 0) && Number(expiresAtMs?.N) <= (through ?? 0);
    return [...items.values()]
      .filter((item) => Number(item.pendingShard?.N) === shard && isWithin(item))
      .sort((a, b) => Number(a.expiresAtMs?.N) - Number(b.expiresAtMs?.N))
      .map((item) => only(item, INDEX_ATTRIBUTES));
  };
  return {
    emptyQuery: (input) => (rowsOf(input).length === 0 ? { Items: [], Count: 0 } : undefined),
    query: (input) => {
      if (!isOld) return undefined;
      const Items = rowsOf(input);
      return { Items, Count: Items.length };
    },
    batchGet: ({ RequestItems = {} }) => {
      const [[table = '', { Keys = [], ConsistentRead = false } = {}] = []] = Object.entries(RequestItems);
      if (!isOld || ConsistentRead) return undefined;
      return { Responses: { [table]: Keys.flatMap(({ bookingId }) => found(items, bookingId?.S ?? '')) } };
    },
  };
};
