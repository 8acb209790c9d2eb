import { Duration } from 'aws-cdk-lib';
import type { ITable } from 'aws-cdk-lib/aws-dynamodb';
import { EventBus } from 'aws-cdk-lib/aws-events';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { FilterCriteria, FilterRule, type IFunction, StartingPosition } from 'aws-cdk-lib/aws-lambda';
import { DynamoEventSource, SqsDlq } from 'aws-cdk-lib/aws-lambda-event-sources';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { BOOKING_ATTRIBUTES, ENV } from '../functions/contract.ts';
import type { BookingTable } from './booking-table.ts';
import { acceptListStreams, keepLogicalId } from './names.ts';
import { NodeFunction, type NodeFunctionProps } from './node-function.ts';
import type { BookingExpirySettings } from './settings.ts';
import { deadLetterQueue } from './timer-queue.ts';

export interface PublishEventsProps extends Pick<NodeFunctionProps, 'environment' | 'serviceName' | 'key'> {
  readonly bookings: BookingTable;
  readonly settings: BookingExpirySettings;
}

/**
 * The table's stream to the event bus. The second and last reader that the stream allows (AWS Lambda Developer Guide,
 * DynamoDB streams): whoever wants to listen listens on the bus.
 */
export class PublishEvents extends Construct {
  readonly busName: string;
  readonly lambda: IFunction;
  /** Events that can never be published, and stream records that were given up. */
  readonly deadLetterQueue: IQueue;

  constructor(scope: Construct, id: string, { bookings, settings, environment, serviceName, key }: PublishEventsProps) {
    super(scope, id);
    const bus = new EventBus(this, 'Bus', { description: 'BookingExpired, and what else becomes of bookings' });
    keepLogicalId(bus, 'BookingEvents');
    this.busName = bus.eventBusName;
    const deadLetters = deadLetterQueue(this, 'PublishEventsDeadLetterQueue', key);
    this.deadLetterQueue = deadLetters;
    const lambda = new NodeFunction(this, 'PublishEventsFunction', {
      entry: 'publish-events',
      timeout: Duration.seconds(30),
      memorySize: 256,
      environment: {
        ...environment,
        [ENV.eventBus]: bus.eventBusName,
        [ENV.deadLetterQueueUrl]: deadLetters.queueUrl,
      },
      serviceName,
      key,
    });
    this.lambda = lambda;
    lambda.addToRolePolicy(new PolicyStatement({ actions: ['events:PutEvents'], resources: [bus.eventBusArn] }));

    const statusBecame = (...statuses: string[]) =>
      FilterCriteria.filter({
        eventName: FilterRule.isEqual('MODIFY'),
        dynamodb: { NewImage: { [BOOKING_ATTRIBUTES.status]: { S: statuses } } },
      });
    lambda.addEventSource(
      // The cast: Table declares its stream's ARN optional in another way than ITable does.
      new DynamoEventSource(bookings.table as ITable, {
        filters: [
          settings.publishSettled ? statusBecame('EXPIRED', 'CONFIRMED', 'CANCELLED') : statusBecame('EXPIRED'),
        ],
        startingPosition: StartingPosition.TRIM_HORIZON,
        batchSize: 100,
        reportBatchItemFailures: true,
        bisectBatchOnError: true,
        // Tried for as long as the stream keeps it: an outage of the bus may last for hours.
        maxRecordAge: Duration.hours(20),
        onFailure: new SqsDlq(this.deadLetterQueue),
      }),
    );
    acceptListStreams(lambda.role);
  }
}
