/** Writes of one item that meet a transaction of it. */
import { TransactionConflictException } from '@aws-sdk/client-dynamodb';
import { type LongestPauses, USUAL_PATIENCE, untilAnswered, type Waiting } from './contention.ts';

/** How often a write is tried again. */
const MOST_CONFLICTS = 6;
const PAUSES: LongestPauses = { firstMs: 10, anyMs: 320 };

/**
 * Sends a write until no transaction refuses it. A transaction refuses other writes of its items while it is made: some
 * milliseconds, in which the SDK does not try again.
 *
 * @throws TransactionConflictException of the last of seven tries; any other error of a try, at once
 */
export const whenNoTransaction = async <T extends NonNullable<unknown>>(
  send: () => Promise<T>,
  waiting: Waiting = USUAL_PATIENCE,
): Promise<T> => {
  let conflict: TransactionConflictException | undefined;
  const unlessConflict = (error: unknown): undefined => {
    if (!(error instanceof TransactionConflictException)) throw error;
    conflict = error;
  };
  return untilAnswered(
    () => send().catch(unlessConflict),
    (tries) => (tries > MOST_CONFLICTS ? conflict : undefined),
    PAUSES,
    waiting,
  );
};
