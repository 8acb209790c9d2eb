/**
 * Which partition of the `pending-by-expiry` index a booking waits in. Any whole number from 0 to shardCount - 1 is
 * valid, whoever chose it: a sweep looks into every shard. This hash only spreads the service's own bookings evenly,
 * because one partition takes 1,000 writes a second (Amazon DynamoDB Developer Guide, partition key design).
 */

/** FNV-1a, 32 bits, over the id's UTF-8 bytes, modulo the number of shards. */
export const shardOf = (bookingId: string, shardCount: number): number => {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(bookingId)) hash = Math.imul(hash ^ byte, 0x01000193);
  return (hash >>> 0) % shardCount;
};

/** Whether a sweep over `shardCount` shards finds a booking with this `pendingShard`. */
export const isValidShard = (pendingShard: number | undefined, shardCount: number): boolean =>
  pendingShard !== undefined && Number.isInteger(pendingShard) && pendingShard >= 0 && pendingShard < shardCount;
