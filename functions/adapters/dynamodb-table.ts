/** A table of Amazon DynamoDB. Only this file calls it, and dynamodb-transactions.ts. */
import {
  BatchExecuteStatementCommand,
  BatchGetItemCommand,
  ConditionalCheckFailedException,
  DeleteItemCommand,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  ScanCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import { MAX_WRITES_AT_ONCE } from '../core/ports.ts';
import { answerToRefused, answerToRefusedCreation } from '../table/answers.ts';
import type { Clause, ConditionalWrite } from '../table/conditional-write.ts';
import {
  conditionExpression,
  filterExpressions,
  projectionExpression,
  statementOf,
  updateExpressions,
} from '../table/expressions.ts';
import { attributeOf, type Item } from '../table/item.ts';
import type {
  BatchedWriteAnswer,
  DeletingTable,
  IndexPage,
  IndexQuery,
  KeyedWrite,
  ListedTable,
  ListQuery,
  Table,
  WriteAnswer,
} from '../table/table.ts';
import { whenNoTransaction } from './transaction-conflicts.ts';

/** Most keys of one BatchGetItem (Amazon DynamoDB API Reference). */
const MAX_KEYS = 100;

export class DynamoDbTable implements DeletingTable, ListedTable {
  readonly name: string;
  readonly #client: DynamoDBClient;

  /**
   * @param client its retries and time-outs are this table's
   * @param name the table's name
   */
  constructor(client: DynamoDBClient, name: string) {
    this.#client = client;
    this.name = name;
  }

  async create(item: Item, keyAttribute: string): Promise<WriteAnswer> {
    try {
      await whenNoTransaction(() =>
        this.#client.send(
          new PutItemCommand({
            TableName: this.name,
            Item: item,
            ConditionExpression: 'attribute_not_exists(#key)',
            ExpressionAttributeNames: { '#key': keyAttribute },
            ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
          }),
        ),
      );
      return { kind: 'made', item };
    } catch (error) {
      const { found, wasTriedBefore } = refusalOf(error);
      return answerToRefusedCreation(found, item, wasTriedBefore);
    }
  }

  write(key: Item, write: ConditionalWrite): Promise<WriteAnswer> {
    return this.#write(key, write, false);
  }

  /** @param mayHaveBeenMade whether a request before this one held the same write, and its answer was lost */
  async #write(key: Item, write: ConditionalWrite, mayHaveBeenMade: boolean): Promise<WriteAnswer> {
    try {
      const { Attributes } = await whenNoTransaction(() =>
        this.#client.send(
          new UpdateItemCommand({
            TableName: this.name,
            Key: key,
            ...updateExpressions(write),
            ReturnValues: 'ALL_NEW',
            ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
          }),
        ),
      );
      return { kind: 'made', item: Attributes };
    } catch (error) {
      const { found, wasTriedBefore } = refusalOf(error);
      return answerToRefused(found, write, mayHaveBeenMade || wasTriedBefore);
    }
  }

  async delete(key: Item, condition: readonly Clause[]): Promise<WriteAnswer> {
    try {
      await whenNoTransaction(() =>
        this.#client.send(
          new DeleteItemCommand({
            TableName: this.name,
            Key: key,
            ...conditionExpression(condition),
            ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
          }),
        ),
      );
      return { kind: 'made', item: undefined };
    } catch (error) {
      const { found, wasTriedBefore } = refusalOf(error);
      return wasTriedBefore && found === undefined ? { kind: 'made', item: undefined } : { kind: 'refused', found };
    }
  }

  async writeMany(writes: readonly KeyedWrite[]): Promise<BatchedWriteAnswer[]> {
    const answers = await Promise.all(chunks(writes, MAX_WRITES_AT_ONCE).map((each) => this.#writeTogether(each)));
    return answers.flat();
  }

  async #writeTogether(writes: readonly KeyedWrite[]): Promise<BatchedWriteAnswer[]> {
    const { results, wasTriedBefore } = await this.#execute(writes);
    const unexplained = writes.filter((_, index) => results[index] === 'refused');
    const found = unexplained.length > 0 ? await this.#look(unexplained) : undefined;
    return Promise.all(
      writes.map(async ({ key, write }, index): Promise<BatchedWriteAnswer> => {
        const result = results[index];
        if (result === 'made') return { kind: 'made', item: undefined };
        if (result === 'refused') {
          return found === undefined
            ? { kind: 'unread' }
            : answerToRefused(found.get(keyText(key)), write, wasTriedBefore);
        }
        if (typeof result === 'object') return answerToRefused(result.found, write, wasTriedBefore);
        // Neither made nor refused. The SDK does not retry the statements of a batch one by one; an update of its own has
        // the SDK's retries, and meets what lasts.
        return this.#write(key, write, true).catch((error) => ({ kind: 'failed', error: asError(error) }));
      }),
    );
  }

  /** Runs at most `MAX_WRITES_AT_ONCE` conditional updates in one round trip. `failed` is whatever is neither made nor refused. */
  async #execute(writes: readonly KeyedWrite[]): Promise<{
    readonly results: ('made' | 'refused' | 'failed' | { readonly found: Item })[];
    readonly wasTriedBefore: boolean;
  }> {
    try {
      const { Responses = [], $metadata } = await this.#client.send(
        new BatchExecuteStatementCommand({
          Statements: writes.map(({ key, write }) => ({
            ...statementOf(this.name, key, write),
            ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
          })),
        }),
      );
      const results = writes.map((_, index) => {
        const response = Responses[index];
        if (response === undefined) return 'failed';
        if (response.Error === undefined) return 'made';
        if (response.Error.Code !== 'ConditionalCheckFailed') return 'failed';
        return response.Error.Item === undefined ? 'refused' : { found: response.Error.Item };
      });
      return { results, wasTriedBefore: ($metadata?.attempts ?? 1) > 1 };
    } catch {
      return { results: writes.map(() => 'failed'), wasTriedBefore: true };
    }
  }

  /**
   * Not every engine says what a failed condition of a batch found, and none does of an item that is not there: a read
   * shows it. It decides nothing, the write was refused. Undefined if the read fails.
   */
  async #look(writes: readonly KeyedWrite[]): Promise<Map<string, Item> | undefined> {
    const attributes = writes.flatMap(({ key, write: { set, remove, condition } }) => [
      ...Object.keys(key),
      ...Object.keys(set),
      ...remove,
      ...condition.map(({ attribute }) => attribute),
    ]);
    try {
      const keys = writes.map(({ key }) => key);
      const items = await this.getMany(keys, { consistent: true, attributes: [...new Set(attributes)], settle: true });
      const keyNames = Object.keys(keys[0] ?? {});
      return new Map(items.map((item) => [keyText(pick(item, keyNames)), item]));
    } catch {
      return undefined;
    }
  }

  async get(key: Item): Promise<Item | undefined> {
    const { Item: item } = await this.#client.send(
      new GetItemCommand({ TableName: this.name, Key: key, ConsistentRead: true }),
    );
    return item;
  }

  async getMany(
    keys: readonly Item[],
    { consistent, attributes, settle }: Parameters<Table['getMany']>[1],
  ): Promise<Item[]> {
    const items: Item[] = [];
    const projection = attributes && projectionExpression(attributes);
    for (let left = [...keys]; left.length > 0; ) {
      const { Responses, UnprocessedKeys } = await this.#client.send(
        new BatchGetItemCommand({
          RequestItems: {
            [this.name]: { Keys: left.slice(0, MAX_KEYS), ConsistentRead: consistent, ...projection },
          },
        }),
      );
      items.push(...(Responses?.[this.name] ?? []));
      const unprocessed = settle ? (UnprocessedKeys?.[this.name]?.Keys ?? []) : [];
      left = [...unprocessed, ...left.slice(MAX_KEYS)];
    }
    return items;
  }

  async query({ limit, ...query }: IndexQuery): Promise<IndexPage> {
    const { Items = [], LastEvaluatedKey } = await this.#client.send(
      new QueryCommand({ ...this.#queryInput(query), ...(limit !== undefined && { Limit: limit }) }),
    );
    return { items: Items, ...(LastEvaluatedKey && { cursor: LastEvaluatedKey }) };
  }

  async newestFirst({ index, partition: [name, text], limit, cursor }: ListQuery): Promise<IndexPage> {
    const { Items = [], LastEvaluatedKey } = await this.#client.send(
      new QueryCommand({
        TableName: this.name,
        IndexName: index,
        KeyConditionExpression: '#partition = :partition',
        ExpressionAttributeNames: { '#partition': name },
        ExpressionAttributeValues: { ':partition': { S: text } },
        ScanIndexForward: false,
        Limit: limit,
        ...(cursor && { ExclusiveStartKey: cursor }),
      }),
    );
    return { items: Items, ...(LastEvaluatedKey && { cursor: LastEvaluatedKey }) };
  }

  async scan(
    condition: readonly Clause[],
    attributes: readonly string[],
    cursor: Item | undefined,
  ): Promise<IndexPage> {
    const { Items = [], LastEvaluatedKey } = await this.#client.send(
      new ScanCommand({
        TableName: this.name,
        ...filterExpressions(condition, attributes),
        ...(cursor && { ExclusiveStartKey: cursor }),
      }),
    );
    return { items: Items, ...(LastEvaluatedKey && { cursor: LastEvaluatedKey }) };
  }

  async count(query: IndexQuery): Promise<number> {
    let count = 0;
    let cursor = query.cursor;
    do {
      const { Count = 0, LastEvaluatedKey } = await this.#client.send(
        new QueryCommand({ ...this.#queryInput({ ...query, cursor }), Select: 'COUNT' }),
      );
      count += Count;
      cursor = LastEvaluatedKey;
    } while (cursor !== undefined);
    return count;
  }

  #queryInput({ index, partition, sortKey, from, through, cursor }: Omit<IndexQuery, 'limit'>) {
    const [[partitionName = '', value = 0] = []] = Object.entries(partition);
    return {
      TableName: this.name,
      IndexName: index,
      KeyConditionExpression: '#partition = :partition AND #sort BETWEEN :from AND :through',
      ExpressionAttributeNames: { '#partition': partitionName, '#sort': sortKey },
      ExpressionAttributeValues: {
        ':partition': attributeOf(value),
        ':from': attributeOf(from),
        ':through': attributeOf(through),
      },
      ...(cursor && { ExclusiveStartKey: cursor }),
    };
  }
}

/**
 * The item that a failed condition found, undefined if there is none.
 *
 * @throws the error, if it is no failed condition
 */
const refusalOf = (error: unknown): { readonly found: Item | undefined; readonly wasTriedBefore: boolean } => {
  if (!(error instanceof ConditionalCheckFailedException)) throw error;
  return { found: error.Item, wasTriedBefore: (error.$metadata?.attempts ?? 1) > 1 };
};

const keyText = (key: Item): string => JSON.stringify(Object.entries(key).sort(([a], [b]) => (a < b ? -1 : 1)));

const pick = (item: Item, names: readonly string[]): Item =>
  Object.fromEntries(names.flatMap((name) => (item[name] === undefined ? [] : [[name, item[name]]])));

const chunks = <T>(items: readonly T[], size: number): T[][] =>
  Array.from({ length: Math.ceil(items.length / size) }, (_, index) => items.slice(index * size, (index + 1) * size));

const asError = (thrown: unknown): Error => (thrown instanceof Error ? thrown : new Error(String(thrown)));
