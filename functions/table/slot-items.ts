/** Items of the slots table, read and written. Each write is on condition of the one booking that the slot may belong to. */
import { readTimeMs, SECOND_MS } from '../core/hold-time.ts';
import { SLOT_STATES, type Slot } from '../core/slots.ts';
import { type Clause, isAsSeen } from './conditional-write.ts';
import { asStored, type Item } from './item.ts';
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

const noItem: Clause[] = [{ attribute: slotId, is: 'absent' }];
const ownedBy = (owner: string): Clause => ({ attribute: bookingId, is: 'equal', value: owner });

/** On what condition a booking may have a slot. */
export type SlotCondition = AnyOf;

/** Still its own. A slot without an item is nobody else's. */
export const isOwn = (owner: string): SlotCondition => [noItem, [ownedBy(owner)]];

/** Held by this booking already, and not sold: what was sold to a booking that was deleted since stays sold. */
export const isOwnHold = (owner: string): SlotCondition => [
  [{ attribute: state, is: 'equal', value: 'HELD' }, ownedBy(owner)],
];

/**
 * Exactly as it was seen when nobody had it.
 *
 * @param seen undefined where there was no item
 */
export const isAsSeenFree = (seen: Item | undefined): SlotCondition =>
  seen === undefined
    ? [noItem]
    : [[bookingId, state, heldUntilMs].map((attribute) => isAsSeen(attribute, asStored(seen, attribute)))];

/** A booking holds a slot until a time. */
export const holdSlot = (
  table: string,
  id: string,
  owner: string,
  untilMs: number,
  condition: SlotCondition,
): TransactedWrite => ({
  kind: 'put',
  table,
  item: {
    ...slotKey(id),
    [bookingId]: { S: owner },
    [state]: { S: 'HELD' },
    [heldUntilMs]: { N: String(untilMs) },
    [purgeAt]: { N: String(Math.ceil(untilMs / SECOND_MS) + KEPT_SECONDS) },
  },
  anyOf: condition,
});

/** A booking that is confirmed takes a slot, for good. */
export const takeSlot = (table: string, id: string, owner: string, condition: SlotCondition): TransactedWrite => ({
  kind: 'put',
  table,
  item: { ...slotKey(id), [bookingId]: { S: owner }, [state]: { S: 'TAKEN' } },
  anyOf: condition,
});

/** A booking that is cancelled gives a slot back. */
export const freeSlot = (table: string, id: string, owner: string): TransactedWrite => ({
  kind: 'delete',
  table,
  key: slotKey(id),
  anyOf: isOwn(owner),
});
