/** Records as Lambda hands them to a function, one line each. */
import { randomUUID } from 'node:crypto';
import type { DynamoDBRecord, DynamoDBStreamEvent, SQSEvent, SQSRecord } from 'aws-lambda';

export const timerMessage = (body: string, receives = 1): SQSRecord => ({
  messageId: randomUUID(),
  receiptHandle: randomUUID(),
  body,
  attributes: {
    ApproximateReceiveCount: String(receives),
    SentTimestamp: '0',
    SenderId: 'test',
    ApproximateFirstReceiveTimestamp: '0',
  },
  messageAttributes: {},
  md5OfBody: '',
  eventSource: 'aws:sqs',
  eventSourceARN: 'arn:aws:sqs:us-east-1:000000000000:timers',
  awsRegion: 'us-east-1',
});

export const sqsEvent = (...bodies: string[]): SQSEvent => ({ Records: bodies.map((body) => timerMessage(body)) });

type Image = NonNullable<NonNullable<DynamoDBRecord['dynamodb']>['NewImage']>;

export interface ImageOf {
  bookingId: string;
  status?: string;
  expiresAtMs?: number | string | undefined;
  holdStartedAtMs?: number;
  pendingShard?: number;
}

/** An item as a stream shows it. A deadline given as text stands for an attribute of type S. */
export const image = ({
  bookingId,
  status = 'PENDING',
  expiresAtMs,
  holdStartedAtMs,
  pendingShard,
}: ImageOf): Image => ({
  bookingId: { S: bookingId },
  status: { S: status },
  ...(typeof expiresAtMs === 'number' && { expiresAtMs: { N: String(expiresAtMs) } }),
  ...(typeof expiresAtMs === 'string' && { expiresAtMs: { S: expiresAtMs } }),
  ...(holdStartedAtMs !== undefined && { holdStartedAtMs: { N: String(holdStartedAtMs) } }),
  ...(pendingShard !== undefined && { pendingShard: { N: String(pendingShard) } }),
});

let sequence = 0;
export const streamRecord = (newImage: ImageOf, oldImage?: ImageOf): DynamoDBRecord => {
  sequence += 1;
  return {
    eventID: String(sequence),
    eventName: oldImage ? 'MODIFY' : 'INSERT',
    dynamodb: {
      SequenceNumber: String(sequence),
      NewImage: image(newImage),
      ...(oldImage && { OldImage: image(oldImage) }),
    },
  };
};

export const streamEvent = (...Records: DynamoDBRecord[]): DynamoDBStreamEvent => ({ Records });
