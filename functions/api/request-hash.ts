/** Hashes that distinguish one creating request from another. Bookings keep the hash: the text that is hashed must not change. */
import { createHash } from 'node:crypto';

/** The hash of what a creating request asks for: the same for the same JSON, in whatever order its names came. */
export const requestHash = (request: unknown): string => hashOf('request', canonical(request));

/** The id of the booking that a caller creates with an idempotency key. */
export const bookingIdFor = (caller: string, key: string): string =>
  hashOf('idempotency-key', caller, key).slice(0, 36);

/** The name of a caller's key in the table of keys. */
export const keyRecordId = (caller: string, key: string): string => hashOf('key', caller, key);

/** The hash of what a request with a key asks for, and of which route. */
export const keyedRequestHash = (route: string, request: unknown): string =>
  hashOf('keyed-request', route, canonical(request));

const hashOf = (...parts: string[]): string => createHash('sha256').update(JSON.stringify(parts)).digest('hex');

/** The same text for the same JSON, in whatever order its names came. */
const canonical = (value: unknown): string =>
  JSON.stringify(value, (_, item) =>
    typeof item === 'object' && item !== null && !Array.isArray(item)
      ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)))
      : item,
  );
