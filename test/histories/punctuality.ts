/**
 * Which bookings have a right to be on time: when their deadline comes, their timer has come too. Nothing is late by right but
 * what a fault touched. A booking has the right if
 *
 * 1. schedule-expiry has handled the record of its last change, without a fault and by a right clock, before its deadline;
 * 2. its timer was not lost, and no clock was wrong that timers are counted by; and
 * 3. if it was far then: since before that and until its deadline sweeps ran without a fault and by right clocks, each at most
 *    its interval and nine minutes after the one before, whatever sweeps that met a fault did between them; and none had passed
 *    its deadline before it could see it, which can happen only while versions of different intervals run, and is made good by
 *    the sweep of the deployment's end.
 */
import { MINUTE_MS, SECOND_MS } from '../../functions/core/hold-time.ts';
import type { Settings } from './process.ts';

// Said here once more, and not taken from the code, so that the code is held to it.
/** How far ahead, beyond its own interval, a sweep schedules. */
const AHEAD_MS = 9 * MINUTE_MS;
/** By how much two sweeps' horizons may differ before one takes the other's for a mistake. */
const TOLERANCE_MS = 30 * SECOND_MS;

const horizonMs = ({ sweepIntervalMs }: Settings): number => sweepIntervalMs + AHEAD_MS;
/** What lapses within this from its record on is near: schedule-expiry sends its timer. */
const nearMs = (settings: Settings): number => Math.max(15 * MINUTE_MS, horizonMs(settings) + MINUTE_MS);

/** A booking as schedule-expiry handled its last change. */
interface Path {
  readonly expiresAtMs: number | undefined;
  readonly handledAtMs: number;
  readonly isNear: boolean;
  /** Whether a sweep went past its deadline before it could see it. */
  isPassed: boolean;
}

/** Sweeps that ran as they should, one after the other. */
interface Chain {
  readonly sinceMs: number;
  readonly lastMs: number;
  readonly last: Settings;
}

export class Punctuality {
  readonly #paths = new Map<string, Path>();
  #chain: Chain | undefined;
  /** The deadline through which sweeps have noted that they scheduled, at the least and at the most. */
  #noted = { leastMs: 0, mostMs: 0 };

  /** @param expiresAtMs the deadline after the change, if there is one to act on */
  handled(id: string, expiresAtMs: number | undefined, nowMs: number, settings: Settings): void {
    const isNear = expiresAtMs !== undefined && expiresAtMs - settings.timerLeadMs <= nowMs + nearMs(settings);
    const isPassed = expiresAtMs !== undefined && expiresAtMs <= this.#noted.mostMs;
    this.#paths.set(id, { expiresAtMs, handledAtMs: nowMs, isNear, isPassed });
  }

  /** A fault has touched the path of this booking. */
  spoil(id: string): void {
    this.#paths.delete(id);
  }

  spoilAll(): void {
    this.#paths.clear();
    this.#chain = undefined;
  }

  sweptByWrongClock(): void {
    this.#chain = undefined;
  }

  /** A sweep met a fault. It may have noted how far it came, but never further: what it left undone is for the next one. */
  sweptInPart(nowMs: number, settings: Settings, lagMs: number): void {
    const throughMs = nowMs + horizonMs(settings);
    this.#passUnseen(nowMs, throughMs, lagMs);
    const { leastMs, mostMs } = this.#noted;
    this.#noted = { leastMs: Math.min(leastMs, nowMs - TOLERANCE_MS), mostMs: Math.max(mostMs, throughMs) };
  }

  /** A sweep goes past the deadlines of bookings that it cannot see yet. */
  #passUnseen(nowMs: number, throughMs: number, lagMs: number): void {
    for (const path of this.#paths.values()) {
      const isSeen = path.handledAtMs <= nowMs - lagMs;
      if (!isSeen && path.expiresAtMs !== undefined && path.expiresAtMs <= throughMs) path.isPassed = true;
    }
  }

  /**
   * @param isAnew whether it is the sweep at the end of a deployment
   * @param lagMs how old the index was that it saw
   */
  swept(nowMs: number, settings: Settings, isAnew: boolean, lagMs: number): void {
    const throughMs = nowMs + horizonMs(settings);
    const startsAnew = isAnew || this.#noted.leastMs > throughMs + TOLERANCE_MS;
    for (const path of this.#paths.values()) {
      if (startsAnew && path.handledAtMs <= nowMs - lagMs) path.isPassed = false;
    }
    this.#passUnseen(nowMs, throughMs, lagMs);
    const isInTime = this.#chain !== undefined && nowMs - this.#chain.lastMs <= horizonMs(this.#chain.last);
    const sinceMs = isInTime ? (this.#chain?.sinceMs ?? nowMs) : nowMs;
    this.#chain = { sinceMs, lastMs: nowMs, last: settings };
    this.#noted = { leastMs: throughMs, mostMs: throughMs };
  }

  /** Whether a booking with this deadline, which comes now, must have its timer. */
  hasRight(id: string, expiresAtMs: number): boolean {
    const path = this.#paths.get(id);
    if (path === undefined || path.expiresAtMs !== expiresAtMs) return false;
    if (path.isNear) return true;
    const { sinceMs, lastMs, last } = this.#chain ?? {};
    if (sinceMs === undefined || lastMs === undefined || last === undefined) return false;
    return sinceMs <= path.handledAtMs && expiresAtMs - lastMs <= horizonMs(last) && !path.isPassed;
  }
}
