/** The template's event source mappings: what brings records of streams and messages of queues to Lambdas. */
import { REGION } from './account.ts';
import { type CheckpointStore, openCheckpoints } from './checkpoints.ts';
import type { EventSourceMapping } from './event-source-mapping.ts';
import type { LambdaHost } from './lambda-host.ts';
import { attempt } from './left-aside.ts';
import { isExternal } from './open-engines.ts';
import { type ProvisionedPollerConfig, scalingOf } from './provisioned-pollers.ts';
import { type QueuedMessage, SqsEventSource } from './sqs-event-source.ts';
import { StreamEventSource } from './stream-event-source.ts';
import { tablesOf, UnsupportedTemplateError } from './template.ts';
import type { OnFailure, Source, Wiring } from './wiring.ts';

/** Most messages of one batch without a window, and how many it is unless the template says (Lambda's own numbers). */
const MAX_SQS_BATCH = 10;
/** Records of one batch of a stream, unless the template says (Lambda's own number). */
const DEFAULT_STREAM_BATCH = 100;

interface MappingProperties {
  readonly EventSourceArn: string;
  readonly FunctionName: string;
  readonly BatchSize?: number;
  readonly Enabled?: boolean;
  readonly FilterCriteria?: { readonly Filters?: readonly { readonly Pattern: string }[] };
  readonly FunctionResponseTypes?: readonly string[];
  readonly ProvisionedPollerConfig?: ProvisionedPollerConfig;
  readonly ScalingConfig?: { readonly MaximumConcurrency?: number };
  readonly StartingPosition?: 'TRIM_HORIZON' | 'LATEST';
  readonly BisectBatchOnFunctionError?: boolean;
  readonly MaximumRetryAttempts?: number;
  readonly MaximumRecordAgeInSeconds?: number;
  readonly DestinationConfig?: OnFailure;
}

/**
 * The template's event source mappings, and what drives those of them that are enabled.
 *
 * @param checkpoints where the streams' positions outlive a restart; absent for memory
 * @param isLost decides of each message of a queue whether it gets lost; absent for none
 */
export const eventSourcesOf = (
  wiring: Wiring,
  checkpoints: CheckpointStore | undefined,
  isLost?: (message: QueuedMessage) => boolean,
): {
  readonly sources: Source[];
  readonly mappings: EventSourceMapping[];
} => {
  const sources: Source[] = [];
  const mappings: EventSourceMapping[] = [];
  wiring.each('AWS::Lambda::EventSourceMapping', (logicalId, mapping: MappingProperties) => {
    const lambda = wiring.lambdaOf(mapping.FunctionName);
    const source =
      mapping.Enabled === false ? undefined : eventSourceOf(wiring, lambda, logicalId, mapping, checkpoints, isLost);
    if (source) sources.push(source);
    mappings.push({
      uuid: logicalId,
      eventSourceArn: mapping.EventSourceArn,
      functionName: lambda.settings.functionName,
      progress: source && ((nowMs) => source.progress(nowMs)),
      passed: source instanceof StreamEventSource ? () => source.passed() : undefined,
    });
  });
  return { sources, mappings };
};

const eventSourceOf = (
  wiring: Wiring,
  lambda: LambdaHost,
  logicalId: string,
  mapping: MappingProperties,
  checkpoints: CheckpointStore | undefined,
  isLost: ((message: QueuedMessage) => boolean) | undefined,
): SqsEventSource | StreamEventSource => {
  const { EventSourceArn } = mapping;
  const [, , service] = EventSourceArn.split(':');
  const batchSize = mapping.BatchSize ?? (service === 'sqs' ? MAX_SQS_BATCH : DEFAULT_STREAM_BATCH);
  const common = {
    region: REGION,
    batchSize,
    filterPatterns: mapping.FilterCriteria?.Filters?.map(({ Pattern }) => Pattern) ?? [],
    reportBatchItemFailures: mapping.FunctionResponseTypes?.includes('ReportBatchItemFailures') ?? false,
    onProblem: wiring.onProblem,
  };
  if (service === 'sqs') {
    if (batchSize > MAX_SQS_BATCH) {
      attempt(wiring.leftAside, logicalId, () => {
        throw new UnsupportedTemplateError([
          `batch size ${batchSize} of ${logicalId}: at most ${MAX_SQS_BATCH} without a window`,
        ]);
      });
    }
    const { maxConcurrency } = lambda.settings;
    const { ProvisionedPollerConfig, ScalingConfig } = mapping;
    const atMost = Math.min(ScalingConfig?.MaximumConcurrency ?? maxConcurrency, maxConcurrency);
    return new SqsEventSource(wiring.queues, lambda, {
      ...common,
      queueUrl: wiring.queueUrlOf(EventSourceArn),
      queueArn: EventSourceArn,
      outlivesRuntime: isExternal('SQS'),
      ...scalingOf(logicalId, ProvisionedPollerConfig, ScalingConfig, atMost),
      isLost,
    });
  }
  if (service !== 'dynamodb') throw new UnsupportedTemplateError([`event source ${EventSourceArn} of ${logicalId}`]);
  if (mapping.ProvisionedPollerConfig !== undefined) {
    throw new UnsupportedTemplateError([
      `ProvisionedPollerConfig of ${logicalId}: Lambda has none for streams of DynamoDB`,
    ]);
  }
  expectTableWithStream(wiring, logicalId, EventSourceArn);
  return new StreamEventSource(wiring.streams, lambda, {
    ...common,
    streamArn: EventSourceArn,
    startingPosition: mapping.StartingPosition ?? 'LATEST',
    bisectBatchOnError: mapping.BisectBatchOnFunctionError ?? false,
    maxRetryAttempts: mapping.MaximumRetryAttempts ?? -1,
    maxRecordAgeSeconds: mapping.MaximumRecordAgeInSeconds ?? -1,
    onDiscarded: wiring.sendTo(mapping.DestinationConfig?.OnFailure?.Destination),
    checkpoints: openCheckpoints(checkpoints, logicalId, EventSourceArn),
  });
};

/** A table that exists only on AWS has no stream here, and nobody would notice that nothing comes. */
const expectTableWithStream = (wiring: Wiring, logicalId: string, streamArn: string): void => {
  const owner = wiring.references.ownerOf(streamArn);
  const table = tablesOf(wiring.template).find(([tableId]) => tableId === owner)?.[1];
  if (table === undefined) {
    throw new UnsupportedTemplateError([
      `event source ${streamArn} of ${logicalId}: its table is not in the app, and a table that exists only on AWS ` +
        'cannot be here. Start an app for tests that defines a table of the same keys, indexes and stream, and give ' +
        'that one to the construct in place of the imported one',
    ]);
  }
  if (table.StreamSpecification === undefined) {
    throw new UnsupportedTemplateError([`event source of ${logicalId}: the table ${owner} has no stream`]);
  }
};
