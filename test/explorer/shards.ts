/** Which shards of the index anybody ever writes into in a small world: the others need not be looked into. */
import { shardOf } from '../../functions/core/pending-shard.ts';
import type { SmallWorld } from './small-world.ts';

/** Tells whether a shard stays empty whatever happens. Every booking is in a shard of its id's hash, by one of the versions. */
export const emptyShards = ({ actions, version, nextVersion }: SmallWorld): ((shard: number) => boolean) => {
  const ids = actions.flatMap((action) => ('id' in action ? [action.id] : []));
  const counts = [version.shardCount, ...(nextVersion ? [nextVersion.shardCount] : [])];
  const used = new Set(ids.flatMap((id) => counts.map((count) => shardOf(id, count))));
  return (shard) => !used.has(shard);
};
