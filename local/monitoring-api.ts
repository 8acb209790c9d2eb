/**
 * A stand-in for Lambda's ListEventSourceMappings and Invoke and CloudWatch's GetMetricData and DescribeAlarms that speaks their
 * protocols to the real SDK clients, as far as operators' commands use them: how far behind the readers are, which alarms are
 * on, and to invoke a function and wait for its answer.
 */
import type { AlarmState } from './alarms.ts';
import type { EventSourceMapping } from './event-source-mapping.ts';
import { bodyText, type LoopbackServer, listenOnLoopback } from './loopback.ts';

/**
 * @param mappings all of the template
 * @param alarms tells the state of each alarm of the template
 * @param invoke runs a function of the template by its name; undefined if there is none of that name
 */
export const startMonitoringApi = (
  mappings: readonly EventSourceMapping[],
  alarms: () => readonly AlarmState[],
  invoke: (functionName: string, event: unknown) => Promise<unknown> | undefined,
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
    const [, functionName] = /^\/2015-03-31\/functions\/([^/]+)\/invocations$/.exec(url.pathname) ?? [];
    if (request.method === 'POST' && functionName !== undefined) {
      const invoked = invoke(decodeURIComponent(functionName), JSON.parse((await bodyText(request)) || '{}'));
      if (invoked === undefined) return answer(404, { __type: 'ResourceNotFoundException', Message: functionName });
      try {
        return answer(200, (await invoked) as object);
      } catch (error) {
        // A function that fails is an answer too (AWS Lambda API Reference, Invoke, FunctionError).
        response.setHeader('x-amz-function-error', 'Unhandled');
        return answer(200, { errorMessage: error instanceof Error ? error.message : String(error) });
      }
    }
    if (String(request.headers['x-amz-target']).endsWith('.GetMetricData')) {
      const { MetricDataQueries } = JSON.parse(await bodyText(request)) as { MetricDataQueries: readonly Query[] };
      return answer(200, { MetricDataResults: MetricDataQueries.map((query) => resultOf(query, mappings)) });
    }
    if (String(request.headers['x-amz-target']).endsWith('.DescribeAlarms')) {
      const { AlarmNamePrefix = '', StateValue } = JSON.parse(await bodyText(request)) as Record<
        string,
        string | undefined
      >;
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
