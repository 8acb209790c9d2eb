/** `npm run status`: what waits, what is overdue, dead letters, alarms, and whether the sweep runs. Also a health check. */

import { OLD_RECORD_MS } from '../functions/contract.ts';
import { comeNearHorizonMs, LATEST_DEADLINE_MS, OVERDUE_AFTER_MS, SECOND_MS } from '../functions/core/hold-time.ts';
import { isLeftOut } from '../functions/core/left-out.ts';
import { iso, systemClock } from '../functions/runtime/clock.ts';
import type { Item } from '../functions/table/item.ts';
import { parseOptions } from '../terminal/usage.ts';
import { type AlarmLooked, alarmProblems, lookAtAlarms } from './alarms.ts';
import { CONNECT_OPTIONS, CONNECT_USAGE, type Connection, connect, reasonOf, runCommand } from './connect.ts';
import { lookAtReaders, type Reader, readerProblems } from './event-sources.ts';
import { arnOf, messagesIn } from './queues.ts';
import { wholeNumber } from './whole-number.ts';

const USAGE = `Usage: npm run status -- [options]

  --next <n>             how many of the next deadlines to show: 0 to 100 (default 5)
  --whole-table          look for bookings that are in no index in the whole table, not only in its first items
  --json                 JSON instead of text; into a pipe: npm run --silent status -- --json | jq
${CONNECT_USAGE}
  -h, --help             this text

Exit codes: 0 all is well, 1 something is wrong or the table cannot be reached, 2 wrong usage.`;

/** A sweep is missed after three intervals: what the alarm says too. */
const INTERVALS_WITHOUT_A_SWEEP = 3;

const readOptions = () => {
  const { values } = parseOptions({
    options: {
      ...CONNECT_OPTIONS,
      next: { type: 'string', default: '5' },
      'whole-table': { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  return { ...values, next: wholeNumber('next', values.next, 0, 100) };
};

/** Counts and ages as they are now, and each thing that is wrong, in words. */
const lookAt = async (connection: Connection, next: number, wholeTable: boolean) => {
  const { index, settings, scheduling } = connection;
  const nowMs = systemClock();
  const deadLetters: Record<string, number> = {};
  const [pending, overdue, oldest, upcoming, leftOut, state, timers, readers, alarms] = await Promise.all([
    index.countPending(nowMs + 1, LATEST_DEADLINE_MS),
    index.countPending(0, nowMs),
    index.listPending({ fromMs: 0, throughMs: nowMs, limit: 1, after: {} }),
    next === 0
      ? { bookings: [] }
      : index.listPending({ fromMs: nowMs + 1, throughMs: LATEST_DEADLINE_MS, limit: next, after: {} }),
    countLeftOut(connection, wholeTable),
    scheduling?.readState(),
    connection.timerQueueUrl === undefined ? undefined : messagesIn(connection.sqsClient, connection.timerQueueUrl),
    readersOf(connection, nowMs),
    alarmsOf(connection),
    ...Array.from(connection.deadLetterQueueUrls, async ([name, url]) => {
      const { visible, inFlight } = await messagesIn(connection.sqsClient, url);
      deadLetters[name] = visible + inFlight;
    }),
  ]);

  const oldestOverdueMs = oldest.bookings[0] ? nowMs - (oldest.bookings[0].expiresAtMs ?? nowMs) : 0;
  // A sweep that finishes notes how far ahead it has scheduled, which is this far beyond its own start.
  const lastSweepMs = state?.scheduledThroughMs ? state.scheduledThroughMs - comeNearHorizonMs(settings) : undefined;
  const problems: string[] = [];
  if (oldestOverdueMs > OVERDUE_AFTER_MS)
    problems.push(`${overdue} overdue, the oldest for ${seconds(oldestOverdueMs)}`);
  if (leftOut.count > 0) {
    problems.push(
      `${leftOut.count}${leftOut.isWhole ? '' : ' or more'} in no index, where no sweep sees them: schedule-expiry does not do ` +
        'its work; npm run expire-bookings -- --whole-table takes them in',
    );
  }
  for (const [name, count] of Object.entries(deadLetters))
    if (count > 0) problems.push(`${count} dead letter(s) of ${name}`);
  if (Array.isArray(readers)) problems.push(...readerProblems(readers, OLD_RECORD_MS));
  if (Array.isArray(alarms)) problems.push(...alarmProblems(alarms, nowMs));
  if (scheduling && lastSweepMs === undefined) problems.push('no sweep has finished yet');
  if (lastSweepMs !== undefined && nowMs - lastSweepMs > INTERVALS_WITHOUT_A_SWEEP * settings.sweepIntervalMs) {
    problems.push(`the last sweep that finished began ${seconds(nowMs - lastSweepMs)} ago`);
  }
  return {
    ...connection.place,
    pending,
    overdue,
    oldestOverdueMs,
    inNoIndex: leftOut.count,
    wholeTableLookedAt: leftOut.isWhole,
    timers,
    deadLetters,
    readers,
    alarms,
    lastSweepAt: lastSweepMs === undefined ? null : iso(lastSweepMs),
    lastSweepAgoMs: lastSweepMs === undefined ? null : nowMs - lastSweepMs,
    nextDeadlines: upcoming.bookings.map(({ bookingId, expiresAtMs = 0 }) => ({
      bookingId,
      expiresAt: iso(expiresAtMs),
      inMs: expiresAtMs - nowMs,
    })),
    problems,
  };
};

/** Pages of a megabyte that are looked at unless the whole table is asked for. */
const FIRST_PAGES = 8;

/** Bookings that no sweep can see, in the table's first pages or in all of them. */
const countLeftOut = async ({ held }: Connection, wholeTable: boolean) => {
  let count = 0;
  let cursor: Item | undefined;
  for (let pages = 0; wholeTable || pages < FIRST_PAGES; pages += 1) {
    const page = await held.pendingItems(cursor);
    count += page.seen.filter(isLeftOut).length;
    cursor = page.cursor;
    if (cursor === undefined) return { count, isWhole: true };
  }
  return { count, isWhole: false };
};

/** The readers of the stream and the queue; why they are not known, where they cannot be asked for. */
const readersOf = async (
  { eventSources, streamArn, sqsClient, timerQueueUrl }: Connection,
  nowMs: number,
): Promise<readonly Reader[] | string> => {
  if (eventSources === undefined || streamArn === undefined) return 'not known for an engine of your own';
  try {
    const queueArn = timerQueueUrl === undefined ? undefined : await arnOf(sqsClient, timerQueueUrl);
    return await lookAtReaders(eventSources, streamArn, queueArn, nowMs);
  } catch (error) {
    return reasonOf(error);
  }
};

/** The alarms of the service; why they are not known, where they cannot be asked for. */
const alarmsOf = async ({ eventSources, alarmPrefix }: Connection): Promise<readonly AlarmLooked[] | string> => {
  if (eventSources === undefined || alarmPrefix === undefined) return 'not known for an engine of your own';
  try {
    return await lookAtAlarms(eventSources, alarmPrefix);
  } catch (error) {
    return reasonOf(error);
  }
};

const readerText = ({ functionName, reads, state, behindMs }: Reader): string => {
  const behind = behindMs === undefined ? '' : `, ${seconds(behindMs)} behind`;
  return `${functionName} ${state}${reads === 'stream' ? behind : ''}`;
};

const alarmsText = (alarms: readonly AlarmLooked[] | string): string => {
  if (typeof alarms === 'string') return `not known: ${alarms}`;
  const on = alarms.filter(({ state }) => state === 'ALARM').map(({ name }) => name);
  return `${alarms.length}, ${on.length === 0 ? 'none of them on' : `on: ${on.join(', ')}`}`;
};

const seconds = (ms: number): string => `${(ms / SECOND_MS).toFixed(1)} s`;

runCommand('status', async () => {
  const options = readOptions();
  if (options.help) {
    console.log(USAGE);
    return;
  }
  const connection = await connect(options, 'look');
  const status = await lookAt(connection, options.next, options['whole-table']);
  process.exitCode = status.problems.length > 0 ? 1 : 0;
  if (options.json) {
    console.log(JSON.stringify(status));
    return;
  }
  const { timers, deadLetters, readers, alarms, lastSweepAgoMs, nextDeadlines, problems } = status;
  const reading = Array.isArray(readers) ? readers.map(readerText) : [`not known: ${readers}`];
  const dead = Object.entries(deadLetters).map(([name, count]) => `${name} ${count}`);
  console.log(`${connection.placeText.replace(/^table /, 'table          ')}
pending        ${status.pending}
overdue        ${status.overdue}${status.overdue > 0 ? `, the oldest for ${seconds(status.oldestOverdueMs)}` : ''}
in no index    ${status.inNoIndex}${status.wholeTableLookedAt ? '' : ' among the first items; --whole-table looks at all'}
timers         ${timers ? `${timers.delayed} delayed, ${timers.visible} waiting, ${timers.inFlight} in flight` : 'not known'}
dead letters   ${dead.join(', ') || 'not known'}
readers        ${reading.join('\n               ')}
alarms         ${alarmsText(alarms)}
last sweep     ${lastSweepAgoMs === null ? 'not known' : `began ${seconds(lastSweepAgoMs)} ago`}`);
  for (const [index, { bookingId, expiresAt, inMs }] of nextDeadlines.entries()) {
    console.log(`${index === 0 ? 'next deadlines' : ''.padEnd(14)} ${expiresAt}  in ${seconds(inMs)}  ${bookingId}`);
  }
  console.log(problems.length === 0 ? '\nAll is well.' : `\nWrong: ${problems.join('; ')}.`);
});
