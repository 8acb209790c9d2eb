import { Duration } from 'aws-cdk-lib';
import type { ITable } from 'aws-cdk-lib/aws-dynamodb';
import { FilterCriteria, FilterRule, type IFunction, StartingPosition } from 'aws-cdk-lib/aws-lambda';
import { DynamoEventSource, SqsDlq } from 'aws-cdk-lib/aws-lambda-event-sources';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { BOOKING_ATTRIBUTES, ENV } from '../functions/contract.ts';
import type { BookingTable } from './booking-table.ts';
import { acceptListStreams } from './names.ts';
import { NodeFunction, type NodeFunctionProps } from './node-function.ts';
import { deadLetterQueue, type TimerQueue } from './timer-queue.ts';

export interface ScheduleExpiryProps extends Pick<NodeFunctionProps, 'environment' | 'serviceName' | 'key'> {
  readonly bookings: BookingTable;
  readonly timers: TimerQueue;
}

/** The table's stream to the Lambda that sends timers: whoever writes a booking is covered. */
export class ScheduleExpiry extends Construct {
  readonly lambda: IFunction;
  /** Bookings that can never be processed, and stream records that were given up. */
  readonly deadLetterQueue: IQueue;

  constructor(scope: Construct, id: string, { bookings, timers, environment, serviceName, key }: ScheduleExpiryProps) {
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
    bookings.grantAdopt(lambda);
    timers.grantSend(lambda);

    lambda.addEventSource(
      // The cast: Table declares its stream's ARN optional in another way than ITable does.
      new DynamoEventSource(bookings.table as ITable, {
        filters: [
          FilterCriteria.filter({
            eventName: FilterRule.or('INSERT', 'MODIFY'),
            dynamodb: { NewImage: { [BOOKING_ATTRIBUTES.status]: { S: FilterRule.isEqual('PENDING') } } },
          }),
        ],
        // LATEST can miss records whenever the mapping is created or updated.
        startingPosition: StartingPosition.TRIM_HORIZON,
        batchSize: 100,
        reportBatchItemFailures: true,
        bisectBatchOnError: true,
        // Tried for as long as the stream keeps it: what can never succeed is no failure, it goes to the dead-letter queue.
        maxRecordAge: Duration.hours(20),
        onFailure: new SqsDlq(this.deadLetterQueue),
      }),
    );
    acceptListStreams(lambda.role);
  }
}
