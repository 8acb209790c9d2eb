/** Transactions of Amazon DynamoDB over one table or more. */
import { randomUUID } from 'node:crypto';
import {
  type CancellationReason,
  type DynamoDBClient,
  TransactionCanceledException,
  type TransactWriteItem,
  TransactWriteItemsCommand,
} from '@aws-sdk/client-dynamodb';
import { answerToRefusedTransaction } from '../table/answers.ts';
import { alternativesExpression, updateExpressions } from '../table/expressions.ts';
import type { FoundByWrite, TransactedWrite, TransactionAnswer, Transactions } from '../table/transaction.ts';
import { ServiceEntryError } from './permanent-error.ts';

/** Why one write of a transaction kept all from being made (Amazon DynamoDB API Reference, TransactionCanceledException). */
const CONDITION = 'ConditionalCheckFailed';
const PERMANENT_REASONS = ['ValidationError', 'ItemCollectionSizeLimitExceeded'];

/** Errors of the whole request that say that somebody else is at it, or that it may be tried again. */
const BUSY_NAMES: ReadonlySet<string> = new Set(['TransactionConflictException', 'TransactionInProgressException']);

export class DynamoDbTransactions implements Transactions {
  readonly #client: DynamoDBClient;

  /** @param client its retries and time-outs are those of each try */
  constructor(client: DynamoDBClient) {
    this.#client = client;
  }

  /** The token lets the SDK's own retries recognize what was made although its answer was lost. */
  async transact(writes: readonly TransactedWrite[]): Promise<TransactionAnswer> {
    try {
      await this.#client.send(
        new TransactWriteItemsCommand({ ClientRequestToken: randomUUID(), TransactItems: writes.map(requestOf) }),
      );
      return { kind: 'made' };
    } catch (error) {
      if (error instanceof Error && BUSY_NAMES.has(error.name)) return { kind: 'busy', reason: error.name };
      if (!(error instanceof TransactionCanceledException)) throw error;
      return answerToCancelled(error, writes);
    }
  }
}

const requestOf = (write: TransactedWrite): TransactWriteItem => {
  const told = { TableName: write.table, ReturnValuesOnConditionCheckFailure: 'ALL_OLD' as const };
  switch (write.kind) {
    case 'put':
      return { Put: { ...told, Item: write.item, ...alternativesExpression(write.anyOf) } };
    case 'update':
      return { Update: { ...told, Key: write.key, ...updateExpressions(write.write) } };
    case 'delete':
      return { Delete: { ...told, Key: write.key, ...alternativesExpression(write.anyOf) } };
  }
};

/** A condition that failed is an answer, whatever else was in the way. */
const answerToCancelled = (
  error: TransactionCanceledException,
  writes: readonly TransactedWrite[],
): TransactionAnswer => {
  const reasons: readonly CancellationReason[] = error.CancellationReasons ?? [];
  const found = writes.map((_, index): FoundByWrite => {
    const reason = reasons[index];
    return reason?.Code === CONDITION ? { refused: true, found: reason.Item } : { refused: false };
  });
  if (found.some(({ refused }) => refused)) {
    return answerToRefusedTransaction(writes, found, (error.$metadata?.attempts ?? 1) > 1);
  }
  const permanent = reasons.find(({ Code }) => Code !== undefined && PERMANENT_REASONS.includes(Code));
  if (permanent?.Code) throw new ServiceEntryError(permanent.Code, permanent.Message);
  const others = reasons.flatMap(({ Code }) => (Code === undefined || Code === 'None' ? [] : [Code]));
  return { kind: 'busy', reason: others[0] ?? error.message };
};
