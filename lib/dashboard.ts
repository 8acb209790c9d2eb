import { Duration, Stack } from 'aws-cdk-lib';
import { AlarmStatusWidget, Dashboard, GraphWidget, Metric, Stats, Unit } from 'aws-cdk-lib/aws-cloudwatch';
import { Construct } from 'constructs';
import { METRICS, METRICS_NAMESPACE, type MetricName } from '../functions/contract.ts';
import type { Alarms, AlarmsProps } from './alarms.ts';

export interface OperatorsDashboardProps extends AlarmsProps {
  readonly alarms: Alarms;
}

/** One page for whoever is paged: alarms first, then the lag, then what the timers and the sweeps do. */
export class OperatorsDashboard extends Construct {
  constructor(scope: Construct, id: string, props: OperatorsDashboardProps) {
    super(scope, id);
    const { serviceName, timerQueue, deadLetterQueues, streamReaders } = props;
    const own = (metricName: MetricName, statistic: string = Stats.SUM, unit = Unit.COUNT): Metric =>
      new Metric({
        namespace: METRICS_NAMESPACE,
        metricName,
        dimensionsMap: { service: serviceName },
        statistic,
        unit,
        period: Duration.minutes(1),
        label: statistic === Stats.SUM ? metricName : `${metricName} ${statistic}`,
      });
    const lag = (statistic: string) => own(METRICS.lagMs, statistic, Unit.MILLISECONDS);
    const half = { width: 12, height: 6 };

    // Dashboards of all regions share their names.
    const dashboardName = `${serviceName}-${Stack.of(this).region}`;
    new Dashboard(this, 'Dashboard', { dashboardName, defaultInterval: Duration.hours(6) }).addWidgets(
      new AlarmStatusWidget({ title: 'Alarms', alarms: [...props.alarms.alarms], width: 24, height: 6 }),
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
    );
  }
}
