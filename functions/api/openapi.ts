/** The OpenAPI 3.1 document, made of the schemas that validate the requests. */
import { toJsonSchema } from '@valibot/to-json-schema';
import type { GenericSchema } from 'valibot';
import { type RouteName, routes } from './routes.ts';
import {
  bookingPage,
  bookingResponse,
  CURSOR_PATTERN,
  createRequest,
  DEFAULT_PAGE_SIZE,
  extendRequest,
  healthResponse,
  LISTED_STATUSES,
  MAX_BODY_BYTES,
  MAX_ID_LENGTH_IN_PATH,
  MAX_PAGE_SIZE,
  problemResponse,
  sweepResponse,
} from './schemas.ts';

/** A JSON Schema without its dialect, which the document states once. Checks that JSON Schema cannot say stay in code. */
const schemaOf = (schema: GenericSchema, more: object = {}): object => {
  const { $schema: _dialect, ...rest } = toJsonSchema(schema, {
    errorMode: 'ignore',
    target: 'draft-2020-12',
    // The one custom schema is that of `details`.
    overrideSchema: ({ valibotSchema, jsonSchema }) =>
      valibotSchema.type === 'custom' ? { ...jsonSchema, type: 'object' } : undefined,
  });
  return { ...rest, ...more };
};

const json = (name: string) => ({ 'application/json': { schema: { $ref: `#/components/schemas/${name}` } } });
const problem = (description: string) => ({
  description,
  content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
});
const ok = (description: string, name: string, headers?: object) => ({
  description,
  content: json(name),
  ...(headers && { headers }),
});

const either = { oneOf: [{ required: ['holdSeconds'] }, { required: ['expiresAt'] }] };
const bookingIdParameter = {
  name: 'bookingId',
  in: 'path',
  required: true,
  schema: { type: 'string', minLength: 1, maxLength: MAX_ID_LENGTH_IN_PATH },
};
const location = { Location: { description: 'Path of the booking.', schema: { type: 'string' } } };
const failures = {
  400: problem('Invalid: `errors` names each field, what is allowed and what came.'),
  500: problem('An error of the service.'),
  503: problem('The table is throttled or cannot be reached: try again.'),
};
const withBody = {
  413: problem(`The body is larger than ${MAX_BODY_BYTES} bytes.`),
  415: problem('The body is not application/json.'),
};
const notFound = { 404: problem('There is no such booking.') };

const moveOf = (summary: string, more: object = {}) => ({
  summary,
  parameters: [bookingIdParameter],
  responses: {
    200: ok('Done now, or before: the booking as it is.', 'Booking'),
    ...notFound,
    409: problem('Refused: `found` is the effective status, with `expiresAt` and `judgedAt`.'),
    ...failures,
    ...withBody,
  },
  ...more,
});

/** What each route takes and answers. */
const OPERATIONS: Readonly<Record<RouteName, object>> = {
  createBooking: {
    summary: 'Create a PENDING booking',
    parameters: [
      {
        name: 'Idempotency-Key',
        in: 'header',
        description:
          'Repeating a request with the same key, or with the same bookingId, answers with the same booking.',
        schema: { type: 'string', minLength: 1, maxLength: 255 },
      },
    ],
    requestBody: { required: true, content: json('CreateBooking') },
    responses: {
      201: ok('Created.', 'Booking', location),
      200: ok('The same request was made before: its booking as it is now.', 'Booking', location),
      409: problem('There is another booking with this id.'),
      ...failures,
      ...withBody,
    },
  },
  listBookings: {
    summary: 'List PENDING bookings, or OVERDUE ones (lapsed, not yet marked), soonest deadline first',
    parameters: [
      { name: 'status', in: 'query', schema: { type: 'string', enum: LISTED_STATUSES, default: 'PENDING' } },
      {
        name: 'limit',
        in: 'query',
        schema: { type: 'integer', minimum: 1, maximum: MAX_PAGE_SIZE, default: DEFAULT_PAGE_SIZE },
      },
      { name: 'cursor', in: 'query', schema: { type: 'string', pattern: CURSOR_PATTERN.source } },
    ],
    responses: { 200: ok('A page.', 'BookingPage'), ...failures },
  },
  getBooking: {
    summary: 'A booking with its effective status',
    parameters: [bookingIdParameter],
    responses: { 200: ok('The booking.', 'Booking'), ...notFound, ...failures },
  },
  confirmBooking: moveOf('Confirm a booking that was paid before its deadline'),
  cancelBooking: moveOf('Cancel a booking'),
  extendBooking: moveOf('Give a PENDING booking a new deadline', {
    requestBody: { required: true, content: json('ExtendBooking') },
  }),
  deleteBooking: { summary: 'Delete a booking that is settled or expired' },
  expireBookings: {
    summary: 'Sweep now: the webhook for an external scheduler',
    security: [{ cronToken: [] }],
    responses: {
      200: ok('Swept.', 'Sweep'),
      401: problem('The token is missing or wrong; nothing was swept.'),
      ...failures,
    },
  },
  health: { summary: 'Whether the API answers', responses: { 200: ok('It does.', 'Health') } },
  openApi: {
    summary: 'This document',
    responses: {
      200: { description: 'The document.', content: { 'application/json': { schema: { type: 'object' } } } },
    },
  },
};

/** The routes by path and method, each with its name as its operation id. */
const paths = (): Record<string, Record<string, object>> => {
  const byPath: Record<string, Record<string, object>> = {};
  for (const [name, { method, path }] of routes()) {
    byPath[path] = { ...byPath[path], [method.toLowerCase()]: { operationId: name, ...OPERATIONS[name] } };
  }
  return byPath;
};

/** The whole document. Built once per execution environment, when it is first asked for. */
export const openApiDocument = () => ({
  openapi: '3.1.0',
  jsonSchemaDialect: 'https://json-schema.org/draft/2020-12/schema',
  info: {
    title: 'booking-expiry',
    version: '1',
    description:
      'Bookings that expire the moment their hold lapses. Reads report the effective status. What a read of one booking ' +
      'has reported stays true; a list says as of when it holds.',
  },
  paths: paths(),
  components: {
    securitySchemes: { cronToken: { type: 'http', scheme: 'bearer' } },
    schemas: {
      CreateBooking: schemaOf(createRequest, either),
      ExtendBooking: schemaOf(extendRequest, either),
      Booking: schemaOf(bookingResponse),
      BookingPage: schemaOf(bookingPage),
      Sweep: schemaOf(sweepResponse),
      Health: schemaOf(healthResponse),
      Problem: schemaOf(problemResponse),
    },
  },
});
