/** `npm run expire-bookings`: one sweep now, or with `--every` a worker that sweeps at a pace of its own. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { SingleBar } from 'cli-progress';
import { isPermanent } from '../functions/adapters/permanent-error.ts';
import { SECOND_MS } from '../functions/core/hold-time.ts';
import { LEGAL_SHARDS } from '../functions/core/pending-shard.ts';
import { SWEEP_STARTED, type SweepReport, sweep, sweepFinished } from '../functions/core/sweep.ts';
import { systemClock } from '../functions/runtime/clock.ts';
import { canShowBars, progressBar } from '../local/progress-bar.ts';
import { parseOptions, UsageError } from '../local/usage.ts';
import { CONNECT_OPTIONS, CONNECT_USAGE, type Connection, connect, reasonOf, runCommand } from './connect.ts';

const USAGE = `Usage: npm run expire-bookings -- [options]

Expires every booking whose hold has lapsed and that is still PENDING, now. Without options it works on the local
runtime that is running (npm start). For a deployed stack, give its table; region and credentials come from the
ordinary AWS configuration.

  --every <seconds>      go on as a worker: a sweep every so many seconds, never two at once, until SIGTERM or Ctrl-C
  --dry-run              list what would expire, change nothing
  --json                 JSON instead of text, with --every one line for each sweep; into a pipe:
                         npm run --silent expire-bookings -- --json | jq
${CONNECT_USAGE}
  -h, --help             this text

Exit codes: 0 done, 1 the table could not be reached or a part of the sweep failed, 2 wrong usage.`;

/** Bookings from which on a progress bar is worth its place. */
const MUCH_TO_DO = 500;
/** Pauses of a worker after a sweep that failed: twice as long each time, from one second to a minute. */
const FIRST_BACK_OFF_MS = SECOND_MS;
const LONGEST_BACK_OFF_MS = 60 * SECOND_MS;
/** A worker that is told to stop ends within a second; a request that still hangs by then is left behind. */
const TIME_TO_STOP_MS = 900;

const readOptions = () => {
  const { values } = parseOptions({
    options: {
      ...CONNECT_OPTIONS,
      every: { type: 'string' },
      'dry-run': { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.every !== undefined && !/^[1-9]\d{0,5}$/.test(values.every)) {
    throw new UsageError(`--every must be a whole number of seconds from 1 to 999999, got ${values.every}`);
  }
  if (values.every !== undefined && values['dry-run']) throw new UsageError('--every and --dry-run exclude each other');
  return values;
};
type Options = ReturnType<typeof readOptions>;

const sweepOnce = async (
  { store, index, scheduling, settings }: Connection,
  stopping: AbortSignal,
  onProgress?: (overdueFound: number) => void,
): Promise<SweepReport> =>
  sweep(
    { store, index, clock: systemClock, isPermanent, ...(scheduling && { scheduling }) },
    {
      overdueAfterMs: 0,
      settings,
      mayContinue: () => !stopping.aborted,
      ...(onProgress && { onProgress: ({ overdueFound }) => onProgress(overdueFound) }),
    },
  );

const tell = (report: SweepReport, { json }: Options, { place }: Connection): void => {
  const { expired, scheduled, remaining, overdueFound, errors } = report;
  const figures = { expired, scheduled, overdueFound, remaining, errors: errors.map(reasonOf) };
  if (json) console.log(JSON.stringify({ ...figures, ...place }));
  for (const error of errors) console.error(`expire-bookings: ${reasonOf(error)}`);
  if (!json) console.log(sweepFinished(expired));
};

/** Standard output has the two lines of the old command and nothing else. */
const connectAloud = async (options: Options): Promise<Connection> => {
  const connection = await connect(options);
  if (!options.json) console.error(connection.placeText);
  return connection;
};

const once = async (options: Options): Promise<void> => {
  if (!options.json) console.log(SWEEP_STARTED);
  const connection = await connectAloud(options);
  if (options['dry-run']) return dryRun(connection, options.json);
  const stopping = new AbortController();
  process.once('SIGINT', () => stopping.abort());
  const bar = canShowBars() && !options.json ? await sweepBar(connection) : undefined;
  let report: SweepReport;
  try {
    report = await sweepOnce(connection, stopping.signal, (overdueFound) => bar?.update(overdueFound));
  } finally {
    bar?.stop();
  }
  tell(report, options, connection);
  process.exitCode = report.errors.length > 0 ? 1 : 0;
};

const worker = async (options: Options, periodMs: number): Promise<void> => {
  const stopping = new AbortController();
  const stop = (): void => {
    stopping.abort();
    setTimeout(() => process.exit(0), TIME_TO_STOP_MS).unref();
  };
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);

  let connection: Connection | undefined;
  let backOffMs = 0;
  while (!stopping.signal.aborted) {
    const startedAtMs = Date.now();
    try {
      if (!options.json) console.log(SWEEP_STARTED);
      connection ??= await connectAloud(options);
      const report = await sweepOnce(connection, stopping.signal);
      tell(report, options, connection);
      if (report.errors.length > 0) throw new Error(`${report.errors.length} error(s) in this sweep`);
      backOffMs = 0;
    } catch (error) {
      if (error instanceof UsageError) throw error;
      backOffMs = Math.min(LONGEST_BACK_OFF_MS, Math.max(FIRST_BACK_OFF_MS, backOffMs * 2));
      console.error(`expire-bookings: ${reasonOf(error)}; trying again in ${backOffMs / SECOND_MS} s`);
    }
    // From start to start, so that a long sweep does not slow the pace; the next begins only when this one is through.
    const pauseMs = backOffMs || Math.max(0, startedAtMs + periodMs - Date.now());
    await sleep(pauseMs, undefined, { signal: stopping.signal }).catch(() => {});
  }
  process.exit(0);
};

const dryRun = async ({ index, place }: Connection, json: boolean): Promise<void> => {
  const nowMs = systemClock();
  const found: { bookingId: string; expiresAt: string; overdueMs: number }[] = [];
  for (const shard of LEGAL_SHARDS) {
    for await (const { bookingId, expiresAtMs } of index.pendingRows(shard, nowMs)) {
      found.push({
        bookingId,
        expiresAt: new Date(expiresAtMs).toISOString(),
        overdueMs: Math.floor(nowMs - expiresAtMs),
      });
    }
  }
  found.sort((a, b) => b.overdueMs - a.overdueMs);
  if (json) {
    console.log(JSON.stringify({ wouldExpire: found, ...place }));
    return;
  }
  for (const { bookingId, expiresAt, overdueMs } of found) {
    console.log(`  ${expiresAt}  overdue ${(overdueMs / SECOND_MS).toFixed(3)} s  ${bookingId}`);
  }
  console.log(`Would expire ${found.length} booking(s)`);
};

const sweepBar = async ({ index }: Connection): Promise<SingleBar | undefined> => {
  const total = await index.countPending(0, systemClock()).catch(() => 0);
  if (total < MUCH_TO_DO) return undefined;
  const bar = progressBar({ format: '  {bar} {value}/{total} bookings, {eta_formatted} left' });
  bar.start(total, 0);
  return bar;
};

runCommand('expire-bookings', async () => {
  const options = readOptions();
  if (options.help) console.log(USAGE);
  else if (options.every !== undefined) await worker(options, Number(options.every) * SECOND_MS);
  else await once(options);
});
