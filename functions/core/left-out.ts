/**
 * Bookings that no sweep can see: PENDING, with a usable deadline, and in no legal shard of the index. Their writer left
 * the shard out, and the stream's record that would have put them in was never processed, or was given up.
 *
 * They are found by reading the table itself. A patrol reads a megabyte at each sweep and goes on from there at the next;
 * as soon as there is a reason to look at everything, it reads the whole table at once. So every
 * booking that reached the table expires without anybody's doing, even if its record was never processed.
 */
import { adoptionOf, type ScheduledTimer, type SeenBooking } from './expiry-decisions.ts';
import { isNear, OVERDUE_AFTER_MS, type TimerSettings, timerDelaySeconds } from './hold-time.ts';
import { noticeOnWrite } from './notices.ts';
import type { BookingAdopter, BookingExpirer, Clock, IsPermanent, PendingItems, TimerTransport } from './ports.ts';
import { MAX_LAGS } from './sweep.ts';

/** How far a patrol has come. */
export interface PatrolState<Cursor = unknown> {
  /** Where the next page begins; undefined for the beginning of the table. */
  readonly cursor?: Cursor;
  /** Whether the rest of the table is to be read without a pause; else a page at each sweep. */
  readonly isWhole: boolean;
  /** Records that schedule-expiry had given up when this was noted. */
  readonly givenUp: number;
}

/** What looking for bookings that were left out works with. */
export interface LeftOutPorts<Cursor = unknown> {
  readonly table: PendingItems<Cursor>;
  readonly store: BookingExpirer & BookingAdopter;
  /** Absent where the timer queue is not known: then a sweep schedules what is put into the index. */
  readonly queue?: TimerTransport;
  readonly clock: Clock;
  readonly isPermanent: IsPermanent;
  readonly shardCount: number;
  readonly settings: TimerSettings;
}

/** What was found in some pages, and what was done about it. */
export interface LeftOutReport {
  /** Bookings that were in no legal shard. */
  readonly found: number;
  /** Those that had lapsed, and were expired at once. */
  readonly expired: number;
  /** Those that still run, and were put into the index. */
  readonly adopted: number;
  /** Lags of expired bookings, in ms: the first 1,000. */
  readonly lagsMs: readonly number[];
  readonly errors: readonly Error[];
  readonly unprocessable: readonly { readonly bookingId: string; readonly error: Error }[];
}

type Tally = { -readonly [name in keyof LeftOutReport]: LeftOutReport[name] } & {
  readonly lagsMs: number[];
  readonly errors: Error[];
  readonly unprocessable: LeftOutReport['unprocessable'][number][];
};

/** The report before anything was looked at. */
export const nothingLeftOut = (): Tally => ({
  found: 0,
  expired: 0,
  adopted: 0,
  lagsMs: [],
  errors: [],
  unprocessable: [],
});

/**
 * Reads on where the last patrol stopped: one page, or the rest of the table where there is a reason to. Reasons are records
 * that were given up since, and a booking that was left out and is overdue: the stream's reader does not do its work.
 * Never throws: what fails is in the report.
 *
 * @param state how far the last patrol came
 * @param givenUp records that schedule-expiry has given up by now, as its dead-letter queue counts them
 * @param mayContinue asked before each further page
 */
export const patrol = async <Cursor>(
  ports: LeftOutPorts<Cursor>,
  state: PatrolState<Cursor>,
  givenUp: number,
  mayContinue: () => boolean,
): Promise<{ readonly report: LeftOutReport; readonly state: PatrolState<Cursor> }> => {
  const report = nothingLeftOut();
  let { cursor, isWhole } = state;
  if (givenUp > state.givenUp) {
    isWhole = true;
    cursor = undefined;
  }
  let isFirst = true;
  while (isFirst || (isWhole && mayContinue())) {
    isFirst = false;
    const page = await ports.table.pendingItems(cursor).catch((error) => {
      report.errors.push(new Error('could not read on in the table', { cause: error }));
      return undefined;
    });
    // The next patrol begins with this page. What the ones before it held is done, and is in the report.
    if (page === undefined) break;
    const overdue = await takeIn(page.seen, ports, report);
    if (overdue > 0 && !isWhole) {
      // What was read before this page may hold more of it.
      isWhole = true;
      cursor = undefined;
      continue;
    }
    cursor = page.cursor;
    if (cursor === undefined) {
      isWhole = false;
      break;
    }
  }
  return { report, state: { ...(cursor !== undefined && { cursor }), isWhole, givenUp } };
};

/** Looks at the whole table once: for an operator who asks. */
export const takeInAll = async <Cursor>(
  ports: LeftOutPorts<Cursor>,
  mayContinue: () => boolean,
  onPage: (report: LeftOutReport) => void = () => {},
): Promise<LeftOutReport & { readonly remaining: boolean }> => {
  const report = nothingLeftOut();
  let cursor: Cursor | undefined;
  do {
    if (!mayContinue()) return { ...report, remaining: true };
    const page = await ports.table.pendingItems(cursor);
    await takeIn(page.seen, ports, report);
    onPage(report);
    cursor = page.cursor;
  } while (cursor !== undefined);
  return { ...report, remaining: report.errors.length > 0 };
};

/** Whether a PENDING booking has a deadline to act on and is where no sweep looks, or not when it should. */
export const isLeftOut = ({ booking: { expiresAtMs, pendingShard }, indexedAtMs }: SeenBooking): boolean =>
  expiresAtMs !== undefined && (pendingShard === undefined || indexedAtMs !== expiresAtMs);

/**
 * Expires what has lapsed and puts the rest into the index. Returns how many of them had been overdue, but for those that are
 * beyond help: these are met again each time, and say nothing about the stream's reader.
 */
const takeIn = async <Cursor>(
  seen: readonly SeenBooking[],
  ports: LeftOutPorts<Cursor>,
  tally: Tally,
): Promise<number> => {
  const nowMs = ports.clock();
  const leftOut = seen.filter(isLeftOut);
  if (leftOut.length === 0) return 0;
  tally.found += leftOut.length;
  const isOverdue = ({ booking: { expiresAtMs = 0 } }: SeenBooking): boolean => expiresAtMs <= nowMs - OVERDUE_AFTER_MS;
  const overdue = leftOut.filter(isOverdue);
  const [beyondHelp] = await Promise.all([
    expireOverdue(overdue, nowMs, ports, tally),
    adoptRunning(
      leftOut.filter((each) => !isOverdue(each)),
      nowMs,
      ports,
      tally,
    ),
  ]);
  return overdue.length - beyondHelp;
};

const fail = (tally: Tally, bookingId: string, error: Error, isPermanent: boolean, what: string): void => {
  if (isPermanent) tally.unprocessable.push({ bookingId, error });
  else
    tally.errors.push(
      new Error(`could not ${what} booking ${bookingId}, which was left out of the index`, { cause: error }),
    );
};

/** Returns how many of them can never be expired. */
const expireOverdue = async <Cursor>(
  overdue: readonly SeenBooking[],
  nowMs: number,
  { store, isPermanent }: LeftOutPorts<Cursor>,
  tally: Tally,
): Promise<number> => {
  if (overdue.length === 0) return 0;
  const outcomes = await store.expire(
    overdue.map(({ booking }) => booking.bookingId),
    'sweep',
    nowMs,
  );
  let beyondHelp = 0;
  for (const { booking } of overdue) {
    const { bookingId, expiresAtMs = nowMs } = booking;
    const outcome = outcomes.get(bookingId);
    if (outcome?.kind === 'expired') {
      tally.expired += 1;
      if (tally.lagsMs.length < MAX_LAGS) tally.lagsMs.push(nowMs - expiresAtMs);
    } else if (outcome?.kind === 'failed') {
      const isBeyondHelp = isPermanent(outcome.error);
      if (isBeyondHelp) beyondHelp += 1;
      fail(tally, bookingId, outcome.error, isBeyondHelp, 'expire');
    }
  }
  return beyondHelp;
};

/** Its timer is sent too, as its record would have done: a sweep takes an adopted booking that is near for scheduled. */
const adoptRunning = async <Cursor>(
  running: readonly SeenBooking[],
  nowMs: number,
  { store, queue, isPermanent, shardCount, settings }: LeftOutPorts<Cursor>,
  tally: Tally,
): Promise<void> => {
  const decide = (found: SeenBooking) => adoptionOf(found, nowMs, shardCount, settings);
  const adoptions = running.flatMap((each) => decide(each) ?? []);
  if (adoptions.length === 0) return;
  const timers = running.flatMap(({ booking }): ScheduledTimer[] => {
    const { bookingId, expiresAtMs = 0 } = booking;
    const delaySeconds = timerDelaySeconds(expiresAtMs, nowMs, settings.timerLeadMs);
    const notice = noticeOnWrite({ ...booking, expiresAtMs }, nowMs, settings);
    return [
      ...(isNear(expiresAtMs, nowMs, settings) ? [{ timer: { bookingId, expiresAtMs }, delaySeconds }] : []),
      ...(notice ? [notice] : []),
    ];
  });
  const [outcomes, unsent] = await Promise.all([store.adopt(adoptions, decide), queue?.send(timers) ?? []]);
  // In the index it is found when it is overdue; but then it is late.
  if (unsent.length > 0)
    tally.errors.push(new Error(`could not send ${unsent.length} timer(s) of bookings that were left out`));
  for (const [bookingId, outcome] of outcomes) {
    if (outcome.kind === 'adopted') tally.adopted += 1;
    else if (outcome.kind === 'failed') fail(tally, bookingId, outcome.error, isPermanent(outcome.error), 'adopt');
  }
};
