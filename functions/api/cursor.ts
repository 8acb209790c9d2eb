/**
 * Where a page of a list ended, in each shard of the index, as text that a client hands back. It goes with the list that
 * it was made for: in another one its positions mean nothing.
 */
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import * as v from 'valibot';
import { readDeadline } from '../core/hold-time.ts';
import type { CustomerPosition, ShardPositions } from './ports.ts';
import { LISTED_STATUSES, type ListedStatus } from './schemas.ts';

const positions = v.record(
  v.pipe(v.string(), v.regex(/^\d{1,3}$/)),
  v.strictTuple([
    v.pipe(
      // A number in the cursors of version 0.1.0.
      v.union([v.string(), v.number()]),
      v.transform(String),
      v.regex(/^\d+(\.\d+)?$/),
      // A number of DynamoDB has at most 38 digits.
      v.maxLength(39),
      v.check((digits) => readDeadline(digits).valid),
    ),
    v.pipe(v.string(), v.minLength(1), v.maxBytes(2048)),
  ]),
);
const withStatus = v.strictObject({ status: v.picklist(LISTED_STATUSES), after: positions });
/** Version 0.1.0 gave the positions alone: such a cursor may be of either list. */
const content = v.union([withStatus, positions]);
/** What a cursor may grow to when it is unpacked: a small text could hold a huge one. */
const MAX_BYTES = 1_000_000;

/** A number as DynamoDB writes it: whoever wrote the booking chose it. */
const listedAtMs = v.pipe(v.string(), v.regex(/^-?\d+(\.\d+)?(E[+-]?\d+)?$/), v.maxLength(60));
const ofCustomer = v.strictObject({
  customerId: v.string(),
  status: v.optional(v.picklist(LISTED_STATUSES)),
  after: v.strictTuple([listedAtMs, v.pipe(v.string(), v.minLength(1), v.maxBytes(2048))]),
});

export const encodeCursor = (after: ShardPositions, status: ListedStatus = 'PENDING'): string =>
  pack({ status, after });

/** Undefined if the text is no cursor that this API gave for a list of this status. */
export const decodeCursor = (cursor: string, status: ListedStatus = 'PENDING'): ShardPositions | undefined => {
  const decoded = v.safeParse(content, unpack(cursor));
  if (!decoded.success) return undefined;
  const { output } = decoded;
  if (!v.is(withStatus, output)) return status === 'PENDING' || status === 'OVERDUE' ? output : undefined;
  return output.status === status ? output.after : undefined;
};

export const encodeCustomerCursor = (
  after: CustomerPosition,
  customerId: string,
  status: ListedStatus | undefined,
): string => pack({ customerId, ...(status && { status }), after });

/** Undefined if the text is no cursor that this API gave for this customer's bookings of this status. */
export const decodeCustomerCursor = (
  cursor: string,
  customerId: string,
  status: ListedStatus | undefined,
): CustomerPosition | undefined => {
  const decoded = v.safeParse(ofCustomer, unpack(cursor));
  const isOfList = decoded.success && decoded.output.customerId === customerId && decoded.output.status === status;
  return isOfList ? decoded.output.after : undefined;
};

const pack = (value: object): string => deflateRawSync(JSON.stringify(value)).toString('base64url');

/** Undefined for what was not packed. */
const unpack = (cursor: string): unknown => {
  try {
    const bytes = inflateRawSync(Buffer.from(cursor, 'base64url'), { maxOutputLength: MAX_BYTES });
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
};
