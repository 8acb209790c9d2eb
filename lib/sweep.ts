import { Duration } from 'aws-cdk-lib';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { SqsDestination } from 'aws-cdk-lib/aws-lambda-destinations';
import { Schedule, ScheduleExpression } from 'aws-cdk-lib/aws-scheduler';
import { LambdaInvoke } from 'aws-cdk-lib/aws-scheduler-targets';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import type { BookingTable } from './booking-table.ts';
import { acceptFinding } from './names.ts';
import { NodeFunction, type NodeFunctionProps } from './node-function.ts';
import { deadLetterQueue, type TimerQueue } from './timer-queue.ts';

export interface SweepProps extends Pick<NodeFunctionProps, 'environment' | 'serviceName' | 'key'> {
  readonly bookings: BookingTable;
  readonly timers: TimerQueue;
  /** Time between two sweeps. */
  readonly interval: Duration;
}

/** The schedule and the Lambda of the backstop. */
export class Sweep extends Construct {
  readonly lambda: IFunction;
  /** Invocations that failed for good, at the schedule or in the Lambda. */
  readonly deadLetterQueue: IQueue;

  constructor(scope: Construct, id: string, { bookings, timers, interval, environment, serviceName, key }: SweepProps) {
    super(scope, id);
    this.deadLetterQueue = deadLetterQueue(this, 'SweepDeadLetterQueue', key);
    const lambda = new NodeFunction(this, 'SweepFunction', {
      entry: 'sweep',
      // A sweep that is not through when the next one starts would only do the same work beside it.
      timeout: Duration.minutes(Math.min(5, interval.toMinutes())),
      memorySize: 512,
      environment,
      serviceName,
      key,
    });
    this.lambda = lambda;
    bookings.grantSweep(lambda);
    timers.grantSend(lambda);
    // Scheduler invokes asynchronously: errors of the Lambda itself are retried and kept here, not by the schedule.
    lambda.configureAsyncInvoke({
      retryAttempts: 1,
      maxEventAge: interval,
      onFailure: new SqsDestination(this.deadLetterQueue),
    });

    const role = new Role(this, 'ScheduleRole', { assumedBy: new ServicePrincipal('scheduler.amazonaws.com') });
    acceptFinding(
      role,
      'AwsSolutions-IAM5[Resource::<SweepFunction.Arn>:*]',
      'CDK grants every version of the one function that the schedule invokes; there is only $LATEST',
    );
    new Schedule(this, 'Schedule', {
      schedule: ScheduleExpression.rate(interval),
      target: new LambdaInvoke(lambda, {
        role,
        retryAttempts: 3,
        maxEventAge: interval,
        deadLetterQueue: this.deadLetterQueue,
      }),
      description: 'Expires overdue bookings and schedules the timers of far bookings that come near',
    });
  }
}
