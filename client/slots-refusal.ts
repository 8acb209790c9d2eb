/** Why a move of a booking with slots was not made, from the error that its caller got. */
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

/**
 * What refused a move.
 *
 * slots-taken: the booking would allow it, slots of it are another booking's. A creation may choose others, an extension may be
 * tried again, a cancellation is made without them (`except`); of a confirmation and a revival, note it by `loseSlots`.
 * slots-lost: that was noted before, so that the booking is never confirmed; money goes back.
 * busy: somebody else was at the booking or at a slot, or the table was throttled. Nothing was made: try again, after a pause of
 * random length.
 * missing, done and the kinds of `HoldState` are of the booking, as in the refusals of `tableClient`. A booking that is `held`
 * and refuses a move has changed since it was seen: read it again.
 */
export type SlotsRefusal =
  | { readonly kind: 'slots-taken'; readonly slots: readonly TakenSlot[] }
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
  const [booking, ...slots] = 'TransactItems' in input ? input.TransactItems : [{ Update: input }];
  const refused = conditionFailureIn(error, 0);
  if (refused && booking) return bookingRefusal(shape, booking, refused.item, nowMs);
  const taken = slots.flatMap((slot, index) => {
    const failure = conditionFailureIn(error, index + 1);
    return failure ? [takenSlot(slot, failure.item)] : [];
  });
  if (taken.length > 0) return { kind: 'slots-taken', slots: taken };
  const reason = busyReasonIn(error);
  return reason === undefined ? undefined : { kind: 'busy', reason };
};

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

const takenSlot = (write: TransactItem, item: Attributes | undefined): TakenSlot => {
  const written: Attributes = 'Put' in write ? write.Put.Item : 'Delete' in write ? write.Delete.Key : {};
  const { slotId, bookingId, heldUntilMs } = slotFrom(String(written[SLOT_ATTRIBUTES.slotId]), item);
  return {
    slotId,
    ...(bookingId !== undefined && { bookingId }),
    ...(heldUntilMs !== undefined && { heldUntilMs }),
  };
};

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
