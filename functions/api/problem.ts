/** Errors of the HTTP API, as RFC 9457 problem details. A problem's `type` is stable; clients may switch on it. */
import { isPermanent, ServiceEntryError } from '../adapters/permanent-error.ts';
import { ContentionError } from './ports.ts';

/** One field that was refused: where it is, what is allowed, what came. */
export interface FieldError {
  /** JSON Pointer into the body, or the name of a header, path or query parameter. */
  readonly pointer: string;
  readonly detail: string;
  readonly received?: unknown;
}

export const PROBLEM_TYPES = {
  invalidRequest: 'urn:booking-expiry:problem:invalid-request',
  unauthorized: 'urn:booking-expiry:problem:unauthorized',
  notFound: 'urn:booking-expiry:problem:not-found',
  methodNotAllowed: 'urn:booking-expiry:problem:method-not-allowed',
  moveRefused: 'urn:booking-expiry:problem:move-refused',
  bookingExists: 'urn:booking-expiry:problem:booking-exists',
  slotsTaken: 'urn:booking-expiry:problem:slots-taken',
  holdTooLong: 'urn:booking-expiry:problem:hold-too-long',
  changed: 'urn:booking-expiry:problem:booking-changed',
  requestInFlight: 'urn:booking-expiry:problem:request-in-flight',
  keyReused: 'urn:booking-expiry:problem:idempotency-key-reused',
  bodyTooLarge: 'urn:booking-expiry:problem:body-too-large',
  unsupportedMediaType: 'urn:booking-expiry:problem:unsupported-media-type',
  unprocessable: 'urn:booking-expiry:problem:unprocessable',
  sweepFailed: 'urn:booking-expiry:problem:sweep-failed',
  unavailable: 'urn:booking-expiry:problem:unavailable',
  internal: 'urn:booking-expiry:problem:internal',
} as const;

/** Thrown by a route to answer with a problem. */
export class Problem extends Error {
  override readonly name = 'Problem';
  readonly status: number;
  readonly type: string;
  readonly title: string;
  /** Members beyond RFC 9457's own. */
  readonly members: Record<string, unknown>;
  readonly headers: Record<string, string>;

  constructor(
    kind: keyof typeof PROBLEM_TYPES,
    detail: string,
    members: Record<string, unknown> = {},
    headers: Record<string, string> = {},
  ) {
    super(detail);
    this.type = PROBLEM_TYPES[kind];
    [this.status, this.title] = KINDS[kind];
    this.members = members;
    this.headers = headers;
  }

  toResponse(): Response {
    const { type, title, status, message: detail, members, headers } = this;
    return new Response(JSON.stringify({ type, title, status, detail, ...members }), {
      status,
      headers: { 'content-type': 'application/problem+json', ...headers },
    });
  }
}

const KINDS: Record<keyof typeof PROBLEM_TYPES, [status: number, title: string]> = {
  invalidRequest: [400, 'The request is invalid'],
  unauthorized: [401, 'The token is missing or wrong'],
  notFound: [404, 'There is no such thing here'],
  methodNotAllowed: [405, 'The method is not allowed here'],
  moveRefused: [409, 'The booking does not allow this any more'],
  bookingExists: [409, 'There is another booking with this id'],
  slotsTaken: [409, 'Slots are another booking’s'],
  holdTooLong: [409, 'The booking may not be held for so long'],
  changed: [412, 'The booking has changed'],
  requestInFlight: [409, 'The same request is being worked on'],
  keyReused: [422, 'The idempotency key was used for another request'],
  bodyTooLarge: [413, 'The body is too large'],
  unsupportedMediaType: [415, 'The body must be JSON'],
  unprocessable: [422, 'The booking cannot be changed so'],
  sweepFailed: [500, 'A part of the sweep failed'],
  unavailable: [503, 'Try again in a moment'],
  internal: [500, 'Something went wrong here'],
};

/** A request of which some fields are invalid. */
export const invalidRequest = (errors: readonly FieldError[]): Problem =>
  new Problem('invalidRequest', `${errors.length} field(s) are invalid`, { errors });

/** The problem that an error is answered with: nothing of the inside reaches a client. */
export const problemOf = (error: Error): Problem => {
  if (error instanceof Problem) return error;
  // DynamoDB's own words about the item.
  if (('$metadata' in error || error instanceof ServiceEntryError) && isPermanent(error)) {
    return new Problem('unprocessable', `the table refuses it: ${error.message}`);
  }
  return BUSY_ERRORS.has(error.name) || error instanceof ContentionError
    ? new Problem('unavailable', 'the table is busy or cannot be reached', {}, { 'retry-after': '1' })
    : new Problem('internal', 'the error is in the logs');
};

/** Errors of DynamoDB and of the SDK that go away by themselves. */
const BUSY_ERRORS = new Set([
  'ProvisionedThroughputExceededException',
  'ThrottlingException',
  'RequestLimitExceeded',
  'TransactionConflictException',
  'InternalServerError',
  'ServiceUnavailable',
  'TimeoutError',
]);
