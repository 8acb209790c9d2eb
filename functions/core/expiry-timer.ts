/**
 * The timer: one delayed SQS message that targets one booking.
 *
 * Sent by schedule-expiry and by the sweep, read by expire-booking. Messages of an older version may be in the queue
 * for up to its retention when a new version is deployed: a field may be added, but `v`, `bookingId` and `expiresAtMs`
 * keep their names and meanings for as long as `v` is 1.
 */
import { asciiJson } from './ascii-json.ts';
import { readDeadline } from './hold-time.ts';

/** Version of the timer's format. */
export const TIMER_VERSION = 1;

/** DynamoDB's longest partition key, in bytes (Amazon DynamoDB Developer Guide, Quotas). */
const MAX_BOOKING_ID_BYTES = 2048;

export interface ExpiryTimer {
  readonly bookingId: string;
  /** The deadline that the timer was made for, epoch ms. The booking's own may have moved since. */
  readonly expiresAtMs: number;
  /**
   * What is to be done. Versions before notices read no `kind`: to them a notice is a timer of its deadline, which they wait
   * for. So a notice makes nothing expire early, whoever reads it. @default - the booking is expired at its deadline
   */
  readonly kind?: 'notice';
}

/** A timer and the delay with which it is to be sent. */
export interface ScheduledTimer {
  readonly timer: ExpiryTimer;
  readonly delaySeconds: number;
}

/** Thrown for a message that is no timer. It is never acted on; it ends in the dead-letter queue. */
export class MalformedTimerError extends Error {
  override readonly name = 'MalformedTimerError';
}

/** The body of the message for a timer. */
export const encodeTimer = ({ bookingId, expiresAtMs, kind }: ExpiryTimer): string =>
  asciiJson({ v: TIMER_VERSION, bookingId, expiresAtMs, ...(kind && { kind }) });

/**
 * Reads a timer out of a message's body.
 *
 * @throws MalformedTimerError if the body is not a timer of a version that this code knows
 */
export const decodeTimer = (body: string): ExpiryTimer => {
  const { v, bookingId, expiresAtMs, kind } = parseObject(body);
  if (v !== TIMER_VERSION) throw new MalformedTimerError(`timer version must be ${TIMER_VERSION}, got ${shown(v)}`);
  if (typeof bookingId !== 'string' || bookingId === '' || isLongerThan(MAX_BOOKING_ID_BYTES, bookingId)) {
    throw new MalformedTimerError(
      `timer bookingId must be a string of 1 to ${MAX_BOOKING_ID_BYTES} bytes, got ${shown(bookingId)}`,
    );
  }
  if (!Number.isSafeInteger(expiresAtMs)) {
    throw new MalformedTimerError(`timer expiresAtMs must be a whole number, got ${shown(expiresAtMs)}`);
  }
  const deadline = readDeadline(expiresAtMs as number);
  if (!deadline.valid) throw new MalformedTimerError(`timer ${deadline.reason}`);
  if (kind !== undefined && kind !== 'notice') {
    throw new MalformedTimerError(`timer kind must be notice or absent, got ${shown(kind)}`);
  }
  return { bookingId, expiresAtMs: deadline.expiresAtMs, ...(kind && { kind }) };
};

const parseObject = (body: string): Record<string, unknown> => {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch (error) {
    throw new MalformedTimerError(`timer must be JSON, got ${shown(body)}`, { cause: error });
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw new MalformedTimerError(`timer must be a JSON object, got ${shown(parsed)}`);
  }
  return { ...parsed };
};

/** A UTF-16 unit is at most three bytes of UTF-8: most ids are so short that nothing need be encoded to know. */
const isLongerThan = (bytes: number, text: string): boolean =>
  text.length * 3 > bytes && new TextEncoder().encode(text).length > bytes;

/** A value as it came, cut so that a huge message does not make a huge log line. */
const shown = (value: unknown): string => {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 100 ? `${text.slice(0, 100)}…` : text;
};
