/** Drives the Lambdas by what the template says: event source mappings, schedules and HTTP routes. */
import type { DynamoDBStreamsClient } from '@aws-sdk/client-dynamodb-streams';
import { SendMessageCommand, type SQSClient } from '@aws-sdk/client-sqs';
import { type CheckpointStore, openCheckpoints } from './checkpoints.ts';
import { REGION } from './engines.ts';
import type { EventSourceMapping } from './event-source-mapping.ts';
import { LocalHttpApi } from './http-api.ts';
import type { LambdaHost } from './lambda-host.ts';
import { isExternal } from './open-engines.ts';
import { LocalSchedule, ratePeriodMs } from './schedule.ts';
import { CONCURRENCY_AT_FIRST, SqsEventSource } from './sqs-event-source.ts';
import { StreamEventSource } from './stream-event-source.ts';
import { type Assembly, type References, resourcesOf, type Template, UnsupportedTemplateError } from './template.ts';

/** Something that brings events to a Lambda while it runs. */
export interface Source {
  start(): void;
  /** Stops; what is in flight finishes. */
  stop(): Promise<void>;
}

export class Wiring {
  readonly #template: Template;
  readonly #references: References;
  readonly #lambdas: ReadonlyMap<string, LambdaHost>;
  readonly #sqsClient: SQSClient;
  readonly #streamsClient: DynamoDBStreamsClient;
  readonly #onProblem: (problem: string) => void;
  readonly #polled = new Set<LambdaHost>();

  constructor(
    { template }: Assembly,
    references: References,
    lambdas: ReadonlyMap<string, LambdaHost>,
    sqsClient: SQSClient,
    streamsClient: DynamoDBStreamsClient,
    onProblem: (problem: string) => void,
  ) {
    this.#template = template;
    this.#references = references;
    this.#lambdas = lambdas;
    this.#sqsClient = sqsClient;
    this.#streamsClient = streamsClient;
    this.#onProblem = onProblem;
  }

  /** How many environments a Lambda begins with: what its queue's mapping begins with, else one. */
  environmentsAtFirst(lambda: LambdaHost): number {
    return this.#polled.has(lambda) ? CONCURRENCY_AT_FIRST : 1;
  }

  /**
   * The template's event source mappings, and what drives those of them that are enabled.
   *
   * @param checkpoints where the streams' positions outlive a restart; absent for memory
   */
  eventSources(checkpoints: CheckpointStore | undefined): {
    readonly sources: Source[];
    readonly mappings: EventSourceMapping[];
  } {
    const sources: Source[] = [];
    const mappings: EventSourceMapping[] = [];
    for (const [logicalId, properties] of resourcesOf(this.#template, 'AWS::Lambda::EventSourceMapping')) {
      const mapping = this.#references.resolve(properties) as MappingProperties;
      const { functionName } = this.#lambdaOf(mapping.FunctionName).settings;
      const source = mapping.Enabled === false ? undefined : this.#eventSource(logicalId, mapping, checkpoints);
      if (source) sources.push(source);
      mappings.push({
        uuid: logicalId,
        eventSourceArn: mapping.EventSourceArn,
        functionName,
        progress: source && ((nowMs) => source.progress(nowMs)),
      });
    }
    return { sources, mappings };
  }

  #eventSource(
    logicalId: string,
    mapping: MappingProperties,
    checkpoints: CheckpointStore | undefined,
  ): SqsEventSource | StreamEventSource {
    const { EventSourceArn, BatchSize } = mapping;
    const lambda = this.#lambdaOf(mapping.FunctionName);
    const common = {
      region: REGION,
      batchSize: BatchSize,
      filterPatterns: mapping.FilterCriteria?.Filters?.map(({ Pattern }) => Pattern) ?? [],
      reportBatchItemFailures: mapping.FunctionResponseTypes?.includes('ReportBatchItemFailures') ?? false,
      onProblem: this.#onProblem,
    };
    if (EventSourceArn.startsWith('arn:aws:sqs:')) {
      if (BatchSize > 10) {
        throw new UnsupportedTemplateError([`batch size ${BatchSize} of ${logicalId}: at most 10 without a window`]);
      }
      this.#polled.add(lambda);
      const { maxConcurrency } = lambda.settings;
      return new SqsEventSource(this.#sqsClient, lambda, {
        ...common,
        queueUrl: this.#queueUrlOf(EventSourceArn),
        queueArn: EventSourceArn,
        outlivesRuntime: isExternal('SQS'),
        maxConcurrency: Math.min(mapping.ScalingConfig?.MaximumConcurrency ?? maxConcurrency, maxConcurrency),
      });
    }
    if (!EventSourceArn.startsWith('arn:aws:dynamodb:')) {
      throw new UnsupportedTemplateError([`event source ${EventSourceArn} of ${logicalId}`]);
    }
    return new StreamEventSource(this.#streamsClient, lambda, {
      ...common,
      streamArn: EventSourceArn,
      startingPosition: mapping.StartingPosition ?? 'LATEST',
      bisectBatchOnError: mapping.BisectBatchOnFunctionError ?? false,
      maxRetryAttempts: mapping.MaximumRetryAttempts ?? -1,
      maxRecordAgeSeconds: mapping.MaximumRecordAgeInSeconds ?? -1,
      onDiscarded: this.#sendTo(mapping.DestinationConfig?.OnFailure?.Destination),
      checkpoints: openCheckpoints(checkpoints, logicalId, EventSourceArn),
    });
  }

  /** @param period fires at this many ms instead of the template's rate, or never by itself */
  schedules(period: number | 'never' | undefined): LocalSchedule[] {
    return resourcesOf(this.#template, 'AWS::Scheduler::Schedule').map(([logicalId, properties]) => {
      const schedule = this.#references.resolve(properties) as Schedule;
      if (schedule.FlexibleTimeWindow?.Mode !== 'OFF') {
        throw new UnsupportedTemplateError([`flexible time window of ${logicalId}`]);
      }
      const ownPeriodMs = ratePeriodMs(schedule.ScheduleExpression);
      const isOff = schedule.State === 'DISABLED' || period === 'never';
      return this.#asyncInvocation(schedule.Target, isOff ? 'never' : (period ?? ownPeriodMs), false);
    });
  }

  /**
   * What follows a deployment: a start is one.
   *
   * @param period never: not at a start either
   */
  deployments(period: number | 'never' | undefined): LocalSchedule[] {
    return resourcesOf(this.#template, 'AWS::Events::Rule').flatMap(([logicalId, properties]) => {
      const { EventPattern, State, Targets } = this.#references.resolve(properties) as Rule;
      if (JSON.stringify(EventPattern?.source) !== '["aws.cloudformation"]') {
        throw new UnsupportedTemplateError([`event pattern of ${logicalId}: only a deployment of the stack itself`]);
      }
      const isOff = State === 'DISABLED' || period === 'never';
      return Targets.map((target) => this.#asyncInvocation(target, 'never', !isOff));
    });
  }

  #asyncInvocation(
    { Arn, Input }: { readonly Arn: string; readonly Input?: string },
    periodMs: number | 'never',
    firesAtStart: boolean,
  ): LocalSchedule {
    const lambda = this.#lambdaOf(Arn);
    const config = resourcesOf(this.#template, 'AWS::Lambda::EventInvokeConfig')
      .map(([, properties]) => this.#references.resolve(properties) as EventInvokeConfig)
      .find(({ FunctionName }) => this.#lambdaOf(FunctionName) === lambda);
    return new LocalSchedule(lambda, {
      periodMs,
      firesAtStart,
      input: Input === undefined ? {} : JSON.parse(Input),
      // What Lambda does when nothing is configured: two retries, six hours.
      maxRetryAttempts: config?.MaximumRetryAttempts ?? 2,
      maxEventAgeMs: (config?.MaximumEventAgeInSeconds ?? 21_600) * 1_000,
      onDiscarded: this.#sendTo(config?.DestinationConfig?.OnFailure?.Destination),
      onProblem: this.#onProblem,
    });
  }

  /**
   * The template's one HTTP API with the Lambda of each route; undefined if it has none.
   *
   * @param onAnswer told of each answer
   */
  httpApi(
    onAnswer: (apiId: string, status: number) => void,
  ): { readonly logicalId: string; readonly server: LocalHttpApi } | undefined {
    const [[logicalId, properties] = [undefined], ...others] = resourcesOf(this.#template, 'AWS::ApiGatewayV2::Api');
    if (logicalId === undefined) return undefined;
    if (others.length > 0 || properties?.ProtocolType !== 'HTTP') {
      throw new UnsupportedTemplateError(['more than one API, or one that is no HTTP API']);
    }
    const integrations = new Map<string, LambdaHost>();
    for (const [integrationId, integration] of resourcesOf(this.#template, 'AWS::ApiGatewayV2::Integration')) {
      const { IntegrationType, IntegrationUri, PayloadFormatVersion } = this.#references.resolve(integration) as Record<
        string,
        unknown
      >;
      if (IntegrationType !== 'AWS_PROXY' || PayloadFormatVersion !== '2.0') {
        throw new UnsupportedTemplateError([`integration ${integrationId}: only AWS_PROXY with payload format 2.0`]);
      }
      integrations.set(`integrations/${integrationId}`, this.#lambdaOf(IntegrationUri));
    }
    const routes = resourcesOf(this.#template, 'AWS::ApiGatewayV2::Route').map(([routeId, { RouteKey, Target }]) => {
      const target = String(this.#references.resolve(Target));
      const lambda = integrations.get(target);
      if (lambda === undefined) throw new UnsupportedTemplateError([`target ${target} of ${routeId}`]);
      return { routeKey: String(RouteKey), lambda };
    });
    return { logicalId, server: new LocalHttpApi(routes, this.#onProblem, (status) => onAnswer(logicalId, status)) };
  }

  /** Sends descriptions of discarded events to their destination, a queue of the template. */
  #sendTo(destinationArn: string | undefined): ((description: unknown) => Promise<void>) | undefined {
    if (destinationArn === undefined) return undefined;
    const QueueUrl = this.#queueUrlOf(destinationArn);
    return async (description) => {
      await this.#sqsClient.send(new SendMessageCommand({ QueueUrl, MessageBody: JSON.stringify(description) }));
    };
  }

  #lambdaOf(reference: unknown): LambdaHost {
    const lambda = this.#lambdas.get(this.#references.ownerOf(String(reference)) ?? '');
    if (lambda === undefined) throw new UnsupportedTemplateError([`target ${reference} is no Lambda of the template`]);
    return lambda;
  }

  #queueUrlOf(arn: string): string {
    const logicalId = this.#references.ownerOf(arn);
    if (logicalId === undefined) throw new UnsupportedTemplateError([`${arn} is no queue of the template`]);
    return String(this.#references.resolve({ Ref: logicalId }));
  }
}

interface OnFailure {
  readonly OnFailure?: { readonly Destination?: string };
}

interface MappingProperties {
  readonly EventSourceArn: string;
  readonly FunctionName: string;
  readonly BatchSize: number;
  readonly Enabled?: boolean;
  readonly FilterCriteria?: { readonly Filters?: readonly { readonly Pattern: string }[] };
  readonly FunctionResponseTypes?: readonly string[];
  readonly ScalingConfig?: { readonly MaximumConcurrency?: number };
  readonly StartingPosition?: 'TRIM_HORIZON' | 'LATEST';
  readonly BisectBatchOnFunctionError?: boolean;
  readonly MaximumRetryAttempts?: number;
  readonly MaximumRecordAgeInSeconds?: number;
  readonly DestinationConfig?: OnFailure;
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
  readonly Target: { readonly Arn: string; readonly Input?: string };
}

interface Rule {
  readonly EventPattern?: { readonly source?: readonly string[] };
  readonly State?: string;
  readonly Targets: readonly { readonly Arn: string; readonly Input?: string }[];
}
