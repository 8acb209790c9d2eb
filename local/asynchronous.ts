/** What invokes Lambdas without waiting for them: schedules, deployments, and rules that events of a bus match. */
import { SendMessageCommand } from '@aws-sdk/client-sqs';
import type { PublishedEvent } from './event-bus.ts';
import { EventRule, type RuleTarget } from './event-rule.ts';
import { LocalSchedule, ratePeriodMs } from './schedule.ts';
import { UnsupportedTemplateError } from './template.ts';
import type { OnFailure, Wiring } from './wiring.ts';

interface AsyncTarget {
  readonly Arn: string;
  readonly Input?: string;
  readonly InputPath?: string;
  readonly InputTransformer?: unknown;
  readonly SqsParameters?: { readonly MessageGroupId?: string };
}

interface EventInvokeConfig {
  readonly FunctionName: string;
  readonly MaximumRetryAttempts?: number;
  readonly MaximumEventAgeInSeconds?: number;
  readonly DestinationConfig?: OnFailure;
}

interface Schedule {
  readonly ScheduleExpression: string;
  readonly State?: string;
  readonly FlexibleTimeWindow?: { readonly Mode?: string };
  readonly Target: AsyncTarget;
}

interface Rule {
  readonly EventBusName?: string;
  readonly EventPattern?: Readonly<Record<string, unknown>>;
  readonly ScheduleExpression?: string;
  readonly State?: string;
  readonly Targets?: readonly AsyncTarget[];
}

/** A deployment of the stack itself is what is meant: of nothing else does CloudFormation tell here. */
const isAboutDeployments = (pattern: Rule['EventPattern']): boolean =>
  JSON.stringify(pattern?.source) === '["aws.cloudformation"]';

/**
 * What the template has fired at a rate.
 *
 * @param period fires at this many ms instead of the template's rate, or never by itself
 */
export const schedulesOf = (wiring: Wiring, period: number | 'never' | undefined): LocalSchedule[] => {
  const ofScheduler = wiring.each('AWS::Scheduler::Schedule', (logicalId, schedule: Schedule) => {
    if (schedule.FlexibleTimeWindow?.Mode !== 'OFF') {
      throw new UnsupportedTemplateError([`flexible time window of ${logicalId}`]);
    }
    return firesOf(wiring, schedule.ScheduleExpression, schedule.State, [schedule.Target], period);
  });
  const ofRules = wiring.each('AWS::Events::Rule', (_, { ScheduleExpression, State, Targets = [] }: Rule) =>
    ScheduleExpression === undefined ? [] : firesOf(wiring, ScheduleExpression, State, Targets, period),
  );
  return [...ofScheduler, ...ofRules].flat();
};

const firesOf = (
  wiring: Wiring,
  expression: string,
  state: string | undefined,
  targets: readonly AsyncTarget[],
  period: number | 'never' | undefined,
): LocalSchedule[] => {
  const ownPeriodMs = ratePeriodMs(expression);
  const isOff = state === 'DISABLED' || period === 'never';
  return targets.map((target) => asyncInvocationOf(wiring, target, isOff ? 'never' : (period ?? ownPeriodMs), false));
};

/**
 * What follows a deployment: a start is one.
 *
 * @param period never: not at a start either
 */
export const deploymentsOf = (wiring: Wiring, period: number | 'never' | undefined): LocalSchedule[] => {
  return wiring
    .each('AWS::Events::Rule', (_, { EventPattern, State, Targets = [] }: Rule) => {
      if (!isAboutDeployments(EventPattern)) return [];
      const isOff = State === 'DISABLED' || period === 'never';
      return Targets.map((target) => asyncInvocationOf(wiring, target, 'never', !isOff));
    })
    .flat();
};

/** The rules that bring events of a bus to Lambdas and queues. */
export const eventRulesOf = (wiring: Wiring): EventRule[] => {
  return wiring
    .each(
      'AWS::Events::Rule',
      (_, { EventPattern, EventBusName = 'default', ScheduleExpression, State, Targets = [] }: Rule) => {
        const isOther = ScheduleExpression !== undefined || isAboutDeployments(EventPattern);
        if (isOther || State === 'DISABLED') return [];
        const busName = EventBusName.split('/').at(-1) ?? '';
        return [
          new EventRule(
            busName,
            EventPattern,
            Targets.map((target) => ruleTargetOf(wiring, target)),
          ),
        ];
      },
    )
    .flat();
};

const ruleTargetOf = (wiring: Wiring, target: AsyncTarget): RuleTarget => {
  const { Arn, Input, InputPath, InputTransformer, SqsParameters } = target;
  if (InputTransformer !== undefined || (InputPath !== undefined && !/^\$(\.\w[\w-]*)*$/.test(InputPath))) {
    throw new UnsupportedTemplateError([`input of target ${Arn}: it must be the event, a part of it, or a constant`]);
  }
  const inputOf = (event: PublishedEvent): unknown => {
    if (Input !== undefined) return JSON.parse(Input);
    const path = (InputPath ?? '$').split('.').slice(1);
    return path.reduce<unknown>((part, name) => (part as Record<string, unknown> | undefined)?.[name], event);
  };
  if (Arn.split(':')[2] === 'sqs') {
    const QueueUrl = wiring.queueUrlOf(Arn);
    const { MessageGroupId } = SqsParameters ?? {};
    const send = async (event: PublishedEvent): Promise<void> => {
      const MessageBody = JSON.stringify(inputOf(event));
      await wiring.sqsClient.send(new SendMessageCommand({ QueueUrl, MessageBody, MessageGroupId }));
    };
    const onProblem = (error: unknown) => wiring.onProblem(`could not send an event to ${QueueUrl}: ${error}`);
    return { take: (event) => send(event).catch(onProblem), stop: async () => {} };
  }
  const invocation = asyncInvocationOf(wiring, target, 'never', false);
  return { take: (event) => invocation.fire(inputOf(event)), stop: () => invocation.stop() };
};

const asyncInvocationOf = (
  wiring: Wiring,
  { Arn, Input }: AsyncTarget,
  periodMs: number | 'never',
  firesAtStart: boolean,
): LocalSchedule => {
  const lambda = wiring.lambdaOf(Arn);
  const config = wiring
    .each('AWS::Lambda::EventInvokeConfig', (_, each: EventInvokeConfig) => each)
    .find(({ FunctionName }) => wiring.find(FunctionName) === lambda);
  return new LocalSchedule(lambda, {
    periodMs,
    firesAtStart,
    input: Input === undefined ? {} : JSON.parse(Input),
    // What Lambda does when nothing is configured: two retries, six hours.
    maxRetryAttempts: config?.MaximumRetryAttempts ?? 2,
    maxEventAgeMs: (config?.MaximumEventAgeInSeconds ?? 21_600) * 1_000,
    onDiscarded: wiring.sendTo(config?.DestinationConfig?.OnFailure?.Destination),
    onProblem: wiring.onProblem,
  });
};
