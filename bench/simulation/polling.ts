/**
 * How Lambda polls a queue for one function: how many batches it takes at once, how often it asks, and how fast both grow while
 * messages wait. Its rules are in `Assumptions`, with their sources.
 */
import { MINUTE_MS, SECOND_MS } from '../../functions/core/hold-time.ts';
import type { Assumptions } from './assumptions.ts';
import { Allowance } from './kernel.ts';

/** Provisioned pollers. */
export interface Pollers {
  readonly min: number;
  readonly max: number;
  /** How many there are when it begins. @default - min: as many as stand ready without load */
  readonly atFirst?: number;
}

export interface Polling {
  /** Whether one more batch may be asked for now. */
  mayPoll(nowMs: number, running: number): boolean;
  /** A batch was asked for. */
  polled(nowMs: number): void;
  /** Messages have waited for some time: there may be more of it. */
  grow(forMs: number, nowMs: number): void;
  /** When there may be a poll again, if it is not the batches at once that forbid it now. */
  nextPollAtMs(nowMs: number): number;
}

/** Without provisioned pollers: a number of batches at once, each asked for as soon as there is room for it. */
export class OrdinaryPolling implements Polling {
  readonly #assumptions: Assumptions;
  #concurrency: number;

  constructor(assumptions: Assumptions) {
    this.#assumptions = assumptions;
    this.#concurrency = assumptions.concurrencyAtFirst;
  }

  mayPoll(_nowMs: number, running: number): boolean {
    return running < Math.floor(this.#concurrency);
  }

  polled(): void {}

  grow(forMs: number): void {
    const { maxConcurrency, concurrencyPerSecond } = this.#assumptions;
    this.#concurrency = Math.min(maxConcurrency, this.#concurrency + (concurrencyPerSecond * forMs) / SECOND_MS);
  }

  nextPollAtMs(nowMs: number): number {
    return nowMs;
  }
}

/** Provisioned pollers: each asks so often in a second, and has so many batches at once. */
export class ProvisionedPolling implements Polling {
  readonly #assumptions: Assumptions;
  readonly #max: number;
  readonly #polls: Allowance;
  #pollers: number;

  constructor(assumptions: Assumptions, { min, max, atFirst = min }: Pollers, nowMs: number) {
    this.#assumptions = assumptions;
    this.#max = max;
    this.#pollers = atFirst;
    // Of pollers that had nothing to do, each has one poll at hand.
    this.#polls = new Allowance(atFirst, atFirst * assumptions.pollsPerSecond, nowMs);
  }

  mayPoll(nowMs: number, running: number): boolean {
    return running < Math.floor(this.#pollers) * this.#assumptions.batchesPerPoller && this.#polls.left(nowMs) >= 1;
  }

  polled(nowMs: number): void {
    this.#polls.take(nowMs);
  }

  grow(forMs: number, nowMs: number): void {
    const { pollersPerMinute, pollsPerSecond } = this.#assumptions;
    this.#pollers = Math.min(this.#max, this.#pollers + (pollersPerMinute * forMs) / MINUTE_MS);
    const pollers = Math.floor(this.#pollers);
    this.#polls.resize(pollers, pollers * pollsPerSecond, nowMs);
  }

  nextPollAtMs(nowMs: number): number {
    return this.#polls.nextAtMs(nowMs);
  }
}
