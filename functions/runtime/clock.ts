import type { Clock } from '../core/ports.ts';

/** Resolves once the clock has reached a time: never before. Resolves at once if it has. */
export type WaitUntil = (timeMs: number) => Promise<void>;

export const systemClock: Clock = () => Date.now();

/** Epoch ms in ISO 8601, UTC. */
export const iso = (epochMs: number): string => new Date(epochMs).toISOString();

/** A timer of Node counts on another clock than Date.now and may fire a fraction of a millisecond early: hence the loop. */
export const waitUntil: WaitUntil = async (timeMs) => {
  for (let leftMs = timeMs - Date.now(); leftMs > 0; leftMs = timeMs - Date.now()) {
    await new Promise((resolve) => setTimeout(resolve, leftMs));
  }
};
