/** The server's clock. Whether a hold has lapsed is its question, and this machine's clock may be wrong. */

/** What the local clock, which only counts, lacks to the server's, ms; and by how much that may be wrong at most. */
let offsetMs = performance.timeOrigin;
let errorMs = Number.POSITIVE_INFINITY;

/** The time at the server, epoch ms. */
export const now = (): number => performance.now() + offsetMs;

/**
 * Takes in a time that the server told.
 *
 * @param serverMs epoch ms
 * @param askedMs, answeredMs `performance.now()` before the request and after the answer: the server said it in between
 */
export const noteServerTime = (serverMs: number, askedMs: number, answeredMs: number): void => {
  if (!Number.isFinite(serverMs)) return;
  const halfMs = (answeredMs - askedMs) / 2;
  const seenMs = serverMs - (askedMs + halfMs);
  // A better measure, or one that contradicts the last: then one of the clocks was moved, or this machine has slept.
  if (halfMs < errorMs || Math.abs(seenMs - offsetMs) > halfMs + errorMs) [offsetMs, errorMs] = [seenMs, halfMs];
};
