/** What Lambda's event source mappings want back, and what must not be done twice because of it. */
import type { DynamoDBBatchResponse, DynamoDBRecord, SQSBatchResponse, SQSRecord } from 'aws-lambda';

/** SQS: the ids of the messages that failed. An unknown id, or a throw, would repeat the whole batch. */
export const failedMessages = (messages: Iterable<Pick<SQSRecord, 'messageId'>>): SQSBatchResponse => ({
  batchItemFailures: Array.from(messages, ({ messageId }) => ({ itemIdentifier: messageId })),
});

/** Streams: sequence numbers. Lambda starts again at the lowest and repeats everything after it. */
export const failedRecords = (records: Iterable<DynamoDBRecord>): DynamoDBBatchResponse => ({
  batchItemFailures: Array.from(records, ({ dynamodb }) => ({ itemIdentifier: dynamodb?.SequenceNumber ?? '' })),
});

/** Records that are remembered at most: many times what one batch may hold. */
const MAX_REMEMBERED = 10_000;

/**
 * Records that were done although their batch comes again, because another record before them failed: without this their
 * timers and events would be sent once more for each try. Kept in memory, so a new execution environment forgets it; then
 * they are sent again, which does no harm.
 */
export class DoneRecords {
  readonly #done = new Set<string>();

  has(record: DynamoDBRecord): boolean {
    return this.#done.has(idOf(record));
  }

  /** Remembers what is done of a batch that failed in part; of one that succeeded nothing comes again. */
  note(batch: readonly DynamoDBRecord[], failed: ReadonlySet<DynamoDBRecord>): void {
    if (failed.size === 0) {
      for (const record of batch) this.#done.delete(idOf(record));
      return;
    }
    for (const record of batch) if (!failed.has(record)) this.#done.add(idOf(record));
    for (const id of this.#done) {
      if (this.#done.size <= MAX_REMEMBERED) break;
      this.#done.delete(id);
    }
  }
}

const idOf = ({ eventID, dynamodb }: DynamoDBRecord): string => eventID ?? dynamodb?.SequenceNumber ?? '';
