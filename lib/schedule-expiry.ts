import { Duration } from 'aws-cdk-lib';
import { FilterRule, type IFunction } from 'aws-cdk-lib/aws-lambda';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { ENV } from '../functions/contract.ts';
import { readStream } from './event-sources.ts';
import type { ExpiringTable } from './expiring-table.ts';
import { NodeFunction, type NodeFunctionProps } from './node-function.ts';
import { deadLetterQueue, type TimerQueue } from './timer-queue.ts';

export interface ScheduleExpiryProps extends Pick<NodeFunctionProps, 'environment' | 'serviceName' | 'key'> {
  readonly table: ExpiringTable;
  readonly timers: TimerQueue;
}

/** The table's stream to the Lambda that sends timers: whoever writes a booking is covered. */
export class ScheduleExpiry extends Construct {
  readonly lambda: IFunction;
  /** Bookings that can never be processed, and stream records that were given up. */
  readonly deadLetterQueue: IQueue;

  constructor(scope: Construct, id: string, { table, timers, environment, serviceName, key }: ScheduleExpiryProps) {
    super(scope, id);
    const deadLetters = deadLetterQueue(this, 'ScheduleExpiryDeadLetterQueue', key);
    this.deadLetterQueue = deadLetters;
    const lambda = new NodeFunction(this, 'ScheduleExpiryFunction', {
      entry: 'schedule-expiry',
      timeout: Duration.seconds(30),
      memorySize: 256,
      environment: { ...environment, [ENV.deadLetterQueueUrl]: deadLetters.queueUrl },
      serviceName,
      key,
    });
    this.lambda = lambda;
    table.grantKey(lambda);
    table.grantAdopt(lambda);
    timers.grantSend(lambda);

    readStream(lambda, table.table, {
      patterns: [
        {
          eventName: FilterRule.or('INSERT', 'MODIFY'),
          dynamodb: { NewImage: table.imageWith(table.shape.status.pending) },
        },
      ],
      deadLetterQueue: this.deadLetterQueue,
    });
  }
}
