/**
 * What is done with a stream record that could not be processed. A permanent failure goes into the dead-letter queue, with
 * the booking's id and the reason, and its record is done. Only what may go away fails a record, because Lambda repeats a
 * failed record and everything after it: one record must never stop another.
 */
import type { DynamoDBRecord } from 'aws-lambda';
import { isPermanent } from '../adapters/permanent-error.ts';
import { type CountName, METRICS } from '../contract.ts';
import type { DeadLetterBox } from '../core/ports.ts';
import type { Telemetry } from './telemetry.ts';

export interface RecordFailure {
  readonly record: DynamoDBRecord;
  readonly bookingId: string | undefined;
  /** What was not done. */
  readonly problem: string;
  readonly error: unknown;
}

/**
 * Logs and counts each failure, and puts the permanent ones into the dead-letter queue.
 *
 * @param retried counts the failures that are tried again
 * @returns the records that are to be repeated
 */
export const settleFailures = async (
  failures: readonly RecordFailure[],
  { deadLetters, telemetry }: { readonly deadLetters: DeadLetterBox; readonly telemetry: Telemetry },
  retried: CountName,
): Promise<Set<DynamoDBRecord>> => {
  const failed = new Set<DynamoDBRecord>();
  const permanent: RecordFailure[] = [];
  for (const failure of failures) {
    const { record, bookingId, problem, error } = failure;
    if (isPermanent(error)) {
      permanent.push(failure);
      telemetry.count(METRICS.unprocessable);
      telemetry.error(`${problem}, and never can be: see the dead-letter queue`, { bookingId, error });
    } else {
      failed.add(record);
      telemetry.count(retried);
      telemetry.error(problem, { bookingId, error });
    }
  }
  for (const { record, bookingId } of await deadLetters.put(permanent.map(letterOf))) {
    telemetry.error('not taken by the dead-letter queue: the record comes again', { bookingId });
    failed.add(record);
  }
  return failed;
};

const letterOf = ({ record, bookingId, problem, error }: RecordFailure) => ({
  record,
  bookingId,
  body: { bookingId, problem, eventId: record.eventID, sequenceNumber: record.dynamodb?.SequenceNumber },
  reason: error instanceof Error ? `${error.name}: ${error.message}` : String(error),
});
