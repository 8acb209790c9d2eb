/** What Lambda's event source mappings want back. An unknown id, or a throw, would repeat the whole batch. */
import type { DynamoDBBatchResponse, SQSBatchResponse, SQSRecord } from 'aws-lambda';

/** SQS: the ids of the messages that failed. */
export const failedMessages = (messages: Iterable<Pick<SQSRecord, 'messageId'>>): SQSBatchResponse => ({
  batchItemFailures: Array.from(messages, ({ messageId }) => ({ itemIdentifier: messageId })),
});

/** Streams: sequence numbers. Lambda starts again at the lowest and repeats everything after it. */
export const failedRecords = (sequenceNumbers: Iterable<string>): DynamoDBBatchResponse => ({
  batchItemFailures: Array.from(sequenceNumbers, (itemIdentifier) => ({ itemIdentifier })),
});
