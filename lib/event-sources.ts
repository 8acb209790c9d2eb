/** The event source mappings, with the permissions that Lambda needs to poll for a function, and no others. */
import { Duration, Names } from 'aws-cdk-lib';
import type { ITable } from 'aws-cdk-lib/aws-dynamodb';
import { FilterCriteria, type IFunction, StartingPosition } from 'aws-cdk-lib/aws-lambda';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { acceptFinding } from './findings.ts';
import { allow } from './grants.ts';
import type { TimerPollers } from './limits.ts';

export interface StreamReaderProps {
  /** What a record must look like to be brought to the Lambda: like one of these. */
  readonly patterns: readonly Record<string, unknown>[];
  /** Where the descriptions of records go that are given up. */
  readonly deadLetterQueue: IQueue;
}

/** Brings a table's stream records to a Lambda, from the stream's beginning, none lost unseen. */
export const readStream = (
  lambda: IFunction,
  table: ITable,
  { patterns, deadLetterQueue }: StreamReaderProps,
): void => {
  const streamArn = table.tableStreamArn;
  if (streamArn === undefined) throw new Error(`the table ${table.node.path} must have a stream, got none`);
  // The id that CDK's own event source has: another would replace the mapping, which Lambda refuses while the old one is there.
  lambda.addEventSourceMapping(`DynamoDBEventSource:${Names.nodeUniqueId(table.node)}`, {
    eventSourceArn: streamArn,
    filters: patterns.map((pattern) => FilterCriteria.filter(pattern)),
    // LATEST can miss records whenever the mapping is created or updated.
    startingPosition: StartingPosition.TRIM_HORIZON,
    batchSize: 100,
    reportBatchItemFailures: true,
    bisectBatchOnError: true,
    // Tried for as long as the stream keeps it: what can never succeed is no failure, it goes to the dead-letter queue.
    maxRecordAge: Duration.hours(20),
    onFailure: { bind: () => ({ destination: deadLetterQueue.queueArn }) },
  });
  allow(lambda, streamArn, 'dynamodb:DescribeStream', 'dynamodb:GetRecords', 'dynamodb:GetShardIterator');
  allow(lambda, '*', 'dynamodb:ListStreams');
  allow(lambda, deadLetterQueue.queueArn, 'sqs:SendMessage');
  const reason = 'dynamodb:ListStreams takes no resource; it gives names only';
  if (lambda.role) acceptFinding(lambda.role, 'AwsSolutions-IAM5[Resource::*]', reason);
};

/**
 * Brings a queue's messages to a Lambda. No filter: a filter on SQS deletes what does not match, and a malformed timer must
 * reach the dead-letter queue. No window and at most ten: either more would let Lambda wait up to 20 s on a quiet queue.
 *
 * AWS takes a limit of batches or provisioned pollers, and not both (AWS Lambda Developer Guide, "Configuring scaling behavior
 * for SQS event source mappings"): so does this.
 *
 * @param maxConcurrency most batches at once, 2 to 1,000. @default - as many as the account allows
 * @param pollers pollers that are provisioned for the queue. @default - Lambda polls as it sees fit
 */
export const readQueue = (
  lambda: IFunction,
  queue: IQueue,
  {
    maxConcurrency,
    pollers,
  }:
    | { readonly maxConcurrency?: number; readonly pollers?: never }
    | { readonly pollers: TimerPollers; readonly maxConcurrency?: never } = {},
): void => {
  lambda.addEventSourceMapping(`SqsEventSource:${Names.nodeUniqueId(queue.node)}`, {
    eventSourceArn: queue.queueArn,
    batchSize: 10,
    reportBatchItemFailures: true,
    ...(maxConcurrency !== undefined && { maxConcurrency }),
    ...(pollers && { provisionedPollerConfig: { minimumPollers: pollers.min, maximumPollers: pollers.max } }),
  });
  allow(lambda, queue.queueArn, 'sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:GetQueueAttributes');
};
