/** Bookings that are written in simulated time, as plain data: a load can be handed to another thread. */
import { SECOND_MS } from '../../functions/core/hold-time.ts';
import type { SimulatedWorld } from './simulated-world.ts';

/** Bookings that are written over some time, and whose deadlines all lie within a time of its own. */
export interface CoincidingLoad {
  readonly kind: 'coinciding';
  readonly bookings: number;
  readonly writtenOverMs: number;
  /** From the first write to the first deadline. */
  readonly firstDeadlineAfterMs: number;
  /** From the first deadline to the last. */
  readonly lapseOverMs: number;
}

/** Bookings at a steady rate, each with the same hold. */
export interface SteadyLoad {
  readonly kind: 'steady';
  readonly bookings: number;
  readonly writtenOverMs: number;
  readonly holdMs: number;
  /** Share of them that is paid, each at any time of its hold, 0 to 1. @default 0 */
  readonly paidShare?: number;
}

export type Load = CoincidingLoad | SteadyLoad;

/** When the last deadline is, ms after the first write. */
export const lastDeadlineAfterMs = (load: Load): number =>
  load.kind === 'steady' ? load.writtenOverMs + load.holdMs : load.firstDeadlineAfterMs + load.lapseOverMs;

/** Has the bookings of a load written from now on, in order: each schedules the next, so that few wait in the kernel. */
export const write = (world: SimulatedWorld, load: Load): void => {
  const { kernel, chance } = world;
  const startMs = kernel.now();
  const { bookings, writtenOverMs } = load;
  const writeOne = (number: number): void => {
    if (number >= bookings) return;
    const atMs = startMs + ((number + chance()) * writtenOverMs) / bookings;
    kernel.at(atMs, () => {
      const bookingId = `booking-${number}`;
      const nowMs = kernel.now();
      if (load.kind === 'coinciding') {
        world.create(bookingId, startMs + load.firstDeadlineAfterMs + Math.floor(chance() * load.lapseOverMs));
      } else {
        world.create(bookingId, nowMs + load.holdMs);
        if (chance() < (load.paidShare ?? 0)) {
          kernel.at(nowMs + chance() * load.holdMs, () => world.confirm(bookingId));
        }
      }
      writeOne(number + 1);
    });
  };
  writeOne(0);
};

/** A steady load by its rate. */
export const steady = (perSecond: number, forMs: number, holdMs: number): SteadyLoad => ({
  kind: 'steady',
  bookings: (perSecond * forMs) / SECOND_MS,
  writtenOverMs: forMs,
  holdMs,
});
