import { Duration } from 'aws-cdk-lib';
import type { IEventBus } from 'aws-cdk-lib/aws-events';
import { Construct } from 'constructs';
import { ENV } from '../functions/contract.ts';
import { longestWaitMs } from '../functions/core/hold-time.ts';
import { readQueue } from './event-sources.ts';
import type { ExpiringTable } from './expiring-table.ts';
import { allow } from './grants.ts';
import type { TimerPollers } from './limits.ts';
import { NodeFunction, type NodeFunctionProps } from './node-function.ts';
import type { TimerQueue } from './timer-queue.ts';

/** Time for a batch's writes after the longest wait: two rounds of three tries of two seconds, and a cold start. */
const TIME_TO_WRITE = Duration.seconds(14);

/** Time limit of expire-booking, derived from the longest time that it may wait for a deadline. */
export const expireBookingTimeout = (timerLeadMs: number): Duration =>
  Duration.seconds(Math.ceil(longestWaitMs(timerLeadMs) / 1000) + TIME_TO_WRITE.toSeconds());

export interface ExpireBookingProps extends Pick<NodeFunctionProps, 'environment' | 'serviceName' | 'key'> {
  readonly table: ExpiringTable;
  readonly timers: TimerQueue;
  readonly timeout: Duration;
  /** Undefined where none is provisioned. */
  readonly pollers: TimerPollers | undefined;
  /** How close together deadlines are that share a write, ms. */
  readonly sameMomentMs: number;
}

/** The timer queue to the Lambda that waits for each deadline and expires the booking. */
export class ExpireBooking extends Construct {
  readonly lambda: NodeFunction;

  constructor(
    scope: Construct,
    id: string,
    { table, timers, timeout, pollers, sameMomentMs, environment, serviceName, key }: ExpireBookingProps,
  ) {
    super(scope, id);
    const lambda = new NodeFunction(this, 'ExpireBookingFunction', {
      entry: 'expire-booking',
      timeout,
      // It mostly waits, and waiting is billed by memory.
      memorySize: 192,
      environment: {
        ...environment,
        [ENV.sameMomentMs]: String(sameMomentMs),
        [ENV.deadLetterQueueUrl]: timers.deadLetterQueue.queueUrl,
      },
      serviceName,
      key,
    });
    this.lambda = lambda;
    table.grantKey(lambda);
    table.grantExpire(lambda);
    timers.grantSend(lambda);
    timers.grantDefer(lambda);
    timers.grantBury(lambda);

    readQueue(lambda, timers.queue, pollers && { pollers });
  }

  /** Has notices published whose timers come with those of deadlines. */
  publishNotices(bus: IEventBus): void {
    this.lambda.addEnvironment(ENV.eventBus, bus.eventBusName);
    allow(this.lambda, bus.eventBusArn, 'events:PutEvents');
  }
}
