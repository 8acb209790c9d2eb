import type { WaitUntil } from '../../functions/runtime/clock.ts';

/** A clock that stands still until it is moved. Waiting moves it. */
export const movableClock = (startMs: number) => {
  let nowMs = startMs;
  const waits: number[] = [];
  const waitUntil: WaitUntil = async (timeMs) => {
    waits.push(timeMs);
    nowMs = Math.max(nowMs, timeMs);
  };
  return {
    clock: () => nowMs,
    waitUntil,
    waits,
    moveTo: (timeMs: number) => {
      nowMs = timeMs;
    },
  };
};
