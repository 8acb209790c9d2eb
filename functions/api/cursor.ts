/** Where a page of a list ended, in each shard of the index, as text that a client hands back. */
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import * as v from 'valibot';
import type { ShardPositions } from '../adapters/pending-index.ts';

const positions = v.record(
  v.pipe(v.string(), v.regex(/^\d{1,3}$/)),
  v.strictTuple([
    // A number in the cursors of version 0.1.0.
    v.pipe(v.union([v.string(), v.number()]), v.transform(String), v.regex(/^\d{1,15}(\.\d{1,38})?$/)),
    v.pipe(v.string(), v.minLength(1), v.maxBytes(2048)),
  ]),
);
/** What a cursor may grow to when it is unpacked: a small text could hold a huge one. */
const MAX_BYTES = 1_000_000;

export const encodeCursor = (after: ShardPositions): string =>
  deflateRawSync(JSON.stringify(after)).toString('base64url');

/** Undefined if the text is no cursor that this API gave. */
export const decodeCursor = (cursor: string): ShardPositions | undefined => {
  try {
    const text = inflateRawSync(Buffer.from(cursor, 'base64url'), { maxOutputLength: MAX_BYTES }).toString('utf8');
    return v.parse(positions, JSON.parse(text));
  } catch {
    return undefined;
  }
};
