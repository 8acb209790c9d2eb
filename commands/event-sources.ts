/** How the Lambdas do that read a table's stream and its timer queue: from Lambda and CloudWatch. */
import { CloudWatchClient, GetMetricDataCommand } from '@aws-sdk/client-cloudwatch';
import {
  type EventSourceMappingConfiguration,
  LambdaClient,
  ListEventSourceMappingsCommand,
} from '@aws-sdk/client-lambda';
import { MINUTE_MS } from '../functions/core/hold-time.ts';

/** Where the two services are, as their clients take it. */
export interface EventSourceAccess {
  readonly region?: string;
  readonly endpoint?: string;
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string };
}

/** A Lambda that reads a stream or a queue. */
export interface Reader {
  readonly functionName: string;
  readonly reads: 'stream' | 'timers';
  /** Lambda's word, such as Enabled, Disabled or Updating. */
  readonly state: string;
  /** The result of its last invocation, in Lambda's words. */
  readonly lastResult: string | undefined;
  /** How old the record is that it works on, ms; undefined where it has had none to work on, and for a queue. */
  readonly behindMs: number | undefined;
}

/** Time that a metric takes to reach CloudWatch, and some more, ms. */
const LOOK_BACK_MS = 10 * MINUTE_MS;
const NOT_READING = ['Disabled', 'Disabling', 'Deleting'];

/**
 * Looks at every event source mapping of a stream and a queue.
 *
 * @param streamArn ARN of the table's stream
 * @param queueArn ARN of the timer queue, where it is known
 * @throws Error of the services, if they cannot be reached or asked
 */
export const lookAtReaders = async (
  access: EventSourceAccess,
  streamArn: string,
  queueArn: string | undefined,
  nowMs: number,
): Promise<Reader[]> => {
  const lambda = new LambdaClient({ maxAttempts: 2, ...access });
  const cloudWatch = new CloudWatchClient({ maxAttempts: 2, ...access });
  try {
    const [streamMappings, queueMappings] = await Promise.all([
      mappingsOf(lambda, streamArn),
      queueArn === undefined ? [] : mappingsOf(lambda, queueArn),
    ]);
    const behindMs = await iteratorAges(cloudWatch, streamMappings.map(functionNameOf), nowMs);
    const readerOf = (mapping: EventSourceMappingConfiguration, reads: Reader['reads']): Reader => ({
      functionName: functionNameOf(mapping),
      reads,
      state: mapping.State ?? 'unknown',
      lastResult: mapping.LastProcessingResult,
      behindMs: reads === 'stream' ? behindMs.get(functionNameOf(mapping)) : undefined,
    });
    return [
      ...streamMappings.map((mapping) => readerOf(mapping, 'stream')),
      ...queueMappings.map((mapping) => readerOf(mapping, 'timers')),
    ];
  } finally {
    lambda.destroy();
    cloudWatch.destroy();
  }
};

/**
 * What is wrong with the readers, in words.
 *
 * @param tooOldMs how far behind a reader may be
 */
export const readerProblems = (readers: readonly Reader[], tooOldMs: number): string[] => {
  const problems = readers.flatMap(({ functionName, reads, state, lastResult, behindMs = 0 }) => {
    if (NOT_READING.includes(state))
      return [`${functionName} does not read ${namesOf[reads]}: its mapping is ${state}`];
    if (behindMs > tooOldMs) {
      const why = lastResult?.startsWith('PROBLEM') ? ` (${lastResult})` : '';
      return [`${functionName} is ${Math.round(behindMs / 1_000)} s behind ${namesOf[reads]}${why}`];
    }
    return [];
  });
  return readers.some(({ reads }) => reads === 'stream') ? problems : ['nothing reads the table’s stream', ...problems];
};

const namesOf = { stream: 'the table’s stream', timers: 'the timer queue' };

const mappingsOf = async (lambda: LambdaClient, arn: string): Promise<EventSourceMappingConfiguration[]> => {
  const found: EventSourceMappingConfiguration[] = [];
  let Marker: string | undefined;
  do {
    const page = await lambda.send(new ListEventSourceMappingsCommand({ EventSourceArn: arn, Marker }));
    found.push(...(page.EventSourceMappings ?? []));
    Marker = page.NextMarker;
  } while (Marker !== undefined);
  return found;
};

/** The last part of an ARN, or the name itself; a version or an alias is left out. */
const functionNameOf = ({ FunctionArn = '' }: EventSourceMappingConfiguration): string =>
  FunctionArn.startsWith('arn:') ? (FunctionArn.split(':')[6] ?? FunctionArn) : FunctionArn;

const iteratorAges = async (
  cloudWatch: CloudWatchClient,
  functionNames: readonly string[],
  nowMs: number,
): Promise<Map<string, number>> => {
  if (functionNames.length === 0) return new Map();
  const { MetricDataResults = [] } = await cloudWatch.send(
    new GetMetricDataCommand({
      StartTime: new Date(nowMs - LOOK_BACK_MS),
      EndTime: new Date(nowMs + MINUTE_MS),
      ScanBy: 'TimestampDescending',
      MetricDataQueries: functionNames.map((functionName, index) => ({
        Id: `reader${index}`,
        MetricStat: {
          Metric: {
            Namespace: 'AWS/Lambda',
            MetricName: 'IteratorAge',
            Dimensions: [{ Name: 'FunctionName', Value: functionName }],
          },
          Period: MINUTE_MS / 1_000,
          Stat: 'Maximum',
        },
      })),
    }),
  );
  return new Map(
    functionNames.flatMap((functionName, index) => {
      const newest = MetricDataResults.find(({ Id }) => Id === `reader${index}`)?.Values?.[0];
      return newest === undefined ? [] : [[functionName, newest] as const];
    }),
  );
};
