/** Whether CloudWatch keeps the metrics, and whether an alarm reaches whoever listens. Both are parts of AWS alone. */
import {
  CloudWatchClient,
  DescribeAlarmsCommand,
  GetMetricDataCommand,
  type MetricAlarm,
  SetAlarmStateCommand,
} from '@aws-sdk/client-cloudwatch';
import { SNSClient, SubscribeCommand, UnsubscribeCommand } from '@aws-sdk/client-sns';
import { METRICS, METRICS_NAMESPACE } from '../../functions/contract.ts';
import { MINUTE_MS, SECOND_MS } from '../../functions/core/hold-time.ts';
import { systemClock } from '../../functions/runtime/clock.ts';
import { expectThat, onlyOnAws, type Step, type Verification } from './step.ts';
import { type TemporaryQueue, temporaryQueue } from './temporary-queue.ts';

/** Metrics that every run makes. */
const METRICS_OF_A_RUN = [METRICS.lagMs, METRICS.expiredByTimer, METRICS.invalidDeadline, METRICS.unprocessable];
/** Time that the lines of a log take to become metrics, ms. */
const UNTIL_METRICS_MS = 3 * MINUTE_MS;

export const metrics: Step = {
  name: 'metrics',
  title: 'CloudWatch makes metrics of the Lambdas’ logs, under the dimension that the alarms look at',
  run: async ({ deployment, pause, patienceMs }) => {
    const stackName = onlyOnAws(deployment, 'the local runtime makes metrics of the log lines itself');
    const cloudWatch = deployment.ledger.watch('CloudWatch', new CloudWatchClient(deployment.client));
    const untilMs = systemClock() + UNTIL_METRICS_MS + patienceMs;
    for (;;) {
      const missing = await metricsWithoutData(cloudWatch, stackName);
      if (missing.length === 0) return `${METRICS_OF_A_RUN.join(', ')} with service ${stackName}`;
      expectThat(
        systemClock() < untilMs,
        `no data of ${missing.join(', ')} in ${METRICS_NAMESPACE} with service ${stackName}`,
      );
      await pause(10 * SECOND_MS);
    }
  },
};

const metricsWithoutData = async (cloudWatch: CloudWatchClient, service: string): Promise<string[]> => {
  const { MetricDataResults = [] } = await cloudWatch.send(
    new GetMetricDataCommand({
      StartTime: new Date(systemClock() - 15 * MINUTE_MS),
      EndTime: new Date(systemClock() + MINUTE_MS),
      MetricDataQueries: METRICS_OF_A_RUN.map((MetricName, index) => ({
        Id: `m${index}`,
        MetricStat: {
          Metric: { Namespace: METRICS_NAMESPACE, MetricName, Dimensions: [{ Name: 'service', Value: service }] },
          Period: MINUTE_MS / SECOND_MS,
          Stat: 'SampleCount',
        },
      })),
    }),
  );
  return METRICS_OF_A_RUN.filter(
    (_, index) => (MetricDataResults.find(({ Id }) => Id === `m${index}`)?.Values ?? []).length === 0,
  );
};

/** The alarm that is set off where it can be: its cause is well known to whoever gets the message. */
const PREFERRED = 'overdue-found';
/** A new queue may take up to a minute until it takes what a topic sends. */
const TRIES = 3;

export const alarm: Step = {
  name: 'alarm',
  title: 'every alarm goes to the topic, and one that is set off by hand is heard there',
  run: async (verification) => {
    const { deployment } = verification;
    const stackName = onlyOnAws(deployment, 'no topic takes the alarms’ messages');
    const topicArn = deployment.outputs.AlarmTopicArn;
    const cloudWatch = deployment.ledger.watch('CloudWatch', new CloudWatchClient(deployment.client));
    const { MetricAlarms: alarms = [] } = await cloudWatch.send(
      new DescribeAlarmsCommand({ AlarmNamePrefix: `${stackName}/`, AlarmTypes: ['MetricAlarm'] }),
    );
    expectThat(alarms.length > 0, `there are no alarms whose names begin with ${stackName}/`);
    const deaf = alarms.filter(({ AlarmActions = [] }) => !AlarmActions.includes(topicArn)).map(nameOf);
    expectThat(deaf.length === 0, `these alarms do not go to the topic ${topicArn}: ${deaf.join(', ')}`);
    const chosen = toBeSetOff(alarms);
    if (chosen === undefined) throw new Error('every alarm is on already: none can be set off');

    const queue = await temporaryQueue(verification, 'alarms');
    await subscribe(verification, queue, topicArn);
    await hear(verification, cloudWatch, queue, chosen);
    return `${alarms.length} alarms go to the topic; ${nameOf(chosen)}, set off by hand, was heard there, and reset`;
  },
};

const nameOf = ({ AlarmName = '' }: MetricAlarm): string => AlarmName;

/** Setting off an alarm that is on does nothing. */
const toBeSetOff = (alarms: readonly MetricAlarm[]): MetricAlarm | undefined => {
  const quiet = alarms.filter(({ StateValue }) => StateValue !== 'ALARM');
  return quiet.find((each) => nameOf(each).endsWith(`/${PREFERRED}`)) ?? quiet[0];
};

const subscribe = async (
  { deployment, cleanUp }: Verification,
  queue: TemporaryQueue,
  TopicArn: string,
): Promise<void> => {
  const sns = deployment.ledger.watch('SNS', new SNSClient(deployment.client));
  await queue.allow('sns', TopicArn);
  const { SubscriptionArn } = await sns.send(
    new SubscribeCommand({
      TopicArn,
      Protocol: 'sqs',
      Endpoint: queue.arn,
      Attributes: { RawMessageDelivery: 'true' },
      ReturnSubscriptionArn: true,
    }),
  );
  cleanUp.add(`subscription ${SubscriptionArn}`, () => sns.send(new UnsubscribeCommand({ SubscriptionArn })));
};

const hear = async (
  { cleanUp, patienceMs, runId }: Verification,
  cloudWatch: CloudWatchClient,
  queue: TemporaryQueue,
  chosen: MetricAlarm,
): Promise<void> => {
  const AlarmName = nameOf(chosen);
  const setState = (StateValue: 'ALARM' | 'OK') =>
    cloudWatch.send(
      new SetAlarmStateCommand({
        AlarmName,
        StateValue,
        StateReason: `npm run verify-deployment, run ${runId}: a test by hand, nothing is wrong`,
      }),
    );
  cleanUp.add(`alarm ${AlarmName}, which is on by hand until CloudWatch looks at its metric again`, () =>
    setState('OK'),
  );
  for (let tries = 1; tries <= TRIES; tries += 1) {
    if (tries > 1) await setState('OK');
    await setState('ALARM');
    const untilMs = systemClock() + patienceMs;
    while (systemClock() < untilMs) {
      if ((await queue.receive()).some((body) => isAlarmOf(body, AlarmName))) return;
    }
  }
  throw new Error(
    `${AlarmName} was set off ${TRIES} times, and nothing came from the topic: look at its policy, and at its key’s if it has one`,
  );
};

const isAlarmOf = (body: string, alarmName: string): boolean => {
  try {
    const message = JSON.parse(body);
    return message.AlarmName === alarmName && message.NewStateValue === 'ALARM';
  } catch {
    return false;
  }
};
