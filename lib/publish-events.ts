import { Duration } from 'aws-cdk-lib';
import { EventBus } from 'aws-cdk-lib/aws-events';
import { FilterRule, type IFunction } from 'aws-cdk-lib/aws-lambda';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { BOOKING_ATTRIBUTES, ENV } from '../functions/contract.ts';
import type { BookingTable } from './booking-table.ts';
import { readStream } from './event-sources.ts';
import { allow } from './grants.ts';
import { keepLogicalId } from './logical-ids.ts';
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
    allow(lambda, bus.eventBusArn, 'events:PutEvents');

    const statuses = settings.publishSettled ? ['EXPIRED', 'CONFIRMED', 'CANCELLED'] : ['EXPIRED'];
    readStream(lambda, bookings.table, {
      pattern: {
        eventName: FilterRule.isEqual('MODIFY'),
        dynamodb: { NewImage: { [BOOKING_ATTRIBUTES.status]: { S: statuses } } },
      },
      deadLetterQueue: this.deadLetterQueue,
    });
  }
}
