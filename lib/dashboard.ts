import { Duration, Stack } from 'aws-cdk-lib';
import { AlarmStatusWidget, Dashboard, GraphWidget, type Metric, Stats } from 'aws-cdk-lib/aws-cloudwatch';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { METRICS, type MetricName } from '../functions/contract.ts';
import type { Alarms, AlarmsProps } from './alarms.ts';
import { expiryMetric } from './metrics.ts';

export interface OperatorsDashboardProps
  extends Pick<AlarmsProps, 'serviceName' | 'timerQueue' | 'deadLetterQueues' | 'streamReaders'> {
  /** Alarms that are added later are shown too. @default - there are none */
  readonly alarms?: Alarms | undefined;
  /** Where webhooks wait: new ones, and those that are tried again. @default - there are no webhooks */
  readonly webhookQueues?: readonly [IQueue, IQueue] | undefined;
}

/** One page for whoever is paged: alarms first, then the lag, then what the timers and the sweeps do. */
export class OperatorsDashboard extends Construct {
  constructor(scope: Construct, id: string, props: OperatorsDashboardProps) {
    super(scope, id);
    const { serviceName, timerQueue, deadLetterQueues, streamReaders } = props;
    const own = (metricName: MetricName): Metric => expiryMetric(serviceName, metricName, { label: metricName });
    const lag = (statistic: string): Metric =>
      expiryMetric(serviceName, METRICS.lagMs, { statistic, label: `${METRICS.lagMs} ${statistic}` });
    const half = { width: 12, height: 6 };

    // Dashboards of all regions share their names.
    const dashboardName = `${serviceName}-${Stack.of(this).region}`;
    new Dashboard(this, 'Dashboard', { dashboardName, defaultInterval: Duration.hours(6) }).addWidgets(
      ...(props.alarms
        ? [new AlarmStatusWidget({ title: 'Alarms', alarms: props.alarms.alarms, width: 24, height: 6 })]
        : []),
      new GraphWidget({
        ...half,
        title: 'Lag: from the deadline to the mark',
        left: [lag(Stats.p(50)), lag(Stats.p(99)), lag(Stats.MAXIMUM)],
      }),
      new GraphWidget({ ...half, title: 'Expired', left: [own(METRICS.expiredByTimer), own(METRICS.overdueFound)] }),
      new GraphWidget({
        ...half,
        title: 'What needs somebody',
        left: [METRICS.sweepUnfinished, METRICS.invalidDeadline, METRICS.unprocessable].map((metric) => own(metric)),
      }),
      new GraphWidget({
        ...half,
        title: 'Readers of the stream: how far behind, ms',
        left: Object.entries(streamReaders).map(([name, reader]) =>
          reader.metric('IteratorAge', { statistic: Stats.MAXIMUM, label: name }),
        ),
      }),
      new GraphWidget({
        ...half,
        title: 'Timers waiting',
        left: [
          timerQueue.metricApproximateNumberOfMessagesDelayed(),
          timerQueue.metricApproximateNumberOfMessagesVisible(),
        ],
      }),
      new GraphWidget({
        ...half,
        title: 'Dead letters',
        left: Object.entries(deadLetterQueues).map(([label, queue]) =>
          queue.metricApproximateNumberOfMessagesVisible({ statistic: Stats.MAXIMUM, label }),
        ),
      }),
      ...(props.webhookQueues ? [webhooksWaiting(props.webhookQueues, half)] : []),
    );
  }
}

const webhooksWaiting = ([queue, retryQueue]: readonly [IQueue, IQueue], size: { width: number; height: number }) =>
  new GraphWidget({
    ...size,
    title: 'Webhooks waiting',
    left: [
      queue.metricApproximateNumberOfMessagesVisible({ statistic: Stats.MAXIMUM, label: 'new' }),
      retryQueue.metricApproximateNumberOfMessagesDelayed({ statistic: Stats.MAXIMUM, label: 'tried again soon' }),
      retryQueue.metricApproximateNumberOfMessagesNotVisible({ statistic: Stats.MAXIMUM, label: 'tried again later' }),
    ],
  });
