/**
 * Items of a table, read and written. Anybody may have written them, so they are parsed, never cast: what makes
 * no sense is left out, and nothing that an item holds makes reading it fail.
 */
import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { type Booking, EXPIRED_BY } from '../core/booking-status.ts';
import { exactNumber } from '../core/decimal.ts';
import type { SeenBooking } from '../core/expiry-decisions.ts';
import { readTimeMs } from '../core/hold-time.ts';
import type { AsStored, SeenHold } from '../core/moves.ts';
import { readShard } from '../core/pending-shard.ts';
import { areSlotsOfOne, isSlotId } from '../core/slots.ts';
import type { Value } from './conditional-write.ts';
import { readDeadlineOf } from './deadline.ts';
import { keyText, plainKey } from './key-text.ts';
import { hasOwnIndexKey, OWN_ATTRIBUTES, type TableShape } from './shape.ts';

/** An item, or a part of one, in the form that the DynamoDB API and its streams give. */
export type Item = Readonly<Record<string, AttributeValue>>;

/** JSON as `JSON.parse` gives it. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };

/** The booking that an item of a table of some shape holds; undefined if it has no key or no status, or is of another kind. */
export const readBooking = (shape: TableShape, item: Item | undefined): Booking | undefined => {
  const bookingId = item && keyText(shape, item);
  const word = item?.[shape.status.attribute]?.S;
  if (item === undefined || bookingId === undefined || word === undefined || !isOfKind(shape, item)) return undefined;
  const { attributes } = shape;
  const deadline = readDeadlineOf(shape, item[shape.deadline.attribute]);
  const expiredBy = EXPIRED_BY.find((each) => each === item[attributes.expiredBy]?.S);
  const details = shape.eventDetails === undefined ? undefined : item[shape.eventDetails];
  return {
    bookingId,
    ...present('key', plainKey(shape, item)),
    status: statusOf(shape, word),
    ...(deadline.valid ? { expiresAtMs: deadline.expiresAtMs } : { deadlineProblem: deadline.reason }),
    ...present('holdStartedAtMs', readTimeMs(digitsOf(item[attributes.holdStartedAtMs]))),
    ...present('pendingShard', readShard(digitsOf(item[attributes.pendingShard]))),
    ...present('createdAtMs', readTimeMs(digitsOf(item[OWN_ATTRIBUTES.createdAtMs]))),
    ...present('confirmedAtMs', readTimeMs(digitsOf(item[OWN_ATTRIBUTES.confirmedAtMs]))),
    ...present('cancelledAtMs', readTimeMs(digitsOf(item[OWN_ATTRIBUTES.cancelledAtMs]))),
    ...present('expiredAtMs', readTimeMs(digitsOf(item[attributes.expiredAtMs]))),
    ...present('expiredBy', expiredBy),
    ...present('slotIds', readSlotIds(item)),
    ...present('revivedAtMs', readTimeMs(digitsOf(item[OWN_ATTRIBUTES.revivedAtMs]))),
    ...present('slotsLostAtMs', readTimeMs(digitsOf(item[OWN_ATTRIBUTES.slotsLostAtMs]))),
    ...present('lostSlotIds', textsIn(item[OWN_ATTRIBUTES.lostSlotIds])),
    ...present('requestHash', item[OWN_ATTRIBUTES.requestHash]?.S),
    ...present('customerId', item[OWN_ATTRIBUTES.listedFor]?.S),
    ...present('details', details?.M && (jsonOf(details) as Booking['details'])),
  };
};

/**
 * The slots that an item of our own table claims, each once. Undefined if there are none, or if it is not a list of at most
 * `MAX_SLOTS` texts: another program has an attribute of this name for something of its own.
 */
export const readSlotIds = (item: Item): readonly string[] | undefined => {
  const slotIds = textsIn(item[OWN_ATTRIBUTES.slotIds]);
  return slotIds && areSlotsOfOne(slotIds) ? slotIds : undefined;
};

/** A list of texts that no key refuses; undefined for anything else, and for an empty one. */
const textsIn = (attribute: AttributeValue | undefined): string[] | undefined => {
  const texts = attribute?.L?.map(({ S }) => S ?? '') ?? [];
  return texts.length > 0 && texts.every(isSlotId) ? texts : undefined;
};

/** Whether an item is one of those that the shape is of, in a table of many kinds. Others are never written to. */
export const isOfKind = ({ only }: TableShape, item: Item): boolean =>
  Object.entries(only).every(([name, value]) => item[name]?.S === value);

/** An owner's word as one of ours. A word that is one of ours and means nothing here stays apart from it. */
const statusOf = ({ status: { pending, expired } }: TableShape, word: string): string => {
  if (pending.includes(word)) return 'PENDING';
  if (word === expired) return 'EXPIRED';
  return word === 'PENDING' || word === 'EXPIRED' ? `the owner’s ${word}` : word;
};

/** The status of an item as one of ours; undefined if it has none. */
export const readStatus = (shape: TableShape, item: Item | undefined): string | undefined => {
  const word = item?.[shape.status.attribute]?.S;
  return item === undefined || word === undefined || !isOfKind(shape, item) ? undefined : statusOf(shape, word);
};

const present = <Name extends string, T>(name: Name, value: T | undefined): { [name in Name]?: T } =>
  value === undefined ? {} : ({ [name]: value } as { [name in Name]?: T });

/** The digits of a number; of another type, a text that is no number, so that it is reported as what it is. */
const digitsOf = (attribute: AttributeValue | undefined): string | undefined => {
  if (attribute === undefined) return undefined;
  if (attribute.N !== undefined) return attribute.N;
  return attribute.S === undefined
    ? `a ${Object.keys(attribute)[0] ?? 'nothing'}`
    : `the text ${JSON.stringify(attribute.S)}`;
};

/** The booking of an item together with what a condition on it compares with; undefined if it holds none. */
export const seenBooking = (shape: TableShape, item: Item | undefined): SeenBooking | undefined => {
  const booking = readBooking(shape, item);
  if (item === undefined || booking === undefined) return undefined;
  return {
    booking,
    seenDeadline: asStored(item, shape.deadline.attribute),
    indexedAtMs: hasOwnIndexKey(shape) ? readTimeMs(digitsOf(item[shape.attributes.expiresAtMs])) : booking.expiresAtMs,
  };
};

/** An attribute of an item exactly as it is stored, for a condition; undefined if the item has none. */
export const asStored = (item: Item, name: string): AsStored | undefined => {
  const stored = item[name];
  return stored === undefined ? undefined : { stored };
};

/** The hold of an item exactly as it is stored. */
export const seenHold = (shape: TableShape, item: Item): SeenHold => ({
  deadline: asStored(item, shape.deadline.attribute),
  holdStartedAtMs: asStored(item, shape.attributes.holdStartedAtMs),
  slots: asStored(item, OWN_ATTRIBUTES.slotIds),
});

/** A value in the form that the DynamoDB API takes. */
export const attributeOf = (value: Value): AttributeValue => {
  if (typeof value === 'string') return { S: value };
  if (typeof value === 'number') return { N: String(value) };
  if (typeof value === 'boolean') return { BOOL: value };
  return value.stored as AttributeValue;
};

/** JSON as an attribute. A member may have any name: `constructor` and `toString` are names like others. */
export const jsonAttribute = (json: Json): AttributeValue => {
  if (json === null) return { NULL: true };
  if (typeof json === 'string') return { S: json };
  if (typeof json === 'number') return { N: String(json) };
  if (typeof json === 'boolean') return { BOOL: json };
  if (Array.isArray(json)) return { L: json.map(jsonAttribute) };
  return { M: Object.fromEntries(Object.entries(json).map(([name, value]) => [name, jsonAttribute(value)])) };
};

/**
 * An attribute as JSON: sets as arrays, binary as Base64. A number that JSON readers could not hold exactly is given as
 * text, with all its digits.
 */
export const jsonOf = (attribute: AttributeValue): Json => {
  if (attribute.S !== undefined) return attribute.S;
  if (attribute.N !== undefined) return numberOf(attribute.N);
  if (attribute.BOOL !== undefined) return attribute.BOOL;
  if (attribute.L !== undefined) return attribute.L.map(jsonOf);
  if (attribute.M !== undefined) {
    // Where a member is named __proto__, the SDK may lose its value and keep its name.
    const members = Object.entries(attribute.M).filter(([, value]) => value !== undefined);
    return Object.fromEntries(members.map(([name, value]) => [name, jsonOf(value)]));
  }
  if (attribute.SS !== undefined) return attribute.SS;
  if (attribute.NS !== undefined) return attribute.NS.map(numberOf);
  if (attribute.B !== undefined) return base64(attribute.B);
  if (attribute.BS !== undefined) return attribute.BS.map(base64);
  return null;
};

const numberOf = (digits: string): number | string => exactNumber(digits) ?? digits;

/** The API gives bytes, a stream's record Base64 already. */
const base64 = (bytes: Uint8Array | string): string =>
  typeof bytes === 'string' ? bytes : Buffer.from(bytes).toString('base64');
