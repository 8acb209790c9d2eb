/**
 * What CloudWatch does for the service: takes in the metrics of the Lambdas' logs, measures what AWS measures by itself (queues,
 * readers of the stream, invocations, answers of the HTTP API), and evaluates the template's alarms.
 */
import { GetQueueAttributesCommand, type QueueAttributeName, type SQSClient } from '@aws-sdk/client-sqs';
import { type AlarmChange, LocalAlarms } from './alarms.ts';
import type { Assembly } from './assembly.ts';
import type { EventSourceMapping } from './event-source-mapping.ts';
import type { LeftAside } from './left-aside.ts';
import { type MetricId, Metrics } from './metrics.ts';
import type { References } from './references.ts';
import { resourcesOf, type Template } from './template.ts';

export interface MonitoringSettings {
  /** What minutes go by. */
  readonly clock: () => number;
  readonly onAlarm: (change: AlarmChange) => void;
  readonly onProblem: (problem: string) => void;
}

const SAMPLE_EVERY_MS = 5_000;
/** What a queue tells, by the metric that CloudWatch makes of it (Amazon SQS Developer Guide, available CloudWatch metrics). */
const COUNTED: Readonly<Record<string, QueueAttributeName>> = {
  ApproximateNumberOfMessagesVisible: 'ApproximateNumberOfMessages',
  ApproximateNumberOfMessagesDelayed: 'ApproximateNumberOfMessagesDelayed',
  ApproximateNumberOfMessagesNotVisible: 'ApproximateNumberOfMessagesNotVisible',
};

export class Monitoring {
  readonly #settings: MonitoringSettings;
  readonly #template: Template;
  readonly #leftAside: LeftAside | undefined;
  readonly #references: References;
  readonly #metrics = new Metrics();
  #alarms: LocalAlarms | undefined;
  #sampled: (() => Promise<void>)[] = [];
  #timer: NodeJS.Timeout | undefined;
  #checking: Promise<void> | undefined;

  constructor({ template, leftAside }: Assembly, references: References, settings: MonitoringSettings) {
    this.#template = template;
    this.#leftAside = leftAside;
    this.#references = references;
    this.#settings = settings;
  }

  /** Takes in a line of a Lambda's log: its metrics, if it is a line of metrics. */
  logLine(line: string): void {
    this.#metrics.putEmbedded(line);
  }

  invoked(functionName: string): void {
    const metric = { namespace: 'AWS/Lambda', name: 'Invocations', dimensions: { FunctionName: functionName } };
    this.#metrics.put(metric, 1, this.#settings.clock(), 'Count');
  }

  answered(apiId: string, status: number): void {
    const metric = { namespace: 'AWS/ApiGateway', name: '5xx', dimensions: { ApiId: apiId } };
    this.#metrics.put(metric, status >= 500 ? 1 : 0, this.#settings.clock(), 'Count');
  }

  get alarms(): LocalAlarms {
    if (this.#alarms === undefined) throw new Error('the alarms are read when everything that they look at is there');
    return this.#alarms;
  }

  /** @throws UnsupportedTemplateError for an alarm that cannot be evaluated here */
  start(sqsClient: SQSClient, mappings: readonly EventSourceMapping[]): void {
    const { clock, onAlarm } = this.#settings;
    this.#alarms = new LocalAlarms(this.#template, this.#references, this.#metrics, {
      clock,
      onChange: onAlarm,
      leftAside: this.#leftAside,
    });
    this.#sampled = [...this.#queues(sqsClient, mappings), ...this.#readers(mappings)];
    this.#timer = setInterval(() => void this.check(), SAMPLE_EVERY_MS).unref();
  }

  /** Measures and evaluates now. */
  check(): Promise<void> {
    this.#checking ??= (async () => {
      await Promise.all(this.#sampled.map((sample) => sample()));
      this.alarms.evaluate();
    })()
      .catch((error) => this.#settings.onProblem(`could not look at the alarms: ${error?.message ?? error}`))
      .finally(() => {
        this.#checking = undefined;
      });
    return this.#checking;
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#checking;
  }

  #queues(sqsClient: SQSClient, mappings: readonly EventSourceMapping[]): (() => Promise<void>)[] {
    const urls = new Map(
      resourcesOf(this.#template, 'AWS::SQS::Queue').map(([logicalId]) => {
        const QueueUrl = String(this.#references.resolve({ Ref: logicalId }));
        return [QueueUrl.split('/').at(-1) ?? '', QueueUrl];
      }),
    );
    const looked = new Map<string, MetricId[]>();
    for (const metric of this.alarms.metrics.filter(({ namespace }) => namespace === 'AWS/SQS')) {
      const { QueueName = '' } = metric.dimensions;
      looked.set(QueueName, [...(looked.get(QueueName) ?? []), metric]);
    }
    // A queue of another app is measured by nobody here.
    const ours = [...looked].filter(([name]) => urls.has(name));
    return ours.map(([name, metrics]) => {
      const mapping = mappings.find(({ eventSourceArn }) => eventSourceArn.endsWith(`:${name}`));
      let waitsSinceMs: number | undefined;
      return async () => {
        const { Attributes } = await sqsClient.send(
          new GetQueueAttributesCommand({ QueueUrl: urls.get(name), AttributeNames: Object.values(COUNTED) }),
        );
        const nowMs = this.#settings.clock();
        const visible = Number(Attributes?.ApproximateNumberOfMessages);
        // No engine tells how old its oldest message is: at least as old as what waits has been there unread.
        waitsSinceMs = visible === 0 ? undefined : (waitsSinceMs ?? nowMs);
        const unreadSinceMs = waitsSinceMs && Math.max(waitsSinceMs, mapping?.progress?.(nowMs).lastReadAtMs ?? 0);
        for (const metric of metrics) {
          const isAge = metric.name === 'ApproximateAgeOfOldestMessage';
          const ageSeconds = unreadSinceMs === undefined ? 0 : (nowMs - unreadSinceMs) / 1_000;
          const counted = COUNTED[metric.name];
          const count = Number((counted && Attributes?.[counted]) ?? 0);
          this.#metrics.put(metric, isAge ? ageSeconds : count, nowMs, isAge ? 'Seconds' : 'Count');
        }
      };
    });
  }

  #readers(mappings: readonly EventSourceMapping[]): (() => Promise<void>)[] {
    return this.alarms.metrics
      .filter(({ name }) => name === 'IteratorAge')
      .map((metric) => async () => {
        const nowMs = this.#settings.clock();
        for (const { functionName, progress } of mappings) {
          const { iteratorAgeMs } = progress?.(nowMs) ?? {};
          if (functionName !== metric.dimensions.FunctionName || iteratorAgeMs === undefined) continue;
          this.#metrics.put(metric, iteratorAgeMs, nowMs, 'Milliseconds');
        }
      });
  }
}
