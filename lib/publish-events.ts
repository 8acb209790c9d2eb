import { Duration } from 'aws-cdk-lib';
import { EventBus, type IEventBus } from 'aws-cdk-lib/aws-events';
import { FilterRule, type IFunction } from 'aws-cdk-lib/aws-lambda';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { ENV } from '../functions/contract.ts';
import { OWN_ATTRIBUTES } from '../functions/table/shape.ts';
import { readStream } from './event-sources.ts';
import type { ExpiringTable } from './expiring-table.ts';
import { allow } from './grants.ts';
import { NodeFunction, type NodeFunctionProps } from './node-function.ts';
import { deadLetterQueue } from './timer-queue.ts';

/** Statuses of a booking that was settled. */
export const SETTLED = ['CONFIRMED', 'CANCELLED'] as const;

export interface PublishEventsProps extends Pick<NodeFunctionProps, 'serviceName' | 'key'> {
  readonly table: ExpiringTable;
  /** @default - a bus of its own */
  readonly bus?: IEventBus | undefined;
  /** Whether what was settled is published too. */
  readonly settled: boolean;
  /** Whether bookings are revived, which is always published. */
  readonly revived: boolean;
}

/**
 * The table's stream to the event bus. The second and last reader that the stream allows (AWS Lambda Developer Guide,
 * DynamoDB streams): whoever wants to listen listens on the bus.
 */
export class PublishEvents extends Construct {
  readonly bus: IEventBus;
  readonly lambda: IFunction;
  /** Events that can never be published, and stream records that were given up. */
  readonly deadLetterQueue: IQueue;

  constructor(scope: Construct, id: string, { table, bus, settled, revived, serviceName, key }: PublishEventsProps) {
    super(scope, id);
    const ownBus = () =>
      new EventBus(this, 'Bus', { description: 'BookingExpired, and what else happens to bookings' });
    this.bus = bus ?? (ownBus() as IEventBus);
    this.deadLetterQueue = deadLetterQueue(this, 'PublishEventsDeadLetterQueue', key);
    const lambda = new NodeFunction(this, 'PublishEventsFunction', {
      entry: 'publish-events',
      timeout: Duration.seconds(30),
      memorySize: 256,
      environment: {
        ...table.shapeEnvironment,
        [ENV.eventBus]: this.bus.eventBusName,
        [ENV.deadLetterQueueUrl]: this.deadLetterQueue.queueUrl,
      },
      serviceName,
      key,
    });
    this.lambda = lambda;
    table.grantKey(lambda);
    allow(lambda, this.bus.eventBusArn, 'events:PutEvents');

    const changedTo = (NewImage: Record<string, unknown>) => ({
      eventName: FilterRule.isEqual('MODIFY'),
      dynamodb: { NewImage },
    });
    const isRevived = { [OWN_ATTRIBUTES.revivedAtMs]: { N: FilterRule.exists() } };
    readStream(lambda, table.table, {
      patterns: [
        changedTo(table.imageWith([table.shape.status.expired, ...(settled ? SETTLED : [])])),
        ...(revived && !settled ? [changedTo({ ...table.imageWith(['CONFIRMED']), ...isRevived })] : []),
      ],
      deadLetterQueue: this.deadLetterQueue,
    });
  }
}
