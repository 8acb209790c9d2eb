/** Why a move of a booking with slots was not made, from the error that its caller got. */
import { effectiveSlotState, type Slot } from '../functions/core/slots.ts';
import { OWN_ATTRIBUTES, SLOT_ATTRIBUTES, type TableShape } from '../functions/table/shape.ts';
import { plainItem, setBy, type TransactInput, type TransactItem, type UpdateOfTable } from './document-writes.ts';
import { type HoldState, holdStateOf, statusOf } from './reading.ts';
import { conditionFailureIn } from './refusal.ts';
import { lostSlotIdsIn } from './slot-ids.ts';
import { slotFrom } from './slot-reading.ts';
import { type Attributes, isSame, storedIn } from './values.ts';

/** A slot that is another booking's. */
export interface TakenSlot {
  readonly slotId: string;
  /** The booking that has it; absent where its item does not say. */
  readonly bookingId?: string;
  /** When its hold lapses, epoch ms; absent for one that is TAKEN. */
  readonly heldUntilMs?: number;
}

/** A slot whose hold has lapsed. */
export interface LapsedHold {
  /** The booking that held it, to be read; absent where the item does not say. */
  readonly bookingId?: string;
  /** The slot's item as it was found, for `lapsed`. */
  readonly slot: Attributes;
}

/** Thrown instead of making a move that is known to be refused. `refusalOf` reads it like an error of the SDK. */
export class SlotsTakenError extends Error {
  override readonly name = 'SlotsTakenError';
  readonly refusal: Extract<SlotsRefusal, { kind: 'slots-taken' }>;

  constructor(move: string, slots: readonly Slot[]) {
    super(`${move} is refused: slots of another booking: ${slots.map(({ slotId }) => slotId).join(', ')}`);
    this.refusal = { kind: 'slots-taken', slots: slots.map(takenSlot) };
  }
}

/**
 * What refused a move.
 *
 * slots-taken: the booking would allow it, slots of it are another booking's. A creation may choose others, an extension may be
 * tried again, a cancellation is made without them (`except`); of a confirmation and a revival, note it by `loseSlots`.
 * slots-lapsed: their holds have lapsed, and nothing else is in the way. Ask the bookings that had them, mark those that are
 * PENDING by `expire`, and make the move again with them as `lapsed`.
 * slots-lost: that was noted before, so that the booking is never confirmed; money goes back.
 * busy: somebody else was at the booking or at a slot, or the table was throttled. Nothing was made: try again, after a pause of
 * random length.
 * missing, done and the kinds of `HoldState` are of the booking, as in the refusals of `tableClient`. A booking that is `held`
 * and refuses a move has changed since it was seen: read it again.
 */
export type SlotsRefusal =
  | { readonly kind: 'slots-taken'; readonly slots: readonly TakenSlot[] }
  | { readonly kind: 'slots-lapsed'; readonly slots: readonly LapsedHold[] }
  | { readonly kind: 'slots-lost'; readonly slotIds: readonly string[]; readonly item: Attributes }
  | { readonly kind: 'busy'; readonly reason: string }
  | { readonly kind: 'missing' }
  | { readonly kind: 'done'; readonly item: Attributes }
  | (HoldState & { readonly item: Attributes });

export const slotsRefusalIn = (
  shape: TableShape,
  error: unknown,
  input: TransactInput | UpdateOfTable,
  nowMs: number,
): SlotsRefusal | undefined => {
  if (error instanceof SlotsTakenError) return error.refusal;
  const [booking, ...slots] = 'TransactItems' in input ? input.TransactItems : [{ Update: input }];
  const refused = conditionFailureIn(error, 0);
  if (refused && booking) return bookingRefusal(shape, booking, refused.item, nowMs);
  const inTheWay = slots.flatMap((slot, index) => {
    const failure = conditionFailureIn(error, index + 1);
    return failure ? [{ slot: slotFrom(slotIdIn(slot), failure.item), item: failure.item }] : [];
  });
  const claims = booking !== undefined && isClaim(booking);
  const taken = inTheWay.filter(({ slot }) => !claims || effectiveSlotState(slot, nowMs) !== 'FREE');
  if (taken.length > 0) return { kind: 'slots-taken', slots: taken.map(({ slot }) => takenSlot(slot)) };
  // One without an item by now was another's when the write was judged by what had been seen of it.
  const lapsed = inTheWay.flatMap(({ slot: { bookingId }, item }) =>
    item === undefined ? [] : [{ ...(bookingId !== undefined && { bookingId }), slot: item }],
  );
  if (inTheWay.length > 0) return { kind: 'slots-lapsed', slots: lapsed };
  const reason = busyReasonIn(error);
  return reason === undefined ? undefined : { kind: 'busy', reason };
};

/** Whether a write is of a booking that wants slots which it does not have: a creation or a revival. */
const isClaim = (write: TransactItem): boolean =>
  'Put' in write || ('Update' in write && setBy(write.Update)[OWN_ATTRIBUTES.revivedAtMs] !== undefined);

const bookingRefusal = (
  shape: TableShape,
  write: TransactItem,
  item: Attributes | undefined,
  nowMs: number,
): SlotsRefusal => {
  if (item === undefined) return { kind: 'missing' };
  if (isMade(shape, write, item)) return { kind: 'done', item };
  const status = statusOf(shape, item);
  const isLost = storedIn(item, OWN_ATTRIBUTES.slotsLostAtMs) !== undefined;
  if (isLost && (status === 'PENDING' || status === 'EXPIRED')) {
    return { kind: 'slots-lost', slotIds: lostSlotIdsIn(item), item };
  }
  return { ...holdStateOf(shape, item, nowMs), item };
};

/**
 * Whether an item is what a write makes of it: an earlier try was made although its answer was lost. Of a creation it is every
 * attribute; of a move the status or the deadline that it leads to.
 */
const isMade = (shape: TableShape, write: TransactItem, item: Attributes): boolean => {
  if ('Put' in write) return sameJson(plainItem(item), plainItem(write.Put.Item));
  if (!('Update' in write)) return false;
  const { status, deadline } = shape;
  const written = setBy(write.Update);
  if (written[status.attribute] !== undefined) return isSame(item, status.attribute, written[status.attribute]);
  const isExtended = isSame(item, deadline.attribute, written[deadline.attribute]);
  return isExtended && isSame(item, status.attribute, 'PENDING');
};

/** Equal whatever the order of their members. */
const sameJson = (one: unknown, other: unknown): boolean => {
  if (Array.isArray(one) && Array.isArray(other)) {
    return one.length === other.length && one.every((each, index) => sameJson(each, other[index]));
  }
  if (isMap(one) && isMap(other)) {
    const names = Object.keys(one);
    return (
      names.length === Object.keys(other).length &&
      names.every((name) => Object.hasOwn(other, name) && sameJson(one[name], other[name]))
    );
  }
  return one !== undefined && one === other;
};

const isMap = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const slotIdIn = (write: TransactItem): string => {
  const written: Attributes = 'Put' in write ? write.Put.Item : 'Delete' in write ? write.Delete.Key : {};
  return String(written[SLOT_ATTRIBUTES.slotId]);
};

const takenSlot = ({ slotId, bookingId, heldUntilMs }: Slot): TakenSlot => ({
  slotId,
  ...(bookingId !== undefined && { bookingId }),
  ...(heldUntilMs !== undefined && { heldUntilMs }),
});

/** Reasons that say that somebody else was there, or too many at once (Amazon DynamoDB API Reference, TransactWriteItems). */
const BUSY_REASONS: ReadonlySet<unknown> = new Set([
  'TransactionConflict',
  'ThrottlingError',
  'ProvisionedThroughputExceeded',
  'TransactionConflictException',
  'TransactionInProgressException',
]);

const busyReasonIn = (error: unknown): string | undefined => {
  if (!isMap(error)) return undefined;
  const { name, CancellationReasons: reasons } = error;
  const codes = Array.isArray(reasons) ? reasons.flatMap((reason) => (isMap(reason) ? [reason.Code] : [])) : [];
  const failed = codes.filter((code) => code !== undefined && code !== 'None');
  const busy = [name, ...failed].find((each) => BUSY_REASONS.has(each));
  // With any other reason among them, another try is refused as well.
  return failed.every((code) => BUSY_REASONS.has(code)) && typeof busy === 'string' ? busy : undefined;
};
