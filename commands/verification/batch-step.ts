/**
 * Whether DynamoDB takes the batches that the service writes. It must be asked for by itself: a statement of a batch that is
 * not taken is tried again alone, so that bookings expire all the same, dearer and later.
 */
import { BatchExecuteStatementCommand, type BatchStatementResponse } from '@aws-sdk/client-dynamodb';
import { cancelMove, expireMove } from '../../functions/core/moves.ts';
import { systemClock } from '../../functions/runtime/clock.ts';
import { statementOf } from '../../functions/table/expressions.ts';
import { BOOKINGS_SHAPE } from '../../functions/table/shape.ts';
import { writeOfMove } from '../../functions/table/write-of-move.ts';
import { expectThat, type Step } from './step.ts';

/** Long enough that nothing else happens to these bookings. */
const HOLD_MS = 3_600_000;

export const batchWrite: Step = {
  name: 'batch-write',
  title: 'DynamoDB takes a batch of the service’s conditional writes, and refuses only those whose condition fails',
  run: async ({ bookings, deployment: { connection } }) => {
    const nowMs = systemClock();
    const [held, alsoHeld, missing] = [1, 2, 3].map(() => bookings.newId('batch-write'));
    for (const id of [held, alsoHeld]) await bookings.put(String(id), nowMs + HOLD_MS);
    const writes = [
      { id: held, move: cancelMove(nowMs, undefined) },
      { id: alsoHeld, move: expireMove(nowMs, 'timer') },
      { id: missing, move: expireMove(nowMs, 'timer') },
    ];
    const { Responses = [] } = await connection.client.send(
      new BatchExecuteStatementCommand({
        Statements: writes.map(({ id, move }) => ({
          ...statementOf(connection.place.table, { bookingId: { S: String(id) } }, writeOfMove(BOOKINGS_SHAPE, move)),
          ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
        })),
      }),
    );
    const answers = Responses.map(answerOf).join(', ');
    const expected = 'taken, ConditionalCheckFailed, ConditionalCheckFailed';
    expectThat(answers === expected, `a batch of three must be answered ${expected}; got ${answers}`);
    const withItem = Responses[1]?.Error?.Item !== undefined;
    return `taken; a failed condition is reported ${withItem ? 'with' : 'without'} the item`;
  },
};

const answerOf = ({ Error: error }: BatchStatementResponse): string =>
  error === undefined
    ? 'taken'
    : `${error.Code}${error.Code === 'ConditionalCheckFailed' ? '' : ` (${error.Message})`}`;
