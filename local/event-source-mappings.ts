/**
 * A stand-in for Lambda's ListEventSourceMappings and CloudWatch's GetMetricData and DescribeAlarms that speaks their protocols
 * to the real SDK clients, as far as `npm run status` asks them how far behind the readers are and which alarms are on.
 */
import type { IncomingMessage } from 'node:http';
import type { AlarmState } from './alarms.ts';
import { type LoopbackServer, listenOnLoopback } from './loopback.ts';

/** How a reader does: what Lambda says of its last invocation, and how old what it works on is. */
export interface ReaderProgress {
  /** Absent for a queue, of whose mapping Lambda says only that it is there. */
  readonly lastProcessingResult?: 'OK' | 'No records processed' | 'PROBLEM: Function call failed';
  /** Age of the oldest record under work, ms; absent for a queue. */
  readonly iteratorAgeMs?: number;
  /** When it last got messages, epoch ms; absent for a stream. */
  readonly lastReadAtMs?: number;
}

export interface EventSourceMapping {
  readonly uuid: string;
  readonly eventSourceArn: string;
  readonly functionName: string;
  /** Undefined where the template has it disabled. */
  readonly progress: ((nowMs: number) => ReaderProgress) | undefined;
}

/**
 * @param mappings all of the template
 * @param alarms tells the state of each alarm of the template
 */
export const startEventSourceMappings = (
  mappings: readonly EventSourceMapping[],
  alarms: () => readonly AlarmState[],
): Promise<LoopbackServer> =>
  listenOnLoopback(async (request, response) => {
    const answer = (status: number, body: object): void => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    };
    const url = new URL(request.url ?? '/', 'http://127.0.0.1');
    if (request.method === 'GET' && url.pathname === '/2015-03-31/event-source-mappings') {
      const wanted = url.searchParams.get('EventSourceArn');
      return answer(200, {
        EventSourceMappings: mappings
          .filter(({ eventSourceArn }) => wanted === null || eventSourceArn === wanted)
          .map(({ uuid, eventSourceArn, functionName, progress }) => ({
            UUID: uuid,
            EventSourceArn: eventSourceArn,
            FunctionArn: functionName,
            State: progress ? 'Enabled' : 'Disabled',
            LastProcessingResult: progress?.(Date.now()).lastProcessingResult,
          })),
      });
    }
    if (String(request.headers['x-amz-target']).endsWith('.GetMetricData')) {
      const { MetricDataQueries } = (await bodyOf(request)) as { MetricDataQueries: readonly Query[] };
      return answer(200, { MetricDataResults: MetricDataQueries.map((query) => resultOf(query, mappings)) });
    }
    if (String(request.headers['x-amz-target']).endsWith('.DescribeAlarms')) {
      const { AlarmNamePrefix = '', StateValue } = (await bodyOf(request)) as Record<string, string | undefined>;
      return answer(200, {
        MetricAlarms: alarms()
          .filter(({ name, state }) => name.startsWith(AlarmNamePrefix) && state === (StateValue ?? state))
          .map(({ name, state, description, sinceMs }) => ({
            AlarmName: name,
            AlarmDescription: description,
            StateValue: state,
            StateUpdatedTimestamp: sinceMs / 1_000,
          })),
      });
    }
    answer(400, { __type: 'InvalidAction', message: `${request.method} ${request.url} is not supported` });
  });

interface Query {
  readonly Id: string;
  readonly MetricStat?: {
    readonly Metric?: {
      readonly MetricName?: string;
      readonly Dimensions?: readonly { readonly Name: string; readonly Value: string }[];
    };
  };
}

const resultOf = ({ Id, MetricStat }: Query, mappings: readonly EventSourceMapping[]): object => {
  const { MetricName, Dimensions } = MetricStat?.Metric ?? {};
  const functionName = Dimensions?.find(({ Name }) => Name === 'FunctionName')?.Value;
  const ages =
    MetricName === 'IteratorAge'
      ? mappings
          .filter((mapping) => mapping.functionName === functionName)
          .flatMap(({ progress }) => progress?.(Date.now()).iteratorAgeMs ?? [])
      : [];
  const Values = ages.length > 0 ? [Math.max(...ages)] : [];
  return { Id, StatusCode: 'Complete', Values, Timestamps: Values.map(() => Date.now() / 1_000) };
};

const bodyOf = async (request: IncomingMessage): Promise<unknown> => {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return JSON.parse(Buffer.concat(chunks).toString('utf8'));
};
