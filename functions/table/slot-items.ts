/** Items of the slots table, read and written. Each write is on condition of the one booking that the slot may belong to. */
import { EARLIEST_DEADLINE_MS, readTimeMs, SECOND_MS } from '../core/hold-time.ts';
import { SLOT_STATES, type Slot } from '../core/slots.ts';
import type { Clause } from './conditional-write.ts';
import type { Item } from './item.ts';
import { SLOT_ATTRIBUTES } from './shape.ts';
import type { AnyOf, TransactedWrite } from './transaction.ts';

/**
 * How long an item that lapsed is kept, seconds: a week. It decides nothing: a slot without an item is free, as one that
 * lapsed is. It keeps a writer whose clock is hours behind from finding its slot gone.
 */
const KEPT_SECONDS = 7 * 86_400;

const { slotId, bookingId, state, heldUntilMs, purgeAt } = SLOT_ATTRIBUTES;

export const slotKey = (id: string): Item => ({ [slotId]: { S: id } });

/** A slot from its item, whatever is in it. */
export const readSlot = (id: string, item: Item | undefined): Slot => {
  if (item === undefined) return { slotId: id };
  const stored = SLOT_STATES.find((each) => each === item[state]?.S) ?? 'TAKEN';
  const until = stored === 'HELD' ? readTimeMs(item[heldUntilMs]?.N) : undefined;
  return {
    slotId: id,
    state: stored,
    ...(item[bookingId]?.S !== undefined && { bookingId: item[bookingId].S }),
    ...(until !== undefined && { heldUntilMs: until }),
  };
};

const heldItem = (id: string, owner: string, untilMs: number): Item => ({
  ...slotKey(id),
  [bookingId]: { S: owner },
  [state]: { S: 'HELD' },
  [heldUntilMs]: { N: String(untilMs) },
  [purgeAt]: { N: String(Math.ceil(untilMs / SECOND_MS) + KEPT_SECONDS) },
});

const noItem: Clause[] = [{ attribute: slotId, is: 'absent' }];
const ownedBy = (owner: string): Clause => ({ attribute: bookingId, is: 'equal', value: owner });
const isHeld: Clause = { attribute: state, is: 'equal', value: 'HELD' };
/** The lower bound keeps a time in seconds, which is always below now, from being taken for one that has passed. */
const hasLapsed = (nowMs: number): Clause => ({
  attribute: heldUntilMs,
  is: 'between',
  // No range may end before it starts, whatever the clock.
  from: Math.min(EARLIEST_DEADLINE_MS, nowMs),
  through: nowMs,
});

/** What a booking may claim: a slot that is nobody's, or whose hold has lapsed, or that this booking holds. */
const claimable = (owner: string, nowMs: number): AnyOf => [
  noItem,
  [isHeld, hasLapsed(nowMs)],
  [isHeld, ownedBy(owner)],
];
/** Still its own. A slot without an item is nobody else's. */
const own = (owner: string): AnyOf => [noItem, [ownedBy(owner)]];

/** A new booking claims a slot. */
export const claimSlot = (
  table: string,
  id: string,
  owner: string,
  untilMs: number,
  nowMs: number,
): TransactedWrite => ({
  kind: 'put',
  table,
  item: heldItem(id, owner, untilMs),
  anyOf: claimable(owner, nowMs),
});

/** A booking that is extended holds its slot for longer. */
export const holdSlot = (table: string, id: string, owner: string, untilMs: number): TransactedWrite => ({
  kind: 'put',
  table,
  item: heldItem(id, owner, untilMs),
  anyOf: own(owner),
});

const takenItem = (id: string, owner: string): Item => ({
  ...slotKey(id),
  [bookingId]: { S: owner },
  [state]: { S: 'TAKEN' },
});

/** A booking that is confirmed takes its slot. */
export const takeSlot = (table: string, id: string, owner: string): TransactedWrite => ({
  kind: 'put',
  table,
  item: takenItem(id, owner),
  anyOf: own(owner),
});

/** A booking that is revived takes its slot, if that is still its own or free. */
export const retakeSlot = (table: string, id: string, owner: string, nowMs: number): TransactedWrite => ({
  kind: 'put',
  table,
  item: takenItem(id, owner),
  anyOf: [...own(owner), [isHeld, hasLapsed(nowMs)]],
});

/** A booking that is cancelled gives its slot back. */
export const freeSlot = (table: string, id: string, owner: string): TransactedWrite => ({
  kind: 'delete',
  table,
  key: slotKey(id),
  anyOf: own(owner),
});
