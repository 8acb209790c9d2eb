/**
 * Where a page of a list ended, in each shard of the index, as text that a client hands back. It goes with the list that
 * it was made for: in another one its positions mean nothing.
 */
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import * as v from 'valibot';
import { readDeadline } from '../core/hold-time.ts';
import type { ShardPositions } from './ports.ts';
import { LISTED_STATUSES } from './schemas.ts';

type ListedStatus = (typeof LISTED_STATUSES)[number];

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

export const encodeCursor = (after: ShardPositions, status: ListedStatus = 'PENDING'): string =>
  deflateRawSync(JSON.stringify({ status, after })).toString('base64url');

/** Undefined if the text is no cursor that this API gave for a list of this status. */
export const decodeCursor = (cursor: string, status: ListedStatus = 'PENDING'): ShardPositions | undefined => {
  try {
    const text = inflateRawSync(Buffer.from(cursor, 'base64url'), { maxOutputLength: MAX_BYTES }).toString('utf8');
    const decoded = v.parse(content, JSON.parse(text));
    if (!v.is(withStatus, decoded)) return decoded;
    return decoded.status === status ? decoded.after : undefined;
  } catch {
    return undefined;
  }
};
