/** The end of a schedule: the faults stop, no timer and no record comes any more, and sweeps run. Then nothing may be left. */
import { stepsOf } from './steps.ts';
import type { World } from './world.ts';

/** Sweeps after which everything must be expired: each patrols one page of the table. */
const LAST_SWEEPS = 4;
const MOST_STEPS = 1_000;

/** @throws BrokenPromise if a booking is left PENDING whose hold has lapsed, or anything else does not hold on the way */
export const ending = async (world: World): Promise<void> => {
  if (!world.hasPendingBookings()) return;
  const last = world.copy();
  last.onlySweepsAreLeft();
  for (let sweeps = 0; sweeps < LAST_SWEEPS && last.hasPendingBookings(); sweeps += 1) {
    await last.lastSweep();
    for (let steps = 0; steps < MOST_STEPS && last.processes.length > 0; steps += 1) {
      const [usual] = stepsOf(last, false);
      await usual?.take(last);
    }
  }
  last.expectNothingLost();
};
