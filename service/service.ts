/** This project's own stack on the local runtime: every part of its template must run. */
import { randomBytes } from 'node:crypto';
import { type LocalRuntime, type RuntimeOptions, startRuntime } from '../local/runtime.ts';
import { APP_COMMAND, LOCAL_DIRECTORY, PROJECT_DIRECTORY } from './project.ts';
import { type ServiceFile, serviceAnnouncement } from './runtime-file.ts';

export interface OwnRuntimeOptions extends Omit<RuntimeOptions, 'app' | 'announce'> {
  /** Token of the cron webhook. @default - made up, see `cronToken` */
  readonly cronToken?: string | undefined;
  /** What webhooks are signed with, with or without `whsec_`. @default - made up, see `webhookSecret` */
  readonly webhookSecret?: string | undefined;
  /** Whether to write `.local/runtime.json`, or the file that RUNTIME_FILE names. @default false */
  readonly announce?: boolean;
}

export interface OwnRuntime extends LocalRuntime {
  /** What the cron webhook wants as its bearer token. */
  readonly cronToken: string;
  /** What webhooks are signed with at first, in the form that receivers use. Undefined where none are sent. */
  readonly webhookSecret?: string | undefined;
}

/** Begins a secret in the form that receivers of webhooks use. */
const SECRET_PREFIX = 'whsec_';

/**
 * Starts the service. The app is synthesized now, unless `assemblyDirectory` says where that has been done.
 *
 * @throws what `startRuntime` throws
 */
export const startOwnRuntime = async ({ announce, ...options }: OwnRuntimeOptions = {}): Promise<OwnRuntime> => {
  const cronToken = options.cronToken || randomBytes(24).toString('base64url');
  const webhookSecret = (options.webhookSecret || randomBytes(32).toString('base64')).replace(SECRET_PREFIX, '');
  const runtime = await startRuntime({
    ...(options.assemblyDirectory === undefined && { command: APP_COMMAND }),
    cwd: PROJECT_DIRECTORY,
    workDirectory: LOCAL_DIRECTORY,
    strict: true,
    ...options,
    secretValueOf: (logicalId) => ({ CronTokenSecret: cronToken, WebhookSecret: webhookSecret })[logicalId],
    announce: announce ? { ...serviceAnnouncement(), also: ownParts } : undefined,
  });
  const sendsWebhooks = runtime.outputs.WebhookSecretArn !== undefined;
  return { ...runtime, cronToken, ...(sendsWebhooks && { webhookSecret: SECRET_PREFIX + webhookSecret }) };
};

const ownParts = ({
  outputs,
  tagsOf,
}: LocalRuntime): Pick<ServiceFile, 'bookingsTable' | 'tags' | 'timerQueueUrl' | 'timerDeadLetterQueueUrl'> => {
  const { BookingsTableName = '', TimerQueueUrl = '', TimerDeadLetterQueueUrl = '' } = outputs;
  return {
    bookingsTable: BookingsTableName,
    tags: tagsOf(BookingsTableName),
    timerQueueUrl: TimerQueueUrl,
    timerDeadLetterQueueUrl: TimerDeadLetterQueueUrl,
  };
};
