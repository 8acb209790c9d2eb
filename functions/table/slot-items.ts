/** Items of the slots table, read and written. Each write is on condition of the one booking that the slot may belong to. */
import { readTimeMs, SECOND_MS } from '../core/hold-time.ts';
import { SLOT_STATES, type Slot } from '../core/slots.ts';
import { type AnyOf, type Clause, isAsSeen } from './conditional-write.ts';
import type { StoredValue } from './deadline.ts';
import { SLOT_ATTRIBUTES } from './shape.ts';

/** An item of the slots table, whoever has written it, in the form of the DynamoDB API. */
export type StoredSlot = Readonly<Record<string, StoredValue | undefined>>;

/** An item of the slots table, or its key, as it is written. */
export type SlotItem = Readonly<Record<string, { readonly S: string } | { readonly N: string }>>;

/** A write of a slot that puts it, as a transaction takes it. */
export interface SlotPut {
  readonly kind: 'put';
  readonly table: string;
  readonly item: SlotItem;
  readonly anyOf: AnyOf;
}

/** A write of a slot that deletes it, as a transaction takes it. */
export interface SlotDeletion {
  readonly kind: 'delete';
  readonly table: string;
  readonly key: SlotItem;
  readonly anyOf: AnyOf;
}

/**
 * How long an item that lapsed is kept, seconds: a week. It decides nothing: a slot without an item is free, as one that
 * lapsed is. It keeps a writer whose clock is hours behind from finding its slot gone.
 */
const KEPT_SECONDS = 7 * 86_400;

const { slotId, bookingId, state, heldUntilMs, purgeAt } = SLOT_ATTRIBUTES;

/** Longest partition key, in bytes of UTF-8 (Amazon DynamoDB Developer Guide, Quotas). A longer text is no booking's id, nor is none. */
const MAX_KEY_BYTES = 2_048;
const isKey = (text: string): boolean => text !== '' && new TextEncoder().encode(text).length <= MAX_KEY_BYTES;

export const slotKey = (id: string): SlotItem => ({ [slotId]: { S: id } });

/** A slot from its item, whatever is in it. */
export const readSlot = (id: string, item: StoredSlot | undefined): Slot => {
  if (item === undefined) return { slotId: id };
  const stored = SLOT_STATES.find((each) => each === item[state]?.S) ?? 'TAKEN';
  const until = stored === 'HELD' ? readTimeMs(item[heldUntilMs]?.N) : undefined;
  const owner = item[bookingId]?.S;
  return {
    slotId: id,
    state: stored,
    ...(owner !== undefined && isKey(owner) && { bookingId: owner }),
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
export const isAsSeenFree = (seen: StoredSlot | undefined): SlotCondition =>
  seen === undefined
    ? [noItem]
    : [[bookingId, state, heldUntilMs].map((attribute) => isAsSeen(attribute, storedIn(seen, attribute)))];

const storedIn = (item: StoredSlot, name: string) => {
  const stored = item[name];
  return stored && { stored };
};

/** A booking holds a slot until a time. */
export const holdSlot = (
  table: string,
  id: string,
  owner: string,
  untilMs: number,
  condition: SlotCondition,
): SlotPut => ({
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
export const takeSlot = (table: string, id: string, owner: string, condition: SlotCondition): SlotPut => ({
  kind: 'put',
  table,
  item: { ...slotKey(id), [bookingId]: { S: owner }, [state]: { S: 'TAKEN' } },
  anyOf: condition,
});

/** A booking that is cancelled gives a slot back. */
export const freeSlot = (table: string, id: string, owner: string): SlotDeletion => ({
  kind: 'delete',
  table,
  key: slotKey(id),
  anyOf: isOwn(owner),
});
