/** What a sweep needs to schedule far bookings that come near: the timer queue, and its state in a table of its own. */
import { ConditionalCheckFailedException } from '@aws-sdk/client-dynamodb';
import type { SQSClient } from '@aws-sdk/client-sqs';
import { type DynamoDBDocumentClient, GetCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { SWEEP_STATE_ID } from '../contract.ts';
import type { SweepScheduling } from '../core/sweep.ts';
import { TimerQueue } from './timer-queue.ts';

export const sweepScheduling = (
  client: DynamoDBDocumentClient,
  queueClient: SQSClient,
  stateTableName: string,
  timerQueueUrl: string,
): SweepScheduling => {
  const queue = new TimerQueue(queueClient, timerQueueUrl);
  const Key = { stateId: SWEEP_STATE_ID };

  /** Never moves back, however many sweeps run at once. */
  const raise = async (attribute: 'scheduledThroughMs' | 'shardCount', value: number): Promise<void> => {
    try {
      await client.send(
        new UpdateCommand({
          TableName: stateTableName,
          Key,
          UpdateExpression: 'SET #attribute = :value',
          ConditionExpression: 'attribute_not_exists(#attribute) OR #attribute < :value',
          ExpressionAttributeNames: { '#attribute': attribute },
          ExpressionAttributeValues: { ':value': value },
        }),
      );
    } catch (error) {
      if (!(error instanceof ConditionalCheckFailedException)) throw error;
    }
  };

  return {
    send: (timers) => queue.send(timers),
    readState: async () => {
      const { Item } = await client.send(new GetCommand({ TableName: stateTableName, Key, ConsistentRead: true }));
      return { scheduledThroughMs: Number(Item?.scheduledThroughMs ?? 0), shardCount: Number(Item?.shardCount ?? 0) };
    },
    scheduledThrough: (scheduledThroughMs) => raise('scheduledThroughMs', scheduledThroughMs),
    sawShardCount: (shardCount) => raise('shardCount', shardCount),
  };
};
