/** Transactions of DynamoDB in simulated time: what partitions take in a second, and who is in whose way. */

import { shardOf } from '../../functions/core/pending-shard.ts';
import type { AnyOf, Clause } from '../../functions/table/conditional-write.ts';
import { attributeOf, type Item } from '../../functions/table/item.ts';
import { BOOKINGS_SHAPE, SLOT_ATTRIBUTES } from '../../functions/table/shape.ts';
import type { Table } from '../../functions/table/table.ts';
import type {
  FoundByWrite,
  TransactedWrite,
  TransactionAnswer,
  Transactions,
} from '../../functions/table/transaction.ts';
import type { Kernel } from './kernel.ts';

/**
 * From the Amazon DynamoDB Developer Guide: 1,000 write and 3,000 read units a second for each partition
 * (warm-throughput-scenarios); two underlying writes of each item of a transaction, so two units up to 1 KB, and a transaction that
 * meets another one at an item is cancelled (transaction-apis). That one that is refused costs as much is assumed; so are the times.
 */
export const SLOT_ASSUMPTIONS = {
  partitionWriteUnits: 1_000,
  partitionReadUnits: 3_000,
  unitsPerItem: 2,
  /** There and back, ms. No figure of AWS's, which says single-digit milliseconds. */
  roundTripMs: 6,
  /** Between the two underlying writes, ms: as long others are in the way. No figure of AWS's. */
  lockedMs: 6,
  /** SDK: tries of a throttled read, and the longest pause before the second; it doubles (standard retry mode). */
  sdkAttempts: 3,
  throttledPauseMs: 500,
} as const;

/** Thrown for a read that was throttled to the last try. */
export class ThrottledError extends Error {
  override readonly name = 'ThrottledError';
}

/** So many units at once, and as many more each second. */
class Units {
  readonly #perSecond: number;
  #units: number;
  #filledAtMs: number;

  constructor(perSecond: number, nowMs: number) {
    this.#perSecond = perSecond;
    this.#units = perSecond;
    this.#filledAtMs = nowMs;
  }

  /** @returns whether there were as many */
  spend(units: number, nowMs: number): boolean {
    this.#units = Math.min(this.#perSecond, this.#units + ((nowMs - this.#filledAtMs) * this.#perSecond) / 1_000);
    this.#filledAtMs = nowMs;
    if (this.#units < units) return false;
    this.#units -= units;
    return true;
  }
}

interface Partition {
  readonly writes: Units;
  readonly reads: Units;
}

type SlotsTable = Pick<Table, 'getMany'>;

export class SimulatedTransactions implements Transactions {
  readonly counts = { throttledTries: 0, conflicts: 0 };
  readonly #kernel: Kernel;
  readonly #chance: () => number;
  readonly #partitionCount: number;
  readonly #partitions = new Map<string, Partition>();
  readonly #items = new Map<string, Item>();
  /** What a transaction has prepared and not yet committed. */
  readonly #locked = new Set<string>();

  /** @param partitionCount of each table */
  constructor(kernel: Kernel, chance: () => number, partitionCount: number) {
    this.#kernel = kernel;
    this.#chance = chance;
    this.#partitionCount = partitionCount;
  }

  async transact(writes: readonly TransactedWrite[]): Promise<TransactionAnswer> {
    await this.#halfWay();
    const answer = await this.#prepareAndCommit(writes);
    await this.#halfWay();
    return answer;
  }

  async #prepareAndCommit(writes: readonly TransactedWrite[]): Promise<TransactionAnswer> {
    const { unitsPerItem, lockedMs } = SLOT_ASSUMPTIONS;
    const now = this.#kernel.now();
    const keys = writes.map(keyOf);
    const taken = writes.map(({ table }, place) =>
      this.#partitionOf(table, keys[place] ?? '').writes.spend(unitsPerItem, now),
    );
    const isLocked = keys.map((key) => this.#locked.has(key));
    const found = writes.map((write, place): FoundByWrite => {
      if (taken[place] === false || isLocked[place]) return { refused: false };
      const item = this.#items.get(keys[place] ?? '');
      return allows(write, item) ? { refused: false } : { refused: true, found: item };
    });
    const isThrottled = taken.includes(false);
    if (isThrottled) this.counts.throttledTries += 1;
    if (found.some(({ refused }) => refused)) return { kind: 'refused', writes: found };
    if (isThrottled) return { kind: 'busy', reason: 'ThrottlingError' };
    if (isLocked.includes(true)) {
      this.counts.conflicts += 1;
      return { kind: 'busy', reason: 'TransactionConflict' };
    }
    for (const key of keys) this.#locked.add(key);
    await this.#kernel.sleep(lockedMs);
    for (const [place, write] of writes.entries()) {
      const key = keys[place] ?? '';
      this.#locked.delete(key);
      if (write.kind !== 'put') throw new Error(`this simulation has no ${write.kind}`);
      this.#items.set(key, write.item);
    }
    return { kind: 'made' };
  }

  /** A table as its readers see it. What a transaction has only prepared is not there yet. */
  tableOf(table: string): SlotsTable {
    return {
      getMany: async (keys) => {
        const found: Item[] = [];
        let left = [...keys];
        for (let attempt = 0; left.length > 0; ) {
          await this.#halfWay();
          const now = this.#kernel.now();
          const unread = left.filter((key) => {
            const text = `${table} ${idOf(key)}`;
            if (!this.#partitionOf(table, text).reads.spend(1, now)) return true;
            const item = this.#items.get(text);
            if (item) found.push(item);
            return false;
          });
          await this.#halfWay();
          // Where no key at all is read, DynamoDB throws, and the SDK pauses; else it says which are left.
          if (unread.length === left.length) {
            attempt += 1;
            if (attempt === SLOT_ASSUMPTIONS.sdkAttempts) throw new ThrottledError('a read was throttled');
            await this.#kernel.sleep(this.#chance() * SLOT_ASSUMPTIONS.throttledPauseMs * 2 ** (attempt - 1));
          }
          left = unread;
        }
        return found;
      },
    };
  }

  #partitionOf(table: string, key: string): Partition {
    const name = `${table} ${shardOf(key, this.#partitionCount)}`;
    const now = this.#kernel.now();
    const { partitionWriteUnits, partitionReadUnits } = SLOT_ASSUMPTIONS;
    const partition = this.#partitions.get(name) ?? {
      writes: new Units(partitionWriteUnits, now),
      reads: new Units(partitionReadUnits, now),
    };
    this.#partitions.set(name, partition);
    return partition;
  }

  #halfWay(): Promise<void> {
    return this.#kernel.sleep((SLOT_ASSUMPTIONS.roundTripMs / 2) * (0.7 + 0.6 * this.#chance()));
  }
}

const keyOf = (write: TransactedWrite): string =>
  `${write.table} ${idOf(write.kind === 'put' ? write.item : write.key)}`;

/** The item of a slot names its booking too. */
const idOf = (item: Item): string => (item[SLOT_ATTRIBUTES.slotId] ?? item[BOOKINGS_SHAPE.key.partition.name])?.S ?? '';

const allows = (write: TransactedWrite, item: Item | undefined): boolean => {
  const anyOf: AnyOf = write.kind === 'update' ? [write.write.condition] : write.anyOf;
  return anyOf.some((clauses) => clauses.every((clause) => holds(clause, item)));
};

/** The conditions of the service's own writes of slots. */
const holds = (clause: Clause, item: Item | undefined): boolean => {
  const found = item?.[clause.attribute];
  switch (clause.is) {
    case 'absent':
      return found === undefined;
    case 'equal':
      return JSON.stringify(found) === JSON.stringify(attributeOf(clause.value));
    case 'between':
      return (
        found?.N !== undefined && Number(found.N) >= Number(clause.from) && Number(found.N) <= Number(clause.through)
      );
    default:
      throw new Error(`this simulation has no condition ${clause.is}`);
  }
};
