/** A move of a booking as a conditional write of a table of some shape. */
import type { Changes, Move, Requirement } from '../core/moves.ts';
import { MAX_SHARDS } from '../core/pending-shard.ts';
import type { Clause, ConditionalWrite, Value } from './conditional-write.ts';
import { isAsSeen } from './conditional-write.ts';
import { deadlineBounds, writtenDeadline } from './deadline.ts';
import { hasOwnIndexKey, mayBeHeldAgain, OWN_ATTRIBUTES, type TableShape } from './shape.ts';

const SECONDS_PER_DAY = 86_400;

/**
 * What a move writes in a table of this shape, and on what condition.
 *
 * @throws RangeError for a move to a status that the shape has no word for, or an expiry of a text deadline that nobody saw
 */
export const writeOfMove = (
  shape: TableShape,
  { set, leavesIndex, forgets = [], condition }: Move,
): ConditionalWrite => {
  const { attributes, onExpire } = shape;
  const isExpiry = set.status === 'EXPIRED';
  // The next hold has a start of its own.
  const forgotten = new Set(isExpiry && mayBeHeldAgain(shape) ? ['holdStartedAtMs' as const, ...forgets] : forgets);
  return {
    set: { ...changesIn(shape, set), ...(isExpiry && onExpire.set), ...afterwardsIn(shape, set) },
    remove: [
      ...(leavesIndex ? [attributes.pendingShard] : []),
      ...(leavesIndex && hasOwnIndexKey(shape) ? [attributes.expiresAtMs] : []),
      ...Array.from(forgotten, (note) => attributes[note]),
      ...(isExpiry ? onExpire.remove : []),
      ...(set.pendingShard === undefined ? [] : keptAfterwards(shape)),
    ],
    condition: conditionOf(shape, condition),
  };
};

/** A condition in the table's own attributes. */
export const conditionOf = (shape: TableShape, required: readonly Requirement[]): Clause[] =>
  required.flatMap((each) => clausesOf(shape, each));

/**
 * What an item gets with its last status. The shard of the list comes from the clock: one write may be of many items, and the
 * milliseconds spread them. An expiry without a trace is of an item that has room for nothing more.
 */
const afterwardsIn = ({ afterwards = {} }: TableShape, set: Changes): Record<string, Value> => {
  const { purgeAfterDays, listShards } = afterwards;
  const atMs = set.expiredAtMs ?? set.cancelledAtMs ?? set.confirmedAtMs;
  if (set.status === undefined || atMs === undefined) return {};
  return {
    ...(purgeAfterDays !== undefined && {
      [OWN_ATTRIBUTES.purgeAt]: Math.ceil(atMs / 1_000) + purgeAfterDays * SECONDS_PER_DAY,
    }),
    ...(listShards !== undefined && {
      [OWN_ATTRIBUTES.settledIn]: settledList(set.status, atMs % listShards),
      [OWN_ATTRIBUTES.settledAtMs]: atMs,
    }),
  };
};

/**
 * What an item that is held must not have: it is left from an earlier hold where another program put the item back to PENDING,
 * and DynamoDB would delete the item by it.
 */
const keptAfterwards = ({ afterwards: { purgeAfterDays, listShards } = {} }: TableShape): string[] => [
  ...(purgeAfterDays === undefined ? [] : [OWN_ATTRIBUTES.purgeAt]),
  ...(listShards === undefined ? [] : [OWN_ATTRIBUTES.settledIn, OWN_ATTRIBUTES.settledAtMs]),
];

/** A partition of the list of settled and expired items. */
export const settledList = (status: string, shard: number): string => `${status}#${shard}`;

/** That an item is held: it has one of the pending words, and is of the kind that the shape is of. */
export const isPendingIn = ({ status, only }: TableShape): Clause[] => {
  const [word = '', ...others] = status.pending;
  const isPending: Clause =
    others.length === 0
      ? { attribute: status.attribute, is: 'equal', value: word }
      : { attribute: status.attribute, is: 'in', values: status.pending };
  const isOfKind = Object.entries(only).map(([attribute, value]): Clause => ({ attribute, is: 'equal', value }));
  return [isPending, ...isOfKind];
};

const changesIn = (shape: TableShape, changes: Changes): Record<string, Value> => {
  const { attributes, status, deadline } = shape;
  const names: Record<Exclude<keyof Changes, 'status' | 'deadlineMs'>, string> = {
    pendingShard: attributes.pendingShard,
    indexedAtMs: attributes.expiresAtMs,
    holdStartedAtMs: attributes.holdStartedAtMs,
    confirmedAtMs: OWN_ATTRIBUTES.confirmedAtMs,
    cancelledAtMs: OWN_ATTRIBUTES.cancelledAtMs,
    expiredAtMs: attributes.expiredAtMs,
    expiredBy: attributes.expiredBy,
    revivedAtMs: OWN_ATTRIBUTES.revivedAtMs,
    slotsLostAtMs: OWN_ATTRIBUTES.slotsLostAtMs,
    lostSlotIds: OWN_ATTRIBUTES.lostSlotIds,
  };
  const { status: next, deadlineMs, lostSlotIds, ...others } = changes;
  return {
    ...(next !== undefined && { [status.attribute]: next === 'EXPIRED' ? status.expired : next }),
    ...(deadlineMs !== undefined && { [deadline.attribute]: { stored: writtenDeadline(shape, deadlineMs) } }),
    ...(lostSlotIds && { [names.lostSlotIds]: { stored: { L: lostSlotIds.map((S) => ({ S })) } } }),
    ...Object.fromEntries(Object.entries(others).map(([what, value]) => [names[what as keyof typeof names], value])),
  };
};

const clausesOf = (shape: TableShape, required: Requirement): Clause[] => {
  const { attributes, status, deadline } = shape;
  switch (required.is) {
    case 'pending':
      return isPendingIn(shape);
    case 'confirmed':
      return [{ attribute: status.attribute, is: 'equal', value: 'CONFIRMED' }];
    case 'expired':
      return [{ attribute: status.attribute, is: 'equal', value: status.expired }];
    case 'in-index':
      return [{ attribute: attributes.pendingShard, is: 'between', from: 0, through: MAX_SHARDS }];
    case 'running':
      return [
        { attribute: deadline.attribute, is: 'above', value: numberOf(deadlineBounds(shape, required.nowMs).now) },
      ];
    case 'lapsed': {
      if (deadline.unit === 'iso8601') {
        if (required.seenDeadline === undefined) throw new RangeError('a deadline as text must have been seen');
        return [isAsSeen(deadline.attribute, required.seenDeadline)];
      }
      // The lower bound keeps a deadline in a coarser unit, which is always below now, from being taken for a lapsed one.
      const { earliest, now } = deadlineBounds(shape, required.nowMs);
      return [{ attribute: deadline.attribute, is: 'between', from: numberOf(earliest), through: numberOf(now) }];
    }
    case 'as-seen': {
      const attribute = {
        status: status.attribute,
        deadline: deadline.attribute,
        holdStartedAtMs: attributes.holdStartedAtMs,
        confirmedAtMs: OWN_ATTRIBUTES.confirmedAtMs,
        cancelledAtMs: OWN_ATTRIBUTES.cancelledAtMs,
        expiredAtMs: attributes.expiredAtMs,
        slotIds: OWN_ATTRIBUTES.slotIds,
        slotsLostAtMs: OWN_ATTRIBUTES.slotsLostAtMs,
      }[required.what];
      return [isAsSeen(attribute, required.seen)];
    }
  }
};

const numberOf = (digits: string): Value => ({ stored: { N: digits } });
