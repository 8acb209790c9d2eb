/** `npm run expire-bookings`: one sweep now, or with `--every` a worker that sweeps at a pace of its own. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { SingleBar } from 'cli-progress';
import { isPermanent } from '../functions/adapters/permanent-error.ts';
import { SECOND_MS } from '../functions/core/hold-time.ts';
import { takeInAll } from '../functions/core/left-out.ts';
import { LEGAL_SHARDS } from '../functions/core/pending-shard.ts';
import { SWEEP_STARTED, type SweepReport, sweep, sweepFinished } from '../functions/core/sweep.ts';
import { systemClock } from '../functions/runtime/clock.ts';
import { canShowBars, progressBar } from '../terminal/progress-bar.ts';
import { parseOptions, UsageError } from '../terminal/usage.ts';
import { CONNECT_OPTIONS, CONNECT_USAGE, type Connection, connect, reasonOf, runCommand } from './connect.ts';

const USAGE = `Usage: npm run expire-bookings -- [options]

Expires every booking whose hold has lapsed and that is still PENDING, now. Without options it works on the local
runtime that is running (npm start). For a deployed stack, give its table; region and credentials come from the
ordinary AWS configuration.

  --every <seconds>      go on as a worker: a sweep every so many seconds, never two at once, until SIGTERM or Ctrl-C
  --dry-run              list what would expire, change nothing
  --whole-table          look at every item of the table too, for bookings that are in no index: expires those that
                         lapsed, puts the others into the index. Reads the table once: about 0.02 USD a gigabyte
  --json                 JSON instead of text, with --every one line for each sweep; into a pipe:
                         npm run --silent expire-bookings -- --json | jq
${CONNECT_USAGE}
  -h, --help             this text

Exit codes: 0 done, 1 the table could not be reached or a part of the sweep failed, 2 wrong usage.`;

/** From this many bookings on a progress bar is shown. */
const MUCH_TO_DO = 500;
/** Pauses of a worker after a sweep that failed: twice as long each time, from one second to a minute. */
const FIRST_BACK_OFF_MS = SECOND_MS;
const LONGEST_BACK_OFF_MS = 60 * SECOND_MS;
/** After this a worker reads its settings again, which a deployment may have changed, and compares its clock again. */
const SETTINGS_ARE_GOOD_FOR_MS = 60 * SECOND_MS;
/** A worker that is asked to stop ends within a second; a request that still hangs by then is left behind. */
const TIME_TO_STOP_MS = 900;

const readOptions = () => {
  const { values } = parseOptions({
    options: {
      ...CONNECT_OPTIONS,
      every: { type: 'string' },
      'dry-run': { type: 'boolean', default: false },
      'whole-table': { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.every !== undefined && !/^[1-9]\d{0,5}$/.test(values.every)) {
    throw new UsageError(`--every must be a whole number of seconds from 1 to 999999, got ${values.every}`);
  }
  if (values.every !== undefined && values['dry-run']) throw new UsageError('--every and --dry-run exclude each other');
  if (values['whole-table'] && (values.every !== undefined || values['dry-run']))
    throw new UsageError('--whole-table excludes --every and --dry-run');
  return values;
};
type Options = ReturnType<typeof readOptions>;

const sweepOnce = async (
  { held, index, scheduling, settings }: Connection,
  stopping: AbortSignal,
  onProgress?: (overdueFound: number) => void,
): Promise<SweepReport> =>
  sweep(
    { store: held, index, clock: systemClock, isPermanent, ...(scheduling && { scheduling }) },
    {
      overdueAfterMs: 0,
      settings,
      mayContinue: () => !stopping.aborted,
      ...(onProgress && { onProgress: ({ overdueFound }) => onProgress(overdueFound) }),
    },
  );

/** What is in no index, looked for in the whole table. */
const takeInLeftOut = async (connection: Connection, stopping: AbortSignal): Promise<LeftOut> => {
  const { held, queue, shardCount, settings } = connection;
  return takeInAll(
    {
      table: held,
      store: held,
      ...(queue && { queue }),
      clock: systemClock,
      isPermanent,
      shardCount,
      settings,
    },
    () => !stopping.aborted,
  );
};
type LeftOut = Awaited<ReturnType<typeof takeInAll>>;

const printReport = (
  report: SweepReport,
  leftOut: LeftOut | undefined,
  { json }: Options,
  { place }: Connection,
): void => {
  const { scheduled, overdueFound, warnings } = report;
  const expired = report.expired + (leftOut?.expired ?? 0);
  const errors = [...report.errors, ...(leftOut?.errors ?? [])];
  const unprocessable = [...report.unprocessable, ...(leftOut?.unprocessable ?? [])];
  const remaining = report.remaining || (leftOut?.remaining ?? false);
  const problems = [
    ...errors.map(reasonOf),
    ...unprocessable.map(({ bookingId, error }) => `booking ${bookingId} can never be swept: ${reasonOf(error)}`),
  ];
  if (json) {
    const found = leftOut && { leftOut: leftOut.found, adopted: leftOut.adopted };
    console.log(
      JSON.stringify({ expired, scheduled, overdueFound, ...found, remaining, errors: problems, warnings, ...place }),
    );
  }
  for (const line of [...warnings, ...problems]) console.error(`expire-bookings: ${line}`);
  if (json) return;
  if (leftOut && leftOut.found > 0)
    console.error(
      `${leftOut.found} booking(s) were in no index: ${leftOut.expired} expired, ${leftOut.adopted} put into it`,
    );
  console.log(sweepFinished(expired));
};

/** Standard output has the two lines of the old command and nothing else. */
const connectAloud = async (options: Options): Promise<Connection> => {
  const connection = await connect(options, options['dry-run'] ? 'look' : 'write');
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
  const leftOut = options['whole-table'] ? await takeInLeftOut(connection, stopping.signal) : undefined;
  printReport(report, leftOut, options, connection);
  process.exitCode = report.errors.length + (leftOut?.errors.length ?? 0) > 0 ? 1 : 0;
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
  let connectedAtMs = 0;
  let backOffMs = 0;
  while (!stopping.signal.aborted) {
    const startedAtMs = Date.now();
    try {
      if (!options.json) console.log(SWEEP_STARTED);
      if (connection === undefined || startedAtMs - connectedAtMs >= SETTINGS_ARE_GOOD_FOR_MS) {
        connection = await (connection === undefined ? connectAloud(options) : connect(options, 'write'));
        connectedAtMs = startedAtMs;
      }
      const report = await sweepOnce(connection, stopping.signal);
      printReport(report, undefined, options, connection);
      if (report.errors.length > 0) throw new Error(`${report.errors.length} error(s) in this sweep`);
      backOffMs = 0;
    } catch (error) {
      if (error instanceof UsageError) throw error;
      backOffMs = Math.min(LONGEST_BACK_OFF_MS, Math.max(FIRST_BACK_OFF_MS, backOffMs * 2));
      console.error(`expire-bookings: ${reasonOf(error)}; trying again in ${backOffMs / SECOND_MS} s`);
    }
    // From start to start, so that a long sweep does not slow the pace; the next begins only when this one has ended.
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
