import { Duration, Stack } from 'aws-cdk-lib';
import { Rule, RuleTargetInput } from 'aws-cdk-lib/aws-events';
import { LambdaFunction } from 'aws-cdk-lib/aws-events-targets';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { Schedule, ScheduleExpression } from 'aws-cdk-lib/aws-scheduler';
import { LambdaInvoke } from 'aws-cdk-lib/aws-scheduler-targets';
import type { IQueue, Queue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { ENV, type SweepRequested } from '../functions/contract.ts';
import type { ExpiringTable } from './expiring-table.ts';
import { allow, allowKey } from './grants.ts';
import { NodeFunction, type NodeFunctionProps } from './node-function.ts';
import type { SweepState } from './sweep-state.ts';
import { deadLetterQueue, type TimerQueue } from './timer-queue.ts';

export interface SweepProps extends Pick<NodeFunctionProps, 'environment' | 'serviceName' | 'key'> {
  readonly table: ExpiringTable;
  readonly state: SweepState;
  readonly timers: TimerQueue;
  /** Time between two sweeps. */
  readonly interval: Duration;
  /** Where the stream's records are described that were given up: a reason to look at the whole table. */
  readonly givenUpQueue: IQueue;
}

/** The schedule and the Lambda of the backstop. */
export class Sweep extends Construct {
  readonly lambda: IFunction;
  /** Invocations that failed for good, at the schedule or in the Lambda. */
  readonly deadLetterQueue: Queue;
  readonly scheduleName: string;

  constructor(
    scope: Construct,
    id: string,
    { table, state, timers, interval, givenUpQueue, environment, serviceName, key }: SweepProps,
  ) {
    super(scope, id);
    this.deadLetterQueue = deadLetterQueue(this, 'SweepDeadLetterQueue', key);
    const lambda = new NodeFunction(this, 'SweepFunction', {
      entry: 'sweep',
      // A sweep that is not through when the next one starts would only do the same work beside it.
      timeout: Duration.minutes(Math.min(5, interval.toMinutes())),
      memorySize: 512,
      environment: { ...environment, ...state.environment, [ENV.givenUpQueueUrl]: givenUpQueue.queueUrl },
      serviceName,
      key,
    });
    this.lambda = lambda;
    table.grantKey(lambda);
    table.grantSweep(lambda);
    state.grantKeep(lambda);
    table.grantPatrol(lambda);
    timers.grantSend(lambda);
    allow(lambda, givenUpQueue.queueArn, 'sqs:GetQueueAttributes');
    // Scheduler invokes asynchronously: errors of the Lambda itself are retried and kept here, not by the schedule.
    lambda.configureAsyncInvoke({
      retryAttempts: 1,
      maxEventAge: interval,
      onFailure: { bind: () => ({ destination: this.deadLetterQueue.queueArn }) },
    });
    allow(lambda, this.deadLetterQueue.queueArn, 'sqs:SendMessage');

    const role = new Role(this, 'ScheduleRole', {
      assumedBy: new ServicePrincipal('scheduler.amazonaws.com', {
        conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(this).account } },
      }),
    });
    allow(role, lambda.functionArn, 'lambda:InvokeFunction');
    allow(role, this.deadLetterQueue.queueArn, 'sqs:SendMessage');
    // For its dead-letter queue.
    allowKey(role, key);
    const schedule = new Schedule(this, 'Schedule', {
      schedule: ScheduleExpression.rate(interval),
      target: new LambdaInvoke(lambda, {
        // CDK would allow every version of the function too; there is only $LATEST.
        role: role.withoutPolicyUpdates(),
        retryAttempts: 3,
        maxEventAge: interval,
        deadLetterQueue: this.deadLetterQueue,
      }),
      description: 'Expires overdue bookings and schedules the timers of far bookings that come near',
    });
    // Else it may fire before it may do anything.
    schedule.node.addDependency(role);
    this.scheduleName = schedule.scheduleName;

    // Whatever a deployment changes (the interval above all), the next sweep of the new version does not wait for its turn;
    // nor does the old one's, where it is rolled back.
    const deployed: SweepRequested = { isDeployment: true };
    new Rule(this, 'Deployed', {
      description: 'Sweeps once after each deployment',
      eventPattern: {
        source: ['aws.cloudformation'],
        detailType: ['CloudFormation Stack Status Change'],
        detail: {
          'stack-id': [Stack.of(this).stackId],
          'status-details': { status: ['CREATE_COMPLETE', 'UPDATE_COMPLETE', 'UPDATE_ROLLBACK_COMPLETE'] },
        },
      },
      targets: [
        new LambdaFunction(lambda, {
          event: RuleTargetInput.fromObject(deployed),
          retryAttempts: 3,
          maxEventAge: interval,
          deadLetterQueue: this.deadLetterQueue,
        }),
      ],
    });
  }
}
