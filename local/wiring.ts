/** Drives the Lambdas by what the template says: event source mappings, schedules and HTTP routes. */
import type { DynamoDBStreamsClient } from '@aws-sdk/client-dynamodb-streams';
import { SendMessageCommand, type SQSClient } from '@aws-sdk/client-sqs';
import { REGION } from './account.ts';
import type { Assembly } from './assembly.ts';
import { type CheckpointStore, openCheckpoints } from './checkpoints.ts';
import type { PublishedEvent } from './event-bus.ts';
import { EventRule, type RuleTarget } from './event-rule.ts';
import type { EventSourceMapping } from './event-source-mapping.ts';
import { LocalHttpApi } from './http-api.ts';
import type { LambdaHost } from './lambda-host.ts';
import { attempt, type LeftAside } from './left-aside.ts';
import { isExternal } from './open-engines.ts';
import type { References } from './references.ts';
import { LocalSchedule, ratePeriodMs } from './schedule.ts';
import { CONCURRENCY_AT_FIRST, SqsEventSource } from './sqs-event-source.ts';
import { StreamEventSource } from './stream-event-source.ts';
import { resourcesOf, type Template, tablesOf, UnsupportedTemplateError } from './template.ts';

/** Something that brings events to a Lambda while it runs. */
export interface Source {
  start(): void;
  /** Stops; what is in flight finishes. */
  stop(): Promise<void>;
}

export class Wiring {
  readonly #template: Template;
  readonly #leftAside: LeftAside | undefined;
  readonly #references: References;
  readonly #lambdas: ReadonlyMap<string, LambdaHost>;
  readonly #sqsClient: SQSClient;
  readonly #streamsClient: DynamoDBStreamsClient;
  readonly #onProblem: (problem: string) => void;
  readonly #polled = new Set<LambdaHost>();
  readonly #driven = new Set<LambdaHost>();

  constructor(
    { template, leftAside }: Assembly,
    references: References,
    lambdas: ReadonlyMap<string, LambdaHost>,
    sqsClient: SQSClient,
    streamsClient: DynamoDBStreamsClient,
    onProblem: (problem: string) => void,
  ) {
    this.#template = template;
    this.#leftAside = leftAside;
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

  /** Every Lambda that something here brings events to. */
  get driven(): ReadonlySet<LambdaHost> {
    return this.#driven;
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
    this.#each('AWS::Lambda::EventSourceMapping', (logicalId, mapping: MappingProperties) => {
      const { functionName } = this.#lambdaOf(mapping.FunctionName).settings;
      const source = mapping.Enabled === false ? undefined : this.#eventSource(logicalId, mapping, checkpoints);
      if (source) sources.push(source);
      mappings.push({
        uuid: logicalId,
        eventSourceArn: mapping.EventSourceArn,
        functionName,
        progress: source && ((nowMs) => source.progress(nowMs)),
      });
    });
    return { sources, mappings };
  }

  #eventSource(
    logicalId: string,
    mapping: MappingProperties,
    checkpoints: CheckpointStore | undefined,
  ): SqsEventSource | StreamEventSource {
    const { EventSourceArn = '' } = mapping;
    const [, , service] = EventSourceArn.split(':');
    const BatchSize = mapping.BatchSize ?? (service === 'sqs' ? MAX_SQS_BATCH : DEFAULT_STREAM_BATCH);
    const lambda = this.#lambdaOf(mapping.FunctionName);
    const common = {
      region: REGION,
      batchSize: BatchSize,
      filterPatterns: mapping.FilterCriteria?.Filters?.map(({ Pattern }) => Pattern) ?? [],
      reportBatchItemFailures: mapping.FunctionResponseTypes?.includes('ReportBatchItemFailures') ?? false,
      onProblem: this.#onProblem,
    };
    if (service === 'sqs') {
      if (BatchSize > MAX_SQS_BATCH) {
        attempt(this.#leftAside, logicalId, () => {
          throw new UnsupportedTemplateError([
            `batch size ${BatchSize} of ${logicalId}: at most ${MAX_SQS_BATCH} without a window`,
          ]);
        });
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
    if (service !== 'dynamodb') throw new UnsupportedTemplateError([`event source ${EventSourceArn} of ${logicalId}`]);
    this.#expectTableWithStream(logicalId, EventSourceArn);
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

  /** A table that exists only on AWS has no stream here, and nobody would notice that nothing comes. */
  #expectTableWithStream(logicalId: string, streamArn: string): void {
    const owner = this.#references.ownerOf(streamArn);
    const table = tablesOf(this.#template).find(([tableId]) => tableId === owner)?.[1];
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
  }

  /** @param period fires at this many ms instead of the template's rate, or never by itself */
  schedules(period: number | 'never' | undefined): LocalSchedule[] {
    const ofScheduler = this.#each('AWS::Scheduler::Schedule', (logicalId, schedule: Schedule) => {
      if (schedule.FlexibleTimeWindow?.Mode !== 'OFF') {
        throw new UnsupportedTemplateError([`flexible time window of ${logicalId}`]);
      }
      return this.#fires(schedule.ScheduleExpression, schedule.State, [schedule.Target], period);
    });
    const ofRules = this.#each('AWS::Events::Rule', (_, { ScheduleExpression, State, Targets = [] }: Rule) =>
      ScheduleExpression === undefined ? [] : this.#fires(ScheduleExpression, State, Targets, period),
    );
    return [...ofScheduler, ...ofRules].flat();
  }

  #fires(
    expression: string,
    state: string | undefined,
    targets: readonly AsyncTarget[],
    period: number | 'never' | undefined,
  ): LocalSchedule[] {
    const ownPeriodMs = ratePeriodMs(expression);
    const isOff = state === 'DISABLED' || period === 'never';
    return targets.map((target) => this.#asyncInvocation(target, isOff ? 'never' : (period ?? ownPeriodMs), false));
  }

  /**
   * What follows a deployment: a start is one.
   *
   * @param period never: not at a start either
   */
  deployments(period: number | 'never' | undefined): LocalSchedule[] {
    return this.#each('AWS::Events::Rule', (_, { EventPattern, State, Targets = [] }: Rule) => {
      if (!isAboutDeployments(EventPattern)) return [];
      const isOff = State === 'DISABLED' || period === 'never';
      return Targets.map((target) => this.#asyncInvocation(target, 'never', !isOff));
    }).flat();
  }

  /** The rules that bring events of a bus to Lambdas and queues. */
  eventRules(): EventRule[] {
    return this.#each(
      'AWS::Events::Rule',
      (_, { EventPattern, EventBusName = 'default', ScheduleExpression, State, Targets = [] }: Rule) => {
        const isOther = ScheduleExpression !== undefined || isAboutDeployments(EventPattern);
        if (isOther || State === 'DISABLED') return [];
        const busName = EventBusName.split('/').at(-1) ?? '';
        return [
          new EventRule(
            busName,
            EventPattern,
            Targets.map((target) => this.#ruleTarget(target)),
          ),
        ];
      },
    ).flat();
  }

  #ruleTarget(target: AsyncTarget): RuleTarget {
    const { Arn, Input, InputPath, InputTransformer, SqsParameters } = target;
    if (InputTransformer !== undefined || (InputPath !== undefined && !/^\$(\.\w[\w-]*)*$/.test(InputPath))) {
      throw new UnsupportedTemplateError([`input of target ${Arn}: it must be the event, a part of it, or a constant`]);
    }
    const inputOf = (event: PublishedEvent): unknown => {
      if (Input !== undefined) return JSON.parse(Input);
      const path = (InputPath ?? '$').split('.').slice(1);
      return path.reduce<unknown>((part, name) => (part as Record<string, unknown> | undefined)?.[name], event);
    };
    if (Arn.split(':')[2] === 'sqs') {
      const QueueUrl = this.#queueUrlOf(Arn);
      const { MessageGroupId } = SqsParameters ?? {};
      const send = async (event: PublishedEvent): Promise<void> => {
        const MessageBody = JSON.stringify(inputOf(event));
        await this.#sqsClient.send(new SendMessageCommand({ QueueUrl, MessageBody, MessageGroupId }));
      };
      const onProblem = (error: unknown) => this.#onProblem(`could not send an event to ${QueueUrl}: ${error}`);
      return { take: (event) => send(event).catch(onProblem), stop: async () => {} };
    }
    const invocation = this.#asyncInvocation(target, 'never', false);
    return { take: (event) => invocation.fire(inputOf(event)), stop: () => invocation.stop() };
  }

  #asyncInvocation({ Arn, Input }: AsyncTarget, periodMs: number | 'never', firesAtStart: boolean): LocalSchedule {
    const lambda = this.#lambdaOf(Arn);
    const config = resourcesOf(this.#template, 'AWS::Lambda::EventInvokeConfig')
      .map(([, properties]) => this.#references.resolve(properties) as EventInvokeConfig)
      .find(({ FunctionName }) => this.#find(FunctionName) === lambda);
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
   * The template's HTTP APIs with the Lambda of each route.
   *
   * @param onAnswer told of each answer
   */
  httpApis(
    onAnswer: (apiId: string, status: number) => void,
  ): { readonly logicalId: string; readonly server: LocalHttpApi }[] {
    const integrations = new Map(
      this.#each('AWS::ApiGatewayV2::Integration', (integrationId, integration: Integration) => {
        const { IntegrationType, IntegrationUri, PayloadFormatVersion } = integration;
        if (IntegrationType !== 'AWS_PROXY' || PayloadFormatVersion !== '2.0') {
          throw new UnsupportedTemplateError([`integration ${integrationId}: only AWS_PROXY with payload format 2.0`]);
        }
        return [`integrations/${integrationId}`, this.#lambdaOf(IntegrationUri)] as [string, LambdaHost];
      }),
    );
    return this.#each('AWS::ApiGatewayV2::Api', (logicalId, { ProtocolType }: Record<string, unknown>) => {
      if (ProtocolType !== 'HTTP') throw new UnsupportedTemplateError([`API ${logicalId}: only an HTTP API`]);
      const ownRoutes = this.#each('AWS::ApiGatewayV2::Route', (routeId, { ApiId, RouteKey, Target }: Route) => {
        if (this.#references.ownerOf(ApiId) !== logicalId) return undefined;
        const lambda = integrations.get(Target);
        if (lambda === undefined) throw new UnsupportedTemplateError([`target ${Target} of ${routeId}`]);
        return { routeKey: RouteKey, lambda };
      }).filter((route) => route !== undefined);
      const server = new LocalHttpApi(ownRoutes, this.#onProblem, (status) => onAnswer(logicalId, status));
      return { logicalId, server };
    });
  }

  /** Reads each resource of a type. What cannot be run of one is left aside. */
  #each<P, R>(type: string, read: (logicalId: string, properties: P) => R): R[] {
    return resourcesOf(this.#template, type).flatMap(([logicalId, properties]) => {
      const found = attempt(this.#leftAside, logicalId, () => [
        read(logicalId, this.#references.resolve(properties) as P),
      ]);
      return found ?? [];
    });
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
    const lambda = this.#find(reference);
    if (lambda === undefined) throw new UnsupportedTemplateError([`target ${reference} is no Lambda that runs here`]);
    this.#driven.add(lambda);
    return lambda;
  }

  #find(reference: unknown): LambdaHost | undefined {
    return this.#lambdas.get(this.#references.ownerOf(String(reference)) ?? '');
  }

  #queueUrlOf(arn: string): string {
    const logicalId = this.#references.ownerOf(arn);
    if (logicalId === undefined || this.#template.Resources[logicalId]?.Type !== 'AWS::SQS::Queue')
      throw new UnsupportedTemplateError([`${arn} is no queue of the template`]);
    return String(this.#references.resolve({ Ref: logicalId }));
  }
}

/** Most messages of one batch without a window, and how many it is unless the template says (Lambda's own numbers). */
const MAX_SQS_BATCH = 10;
/** Records of one batch of a stream, unless the template says (Lambda's own number). */
const DEFAULT_STREAM_BATCH = 100;

/** A deployment of the stack itself is what is meant: of nothing else does CloudFormation tell here. */
const isAboutDeployments = (pattern: Rule['EventPattern']): boolean =>
  JSON.stringify(pattern?.source) === '["aws.cloudformation"]';

interface AsyncTarget {
  readonly Arn: string;
  readonly Input?: string;
  readonly InputPath?: string;
  readonly InputTransformer?: unknown;
  readonly SqsParameters?: { readonly MessageGroupId?: string };
}

interface Integration {
  readonly IntegrationType?: string;
  readonly IntegrationUri?: string;
  readonly PayloadFormatVersion?: string;
}

interface Route {
  readonly ApiId: string;
  readonly RouteKey: string;
  readonly Target: string;
}

interface OnFailure {
  readonly OnFailure?: { readonly Destination?: string };
}

interface MappingProperties {
  readonly EventSourceArn: string;
  readonly FunctionName: string;
  readonly BatchSize?: number;
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
  readonly Target: AsyncTarget;
}

interface Rule {
  readonly EventBusName?: string;
  readonly EventPattern?: Readonly<Record<string, unknown>>;
  readonly ScheduleExpression?: string;
  readonly State?: string;
  readonly Targets?: readonly AsyncTarget[];
}
