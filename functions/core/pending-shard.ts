/**
 * Which partition of the `pending-by-expiry` index a booking waits in. Any whole number from 0 to 199 is legal, whoever
 * chose it and whatever the deployed shard count is: a sweep looks into every legal shard, so that growing, shrinking and
 * rolling back lose nothing. The hash only spreads the service's own bookings evenly, because one partition takes 1,000
 * writes a second (Amazon DynamoDB Developer Guide, partition key design).
 */

/** Most shards that a deployment may have. An empty shard costs a sweep half a read unit. */
export const MAX_SHARDS = 200;

/** Every shard that a booking may wait in. */
export const LEGAL_SHARDS: readonly number[] = Array.from({ length: MAX_SHARDS }, (_, shard) => shard);

/** FNV-1a, 32 bits, over the id's UTF-8 bytes, modulo the number of shards. */
export const shardOf = (bookingId: string, shardCount: number): number => {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(bookingId)) hash = Math.imul(hash ^ byte, 0x01000193);
  return (hash >>> 0) % shardCount;
};

/** The shard that an item names, from the digits that are stored; undefined if it is no legal one. */
export const readShard = (digits: string | undefined): number | undefined =>
  digits !== undefined && /^\d{1,3}$/.test(digits) && Number(digits) < MAX_SHARDS ? Number(digits) : undefined;

/** Whether a shard is one that lists look into too: one of those that the deployment writes to. */
export const isCountedShard = (pendingShard: number | undefined, shardCount: number): boolean =>
  pendingShard !== undefined && Number.isInteger(pendingShard) && pendingShard >= 0 && pendingShard < shardCount;
