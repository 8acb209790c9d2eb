/** What is left behind when that which runs the expiries dies in the middle of a load, and starts again. */
import { setTimeout as sleep } from 'node:timers/promises';
import { STEP_HOLD_MS } from '../load-lag.ts';
import type { PeerLoad, PeerSystem, StoredBooking } from './system.ts';

const LOAD: Omit<PeerLoad, 'prefix'> = { perSecond: 200, seconds: 10, holdMs: STEP_HOLD_MS };
/** After the first booking was created: half of the deadlines have passed. */
const KILLED_AFTER_MS = LOAD.holdMs + (LOAD.seconds * 1_000) / 2;
const DOWN_MS = 5_000;
/** After the last deadline. */
const LOOKED_AT_MS = 30_000;
const LAST_LOOK_MS = 150_000;

export interface LeftBehind {
  /** PENDING after their deadline. */
  readonly pending: number;
  /** Of those that were expired: the longest, in ms; NaN if none was. */
  readonly longestLagMs: number;
}

export interface AfterKill {
  readonly bookings: number;
  /** PENDING still 30 s after the last deadline. */
  readonly pendingAfter30s: number;
  /** PENDING still when they were last looked at. */
  readonly pending: number;
  /** When that was, in seconds after the last deadline. */
  readonly lookedAtSeconds: number;
  readonly longestLagMs: number;
}

/** @param nowMs deadlines that come later are nobody's fault yet */
export const leftBehind = (bookings: readonly StoredBooking[], nowMs: number): LeftBehind => {
  const lagsMs = bookings.flatMap(({ expiredAtMs, expiresAtMs }) =>
    expiredAtMs === undefined ? [] : [expiredAtMs - expiresAtMs],
  );
  return {
    pending: bookings.filter(({ status, expiresAtMs }) => status === 'PENDING' && expiresAtMs <= nowMs).length,
    longestLagMs: lagsMs.length === 0 ? Number.NaN : lagsMs.reduce((longest, lagMs) => Math.max(longest, lagMs)),
  };
};

/** Time, so that a test need not wait. */
export interface Time {
  now(): number;
  sleep(ms: number): Promise<unknown>;
}

/** Kills, starts again after 5 s, and looks until nothing is left, at most until 150 s after the last deadline. */
export const measureAfterKill = async (
  system: Pick<PeerSystem, 'write' | 'kill' | 'restart' | 'stored'>,
  prefix: string,
  { now, sleep: wait }: Time = { now: Date.now, sleep },
): Promise<AfterKill> => {
  const writing = system.write({ ...LOAD, prefix });
  // Awaited below; a failure in between is not to end the process.
  writing.catch(() => {});
  await wait(KILLED_AFTER_MS);
  await system.kill();
  await wait(DOWN_MS);
  await system.restart();
  await writing;
  const written = await system.stored(prefix);
  const lastDeadlineMs = written.reduce((last, { expiresAtMs }) => Math.max(last, expiresAtMs), 0);
  await wait(Math.max(0, lastDeadlineMs - now()));
  let pendingAfter30s: number | undefined;
  for (;;) {
    const nowMs = now();
    const found = leftBehind(await system.stored(prefix), nowMs);
    if (pendingAfter30s === undefined && (nowMs >= lastDeadlineMs + LOOKED_AT_MS || found.pending === 0)) {
      pendingAfter30s = found.pending;
    }
    if (found.pending === 0 || nowMs >= lastDeadlineMs + LAST_LOOK_MS) {
      const lookedAtSeconds = (nowMs - lastDeadlineMs) / 1_000;
      return { bookings: written.length, pendingAfter30s: pendingAfter30s ?? 0, lookedAtSeconds, ...found };
    }
    const untilNextMs = [LOOKED_AT_MS, LAST_LOOK_MS]
      .map((afterMs) => lastDeadlineMs + afterMs - now())
      .filter((ms) => ms > 0);
    await wait(Math.min(5_000, ...untilNextMs));
  }
};
