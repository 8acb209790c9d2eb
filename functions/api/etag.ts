/** Entity tags of bookings (RFC 9110, 8.8.3): what a caller has seen, to act on only if it is still so. */
import { createHash } from 'node:crypto';
import type { Booking } from '../core/booking-status.ts';
import { invalidRequest } from './problem.ts';
import type { ApiContext } from './request.ts';

/** Changes with the status, the deadline and the start of the hold. How much of the hold is left is no change. */
export const etagOf = ({
  bookingId,
  status,
  expiresAtMs,
  holdStartedAtMs,
  createdAtMs,
  confirmedAtMs,
  cancelledAtMs,
  expiredAtMs,
}: Booking): string => {
  const seen = [
    bookingId,
    status,
    ...[expiresAtMs, holdStartedAtMs, createdAtMs, confirmedAtMs, cancelledAtMs, expiredAtMs].map((ms) => ms ?? null),
  ];
  return `"${createHash('sha256').update(JSON.stringify(seen)).digest('base64url').slice(0, 22)}"`;
};

const TAG = String.raw`(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"`;
const TAGS = new RegExp(String.raw`^\s*${TAG}(?:\s*,\s*${TAG})*\s*$`);
const IF_MATCH_RULE = 'must be *, or one or more entity tags of earlier answers, in quotation marks';

/**
 * What `If-Match` requires of a booking; undefined without that header. A weak tag matches nothing (RFC 9110, 13.1.1).
 *
 * @throws Problem for a header that is none
 */
export const ifMatchOf = (context: ApiContext): ((booking: Booking) => boolean) | undefined => {
  const header = context.req.header('if-match');
  if (header === undefined) return undefined;
  if (header.trim() === '*') return () => true;
  if (!TAGS.test(header)) throw invalidRequest([{ pointer: 'If-Match', detail: IF_MATCH_RULE, received: header }]);
  const tags: readonly string[] = header.match(new RegExp(TAG, 'g')) ?? [];
  return (booking) => tags.includes(etagOf(booking));
};
