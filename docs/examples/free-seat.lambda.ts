/**
 * A consumer of BookingExpired: frees the seat that the booking held. Events come at least once and in any order, so the
 * write is conditional: only the booking that holds a seat can let go of it.
 */
import { ConditionalCheckFailedException, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import type { EventBridgeEvent, SQSBatchResponse, SQSEvent } from 'aws-lambda';
import type { BookingEventDetail } from '../../functions/core/booking-events.ts';

type BookingExpired = EventBridgeEvent<'BookingExpired', BookingEventDetail>;

/** @param seatsTable a table of seats, by `seat`, with the `heldBy` of the booking that holds each */
export const createHandler =
  (client: DynamoDBDocumentClient, seatsTable: string) =>
  async ({ Records }: SQSEvent): Promise<SQSBatchResponse> => {
    const failed: string[] = [];
    for (const { messageId, body } of Records) {
      try {
        const { detail } = JSON.parse(body) as BookingExpired;
        const seat = detail.details?.seat;
        if (typeof seat !== 'string') throw new Error(`booking ${detail.bookingId} has no seat in its details`);
        await client.send(
          new UpdateCommand({
            TableName: seatsTable,
            Key: { seat },
            UpdateExpression: 'REMOVE heldBy',
            ConditionExpression: 'heldBy = :bookingId',
            ExpressionAttributeValues: { ':bookingId': detail.bookingId },
          }),
        );
      } catch (error) {
        // Freed before, or held by another booking since: a repetition, and nothing is left to do.
        if (!(error instanceof ConditionalCheckFailedException)) failed.push(messageId);
      }
    }
    return { batchItemFailures: failed.map((itemIdentifier) => ({ itemIdentifier })) };
  };

export const handler = (event: SQSEvent): Promise<SQSBatchResponse> =>
  createHandler(DynamoDBDocumentClient.from(new DynamoDBClient()), process.env.SEATS_TABLE ?? '')(event);
