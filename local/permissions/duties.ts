/**
 * What AWS's own services must be able to do for the template to work: Lambda with the roles of its functions, and
 * schedules, rules, routes and alarms with what they set off.
 */
import { localArn } from '../account.ts';
import type { Assembly } from '../assembly.ts';
import { attempt } from '../left-aside.ts';
import type { References } from '../references.ts';
import { resourcesOf, type Template, UnsupportedTemplateError } from '../template.ts';
import type { Need } from './need.ts';
import type { Principal } from './policy.ts';

/** One thing that somebody must be able to do. */
export interface Duty extends Need {
  /** The logical id of the resource that needs it. */
  readonly of: string;
  /** What for, in words, with the logical ids of the template. */
  readonly what: string;
  readonly principal: Principal;
  /** In whose name a service asks: the ARN of a rule, an alarm or a route. */
  readonly sourceArn?: string;
}

/**
 * Every duty of the template.
 *
 * @param references with every resource's name and ARN
 * @throws UnsupportedTemplateError for a target, a destination or an action of a kind that is not known here, and for a
 *   role that is not in the template
 */
export const dutiesOf = (assembly: Assembly, references: References): Duty[] => new Walk(assembly, references).duties();

/** A duty of the resource that is looked at. */
type OwnDuty = Omit<Duty, 'of'>;

const service = (name: string): Principal => ({ kind: 'service', name: `${name}.amazonaws.com` });
const role = (arn: string): Principal => ({ kind: 'role', arn });

class Walk {
  readonly #template: Template;
  readonly #assembly: Assembly;
  readonly #references: References;

  constructor(assembly: Assembly, references: References) {
    this.#assembly = assembly;
    this.#template = assembly.template;
    this.#references = references;
  }

  duties(): Duty[] {
    return [
      this.#functions(),
      this.#eventSourceMappings(),
      this.#destinations(),
      this.#schedules(),
      this.#rules(),
      this.#routes(),
      this.#alarms(),
    ].flat();
  }

  /** AWS Lambda Developer Guide, Defining Lambda function permissions with an execution role. */
  #functions(): Duty[] {
    return this.#duties('AWS::Lambda::Function', (logicalId, { Role, LoggingConfig }: FunctionProperties) => {
      const group = LoggingConfig?.LogGroup ?? `/aws/lambda/${this.#references.resolve({ Ref: logicalId })}`;
      const stream = localArn('logs', `log-group:${group}:log-stream:2026/01/01/[$LATEST]0`);
      const log = (action: string): OwnDuty => ({
        what: `logs of ${logicalId}`,
        principal: role(Role),
        action: `logs:${action}`,
        resource: stream,
      });
      return [
        this.#assumed(Role, 'lambda', logicalId),
        // Lambda makes the group itself where the template does not.
        ...(LoggingConfig?.LogGroup === undefined ? [log('CreateLogGroup')] : []),
        log('CreateLogStream'),
        log('PutLogEvents'),
      ];
    });
  }

  #assumed(roleArn: string, by: string, what: string): OwnDuty {
    if (this.#references.ownerOf(roleArn) === undefined) {
      throw new UnsupportedTemplateError([`role ${roleArn} of ${what}: it is not in the template`]);
    }
    return { what: `role of ${what}`, principal: service(by), action: 'sts:AssumeRole', resource: roleArn };
  }

  /** Lambda polls with the function's role (AWS Lambda Developer Guide, Using Lambda with Amazon SQS, and with DynamoDB). */
  #eventSourceMappings(): Duty[] {
    return this.#duties('AWS::Lambda::EventSourceMapping', (logicalId, mapping: MappingProperties) => {
      const { EventSourceArn, FunctionName, DestinationConfig } = mapping;
      const principal = role(this.#roleOf(FunctionName));
      const what = `event source mapping ${logicalId}`;
      const polls = (actions: readonly string[], resource: string): OwnDuty[] =>
        actions.map((action) => ({ what, principal, action, resource }));
      const polled = EventSourceArn.startsWith('arn:aws:sqs:')
        ? polls(['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:GetQueueAttributes'], EventSourceArn)
        : [
            ...polls(['dynamodb:DescribeStream', 'dynamodb:GetRecords', 'dynamodb:GetShardIterator'], EventSourceArn),
            // It takes no resource.
            ...polls(['dynamodb:ListStreams'], '*'),
          ];
      return [...polled, ...this.#onFailure(DestinationConfig, principal, what)];
    });
  }

  /** Of asynchronous invocations (AWS Lambda Developer Guide, Capturing records of asynchronous invocations). */
  #destinations(): Duty[] {
    return this.#duties(
      'AWS::Lambda::EventInvokeConfig',
      (logicalId, { FunctionName, DestinationConfig }: InvokeConfigProperties) =>
        this.#onFailure(DestinationConfig, role(this.#roleOf(FunctionName)), `destination ${logicalId}`),
    );
  }

  #onFailure(config: DestinationConfig | undefined, principal: Principal, what: string): OwnDuty[] {
    if (config === undefined) return [];
    const { OnFailure, ...others } = config;
    const destination = OnFailure?.Destination;
    if (Object.keys(others).length > 0 || !destination?.startsWith('arn:aws:sqs:')) {
      throw new UnsupportedTemplateError([`destination ${JSON.stringify(config)} of ${what}: only a queue on failure`]);
    }
    return [{ what, principal, action: 'sqs:SendMessage', resource: destination }];
  }

  /** Amazon EventBridge Scheduler User Guide, Setting up the execution role, and Configuring a dead-letter queue. */
  #schedules(): Duty[] {
    return this.#duties('AWS::Scheduler::Schedule', (logicalId, { Target }: ScheduleProperties) => {
      const what = `schedule ${logicalId}`;
      const principal = role(Target.RoleArn);
      return [
        { ...this.#assumed(Target.RoleArn, 'scheduler', what), sourceArn: DEFAULT_SCHEDULE_GROUP },
        this.#invokes(Target.Arn, principal, what),
        ...this.#deadLetters(Target, principal, what),
      ];
    });
  }

  /** Amazon EventBridge User Guide, Using resource-based policies for Amazon EventBridge. */
  #rules(): Duty[] {
    return this.#duties('AWS::Events::Rule', (logicalId, { Targets = [] }: RuleProperties) =>
      Targets.flatMap((target) => {
        const what = `rule ${logicalId}`;
        if (target.RoleArn !== undefined) throw new UnsupportedTemplateError([`RoleArn of a target of ${what}`]);
        const asked = { sourceArn: this.#references.arnOf(logicalId) };
        return [
          this.#invokes(target.Arn, service('events'), what),
          ...this.#deadLetters(target, service('events'), what),
        ].map((duty) => ({ ...duty, ...asked }));
      }),
    );
  }

  #invokes(target: string, principal: Principal, what: string): OwnDuty {
    if (target.startsWith('arn:aws:sqs:')) return { what, principal, action: 'sqs:SendMessage', resource: target };
    if (!target.startsWith('arn:aws:lambda:')) throw new UnsupportedTemplateError([`target ${target} of ${what}`]);
    return { what, principal, action: 'lambda:InvokeFunction', resource: target };
  }

  #deadLetters({ DeadLetterConfig }: Target, principal: Principal, what: string): OwnDuty[] {
    const queue = DeadLetterConfig?.Arn;
    return queue === undefined
      ? []
      : [{ what: `dead letters of ${what}`, principal, action: 'sqs:SendMessage', resource: queue }];
  }

  /** Amazon API Gateway Developer Guide, Create AWS Lambda proxy integrations for HTTP APIs. */
  #routes(): Duty[] {
    const stages = this.#each('AWS::ApiGatewayV2::Stage', (_, stage: StageProperties) => stage);
    const integrations = new Map<string, string>(
      this.#each(
        'AWS::ApiGatewayV2::Integration',
        (logicalId, { IntegrationUri }: IntegrationProperties) =>
          [`integrations/${this.#references.resolve({ Ref: logicalId })}`, IntegrationUri] as const,
      ),
    );
    return this.#duties('AWS::ApiGatewayV2::Route', (logicalId, { ApiId, RouteKey, Target }: RouteProperties) => {
      const lambda = integrations.get(Target);
      if (lambda === undefined) throw new UnsupportedTemplateError([`target ${Target} of ${logicalId}`]);
      return stages
        .filter((stage) => stage.ApiId === ApiId)
        .flatMap(({ StageName }) =>
          sourcesOf(RouteKey).map(
            (path): OwnDuty => ({
              what: `route ${RouteKey} (${logicalId})`,
              principal: service('apigateway'),
              action: 'lambda:InvokeFunction',
              resource: lambda,
              sourceArn: localArn('execute-api', `${ApiId}/${StageName}/${path}`),
            }),
          ),
        );
    });
  }

  /** Amazon CloudWatch User Guide, Notifying users on alarm changes. */
  #alarms(): Duty[] {
    return this.#duties('AWS::CloudWatch::Alarm', (logicalId, properties: AlarmProperties) => {
      const { AlarmActions = [], OKActions = [], InsufficientDataActions = [] } = properties;
      return [...new Set([...AlarmActions, ...OKActions, ...InsufficientDataActions])].map((resource) => {
        if (!resource.startsWith('arn:aws:sns:')) {
          throw new UnsupportedTemplateError([`action ${resource} of alarm ${logicalId}: only a topic`]);
        }
        return {
          what: `alarm ${logicalId}`,
          principal: service('cloudwatch'),
          action: 'sns:Publish',
          resource,
          sourceArn: this.#references.arnOf(logicalId),
        };
      });
    });
  }

  #roleOf(functionReference: string): string {
    const owner = this.#references.ownerOf(functionReference);
    const found = resourcesOf(this.#template, 'AWS::Lambda::Function').find(([logicalId]) => logicalId === owner);
    if (found === undefined) throw new UnsupportedTemplateError([`${functionReference} is no Lambda of the template`]);
    return String(this.#references.resolve(found[1].Role));
  }

  #duties<P>(type: string, read: (logicalId: string, properties: P) => OwnDuty[]): Duty[] {
    return this.#each(type, (logicalId, properties: P) =>
      read(logicalId, properties).map((duty) => ({ ...duty, of: logicalId })),
    ).flat();
  }

  #each<P, R>(type: string, read: (logicalId: string, properties: P) => R): R[] {
    return resourcesOf(this.#template, type).flatMap(([logicalId, properties]) => {
      const found = attempt(this.#assembly.leftAside, logicalId, () => [
        read(logicalId, this.#references.resolve(properties) as P),
      ]);
      return found ?? [];
    });
  }
}

/** Scheduler assumes a role in the name of the schedule's group. */
const DEFAULT_SCHEDULE_GROUP = localArn('scheduler', 'schedule-group/default');

const METHODS = ['DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT'];

/** The end of the ARN that a route calls its function with: one for each method. */
const sourcesOf = (routeKey: string): string[] => {
  const [method = '', path] = routeKey.split(' ');
  if (path === undefined) return [routeKey];
  return (method === 'ANY' ? METHODS : [method]).map((each) => `${each}${path}`);
};

interface DestinationConfig {
  readonly OnFailure?: { readonly Destination?: string };
}

interface Target {
  readonly Arn: string;
  readonly DeadLetterConfig?: { readonly Arn?: string };
}

interface FunctionProperties {
  readonly Role: string;
  readonly LoggingConfig?: { readonly LogGroup?: string };
}

interface MappingProperties {
  readonly EventSourceArn: string;
  readonly FunctionName: string;
  readonly DestinationConfig?: DestinationConfig;
}

interface InvokeConfigProperties {
  readonly FunctionName: string;
  readonly DestinationConfig?: DestinationConfig;
}

interface ScheduleProperties {
  readonly Target: Target & { readonly RoleArn: string };
}

interface RuleProperties {
  readonly Targets?: readonly (Target & { readonly RoleArn?: string })[];
}

interface StageProperties {
  readonly ApiId: string;
  readonly StageName: string;
}

interface IntegrationProperties {
  readonly IntegrationUri: string;
}

interface RouteProperties {
  readonly ApiId: string;
  readonly RouteKey: string;
  readonly Target: string;
}

interface AlarmProperties {
  readonly AlarmActions?: readonly string[];
  readonly OKActions?: readonly string[];
  readonly InsufficientDataActions?: readonly string[];
}
