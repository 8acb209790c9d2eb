import { Aws, Duration, Stack } from 'aws-cdk-lib';
import {
  Alarm,
  ComparisonOperator,
  type IMetric,
  MathExpression,
  Stats,
  TreatMissingData,
} from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { type ITopic, Topic } from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { METRICS, OLD_RECORD_MS } from '../functions/contract.ts';
import { MAX_SQS_DELAY_SECONDS } from '../functions/core/hold-time.ts';
import { expiryMetric, sumOf } from './metrics.ts';

const MINUTE = Duration.minutes(1);
const FIVE_MINUTES = Duration.minutes(5);
/** A booking this late, ms, has waited for more than a cold start and a retry. */
const LATE_MS = 5_000;
/** Beyond its delay a timer should be gone in seconds; this is when the queue is not being read. */
const OLD_TIMER_SECONDS = MAX_SQS_DELAY_SECONDS + 300;

export interface AlarmsProps {
  /** Begins every alarm's name, and is the metrics' `service`. */
  readonly serviceName: string;
  readonly sweepInterval: Duration;
  /** By the name that the runbook uses. */
  readonly deadLetterQueues: Readonly<Record<string, IQueue>>;
  readonly streamReaders: Readonly<Record<string, IFunction>>;
  readonly timerQueue: IQueue;
  readonly sweep: IFunction;
  /** @default - a topic of its own, which lets these alarms in */
  readonly topic?: ITopic | undefined;
  /** Who gets the alarms by e-mail. @default - nobody, until somebody subscribes to the topic */
  readonly email?: string | undefined;
  /**
   * Key for the topic; its policy must let cloudwatch.amazonaws.com use it, or no alarm gets through.
   * @default - none: the key that AWS keeps for SNS cannot be used by alarms, and an alarm's text holds no customer's data
   */
  readonly key?: IKey | undefined;
}

/** When an alarm goes off. */
export interface AlarmRule {
  /** What follows the prefix in the alarm's name. */
  readonly name: string;
  /** What it means, in a sentence that whoever is paged reads first. */
  readonly description: string;
  /** Its section of docs/runbook.md. */
  readonly section: string;
  readonly metric: IMetric;
  readonly threshold: number;
  /** @default ComparisonOperator.GREATER_THAN_THRESHOLD */
  readonly comparison?: ComparisonOperator;
  /** @default 1 */
  readonly evaluationPeriods?: number;
  /** @default - as many as the periods that are looked at */
  readonly datapointsToAlarm?: number;
  /**
   * SQS sends nothing for a queue that has been empty for a while, and Lambda nothing where nothing ran: both are good.
   * @default TreatMissingData.NOT_BREACHING
   */
  readonly missing?: TreatMissingData;
}

/**
 * Every alarm of the service, and the topic that they go to. Each is one that somebody acts on, and names its section of the
 * runbook. None is sent when all is well again: a first deployment would send a dozen mails, and `npm run status` shows it.
 */
export class Alarms extends Construct {
  /** Where the alarms go. */
  readonly topic: ITopic;
  readonly #alarms: Alarm[] = [];
  /** What the alarms' names begin with. */
  readonly prefix: string;

  constructor(scope: Construct, id: string, props: AlarmsProps) {
    super(scope, id);
    this.prefix = `${props.serviceName}/`;
    this.topic = props.topic ?? this.#ownTopic(props);
    if (props.email) this.topic.addSubscription(new EmailSubscription(props.email));
    for (const rule of rulesOf(props)) this.add(rule);
  }

  /** All of them, those that were added too. */
  get alarms(): Alarm[] {
    return this.#alarms;
  }

  /** Adds an alarm that goes where the others go. */
  add(rule: AlarmRule): Alarm {
    const alarm = new Alarm(this, rule.name, {
      alarmName: `${this.prefix}${rule.name}`,
      alarmDescription: `${rule.description} Runbook: docs/runbook.md#${rule.section}`,
      metric: rule.metric,
      threshold: rule.threshold,
      comparisonOperator: rule.comparison ?? ComparisonOperator.GREATER_THAN_THRESHOLD,
      evaluationPeriods: rule.evaluationPeriods ?? 1,
      datapointsToAlarm: rule.datapointsToAlarm ?? rule.evaluationPeriods ?? 1,
      treatMissingData: rule.missing ?? TreatMissingData.NOT_BREACHING,
    });
    alarm.addAlarmAction(new SnsAction(this.topic));
    this.#alarms.push(alarm);
    return alarm;
  }

  #ownTopic({ serviceName, key }: AlarmsProps): Topic {
    const topic = new Topic(this, 'Topic', {
      displayName: `${serviceName} alarms`,
      enforceSSL: true,
      ...(key && { masterKey: key }),
    });
    // The policy that refuses what comes without TLS replaces the one that a topic has by itself, and which lets alarms in.
    const { account, region } = Stack.of(this);
    topic.addToResourcePolicy(
      new PolicyStatement({
        sid: 'AlarmsOfThisStack',
        principals: [new ServicePrincipal('cloudwatch.amazonaws.com')],
        actions: ['sns:Publish'],
        resources: [topic.topicArn],
        conditions: {
          StringEquals: { 'aws:SourceAccount': account },
          ArnLike: {
            'aws:SourceArn': `arn:${Aws.PARTITION}:cloudwatch:${region}:${account}:alarm:${this.prefix}*`,
          },
        },
      }),
    );
    return topic;
  }
}

const rulesOf = (props: AlarmsProps): AlarmRule[] => {
  const { serviceName, deadLetterQueues, streamReaders } = props;
  // Visible messages: what was redriven by SQS does not count as sent.
  const deadLetters = Object.fromEntries(
    Object.values(deadLetterQueues).map((queue, index) => [
      `q${index}`,
      queue.metricApproximateNumberOfMessagesVisible({ statistic: Stats.MAXIMUM, period: MINUTE }),
    ]),
  );

  return [
    {
      name: 'dead-letters',
      description: `Something could not be processed and waits in a dead-letter queue: ${Object.keys(deadLetterQueues).join(', ')}.`,
      section: 'dead-letters',
      metric: sumOf(deadLetters, { period: MINUTE, label: 'dead letters' }),
      threshold: 0,
    },
    {
      name: 'overdue-found',
      description: 'The sweep found bookings that were overdue: timers are being lost or come late.',
      section: 'overdue-found',
      metric: expiryMetric(serviceName, METRICS.overdueFound, { period: FIVE_MINUTES }),
      threshold: 0,
    },
    {
      name: 'sweep-not-running',
      description: 'No sweep has run for three intervals: what the timers miss is marked by nobody.',
      section: 'sweep-not-running',
      // Without FILL, CloudWatch would look further back for what it misses, and go off some intervals later.
      metric: new MathExpression({
        expression: 'FILL(sweeps, 0)',
        usingMetrics: {
          sweeps: props.sweep.metricInvocations({ statistic: Stats.SUM, period: props.sweepInterval }),
        },
        period: props.sweepInterval,
        label: 'sweeps',
      }),
      threshold: 1,
      comparison: ComparisonOperator.LESS_THAN_THRESHOLD,
      evaluationPeriods: 3,
      // Silence is what this alarm is for.
      missing: TreatMissingData.BREACHING,
    },
    {
      name: 'sweep-unfinished',
      description: 'A sweep could not finish: it ran out of time, or a part of it failed. The next one goes on.',
      section: 'sweep-unfinished',
      metric: expiryMetric(serviceName, METRICS.sweepUnfinished, {
        statistic: Stats.MAXIMUM,
        period: props.sweepInterval,
      }),
      threshold: 0,
      // One alone is made good by the next.
      evaluationPeriods: 2,
    },
    {
      name: 'late',
      description: `One booking in a hundred was marked more than ${LATE_MS / 1_000} s after its deadline.`,
      section: 'late',
      metric: expiryMetric(serviceName, METRICS.lagMs),
      threshold: LATE_MS,
      // A single cold start or retry is no trend.
      evaluationPeriods: 5,
      datapointsToAlarm: 3,
    },
    {
      name: 'invalid-deadlines',
      description: 'Somebody writes bookings with no usable deadline: they never expire.',
      section: 'invalid-deadlines',
      metric: expiryMetric(serviceName, METRICS.invalidDeadline, { period: FIVE_MINUTES }),
      threshold: 0,
    },
    {
      name: 'unprocessable',
      description:
        'A booking, timer or event can never be processed: its id and the reason are in a dead-letter queue, or in the log of the sweep.',
      section: 'unprocessable',
      metric: expiryMetric(serviceName, METRICS.unprocessable, { period: FIVE_MINUTES }),
      threshold: 0,
    },
    ...Object.entries(streamReaders).map(([name, reader]) => ({
      name: `${name}-behind`,
      description: `${name} is more than a minute behind the table’s stream.`,
      section: 'stream-behind',
      metric: reader.metric('IteratorAge', { statistic: Stats.MAXIMUM, period: MINUTE }),
      threshold: OLD_RECORD_MS,
      evaluationPeriods: 3,
    })),
    {
      name: 'timers-not-read',
      description: 'A timer has waited in the queue for longer than any delay, unread: nobody polls the queue.',
      section: 'timers-not-read',
      metric: props.timerQueue.metricApproximateAgeOfOldestMessage({ statistic: Stats.MAXIMUM, period: MINUTE }),
      threshold: OLD_TIMER_SECONDS,
    },
  ];
};
