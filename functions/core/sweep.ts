/**
 * The backstop. Finds what is overdue in the index and expires it; schedules the timers of far bookings that come near.
 * Needs none of the timer's parts for the first, and is safe to run twice at once: every write is conditional.
 *
 * It looks into every legal shard, and one booking that cannot be expired or scheduled never ends its shard's work.
 */
import pMap from 'p-map';
import type { ScheduledTimer } from './expiry-decisions.ts';
import {
  comeNearWindow,
  hasTimerOfItsStart,
  MAX_SQS_DELAY_SECONDS,
  MINUTE_MS,
  SECOND_MS,
  type TimerSettings,
  timerDelaySeconds,
} from './hold-time.ts';
import { noticeOnSweep } from './notices.ts';
import { LEGAL_SHARDS } from './pending-shard.ts';
import {
  type BookingExpirer,
  type Clock,
  type IndexCleaner,
  type IsPermanent,
  MAX_WRITES_AT_ONCE,
  type PendingPages,
  type PendingRow,
  type SweepScheduling,
} from './ports.ts';

/** What operators of the old command search their logs for: these two lines never change. */
export const SWEEP_STARTED = 'Starting booking expiration process...';
export const sweepFinished = (expired: number): string => `Successfully expired ${expired} booking(s)`;

/** Rows of one page: of what is pending within the horizon most has its timer, and is only read past. */
const PAGE_SIZE = 1_000;
/** Shards worked on at once. A shard takes 1,000 writes a second, which one worker can nearly fill by itself. */
const CONCURRENT_SHARDS = 16;
/** Lags kept for the metrics of one sweep: CloudWatch takes 100 in a line, and ten lines show enough of a backlog. */
export const MAX_LAGS = 1_000;

/** What a sweep works with. */
export interface SweepPorts {
  readonly index: PendingPages;
  readonly store: BookingExpirer & IndexCleaner;
  /** Absent where only what is overdue can be swept: by command, on a table whose queue is not known. */
  readonly scheduling?: SweepScheduling;
  readonly clock: Clock;
  readonly isPermanent: IsPermanent;
}

export interface SweepRequest {
  /** How long a booking must have been overdue, in ms: 30 s on schedule, 0 when a person or a webhook asks. */
  readonly overdueAfterMs: number;
  readonly settings: TimerSettings;
  /**
   * Whether to schedule again from what is overdue, whatever earlier sweeps noted: after a deployment. What the version before left to sweeps, these
   * may have passed already, because their horizon was different.
   */
  readonly anew?: boolean;
  /** Asked before each round trip; once false, the sweep ends and says what remains. */
  readonly mayContinue: () => boolean;
  /** Called after each write with how many overdue bookings were found and expired so far. */
  readonly onProgress?: (progress: { readonly overdueFound: number; readonly expired: number }) => void;
}

export interface SweepReport {
  /** Overdue bookings that were found in the index and that nobody had settled: each one means that a timer was missed. */
  readonly overdueFound: number;
  readonly expired: number;
  /** Timers sent for bookings that came near. */
  readonly scheduled: number;
  /** Whether something is left for the next sweep: time ran out, or a write or a timer failed. */
  readonly remaining: boolean;
  /** Lags of expired bookings, in ms: the first 1,000. */
  readonly lagsMs: readonly number[];
  /** What went wrong and is tried again, each with the place where it did. Empty when all went well. */
  readonly errors: readonly Error[];
  /** What can never be done, booking by booking. The next sweep meets it again, and goes on without it again. */
  readonly unprocessable: readonly { readonly bookingId: string; readonly error: Error }[];
  /** What an operator should know although nothing failed. */
  readonly warnings: readonly string[];
}

/** A report while the sweep runs. */
type Tally = { -readonly [name in keyof SweepReport]: SweepReport[name] } & {
  readonly lagsMs: number[];
  readonly errors: Error[];
  readonly unprocessable: SweepReport['unprocessable'][number][];
  readonly warnings: string[];
};

/** Runs one sweep. Never throws: what fails is in the report, and does not keep the rest from being done. */
export const sweep = async (ports: SweepPorts, request: SweepRequest): Promise<SweepReport> => {
  const tally: Tally = {
    overdueFound: 0,
    expired: 0,
    scheduled: 0,
    remaining: false,
    lagsMs: [],
    errors: [],
    unprocessable: [],
    warnings: [],
  };
  const state = await ports.scheduling?.readState().catch((error) => {
    tally.errors.push(new Error('could not read how far bookings have been scheduled', { cause: error }));
    return undefined;
  });
  const nowMs = ports.clock();
  const overdueThroughMs = nowMs - request.overdueAfterMs;
  const window = state && comeNearWindow(request.anew ? 0 : state.scheduledThroughMs, nowMs, request.settings);
  if (state && window?.isVoid) {
    tally.warnings.push(
      `earlier sweeps noted that they scheduled through ${state.scheduledThroughMs}, which is beyond this one's horizon ` +
        `${window.throughMs}: a clock was wrong or the interval was longer; scheduling anew from what is overdue`,
    );
  }
  // A shard is read once, from what is overdue to the horizon. Between the two lies what has its timer. The notices that come
  // near are those of later deadlines.
  const noticeMs = request.settings.noticeBeforeMs ?? 0;
  const isOverdue = ({ expiresAtMs }: PendingRow): boolean => expiresAtMs <= overdueThroughMs;
  const comesNear = ({ expiresAtMs }: PendingRow): boolean =>
    window !== undefined && expiresAtMs >= window.fromMs && expiresAtMs <= window.throughMs;
  const throughMs = Math.max(overdueThroughMs, window?.throughMs ?? 0);
  const anew = (request.anew ?? false) || (window?.isVoid ?? false);
  const noticeWindow = noticeMs > 0 && window ? noticeWindowOf(window, nowMs, noticeMs, anew) : undefined;
  const noticeComesNear = ({ expiresAtMs }: PendingRow): boolean =>
    noticeWindow !== undefined && expiresAtMs >= noticeWindow.fromMs && expiresAtMs <= noticeWindow.throughMs;
  const timersOf = (row: PendingRow, atMs: number): DueTimer[] => {
    const due: DueTimer[] = [];
    if (comesNear(row) && !hasTimerOfItsStart(row, atMs)) {
      due.push({ scheduled: timerOf(row, atMs, request.settings), dueAtMs: row.expiresAtMs });
    }
    const notice = noticeComesNear(row) ? noticeOnSweep(row, atMs, request.settings, anew) : undefined;
    if (notice) due.push({ scheduled: notice, dueAtMs: row.expiresAtMs - noticeMs });
    return due;
  };
  const ranges = rangesOf(throughMs, noticeWindow);

  /** The time from which on something that is due in a shard is left undone; infinite if nothing is. */
  const workOff = async (shard: number): Promise<number> => {
    let undoneFromMs = Number.POSITIVE_INFINITY;
    // What comes next may have the same deadline as what was done last.
    let reachedMs = Number.NEGATIVE_INFINITY;
    try {
      for await (const rows of partsOf(ports.index, shard, ranges)) {
        if (!request.mayContinue()) {
          tally.remaining = true;
          return Math.min(undoneFromMs, reachedMs - noticeMs);
        }
        await expireRows(rows.filter(isOverdue), ports, request, tally);
        undoneFromMs = Math.min(undoneFromMs, await scheduleRows(rows, timersOf, ports, tally));
        reachedMs = rows.at(-1)?.expiresAtMs ?? reachedMs;
      }
      return undoneFromMs;
    } catch (error) {
      tally.errors.push(new Error(`could not sweep shard ${shard}`, { cause: error }));
      return Math.min(undoneFromMs, reachedMs - noticeMs);
    }
  };

  const undoneFromMs = await pMap(LEGAL_SHARDS, workOff, { concurrency: CONCURRENT_SHARDS });
  if (state && window) {
    const doneThroughMs = Math.min(window.throughMs, ...undoneFromMs.map((deadlineMs) => deadlineMs - 1));
    if (doneThroughMs >= window.fromMs) {
      await state.moveTo(doneThroughMs).catch((error) => {
        tally.errors.push(new Error('could not note how far bookings have been scheduled', { cause: error }));
      });
    }
  }
  tally.remaining ||= tally.errors.length > 0;
  return tally;
};

/** Deadlines from and through, epoch ms. */
interface DeadlineRange {
  readonly fromMs?: number;
  readonly throughMs: number;
}

/** How far a deployment's sweep looks ahead for notices: what was held before it, and was near then, has none yet. */
const ANEW_AHEAD_MS = MAX_SQS_DELAY_SECONDS * SECOND_MS + MINUTE_MS;

/** Deadlines whose notices a sweep sends: those that are due in the window. */
const noticeWindowOf = (
  { fromMs, throughMs }: DeadlineRange & { readonly fromMs: number },
  nowMs: number,
  noticeMs: number,
  anew: boolean,
): Required<DeadlineRange> => ({
  fromMs: fromMs + noticeMs,
  throughMs: (anew ? Math.max(throughMs, nowMs + ANEW_AHEAD_MS) : throughMs) + noticeMs,
});

/** What is read of a shard: one range, or two where nothing is to be done between them. */
const rangesOf = (throughMs: number, notices: Required<DeadlineRange> | undefined): DeadlineRange[] => {
  if (notices === undefined) return [{ throughMs }];
  return notices.fromMs <= throughMs + 1 ? [{ throughMs: notices.throughMs }] : [{ throughMs }, notices];
};

/** A shard's rows with deadlines in ranges, soonest first, as many at a time as one write takes. Never none at all. */
async function* partsOf(
  index: PendingPages,
  shard: number,
  ranges: readonly DeadlineRange[],
): AsyncGenerator<readonly PendingRow[]> {
  for (const range of ranges) {
    let cursor: unknown;
    do {
      const page = await index.pendingPage({ shard, ...range, limit: PAGE_SIZE, cursor });
      for (let start = 0; start === 0 || start < page.rows.length; start += MAX_WRITES_AT_ONCE) {
        yield page.rows.slice(start, start + MAX_WRITES_AT_ONCE);
      }
      cursor = page.cursor;
    } while (cursor !== undefined);
  }
}

const expireRows = async (
  rows: readonly PendingRow[],
  { store, clock, isPermanent }: SweepPorts,
  { onProgress }: SweepRequest,
  tally: Tally,
): Promise<void> => {
  if (rows.length === 0) return;
  const nowMs = clock();
  const outcomes = await store.expire(
    rows.map(({ bookingId }) => bookingId),
    'sweep',
    nowMs,
  );
  const settled: string[] = [];
  for (const { bookingId, expiresAtMs } of rows) {
    const outcome = outcomes.get(bookingId);
    switch (outcome?.kind) {
      case 'expired':
        tally.overdueFound += 1;
        tally.expired += 1;
        if (tally.lagsMs.length < MAX_LAGS) tally.lagsMs.push(nowMs - expiresAtMs);
        break;
      case 'failed':
        tally.overdueFound += 1;
        if (isPermanent(outcome.error)) tally.unprocessable.push({ bookingId, error: outcome.error });
        else tally.errors.push(new Error(`could not expire booking ${bookingId}`, { cause: outcome.error }));
        break;
      case 'settled':
      case 'already-expired':
      case 'no-booking':
        settled.push(bookingId);
        break;
    }
  }
  onProgress?.(tally);
  if (settled.length === 0) return;
  // Whoever settled them left them in the index: else every sweep would find them again.
  await store.leaveIndex(settled).catch((error) => {
    tally.errors.push(
      new Error(`could not take ${settled.length} settled booking(s) out of the index`, { cause: error }),
    );
  });
};

/** A timer that a sweep sends, and when it is due, epoch ms. */
interface DueTimer {
  readonly scheduled: ScheduledTimer;
  readonly dueAtMs: number;
}

/** Sends the timers of bookings that come near. Returns the soonest time at which one is due that is still to be sent. */
const scheduleRows = async (
  rows: readonly PendingRow[],
  timersOf: (row: PendingRow, nowMs: number) => readonly DueTimer[],
  { scheduling, clock, isPermanent }: SweepPorts,
  tally: Tally,
): Promise<number> => {
  const nowMs = clock();
  const due = rows.flatMap((row) => timersOf(row, nowMs));
  const timers = due.map(({ scheduled }) => scheduled);
  const dueAtMs = new Map(due.map((each) => [each.scheduled, each.dueAtMs]));
  const unsent = timers.length > 0 ? ((await scheduling?.send(timers)) ?? []) : [];
  tally.scheduled += timers.length - unsent.length;
  let undoneFromMs = Number.POSITIVE_INFINITY;
  for (const { scheduled, error } of unsent) {
    const { bookingId } = scheduled.timer;
    if (isPermanent(error)) {
      tally.unprocessable.push({ bookingId, error });
    } else {
      tally.errors.push(new Error(`could not send the timer of booking ${bookingId}`, { cause: error }));
      undoneFromMs = Math.min(undoneFromMs, dueAtMs.get(scheduled) ?? nowMs);
    }
  }
  return undoneFromMs;
};

const timerOf = ({ bookingId, expiresAtMs }: PendingRow, nowMs: number, settings: TimerSettings): ScheduledTimer => ({
  timer: { bookingId, expiresAtMs },
  delaySeconds: timerDelaySeconds(expiresAtMs, nowMs, settings.timerLeadMs),
});
