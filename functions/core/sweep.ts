/**
 * The backstop. Finds what is overdue in the index and expires it; schedules the timers of far bookings that come near.
 * Needs none of the timer's parts for the first, and is safe to run twice at once: every write is conditional.
 */
import pMap from 'p-map';
import type { ExpireOutcome } from './booking-status.ts';
import type { ScheduledTimer } from './expiry-decisions.ts';
import {
  comeNearHorizonMs,
  OVERDUE_AFTER_MS,
  readDeadline,
  type TimerSettings,
  timerDelaySeconds,
  wasNearAtStart,
} from './hold-time.ts';

/** What operators of the old command search their logs for: these two lines never change. */
export const SWEEP_STARTED = 'Starting booking expiration process...';
export const sweepFinished = (expired: number): string => `Successfully expired ${expired} booking(s)`;

/** Rows of one page. A page is read, then worked off; more would be read in vain when time runs out. */
const PAGE_SIZE = 250;
/** Bookings of one write: what one BatchExecuteStatement takes. */
const WRITE_SIZE = 25;
/** Shards worked on at once. A shard takes 1,000 writes a second, which one worker can nearly fill by itself. */
const CONCURRENT_SHARDS = 16;
/** Lags kept for the metrics of one sweep: CloudWatch takes 100 in a line, and ten lines tell enough of a backlog. */
const MAX_LAGS = 1_000;

interface Row {
  readonly bookingId: string;
  readonly expiresAtMs: number;
  readonly holdStartedAtMs?: number;
}
type Cursor = Record<string, unknown>;

/** What a sweep needs of the bookings table. */
export interface SweepStore {
  pendingPage(range: {
    readonly shard: number;
    readonly fromMs?: number;
    readonly throughMs: number;
    readonly limit: number;
    readonly cursor?: Cursor | undefined;
  }): Promise<{ readonly rows: readonly Row[]; readonly cursor?: Cursor }>;
  expire(bookingIds: readonly string[], expiredBy: 'sweep', nowMs: number): Promise<Map<string, ExpireOutcome>>;
  dropFromIndex(bookingIds: readonly string[]): Promise<void>;
}

/** What a sweep needs to schedule bookings that come near. */
export interface SweepScheduling {
  send(
    timers: readonly ScheduledTimer[],
  ): Promise<readonly { readonly scheduled: ScheduledTimer; readonly error: Error }[]>;
  readState(): Promise<{ readonly scheduledThroughMs: number; readonly shardCount: number }>;
  scheduledThrough(scheduledThroughMs: number): Promise<void>;
  sawShardCount(shardCount: number): Promise<void>;
}

export interface SweepPorts {
  readonly store: SweepStore;
  /** Absent where only what is overdue can be swept: by command, on a table whose queue is not known. */
  readonly scheduling?: SweepScheduling;
  readonly clock: () => number;
}

export interface SweepRequest {
  /** How long a booking must have been overdue, in ms: 30 s on schedule, 0 when a person or a webhook asks. */
  readonly overdueAfterMs: number;
  readonly shardCount: number;
  readonly settings: TimerSettings;
  /** Asked before each round trip; once false, the sweep ends and says what remains. */
  readonly mayContinue: () => boolean;
  /** Told after each write how many overdue bookings were found and expired so far. */
  readonly onProgress?: (progress: { readonly overdueFound: number; readonly expired: number }) => void;
}

export interface SweepReport {
  /** Overdue bookings that were found in the index. */
  readonly overdueFound: number;
  readonly expired: number;
  /** Timers sent for bookings that came near. */
  readonly scheduled: number;
  /** Whether something is left for the next sweep: time ran out, or a write or a timer failed. */
  readonly remaining: boolean;
  /** Lags of expired bookings, in ms: the first 1,000. */
  readonly lagsMs: readonly number[];
  /** What went wrong, each with the place where it did. Empty when all went well. */
  readonly errors: readonly Error[];
}

/** Runs one sweep. Never throws: what fails is in the report, and does not keep the rest from being done. */
export const sweep = async (ports: SweepPorts, request: SweepRequest): Promise<SweepReport> => {
  const errors: Error[] = [];
  const state = await ports.scheduling?.readState().catch((error) => {
    errors.push(new Error('could not read the state of the last sweep', { cause: error }));
    return undefined;
  });
  const shardCount = Math.max(request.shardCount, state?.shardCount ?? 0);
  const shards = Array.from({ length: shardCount }, (_, shard) => shard);

  const [overdue, comingNear] = await Promise.all([
    expireOverdue(ports, request, shards, errors),
    state && ports.scheduling ? scheduleComingNear(ports, ports.scheduling, request, shards, state, errors) : undefined,
  ]);
  return {
    ...overdue,
    scheduled: comingNear?.scheduled ?? 0,
    remaining: overdue.remaining || (comingNear?.remaining ?? false) || errors.length > 0,
    errors,
  };
};

const expireOverdue = async (
  { store, clock }: SweepPorts,
  request: SweepRequest,
  shards: readonly number[],
  errors: Error[],
) => {
  const throughMs = clock() - request.overdueAfterMs;
  const total = { overdueFound: 0, expired: 0, remaining: false, lagsMs: [] as number[] };

  const expireRows = async (rows: readonly Row[]): Promise<void> => {
    const nowMs = clock();
    const outcomes = await store.expire(
      rows.map(({ bookingId }) => bookingId),
      'sweep',
      nowMs,
    );
    total.overdueFound += rows.length;
    const settled: string[] = [];
    for (const { bookingId, expiresAtMs } of rows) {
      const outcome = outcomes.get(bookingId);
      if (outcome?.kind === 'expired') {
        total.expired += 1;
        if (total.lagsMs.length < MAX_LAGS) total.lagsMs.push(nowMs - Math.ceil(expiresAtMs));
      } else if (outcome?.kind === 'settled' || outcome?.kind === 'already-expired') {
        settled.push(bookingId);
      } else if (outcome?.kind === 'failed') {
        errors.push(new Error(`could not expire booking ${bookingId}`, { cause: outcome.error }));
      }
    }
    if (settled.length > 0) {
      await store.dropFromIndex(settled).catch((error) => {
        errors.push(
          new Error(`could not take ${settled.length} settled booking(s) out of the index`, { cause: error }),
        );
      });
    }
    request.onProgress?.(total);
  };

  await pMap(
    shards,
    async (shard) => {
      try {
        let cursor: Cursor | undefined;
        do {
          if (!request.mayContinue()) {
            total.remaining = true;
            return;
          }
          const page = await store.pendingPage({ shard, throughMs, limit: PAGE_SIZE, cursor });
          for (let start = 0; start < page.rows.length; start += WRITE_SIZE) {
            if (!request.mayContinue()) {
              total.remaining = true;
              return;
            }
            await expireRows(page.rows.slice(start, start + WRITE_SIZE));
          }
          cursor = page.cursor;
        } while (cursor !== undefined);
      } catch (error) {
        errors.push(new Error(`could not sweep shard ${shard}`, { cause: error }));
      }
    },
    { concurrency: CONCURRENT_SHARDS },
  );
  return total;
};

const scheduleComingNear = async (
  { store, clock }: SweepPorts,
  scheduling: SweepScheduling,
  { settings, shardCount, mayContinue }: SweepRequest,
  shards: readonly number[],
  state: { readonly scheduledThroughMs: number; readonly shardCount: number },
  errors: Error[],
) => {
  const startedAtMs = clock();
  const targetMs = startedAtMs + comeNearHorizonMs(settings);
  // What lapsed longer ago is the other half's work: it needs no timer any more.
  const fromMs = Math.max(state.scheduledThroughMs + 1, startedAtMs - OVERDUE_AFTER_MS);
  let scheduled = 0;
  // Another sweep, or one whose clock is ahead, has been further already.
  if (fromMs > targetMs) return { scheduled, remaining: false };

  /** Deadline through which a shard is done. Its rows come soonest first, so an unfinished shard is done up to there. */
  const workOff = async (shard: number): Promise<number> => {
    let doneThroughMs = fromMs - 1;
    try {
      let cursor: Cursor | undefined;
      do {
        if (!mayContinue()) return doneThroughMs;
        const page = await store.pendingPage({ shard, fromMs, throughMs: targetMs, limit: PAGE_SIZE, cursor });
        const nowMs = clock();
        const timers = page.rows
          .filter((row) => isToBeScheduled(row, settings))
          .map((row) => timerOf(row, nowMs, settings));
        const unsent = await scheduling.send(timers);
        scheduled += timers.length - unsent.length;
        if (unsent.length > 0) {
          errors.push(
            new Error(`could not send ${unsent.length} timer(s) of shard ${shard}`, { cause: unsent[0]?.error }),
          );
          return Math.min(...unsent.map((timer) => timer.scheduled.timer.expiresAtMs)) - 1;
        }
        // The next page may begin with the same deadline.
        const last = page.rows.at(-1);
        if (last !== undefined) doneThroughMs = Math.floor(last.expiresAtMs) - 1;
        cursor = page.cursor;
      } while (cursor !== undefined);
      return targetMs;
    } catch (error) {
      errors.push(new Error(`could not schedule what comes near in shard ${shard}`, { cause: error }));
      return doneThroughMs;
    }
  };

  const doneThroughMs = Math.min(...(await pMap(shards, workOff, { concurrency: CONCURRENT_SHARDS })));
  try {
    if (doneThroughMs > state.scheduledThroughMs) await scheduling.scheduledThrough(doneThroughMs);
    if (shardCount > state.shardCount) await scheduling.sawShardCount(shardCount);
  } catch (error) {
    errors.push(new Error('could not write the state of this sweep', { cause: error }));
  }
  return { scheduled, remaining: doneThroughMs < targetMs };
};

/** A booking that was near when its hold started has its timer. Where the start is not known, one timer too many does no harm. */
const isToBeScheduled = ({ expiresAtMs, holdStartedAtMs }: Row, settings: TimerSettings): boolean =>
  holdStartedAtMs === undefined || !wasNearAtStart(expiresAtMs - holdStartedAtMs, settings);

const timerOf = ({ bookingId, expiresAtMs }: Row, nowMs: number, settings: TimerSettings): ScheduledTimer => {
  const deadline = readDeadline(expiresAtMs);
  const wholeMs = deadline.valid ? deadline.expiresAtMs : expiresAtMs;
  return {
    timer: { bookingId, expiresAtMs: wholeMs },
    delaySeconds: timerDelaySeconds(wholeMs, nowMs, settings.timerLeadMs),
  };
};
