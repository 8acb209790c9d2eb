/**
 * What reads see that are not consistent: the table and its index as they were a while ago. DynamoDB brings both up to date
 * within a moment as a rule, and promises no bound.
 */
import type { BatchGetItemCommandInput, QueryCommandInput } from '@aws-sdk/client-dynamodb';
import type { Item } from '../../functions/table/item.ts';
import { keyText } from '../../functions/table/key-text.ts';
import type { TableShape } from '../../functions/table/shape.ts';
import { only } from '../memory/attribute-value.ts';

/** Items by their names. */
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

/** The item of a name, if there is one. */
export const found = (items: Items, id: string): Item[] => {
  const item = items.get(id);
  return item === undefined ? [] : [item];
};

/**
 * @param shape what the table looks like
 * @param items what was there then
 * @param isOld whether that may be other than what is there now
 */
export const viewOf = ({ key, attributes }: TableShape, items: Items, isOld: boolean): OldView => {
  const { pendingShard, expiresAtMs, holdStartedAtMs } = attributes;
  const keyNames = [key.partition.name, ...(key.sort ? [key.sort.name] : [])];
  const inIndex = [...keyNames, expiresAtMs, pendingShard, holdStartedAtMs];
  const deadlineOf = (item: Item): number => Number(item[expiresAtMs]?.N);
  /** Rows of a query of the index by shard and deadlines: the only kind that the service makes. */
  const rowsOf = ({ ExpressionAttributeValues: values = {} }: QueryCommandInput): Item[] => {
    const [shard, from, through] = [':partition', ':from', ':through'].map((name) => Number(values[name]?.N));
    const isWithin = (item: Item) => deadlineOf(item) >= (from ?? 0) && deadlineOf(item) <= (through ?? 0);
    return [...items.values()]
      .filter((item) => Number(item[pendingShard]?.N) === shard && isWithin(item))
      .sort((a, b) => deadlineOf(a) - deadlineOf(b))
      .map((item) => only(item, inIndex));
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
      const byKey = new Map(Array.from(items.values(), (item) => [keyText({ key }, item) ?? '', item]));
      return { Responses: { [table]: Keys.flatMap((each) => found(byKey, keyText({ key }, each) ?? '')) } };
    },
  };
};
