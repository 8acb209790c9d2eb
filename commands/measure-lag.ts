/** `npm run measure-lag`: the lag of a deployment, by short bookings that are written into its table and left to lapse. */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import pMap from 'p-map';
import type { Booking } from '../functions/core/booking-status.ts';
import { SECOND_MS } from '../functions/core/hold-time.ts';
import { systemClock } from '../functions/runtime/clock.ts';
import { lagHistogram, percentilesOf } from '../measure/lag-report.ts';
import { canShowBars, progressBar } from '../terminal/progress-bar.ts';
import { parseOptions } from '../terminal/usage.ts';
import { costAtMost } from './booking-cost.ts';
import { CONNECT_OPTIONS, CONNECT_USAGE, type Connection, connect, runCommand } from './connect.ts';
import { wholeNumber } from './whole-number.ts';

const USAGE = `Usage: npm run measure-lag -- [options]

Writes short bookings into the table, waits until they have lapsed, and reports how late each was marked. They stay in
the table, EXPIRED, with ids that begin with "lag-"; consumers of BookingExpired receive an event for each of them.

  --bookings <n>         how many: 1 to 10000 (default 100)
  --per-second <n>       written per second: 1 to 200 (default 10)
  --hold-seconds <n>     how long each holds: 5 to 900 (default 20)
  --patience <n>         seconds to wait after the last deadline: 1 to 1200 (default 30; 400 if the sweep shall have its turn)
  --json                 JSON instead of text; into a pipe: npm run --silent measure-lag -- --json | jq
${CONNECT_USAGE}
  -h, --help             this text

Exit codes: 0 measured; 1 a booking was early or is not expired, or the table cannot be reached; 2 wrong usage.`;

const readOptions = () =>
  parseOptions({
    options: {
      ...CONNECT_OPTIONS,
      bookings: { type: 'string', default: '100' },
      'per-second': { type: 'string', default: '10' },
      'hold-seconds': { type: 'string', default: '20' },
      patience: { type: 'string', default: '30' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  }).values;
/** Does some work and shows how far it is: by a bar on a terminal, by a line otherwise. */
const withProgress = async <T>(
  label: string,
  total: number,
  quiet: boolean,
  work: (showDone: (done: number) => void) => Promise<T>,
): Promise<T> => {
  if (quiet || !canShowBars()) {
    if (!quiet) console.error(`${label}…`);
    return work(() => {});
  }
  const bar = progressBar({ format: `{bar} ${label} {value}/{total}`, clearOnComplete: true });
  bar.start(total, 0);
  try {
    return await work((done) => bar.update(done));
  } finally {
    bar.stop();
  }
};

const write = async (
  { store }: Connection,
  bookings: number,
  perSecond: number,
  holdMs: number,
  onWritten: (done: number) => void,
): Promise<Map<string, number>> => {
  const run = randomUUID().slice(0, 8);
  const deadlines = new Map<string, number>();
  const startedAt = performance.now();
  const writes: Promise<unknown>[] = [];
  for (let index = 0; index < bookings; index += 1) {
    const aheadMs = startedAt + (index * SECOND_MS) / perSecond - performance.now();
    if (aheadMs > 1) await sleep(aheadMs);
    const bookingId = `lag-${run}-${index}`;
    const nowMs = systemClock();
    deadlines.set(bookingId, nowMs + holdMs);
    writes.push(store.create({ bookingId, holdMs }, nowMs));
    onWritten(index + 1);
  }
  await Promise.all(writes);
  return deadlines;
};

/** Reads the bookings until all are expired, or patience is out. */
const read = async (
  { store }: Connection,
  deadlines: ReadonlyMap<string, number>,
  patienceMs: number,
  onFound: (done: number) => void,
): Promise<Map<string, Booking>> => {
  const lastDeadlineMs = Math.max(...deadlines.values());
  const expired = new Map<string, Booking>();
  await sleep(Math.max(0, lastDeadlineMs + SECOND_MS - systemClock()));
  for (;;) {
    await pMap(
      [...deadlines.keys()].filter((bookingId) => !expired.has(bookingId)),
      async (bookingId) => {
        const booking = await store.get(bookingId);
        if (booking?.status === 'EXPIRED') expired.set(bookingId, booking);
      },
      { concurrency: 8 },
    );
    onFound(expired.size);
    if (expired.size === deadlines.size || systemClock() > lastDeadlineMs + patienceMs) return expired;
    await sleep(2 * SECOND_MS);
  }
};

runCommand('measure-lag', async () => {
  const options = readOptions();
  if (options.help) {
    console.log(USAGE);
    return;
  }
  const bookings = wholeNumber('bookings', options.bookings, 1, 10_000);
  const perSecond = wholeNumber('per-second', options['per-second'], 1, 200);
  const holdMs = wholeNumber('hold-seconds', options['hold-seconds'], 5, 900) * SECOND_MS;
  const patienceMs = wholeNumber('patience', options.patience, 1, 1_200) * SECOND_MS;
  const connection = await connect(options, 'write');
  if (!options.json) console.error(connection.placeText);

  const deadlines = await withProgress('writing', bookings, options.json, (showDone) =>
    write(connection, bookings, perSecond, holdMs, showDone),
  );
  const expired = await withProgress('waiting until they have lapsed', bookings, options.json, (showDone) =>
    read(connection, deadlines, patienceMs, showDone),
  );

  const lagsMs = [...expired.values()].map(
    ({ expiresAtMs = Number.NaN, expiredAtMs = Number.NaN }) => expiredAtMs - expiresAtMs,
  );
  const report = {
    ...connection.place,
    bookings,
    expired: expired.size,
    bySweep: [...expired.values()].filter(({ expiredBy }) => expiredBy === 'sweep').length,
    notExpired: bookings - expired.size,
    early: lagsMs.filter((lagMs) => lagMs < 0).length,
    lagMs: percentilesOf(lagsMs),
    usdAtMost: costAtMost(bookings, connection.settings.timerLeadMs),
  };
  process.exitCode = report.notExpired + report.early > 0 ? 1 : 0;
  if (options.json) {
    console.log(JSON.stringify(report));
    return;
  }
  const { lagMs } = report;
  console.log(`${connection.placeText.replace(/^table /, 'table        ')}
bookings     ${bookings}: ${report.expired} expired (${report.bySweep} by the sweep), ${report.notExpired} not yet, ${report.early} early
lag          p50 ${lagMs.p50} ms, p99 ${lagMs.p99} ms, p99.9 ${lagMs.p999} ms, max ${lagMs.max} ms
cost         at most ${report.usdAtMost.toFixed(6)} USD at us-east-1's prices, the event bus included

${lagHistogram(lagsMs).join('\n')}`);
});
