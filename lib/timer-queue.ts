import { Duration } from 'aws-cdk-lib';
import type { IGrantable } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { type IQueue, Queue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { queueEncryption } from './encryption.ts';
import { acceptFinding } from './findings.ts';
import { allow } from './grants.ts';

/** Longest that SQS keeps a message: dead letters wait this long for somebody to look at them. */
const DEAD_LETTER_RETENTION = Duration.days(14);

/** A queue for what could not be processed: encrypted, TLS only, kept for 14 days. */
export const deadLetterQueue = (scope: Construct, id: string, key?: IKey): Queue => {
  const queue = new Queue(scope, id, {
    retentionPeriod: DEAD_LETTER_RETENTION,
    ...queueEncryption(key),
    enforceSSL: true,
  });
  acceptFinding(queue, 'AwsSolutions-SQS3', 'it is a dead-letter queue itself, of a queue, a stream or a schedule');
  return queue;
};

export interface TimerQueueProps {
  /** Time limit of the Lambda that reads the queue. */
  readonly consumerTimeout: Duration;
  /** @default - a key that SQS owns */
  readonly key?: IKey | undefined;
}

/**
 * The queue that timers wait in. A standard queue: FIFO refuses a delay per message, and duplicates and disorder are
 * harmless because the write of an expiry is conditional.
 */
export class TimerQueue extends Construct {
  readonly queue: Queue;
  readonly deadLetterQueue: IQueue;

  constructor(scope: Construct, id: string, { consumerTimeout, key }: TimerQueueProps) {
    super(scope, id);
    this.deadLetterQueue = deadLetterQueue(this, 'TimerDeadLetterQueue', key);
    this.queue = new Queue(this, 'Queue', {
      // Six times the function's timeout (AWS Lambda Developer Guide, SQS event sources, queue configuration).
      visibilityTimeout: Duration.seconds(6 * consumerTimeout.toSeconds()),
      // Shorter than the dead-letter queue's, which counts from the first enqueueing.
      retentionPeriod: Duration.days(1),
      // Counts receives, not failures. Ten with back-off outlast an outage of some minutes; the sweep outlasts the rest.
      deadLetterQueue: { queue: this.deadLetterQueue, maxReceiveCount: 10 },
      ...queueEncryption(key),
      enforceSSL: true,
    });
  }

  /** Allows to send timers, and nothing else. */
  grantSend(grantee: IGrantable): void {
    allow(grantee, this.queue.queueArn, 'sqs:SendMessage');
  }

  /** Allows to let timers wait longer that failed. */
  grantDefer(grantee: IGrantable): void {
    allow(grantee, this.queue.queueArn, 'sqs:ChangeMessageVisibility');
  }

  /** Allows to put messages that can never be processed into the dead-letter queue. */
  grantBury(grantee: IGrantable): void {
    allow(grantee, this.deadLetterQueue.queueArn, 'sqs:SendMessage');
  }
}
