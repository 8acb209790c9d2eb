/** Sweeps on engines, with a clock of the test's own. */
import pMap from 'p-map';
import { isPermanent } from '../../functions/adapters/permanent-error.ts';
import { sweepScheduling } from '../../functions/adapters/sweep-scheduling.ts';
import { MINUTE_MS } from '../../functions/core/hold-time.ts';
import type { SweepPorts, SweepRequest } from '../../functions/core/sweep.ts';
import type { Engines } from './engines.ts';

export const settings = { timerLeadMs: 1_000, sweepIntervalMs: 5 * MINUTE_MS };

/** A sweep as the schedule asks for it, on the settings' defaults. */
export const request = (overrides: Partial<SweepRequest> = {}): SweepRequest => ({
  overdueAfterMs: 30_000,
  settings,
  mayContinue: () => true,
  ...overrides,
});

/** Many at once, but no more than an engine answers in time while other tests want the processor too. */
export const givenMany = (count: number, give: (index: number) => Promise<unknown>): Promise<unknown> =>
  pMap(
    Array.from({ length: count }, (_, index) => index),
    give,
    { concurrency: 16 },
  );

/** What a sweep on these engines works with, and bookings for it. */
export const sweepsOn = (engines: () => Engines, nowMs: () => number) => {
  const ports = (overrides: Partial<SweepPorts> = {}): SweepPorts => ({
    store: engines().held,
    index: engines().index,
    scheduling: sweepScheduling(engines().queue, engines().sweepState),
    clock: nowMs,
    isPermanent,
    ...overrides,
  });

  const givenPending = async (bookingId: string, inMs: number, holdMs = 60_000): Promise<void> => {
    await engines().store.create({ bookingId, holdMs }, nowMs() + inMs - holdMs);
  };

  return { ports, givenPending };
};
