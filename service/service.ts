/** This project's own stack on the local runtime: every part of its template must run. */
import { randomBytes } from 'node:crypto';
import { type LocalRuntime, type RuntimeOptions, startRuntime } from '../local/runtime.ts';
import { APP_COMMAND, LOCAL_DIRECTORY, PROJECT_DIRECTORY } from './project.ts';
import { type ServiceFile, serviceAnnouncement } from './runtime-file.ts';

export interface OwnRuntimeOptions extends Omit<RuntimeOptions, 'app' | 'announce'> {
  /** Token of the cron webhook. @default - made up, see `cronToken` */
  readonly cronToken?: string | undefined;
  /** Whether to write `.local/runtime.json`, or the file that RUNTIME_FILE names. @default false */
  readonly announce?: boolean;
}

export interface OwnRuntime extends LocalRuntime {
  /** What the cron webhook wants as its bearer token. */
  readonly cronToken: string;
}

/**
 * Starts the service. The app is synthesized now, unless `assemblyDirectory` says where that has been done.
 *
 * @throws what `startRuntime` throws
 */
export const startOwnRuntime = async ({ announce, ...options }: OwnRuntimeOptions = {}): Promise<OwnRuntime> => {
  const cronToken = options.cronToken || randomBytes(24).toString('base64url');
  const runtime = await startRuntime({
    ...(options.assemblyDirectory === undefined && { command: APP_COMMAND }),
    cwd: PROJECT_DIRECTORY,
    workDirectory: LOCAL_DIRECTORY,
    strict: true,
    ...options,
    secretValueOf: () => cronToken,
    announce: announce ? { ...serviceAnnouncement(), also: ownParts } : undefined,
  });
  return { ...runtime, cronToken };
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
