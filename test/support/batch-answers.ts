/**
 * What a failed condition of a batch tells of the item that it met. DynamoDB gives the item, the embedded engine does not:
 * both answers can be had of either.
 */
import {
  BatchExecuteStatementCommand,
  type BatchExecuteStatementCommandOutput,
  type BatchStatementRequest,
  type DynamoDBClient,
  GetItemCommand,
} from '@aws-sdk/client-dynamodb';

export const BATCH_ANSWERS = ['with the item', 'without the item'] as const;
export type BatchAnswers = (typeof BATCH_ANSWERS)[number];

/**
 * Lets a client get these answers from now on.
 *
 * @param table where the item is read, by `engine`, which must be another client
 * @param keyNames names of the table's key
 */
export const answerBatches = (
  client: DynamoDBClient,
  answers: BatchAnswers,
  table: string,
  engine: DynamoDBClient,
  keyNames: readonly string[] = ['bookingId'],
): void => {
  const found = async ({ Statement = '', Parameters = [] }: BatchStatementRequest) => {
    // Parameters have no names: as many come before the key's as there are question marks before it.
    const parameterOf = (name: string) =>
      Parameters[Statement.slice(0, Statement.indexOf(`"${name}" = ?`)).split('?').length - 1] ?? { S: '' };
    const Key = Object.fromEntries(keyNames.map((name) => [name, parameterOf(name)]));
    return (await engine.send(new GetItemCommand({ TableName: table, Key, ConsistentRead: true }))).Item;
  };
  client.middlewareStack.add(
    (next, { commandName }) =>
      async (step) => {
        const result = await next(step);
        if (commandName !== BatchExecuteStatementCommand.name) return result;
        const { Statements = [] } = step.input as { Statements?: BatchStatementRequest[] };
        const { Responses = [] } = result.output as BatchExecuteStatementCommandOutput;
        await Promise.all(
          Responses.map(async ({ Error: error }, index) => {
            if (error?.Code !== 'ConditionalCheckFailed') return;
            error.Item = answers === 'with the item' ? await found(Statements[index] ?? ({} as never)) : undefined;
          }),
        );
        return result;
      },
    { step: 'initialize', name: 'answerBatches', override: true },
  );
};
