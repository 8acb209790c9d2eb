/**
 * A stage for schedules that are told step by step: the service of the histories, with a clock that goes on by itself as far
 * as it is told. On the way every timer comes when it is due, and sweeps run at their interval. What else happens, and what
 * fails, each schedule says.
 */
import { expect } from 'vitest';
import { MINUTE_MS } from '../../functions/core/hold-time.ts';
import { shardOf } from '../../functions/core/pending-shard.ts';
import { Player } from '../histories/player.ts';
import type { Circumstances, Settings } from '../histories/process.ts';
import type { SweptBy, World } from '../histories/world.ts';

/** Of a deployment, unless a schedule says otherwise. */
export const SETTINGS: Settings = { shardCount: 3, timerLeadMs: 1_000, sweepIntervalMs: 5 * MINUTE_MS };
export const withInterval = (minutes: number): Settings => ({ ...SETTINGS, sweepIntervalMs: minutes * MINUTE_MS });
export const withShards = (shardCount: number): Settings => ({ ...SETTINGS, shardCount });

/** The number of all records and all timers that there can be. */
const ALL = 1_000;

export class Stage {
  readonly world: World;
  /** Of the version that runs. */
  settings = SETTINGS;
  #nextSweepAtMs: number;

  constructor(world: World) {
    this.world = world;
    this.#nextSweepAtMs = world.nowMs;
  }

  readonly #how = (how: Partial<Circumstances>): Circumstances => ({ settings: this.settings, ...how });

  /** An application creates a booking by the store. */
  async creates(id: string, holdMs: number, how: Partial<Circumstances> = {}): Promise<void> {
    expect(await this.world.move('create', id, holdMs, this.#how(how))).toEqual({ answer: 'done' });
  }

  async moves(
    kind: 'confirm' | 'cancel' | 'extend',
    id: string,
    how: Partial<Circumstances> & { holdMs?: number } = {},
  ) {
    return this.world.move(kind, id, how.holdMs ?? 0, this.#how(how));
  }

  /** A stranger writes a PENDING booking that holds so long from now, of three attributes and whatever else is said. */
  async strangerWrites(id: string, holdMs: number, others: Readonly<Record<string, number>> = {}): Promise<void> {
    const numbers = Object.entries({ expiresAtMs: this.world.nowMs + holdMs, ...others });
    const attributes = Object.fromEntries(numbers.map(([name, value]) => [name, { N: String(value) }]));
    expect(await this.world.put(id, { status: { S: 'PENDING' }, ...attributes })).toBe(true);
  }

  async reads(id: string): Promise<string | undefined> {
    return this.world.read(id, this.#how({}));
  }

  /** All records that there are reach schedule-expiry. */
  async schedulesAll(how: Partial<Circumstances> = {}): Promise<void> {
    await this.world.stream('timers', ALL, 0, this.#how(how));
  }

  async publishesAll(how: Partial<Circumstances> = {}): Promise<void> {
    await this.world.stream('events', ALL, 0, this.#how(how));
  }

  async sweeps(how: Partial<Circumstances> & { by?: SweptBy; atOnce?: number } = {}) {
    return this.world.sweep(how.by ?? 'schedule', how.atOnce ?? 1, this.#how(how));
  }

  /** A deployment, or its rollback, ends: the next sweep of the schedule is an interval away, but one runs now. */
  async isDeployed(settings: Settings): Promise<void> {
    this.settings = settings;
    await this.sweeps({ by: 'deployment' });
    this.#nextSweepAtMs = this.world.nowMs + settings.sweepIntervalMs;
  }

  /** The schedule stands still for so many sweeps. */
  misses(sweeps: number): void {
    this.#nextSweepAtMs += sweeps * this.settings.sweepIntervalMs;
  }

  /** So much time passes, with all that the service does by itself. */
  async passes(ms: number): Promise<void> {
    const { world } = this;
    const untilMs = world.nowMs + ms;
    for (;;) {
      const timerAtMs = Math.min(...world.timers.map(({ dueAtMs }) => dueAtMs));
      const nextMs = Math.min(timerAtMs, this.#nextSweepAtMs);
      if (nextMs > untilMs) break;
      world.nowMs = Math.max(world.nowMs, nextMs);
      if (timerAtMs <= nextMs) await this.#deliverDue();
      else {
        await this.sweeps();
        this.#nextSweepAtMs += this.settings.sweepIntervalMs;
      }
    }
    world.nowMs = Math.max(world.nowMs, untilMs);
  }

  /** Time passes without anything that the service does by itself. */
  stands(ms: number): void {
    this.world.nowMs += ms;
    this.#nextSweepAtMs = Math.max(this.#nextSweepAtMs, this.world.nowMs);
  }

  async #deliverDue(): Promise<void> {
    const { world } = this;
    const due = world.timers.flatMap(({ dueAtMs }, index) => (dueAtMs <= world.nowMs ? [index] : []));
    await world.deliver(due.slice(0, 10), false, this.#how({}));
  }

  /** How much later than its deadline a booking was marked EXPIRED, in ms; its status if it is not. */
  lag(id: string): number | string | undefined {
    const { status, expiresAtMs = 0, expiredAtMs = 0 } = this.world.stored(id) ?? {};
    return status === 'EXPIRED' ? expiredAtMs - expiresAtMs : status;
  }
}

/** Each test has a stage of its own. */
export const stages = () => {
  const player = new Player();
  const worlds: World[] = [];
  return {
    open: async (): Promise<Stage> => {
      const world = await player.world();
      worlds.push(world);
      return new Stage(world);
    },
    close: async (): Promise<void> => {
      for (const world of worlds) await world.end();
      await player.stop();
    },
  };
};

/** An id whose shard is this one of so many. */
export const idInShard = (shard: number, of: number): string => {
  for (let number = 0; ; number += 1) if (shardOf(`booking-${number}`, of) === shard) return `booking-${number}`;
};
