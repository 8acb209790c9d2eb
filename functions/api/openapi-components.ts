/** The parts of the OpenAPI document that its operations share. The schemas are those that validate the requests. */
import { type JsonSchema, toJsonSchemaDefs } from '@valibot/to-json-schema';
import { MAX_SLOT_ID_BYTES } from '../core/slots.ts';
import {
  bookingExistsProblem,
  bookingPage,
  bookingResponse,
  confirmRequest,
  createRequest,
  extendRequest,
  fieldError,
  gatewayResponse,
  healthResponse,
  holdTooLongProblem,
  IDEMPOTENCY_KEY_PATTERN,
  invalidRequestProblem,
  MAX_BODY_BYTES,
  MAX_ID_LENGTH_IN_PATH,
  moveRefusedProblem,
  problemResponse,
  requestInFlightProblem,
  slotLookupRequest,
  slotLookupResponse,
  slotResponse,
  slotsTakenProblem,
  sweepFailedProblem,
  sweepResponse,
  TIME_PATTERN,
} from './schemas.ts';

export const schemaRef = (name: string) => ({ $ref: `#/components/schemas/${name}` });
export const responseRef = (name: string) => ({ $ref: `#/components/responses/${name}` });
export const parameterRef = (name: string) => ({ $ref: `#/components/parameters/${name}` });
const headerRef = (name: string) => ({ $ref: `#/components/headers/${name}` });

/** Checks that JSON Schema cannot say stay in code. */
const schemas = (): Record<string, object> => {
  const definitions = {
    CreateBooking: createRequest,
    ConfirmBooking: confirmRequest,
    ExtendBooking: extendRequest,
    LookUpSlots: slotLookupRequest,
    Slot: slotResponse,
    SlotsFound: slotLookupResponse,
    Booking: bookingResponse,
    BookingPage: bookingPage,
    Sweep: sweepResponse,
    Health: healthResponse,
    Problem: problemResponse,
    FieldError: fieldError,
    InvalidRequest: invalidRequestProblem,
    MoveRefused: moveRefusedProblem,
    BookingExists: bookingExistsProblem,
    SlotsTaken: slotsTakenProblem,
    HoldTooLong: holdTooLongProblem,
    RequestInFlight: requestInFlightProblem,
    SweepFailed: sweepFailedProblem,
    GatewayMessage: gatewayResponse,
  };
  const made = toJsonSchemaDefs(definitions, {
    errorMode: 'ignore',
    target: 'draft-2020-12',
    overrideRef: ({ referenceId }) => schemaRef(referenceId).$ref,
    // The one custom schema is that of `details`.
    overrideSchema: ({ valibotSchema, jsonSchema }) =>
      valibotSchema.type === 'custom' ? { ...jsonSchema, type: 'object', additionalProperties: true } : undefined,
  });
  const plain = Object.fromEntries(
    Object.entries(made).map(([name, schema]) => [name, plainer(schema) as ObjectSchema]),
  );
  return { ...plain, ...eitherOf('CreateBooking', plain), ...eitherOf('ExtendBooking', plain) };
};

interface ObjectSchema {
  readonly properties: Readonly<Record<string, object>>;
}

/**
 * A request that has either `holdSeconds` or `expiresAt`, as two schemas of their own: generated clients then have a type for each,
 * and one for both.
 */
const eitherOf = (name: string, { [name]: schema }: Readonly<Record<string, ObjectSchema>>): Record<string, object> => {
  const having = (kept: string, left: string): object => {
    const { [left]: _, ...properties } = schema?.properties ?? {};
    return { ...schema, properties, required: [kept] };
  };
  const [forSeconds, untilTime] = [`${name}ForSeconds`, `${name}UntilTime`];
  return {
    [forSeconds]: having('holdSeconds', 'expiresAt'),
    [untilTime]: having('expiresAt', 'holdSeconds'),
    [name]: { oneOf: [schemaRef(forSeconds), schemaRef(untilTime)] },
  };
};

/** The same schema in words that generators of clients know. */
const plainer = (schema: JsonSchema | unknown): unknown => {
  if (Array.isArray(schema)) return schema.map(plainer);
  if (typeof schema !== 'object' || schema === null) return schema;
  const { propertyNames, ...words } = schema as Record<string, unknown>;
  const plain = Object.fromEntries(Object.entries(words).map(([name, value]) => [name, plainer(value)]));
  return {
    ...plain,
    ...(propertyNames !== undefined && { additionalProperties: true }),
    ...(words.pattern === TIME_PATTERN.source && { format: 'date-time' }),
    ...('const' in words && { type: typeof words.const === 'number' ? 'integer' : 'string' }),
  };
};

const problem = (description: string, schema: object, headers?: object) => ({
  description,
  ...(headers && { headers }),
  content: { 'application/problem+json': { schema } },
});
const gateway = { 'application/json': { schema: schemaRef('GatewayMessage') } };

const responses = {
  Booking: {
    description: 'The booking.',
    headers: { ETag: headerRef('ETag') },
    content: { 'application/json': { schema: schemaRef('Booking') } },
  },
  InvalidRequest: problem(
    'Invalid: `errors` names each field, what is allowed and what came.',
    schemaRef('InvalidRequest'),
  ),
  Unauthorized: {
    description: 'API Gateway refuses the JWT, or there is none.',
    headers: { 'WWW-Authenticate': headerRef('WWWAuthenticate') },
    content: gateway,
  },
  Forbidden: {
    description:
      'API Gateway refuses the signature, or the role may not call the API, or the JWT lacks the scope. On one machine: the ' +
      'request comes from a web page.',
    content: gateway,
  },
  NoSuchBooking: problem('There is no such booking.', schemaRef('Problem')),
  MethodNotAllowed: problem('There is a route here, but not for this method.', schemaRef('Problem'), {
    Allow: headerRef('Allow'),
  }),
  MoveRefused: problem(
    'The booking does not allow it: `found` is its effective status. Or slots of it are another booking’s. Or an extension would ' +
      'hold it for longer than the deployment allows. Or a request with the same key is being worked on.',
    {
      anyOf: [
        schemaRef('MoveRefused'),
        schemaRef('SlotsTaken'),
        schemaRef('HoldTooLong'),
        schemaRef('RequestInFlight'),
      ],
    },
    { 'Retry-After': headerRef('RetryAfter') },
  ),
  BookingChanged: problem(
    'The booking is not the one of `If-Match` any more, and was left as it is. `ETag` is that of the booking as it is now.',
    schemaRef('Problem'),
    { ETag: headerRef('ETag') },
  ),
  BodyTooLarge: problem(`The body is larger than ${MAX_BODY_BYTES} bytes.`, schemaRef('Problem')),
  UnsupportedMediaType: problem('The body is not application/json.', schemaRef('Problem')),
  Unprocessable: problem(
    'The idempotency key was used for another request, or the table cannot take the change: the item is full.',
    schemaRef('Problem'),
  ),
  TooManyRequests: {
    description: 'More requests a second than the deployment lets through: try again.',
    content: gateway,
  },
  ServerError: {
    description: 'An error of the service.',
    content: { 'application/problem+json': { schema: schemaRef('Problem') }, ...gateway },
  },
  Unavailable: {
    description: 'The table is throttled or cannot be reached: try again.',
    headers: { 'Retry-After': headerRef('RetryAfter') },
    content: { 'application/problem+json': { schema: schemaRef('Problem') }, ...gateway },
  },
};

const parameters = {
  BookingId: {
    name: 'bookingId',
    in: 'path',
    required: true,
    description: 'The id of the booking. Other programs write bookings too, so it may hold any characters.',
    schema: { type: 'string', minLength: 1, maxLength: MAX_ID_LENGTH_IN_PATH },
  },
  SlotId: {
    name: 'slotId',
    in: 'path',
    required: true,
    description: 'The id of the slot, with each character that a path does not take escaped: `/` as `%2F`.',
    schema: { type: 'string', minLength: 1, maxLength: MAX_SLOT_ID_BYTES },
  },
  IdempotencyKey: {
    name: 'Idempotency-Key',
    in: 'header',
    required: false,
    description:
      'A name for this request, of your choice: 1 to 255 printable ASCII characters, bare or in quotation marks. Repeated ' +
      'within 24 hours by the same caller with the same body, the request is answered as it was first, and nothing is done ' +
      'again. It is refused with 422 for another body, booking or route, and with 409 while the first try is being worked on.',
    // HTTP takes away the blanks around a header's value.
    schema: { type: 'string', pattern: IDEMPOTENCY_KEY_PATTERN.source.replace(/^\^(.*)\$$/, '^ *$1 *$') },
  },
  IfMatch: {
    name: 'If-Match',
    in: 'header',
    required: false,
    description:
      'The `ETag` of an earlier answer: the deadline is moved only if the booking is still that one. `*` is any booking.',
    schema: { type: 'string', pattern: String.raw`^(?:\*|"[!#-~]{0,253}")$` },
  },
};

const headers = {
  ETag: {
    description: 'Changes with status, deadline and start of the hold, and with nothing else.',
    schema: { type: 'string' },
  },
  Location: { description: 'Path of the booking.', schema: { type: 'string' } },
  RetryAfter: { description: 'Seconds until another try makes sense.', schema: { type: 'string' } },
  Allow: { description: 'The methods that are allowed here.', schema: { type: 'string' } },
  WWWAuthenticate: { description: 'How to authorize.', schema: { type: 'string' } },
};

export const components = () => ({ schemas: schemas(), responses, parameters, headers });
