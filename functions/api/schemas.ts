/** What the HTTP API takes and gives: the one source of its validation, its types and its OpenAPI document. */
import * as v from 'valibot';
import { BOOKING_STATUSES, EXPIRED_BY } from '../core/booking-status.ts';
import { MAX_HOLD_MS, MIN_HOLD_MS, SECOND_MS } from '../core/hold-time.ts';
import { EFFECTIVE_SLOT_STATES, MAX_LOOKUP, MAX_SLOT_ID_BYTES, MAX_SLOTS } from '../core/slots.ts';
import { PROBLEM_TYPES } from './problem.ts';

/** Largest body, in bytes: details and what is around them. */
export const MAX_BODY_BYTES = 16_384;
/** Largest `details`, in bytes of JSON. Every write and every stream record of the booking carries them. */
export const MAX_DETAILS_BYTES = 8_192;
export const MAX_PAGE_SIZE = 100;
export const DEFAULT_PAGE_SIZE = 50;
/** DynamoDB takes 32 levels; the item itself and `details` are two of them (Amazon DynamoDB Developer Guide, Quotas). */
const MAX_DETAILS_DEPTH = 16;
/** Smallest of DynamoDB's positive numbers (Amazon DynamoDB Developer Guide, naming rules and data types). */
const SMALLEST_NUMBER = 1e-130;

const MIN_HOLD_SECONDS = MIN_HOLD_MS / SECOND_MS;
const MAX_HOLD_SECONDS = MAX_HOLD_MS / SECOND_MS;
const HOLD_RULE = `must be a whole number from ${MIN_HOLD_SECONDS} to ${MAX_HOLD_SECONDS}`;
const TIME_RULE = 'must be an ISO 8601 time with Z or an offset, such as 2026-12-01T10:00:00Z';
const ID_RULE = 'must be 1 to 128 of the characters A-Z a-z 0-9 . _ : ~ -';
export const TIME_PATTERN = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})$/;

const holdSeconds = v.pipe(
  v.number(HOLD_RULE),
  v.integer(HOLD_RULE),
  v.minValue(MIN_HOLD_SECONDS, HOLD_RULE),
  v.maxValue(MAX_HOLD_SECONDS, HOLD_RULE),
  v.description('Length of the hold from now on, in seconds.'),
);

/** An ISO 8601 time as epoch ms. A day that the calendar does not have is refused, not rolled over into the next month. */
const parseTime = (text: string): number => {
  const epochMs = Date.parse(text);
  const dayOfMonth = Number(text.slice(8, 10));
  const lastDay = new Date(Date.UTC(Number(text.slice(0, 4)), Number(text.slice(5, 7)), 0)).getUTCDate();
  return dayOfMonth <= lastDay ? epochMs : Number.NaN;
};

const time = v.pipe(
  v.string(TIME_RULE),
  v.regex(TIME_PATTERN, TIME_RULE),
  v.check((text) => Number.isFinite(parseTime(text)), TIME_RULE),
  v.description('The deadline, ISO 8601 with Z or an offset; 1 second to 366 days from now.'),
);

const bookingId = v.pipe(
  v.string(ID_RULE),
  v.regex(/^[A-Za-z0-9._:~-]{1,128}$/, ID_RULE),
  // Clients and proxies take them out of a path (RFC 3986, 5.2.4), so the booking could never be asked for.
  v.check((id) => id !== '.' && id !== '..', 'must not be . or .. alone: no URL can reach such a booking'),
  v.description('Your own id, but neither . nor .. alone. Without it, one is made.'),
);

/** Why a value cannot be kept as it came; undefined if it can. */
const whyNotKept = (value: unknown, depth = 0): string | undefined => {
  if (depth > MAX_DETAILS_DEPTH) return `must be nested at most ${MAX_DETAILS_DEPTH} levels deep`;
  if (typeof value === 'string') return value.isWellFormed() ? undefined : 'must hold well-formed Unicode only';
  if (typeof value === 'number') {
    const magnitude = Math.abs(value);
    const fits = magnitude === 0 || (magnitude >= SMALLEST_NUMBER && magnitude <= Number.MAX_SAFE_INTEGER);
    return fits ? undefined : `must hold numbers within ±${Number.MAX_SAFE_INTEGER} only: send others as text`;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  for (const [key, item] of Object.entries(value)) {
    const keyIsFine = Array.isArray(value) || (key !== '' && key.length <= 255 && key.isWellFormed());
    if (!keyIsFine) return 'must have names of 1 to 255 characters of well-formed Unicode';
    const problem = whyNotKept(item, depth + 1);
    if (problem) return problem;
  }
  return undefined;
};

const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null && !Array.isArray(value);

const details = v.pipe(
  // Not v.record: it takes a list for an object without names.
  v.custom<Record<string, unknown>>(isObject, 'must be an object'),
  v.check(
    (value) => new TextEncoder().encode(JSON.stringify(value)).length <= MAX_DETAILS_BYTES,
    `must be at most ${MAX_DETAILS_BYTES} bytes of JSON`,
  ),
  v.rawCheck(({ dataset, addIssue }) => {
    const problem = dataset.typed ? whyNotKept(dataset.value) : undefined;
    if (problem) addIssue({ message: problem });
  }),
  v.description(`Your own data, kept with the booking: at most ${MAX_DETAILS_BYTES} bytes of JSON.`),
);

export const MAX_CUSTOMER_LENGTH = 128;
const CUSTOMER_RULE = `must be 1 to ${MAX_CUSTOMER_LENGTH} characters of well-formed Unicode`;
const customerIdText = v.pipe(
  v.string(CUSTOMER_RULE),
  v.minLength(1, CUSTOMER_RULE),
  v.maxLength(MAX_CUSTOMER_LENGTH, CUSTOMER_RULE),
  v.check((text) => text.isWellFormed(), CUSTOMER_RULE),
  v.description('Whose booking it is, in your own words: bookings can be listed by it.'),
);

const SLOT_ID_RULE = `must be 1 to ${MAX_SLOT_ID_BYTES} bytes of well-formed Unicode`;
const slotId = v.pipe(
  v.string(SLOT_ID_RULE),
  v.minLength(1, SLOT_ID_RULE),
  // Characters, so that JSON Schema can say it; each is a byte or more.
  v.maxLength(MAX_SLOT_ID_BYTES, SLOT_ID_RULE),
  v.check((id) => id.isWellFormed() && Buffer.byteLength(id) <= MAX_SLOT_ID_BYTES, SLOT_ID_RULE),
);
/** Slots that are each named once. */
const distinctSlots = (most: number) => {
  const rule = `must be a list of 1 to ${most} slots, each of them once`;
  return v.pipe(
    v.array(slotId, rule),
    v.minLength(1, rule),
    v.maxLength(most, rule),
    v.check((ids) => new Set(ids).size === ids.length, rule),
  );
};
const slotIds = v.pipe(
  distinctSlots(MAX_SLOTS),
  v.description('Slots that the booking claims, all or none: nobody else can have them while it is held or confirmed.'),
);
export const slotIdInPath = slotId;
export const slotLookupRequest = v.strictObject(
  { slotIds: v.pipe(distinctSlots(MAX_LOOKUP), v.description('Slots that are asked for.')) },
  'must be a JSON object',
);

export const confirmRequest = v.strictObject(
  {
    ifLapsed: v.optional(
      v.pipe(
        v.picklist(['revive'], 'must be revive'),
        v.description(
          'What becomes of a booking with slots whose hold has lapsed: it is confirmed if each slot is free or still its own. ' +
            'Without it, it is refused.',
        ),
      ),
    ),
  },
  'must be empty, or a JSON object',
);

const EITHER_RULE = 'must have either holdSeconds or expiresAt';
const hold = { holdSeconds: v.optional(holdSeconds), expiresAt: v.optional(time) };
export const createRequest = v.pipe(
  v.strictObject(
    {
      ...hold,
      bookingId: v.optional(bookingId),
      customerId: v.optional(customerIdText),
      slotIds: v.optional(slotIds),
      details: v.optional(details),
    },
    'must be a JSON object',
  ),
  v.check(({ holdSeconds, expiresAt }) => (holdSeconds === undefined) !== (expiresAt === undefined), EITHER_RULE),
);
export const extendRequest = v.pipe(
  v.strictObject(hold, 'must be a JSON object'),
  v.check(({ holdSeconds, expiresAt }) => (holdSeconds === undefined) !== (expiresAt === undefined), EITHER_RULE),
);

/** The deadline that a request asks for, epoch ms. */
export const requestedDeadlineMs = (
  request: { holdSeconds?: number | undefined; expiresAt?: string | undefined },
  nowMs: number,
): number =>
  request.holdSeconds !== undefined ? nowMs + request.holdSeconds * SECOND_MS : parseTime(request.expiresAt ?? '');

/** In a path each of them may take twelve characters, and API Gateway takes 10,240 for the request line and headers. */
export const MAX_ID_LENGTH_IN_PATH = 512;
const ID_IN_PATH_RULE = `must be 1 to ${MAX_ID_LENGTH_IN_PATH} characters`;
/** In a path any characters are allowed: other programs write bookings too. */
export const bookingIdInPath = v.pipe(
  v.string(ID_IN_PATH_RULE),
  v.minLength(1, ID_IN_PATH_RULE),
  v.maxLength(MAX_ID_LENGTH_IN_PATH, ID_IN_PATH_RULE),
  v.check((id) => id.isWellFormed(), ID_IN_PATH_RULE),
);

/** PENDING and OVERDUE by their deadlines, soonest first; the others by when they came to that status, newest first. */
export const LISTED_STATUSES = ['PENDING', 'OVERDUE', 'CONFIRMED', 'CANCELLED', 'EXPIRED'] as const;
export const CURSOR_RULE = 'must be a cursor of an earlier page of the same list';
export const CURSOR_PATTERN = /^[A-Za-z0-9_-]{1,8000}$/;
const LIMIT_RULE = `must be a whole number from 1 to ${MAX_PAGE_SIZE}`;
export const listQuery = v.strictObject({
  status: v.optional(v.picklist(LISTED_STATUSES, `must be one of ${LISTED_STATUSES.join(', ')}`)),
  customerId: v.optional(customerIdText),
  limit: v.optional(
    v.pipe(
      v.string(LIMIT_RULE),
      v.regex(/^[1-9]\d{0,2}$/, LIMIT_RULE),
      v.transform(Number),
      v.maxValue(MAX_PAGE_SIZE, LIMIT_RULE),
    ),
  ),
  cursor: v.optional(v.pipe(v.string(), v.regex(CURSOR_PATTERN, CURSOR_RULE))),
});

export type ListedStatus = (typeof LISTED_STATUSES)[number];
export type ListQuery = v.InferOutput<typeof listQuery>;

const IDEMPOTENCY_KEY_RULE = 'must be 1 to 255 printable ASCII characters, bare or in quotation marks';
/**
 * A String of RFC 8941, as the IETF draft asks for it, or the bare text that version 0.1.0 took. What begins with a quotation
 * mark ends with one, and holds others only behind a backslash. The text is the key as it came.
 */
export const IDEMPOTENCY_KEY_PATTERN =
  /^(?:"(?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\]){1,253}"|[\x21\x23-\x7e](?:[\x20-\x7e]{0,253}[\x21-\x7e])?)$/;
export const MAX_KEY_LENGTH = 255;
export const idempotencyKey = v.pipe(
  v.string(),
  v.check((key) => key.length <= MAX_KEY_LENGTH && IDEMPOTENCY_KEY_PATTERN.test(key), IDEMPOTENCY_KEY_RULE),
);

const timestamp = v.pipe(v.string(), v.isoTimestamp());
const optionalTimestamp = v.optional(timestamp);

/** A booking as the API gives it. */
export const bookingResponse = v.object({
  bookingId: v.string(),
  status: v.pipe(
    v.string(),
    v.description(
      `The effective status: ${BOOKING_STATUSES.join(', ')}, or a word of its own that another program wrote. ` +
        'EXPIRED from the deadline on, marked or not.',
    ),
  ),
  expiresAt: v.nullable(timestamp),
  remainingMs: v.pipe(v.number(), v.integer(), v.minValue(0)),
  createdAt: optionalTimestamp,
  confirmedAt: optionalTimestamp,
  cancelledAt: optionalTimestamp,
  expiredAt: optionalTimestamp,
  expiredBy: v.optional(v.picklist(EXPIRED_BY)),
  slotIds: v.optional(v.pipe(v.array(v.string()), v.description('Slots that it claims.'))),
  revivedAt: v.optional(v.pipe(timestamp, v.description('When it was confirmed although its hold had lapsed.'))),
  slotsLostAt: v.optional(
    v.pipe(
      timestamp,
      v.description('When its confirmation was refused for good, because a slot of it is another booking’s.'),
    ),
  ),
  customerId: v.optional(v.string()),
  details: v.optional(v.record(v.string(), v.unknown())),
});
export const bookingPage = v.object({
  asOf: v.pipe(
    timestamp,
    v.description('When the list holds: a list is read from an index that follows the table, and writes nothing.'),
  ),
  bookings: v.array(bookingResponse),
  cursor: v.pipe(v.nullable(v.string()), v.description('For the next page; null on the last.')),
});
const count = v.pipe(v.number(), v.integer(), v.minValue(0));
export const sweepResponse = v.object({ expired: count, scheduled: count, remaining: v.boolean() });
export const healthResponse = v.object({ status: v.literal('ok'), time: timestamp });

/** A problem's members (RFC 9457), with what a problem of one kind says beside them. */
const problemOf = <Members extends v.ObjectEntries>(type: string, status: number, members: Members) =>
  v.object({
    type: v.literal(type),
    title: v.string(),
    status: v.literal(status),
    detail: v.string(),
    ...members,
  });

export const fieldError = v.object({
  pointer: v.pipe(
    v.string(),
    v.description('JSON Pointer into the body (RFC 6901), or the name of a header, path or query parameter.'),
  ),
  detail: v.pipe(v.string(), v.description('What is allowed.')),
  received: v.optional(v.pipe(v.unknown(), v.description('What came, cut if it is long.'))),
});

/** A slot as the API gives it. */
export const slotResponse = v.object({
  slotId: v.string(),
  state: v.pipe(
    v.picklist(EFFECTIVE_SLOT_STATES),
    v.description('FREE from the millisecond on at which its hold lapses. TAKEN: its booking is confirmed.'),
  ),
  heldUntil: v.optional(timestamp),
  bookingId: v.optional(v.pipe(v.string(), v.description('Whose it is; absent for one that is FREE.'))),
});
export const slotLookupResponse = v.object({
  asOf: v.pipe(timestamp, v.description('By which time it was judged whether holds had lapsed.')),
  slots: v.pipe(v.array(slotResponse), v.description('In the order in which they were asked for.')),
});

const { invalidRequest, moveRefused, bookingExists, requestInFlight, sweepFailed, slotsTaken, holdTooLong } =
  PROBLEM_TYPES;
export const invalidRequestProblem = problemOf(invalidRequest, 400, { errors: v.array(fieldError) });
export const moveRefusedProblem = problemOf(moveRefused, 409, {
  found: v.pipe(v.string(), v.description('The effective status.')),
  expiresAt: v.nullable(timestamp),
  judgedAt: v.pipe(timestamp, v.description('By which time it was judged whether the hold had lapsed.')),
});
export const slotsTakenProblem = problemOf(slotsTaken, 409, {
  slots: v.pipe(
    v.array(v.object({ slotId: v.string(), heldUntil: v.optional(timestamp) })),
    v.description(
      'The slots that are another booking’s. Without `heldUntil` they are sold, or were when it was found.',
    ),
  ),
});
export const holdTooLongProblem = problemOf(holdTooLong, 409, {
  latestExpiresAt: v.pipe(timestamp, v.description('The latest deadline that this booking may get.')),
});
export const bookingExistsProblem = problemOf(bookingExists, 409, { bookingId: v.string() });
export const requestInFlightProblem = problemOf(requestInFlight, 409, {});
export const sweepFailedProblem = problemOf(sweepFailed, 500, {
  expired: count,
  scheduled: count,
  remaining: v.boolean(),
});
/** Any problem, by the members that each has. */
export const problemResponse = v.object({
  type: v.pipe(v.string(), v.description('What kind of problem it is. It is stable: programs may switch on it.')),
  title: v.string(),
  status: v.pipe(v.number(), v.integer()),
  detail: v.string(),
});
/** What API Gateway answers by itself. */
export const gatewayResponse = v.object({ message: v.string() });
