/** This project's own stack on the local runtime: every part of its template must run. */
import { randomBytes } from 'node:crypto';
import { type LocalRuntime, type RuntimeOptions, startRuntime } from '../local/runtime.ts';
import { LocalPage } from './local-page.ts';
import { APP_COMMAND, LOCAL_DIRECTORY, PROJECT_DIRECTORY } from './project.ts';
import { type ServiceFile, serviceAnnouncement } from './runtime-file.ts';

export interface OwnRuntimeOptions extends Omit<RuntimeOptions, 'app' | 'announce'> {
  /** Token of the cron webhook. @default - made up, see `cronToken` */
  readonly cronToken?: string | undefined;
  /** What webhooks are signed with, with or without `whsec_`. @default - made up, see `webhookSecret` */
  readonly webhookSecret?: string | undefined;
  /** Whether the page is served at the API's address, as if the app had been given `page=true`. @default false */
  readonly page?: boolean;
  /** Whether to write `.local/runtime.json`, or the file that RUNTIME_FILE names. @default false */
  readonly announce?: boolean;
}

export interface OwnRuntime extends LocalRuntime {
  /** What the cron webhook wants as its bearer token. */
  readonly cronToken: string;
  /** Where the page is; undefined where it is not served. */
  readonly pageUrl?: string | undefined;
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
export const startOwnRuntime = async ({
  announce,
  page: servesPage = false,
  ...given
}: OwnRuntimeOptions = {}): Promise<OwnRuntime> => {
  const { page: setting, webhookUrl } = given.context ?? {};
  const isWanted = servesPage && String(setting) !== 'false';
  const page = isWanted ? new LocalPage({ webhookUrl: text(webhookUrl), onProblem: given.onProblem }) : undefined;
  const options = page ? withPage(given, page) : given;
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
  page?.start(runtime, cronToken);
  const sendsWebhooks = runtime.outputs.WebhookSecretArn !== undefined;
  const stop = async (): Promise<void> => {
    await page?.stop();
    await runtime.stop();
  };
  return {
    ...runtime,
    stop,
    cronToken,
    ...(page && { pageUrl: runtime.outputs.ApiUrl }),
    ...(sendsWebhooks && { webhookSecret: SECRET_PREFIX + webhookSecret }),
  };
};

const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);

const withPage = (options: OwnRuntimeOptions, page: LocalPage): OwnRuntimeOptions => ({
  ...options,
  context: { page: 'true', ...options.context },
  alsoServe: (request, response) => page.serve(request, response),
  isLost: (message) => page.isLost(message),
  onLogLine: (logicalId, line) => {
    page.takeLogLine(logicalId, line);
    options.onLogLine?.(logicalId, line);
  },
});

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
