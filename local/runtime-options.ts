/** What the local runtime is started with, and what it is while it runs. */
import type { AlarmChange, AlarmState } from './alarms.ts';
import type { PublishedEvent } from './event-bus.ts';
import type { AlsoServe } from './http-api.ts';
import type { LambdaHost } from './lambda-host.ts';
import type { LambdaOptions } from './lambdas.ts';
import type { NotRun, TemplateResource } from './left-aside.ts';
import type { AccessSeen } from './permissions/runtime-permissions.ts';
import type { Announcement } from './runtime-file.ts';
import type { QueuedMessage } from './sqs-event-source.ts';
import type { AppCommand, SynthesizableApp } from './synth.ts';

/** The app: exactly one of `app`, `assemblyDirectory` and `command` must be given. */
export interface AppOptions {
  /** A CDK `App` of this process. It is synthesized now. */
  readonly app?: SynthesizableApp | undefined;
  /** A folder that the app was synthesized into already, such as `cdk.out`. */
  readonly assemblyDirectory?: string | undefined;
  /** The command that synthesizes the app: `app` of its cdk.json. */
  readonly command?: AppCommand['command'] | undefined;
  /** Settings for the command, as `-c name=value` would give them. @default - those of cdk.json */
  readonly context?: AppCommand['context'];
  /** The project's folder, whose packages the Lambdas find. @default - the folder of this process */
  readonly cwd?: string | undefined;
  /** Names of the stacks to run, which may hold `*`; those that they depend on come with them. @default - all */
  readonly stacks?: readonly string[] | undefined;
  /**
   * Which resources must be run as AWS would run them, whole, or else it is an error: all, or those for which this holds. Of
   * others, what is not supported is left aside and told. @default - those that their construct has marked
   */
  readonly strict?: boolean | ((resource: TemplateResource) => boolean);
}

export interface RuntimeOptions extends AppOptions, LambdaOptions {
  /** 0 for any free port. @default 0 */
  readonly dynamodbPort?: number;
  /** 0 for any free port. @default 0 */
  readonly sqsPort?: number;
  /** Port of the first HTTP API; 0 for any free port. Others get any. @default 0 */
  readonly apiPort?: number;
  /** How the user sets these ports, for the message when one is in use. @default - by environment variables */
  readonly portNames?: { readonly dynamodb: string; readonly sqs: string; readonly api: string };
  /** Folder that items and messages outlive a restart in. @default - in memory */
  readonly dataDir?: string | undefined;
  /** Folder for what the runtime writes for itself. @default - in the project's `node_modules/.cache` */
  readonly workDirectory?: string;
  /** The value of a secret of the template, by its logical id. @default - one is made up */
  readonly secretValueOf?: (logicalId: string) => string | undefined;
  /** Fires every schedule at this period instead of its own, or never by itself. @default - the template's rate */
  readonly schedulePeriodMs?: number | 'never' | undefined;
  /** Whether tables and queues have names of their own and are deleted on stop, where others use the same engines. @default false */
  readonly isolated?: boolean;
  /** Where to write where everything is. @default - nowhere */
  readonly announce?: RuntimeAnnouncement | undefined;
  /** Whether the Lambdas may do only what the template's policies allow. @default true */
  readonly enforcePermissions?: boolean;
  /** Called with each permission that is needed, the first time that it is. */
  readonly onAccess?: (access: AccessSeen) => void;
  /** Serves what is beside the routes of the first HTTP API, such as a page on what goes on here. @default - nothing is */
  readonly alsoServe?: AlsoServe | undefined;
  /** Decides of each message that a Lambda would get from a queue whether it gets lost, to see what catches that. @default - none does */
  readonly isLost?: ((message: QueuedMessage) => boolean) | undefined;
  /** What the alarms' minutes go by. @default - the system's clock */
  readonly clock?: () => number;
  /** Called when an alarm of the template goes off or back. */
  readonly onAlarm?: (change: AlarmChange) => void;
  /** Called with every event that is published on a bus. */
  readonly onEvent?: (event: PublishedEvent) => void;
  /** Called with what goes wrong outside the Lambdas' own logs. */
  readonly onProblem?: (problem: string) => void;
}

export interface RuntimeAnnouncement extends Announcement {
  /** What else stands in the file. @default - nothing */
  readonly also?: (runtime: LocalRuntime) => object;
}

/** A running runtime. */
export interface LocalRuntime {
  /** For applications: of the guard, where the engine is the embedded one. */
  readonly dynamodbEndpoint: string;
  readonly sqsEndpoint: string;
  /** Where the events on the buses can be listened to, as server-sent events. */
  readonly eventsUrl: string;
  readonly secretsManagerEndpoint: string;
  /** Where Lambda and CloudWatch can be asked how far behind the readers are and which alarms are on. */
  readonly monitoringEndpoint: string;
  /** Variables for a program of the user's own: with them an AWS SDK finds the engines, and may use them. */
  readonly environment: Readonly<Record<string, string>>;
  /**
   * The outputs of the stacks, resolved. Of several stacks each is there as `Stack.Output`, and by its plain name if no other
   * stack has one of that name.
   */
  readonly outputs: Readonly<Record<string, string>>;
  /** The names of the tables, by the paths of their constructs. */
  readonly tables: Readonly<Record<string, string>>;
  /** The Lambdas that run, by their logical ids; of several stacks these are `Stack-LogicalId`. */
  readonly lambdas: ReadonlyMap<string, LambdaHost>;
  /** What of the template is not run here. */
  readonly notRun: readonly NotRun[];
  /**
   * The name of a table or a Lambda, or the URL of a queue.
   *
   * @param path of its construct, such as `Tickets/Table`, or its logical id
   * @throws Error if there is none
   */
  nameOf(path: string): string;
  /** The tags that the template gives a table, whether or not the engine keeps them. */
  tagsOf(tableName: string): Readonly<Record<string, string>>;
  /** Evaluates every alarm of the template, now. */
  checkAlarms(): Promise<readonly AlarmState[]>;
  /** Fires every schedule once, now. Resolves when the invocations are through. */
  fireSchedules(): Promise<void>;
  /** Which Lambdas are fired at a rate, and when next, epoch ms; undefined for one that is fired only when it is told to. */
  nextSchedules(): readonly { readonly logicalId: string; readonly atMs: number | undefined }[];
  /** Lets what is in flight finish and stops everything. */
  stop(): Promise<void>;
}

/** What is to be undone when the runtime stops, in the order in which it was done. */
export type Stops = (() => Promise<void> | void)[];
