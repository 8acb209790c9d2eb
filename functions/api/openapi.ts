/** The OpenAPI 3.1 document of a deployment. */
import { components, parameterRef, responseRef, schemaRef } from './openapi-components.ts';
import { type RouteName, routes } from './routes.ts';
import { CURSOR_PATTERN, DEFAULT_PAGE_SIZE, LISTED_STATUSES, MAX_CUSTOMER_LENGTH, MAX_PAGE_SIZE } from './schemas.ts';

/** What the gateway asks of callers. */
export type Authorization =
  | { readonly kind: 'iam' }
  | { readonly kind: 'jwt'; readonly issuer: string; readonly scope: string }
  /** On one machine. */
  | { readonly kind: 'none' };

/** Where the API answers, and to whom. */
export interface Deployment {
  readonly serverUrl: string;
  readonly authorization: Authorization;
}

const LOOPBACK = /^(127\.0\.0\.1|localhost|\[::1\])$/;

/**
 * The deployment that a request for the document was sent to. On loopback there is no gateway that could ask for anything.
 *
 * @param origin where the request was sent to; API Gateway's own are https
 */
export const deploymentAt = (origin: string, hostname: string, authorization: Authorization): Deployment =>
  LOOPBACK.test(hostname)
    ? { serverUrl: origin.replace(/^https:/, 'http:'), authorization: { kind: 'none' } }
    : { serverUrl: origin, authorization };

const json = (name: string) => ({ 'application/json': { schema: schemaRef(name) } });
const location = { Location: { $ref: '#/components/headers/Location' } };
const etag = { ETag: { $ref: '#/components/headers/ETag' } };
const booking = (description: string) => ({
  description,
  headers: { ...location, ...etag },
  content: json('Booking'),
});

/** What any route may answer. */
const ANYWHERE = {
  405: responseRef('MethodNotAllowed'),
  429: responseRef('TooManyRequests'),
  500: responseRef('ServerError'),
  503: responseRef('Unavailable'),
};
/** What a route of bookings may answer, beside what it is for. */
const OF_BOOKINGS = {
  400: responseRef('InvalidRequest'),
  401: responseRef('Unauthorized'),
  403: responseRef('Forbidden'),
  ...ANYWHERE,
};
const WITH_BODY = {
  413: responseRef('BodyTooLarge'),
  415: responseRef('UnsupportedMediaType'),
};

const moveOf = (summary: string, description: string, more: object = {}, responses: object = {}) => ({
  tags: ['Bookings'],
  summary,
  description,
  parameters: [parameterRef('BookingId'), parameterRef('IdempotencyKey')],
  responses: {
    200: responseRef('Booking'),
    404: responseRef('NoSuchBooking'),
    409: responseRef('MoveRefused'),
    422: responseRef('Unprocessable'),
    ...OF_BOOKINGS,
    ...WITH_BODY,
    ...responses,
  },
  ...more,
});

/** What each route takes and answers. */
const OPERATIONS: Readonly<Record<RouteName, object>> = {
  createBooking: {
    tags: ['Bookings'],
    summary: 'Create a PENDING booking',
    description:
      'It becomes EXPIRED at its deadline unless it is confirmed or cancelled before. Repeated with the same idempotency key, or ' +
      'with the same `bookingId` and body, it creates nothing again.',
    parameters: [parameterRef('IdempotencyKey')],
    requestBody: { required: true, content: json('CreateBooking') },
    responses: {
      201: booking('Created.'),
      200: booking('The same booking was created before: as it is now.'),
      409: {
        description:
          'Another request created a booking with this id. Or a slot is another booking’s: nothing was created, and `slots` says ' +
          'which. Or a request with the same key is being worked on.',
        headers: { 'Retry-After': { $ref: '#/components/headers/RetryAfter' } },
        content: {
          'application/problem+json': {
            schema: { anyOf: [schemaRef('BookingExists'), schemaRef('SlotsTaken'), schemaRef('RequestInFlight')] },
          },
        },
      },
      422: responseRef('Unprocessable'),
      ...OF_BOOKINGS,
      ...WITH_BODY,
    },
  },
  listBookings: {
    tags: ['Bookings'],
    summary: 'List bookings, page by page',
    description:
      'PENDING ones by their deadline, soonest first; OVERDUE ones, which lapsed and are not marked yet, too. CONFIRMED, CANCELLED ' +
      'and EXPIRED ones by when they became so, newest first, where the deployment keeps that list. With `customerId`, that ' +
      'customer’s bookings of any status by when they were created, newest first; with a status too, a page may hold fewer than ' +
      '`limit`, or none, before the last one. A list follows the table within seconds, and writes nothing.',
    parameters: [
      {
        name: 'status',
        in: 'query',
        description: 'Without it PENDING; with `customerId` any.',
        schema: { type: 'string', enum: LISTED_STATUSES },
      },
      {
        name: 'customerId',
        in: 'query',
        description: 'The `customerId` that bookings were created with.',
        schema: { type: 'string', minLength: 1, maxLength: MAX_CUSTOMER_LENGTH },
      },
      {
        name: 'limit',
        in: 'query',
        description: 'Bookings of one page at the most.',
        schema: { type: 'integer', minimum: 1, maximum: MAX_PAGE_SIZE, default: DEFAULT_PAGE_SIZE },
      },
      {
        name: 'cursor',
        in: 'query',
        description: 'The `cursor` of the page before, of the same list.',
        schema: { type: 'string', pattern: CURSOR_PATTERN.source },
      },
    ],
    responses: {
      200: { description: 'A page.', content: json('BookingPage') },
      404: {
        description: 'This deployment keeps no list of bookings of that status.',
        content: { 'application/problem+json': { schema: schemaRef('Problem') } },
      },
      ...OF_BOOKINGS,
    },
  },
  getBooking: {
    tags: ['Bookings'],
    summary: 'Read a booking with its effective status',
    description:
      'What is said stays true: a booking that has lapsed is expired before it is reported as EXPIRED, so that no payment on its way can land.',
    parameters: [parameterRef('BookingId')],
    responses: { 200: responseRef('Booking'), 404: responseRef('NoSuchBooking'), ...OF_BOOKINGS },
  },
  confirmBooking: moveOf(
    'Confirm a booking that was paid before its deadline',
    'For your back end, after the payment: a customer who could confirm would not have to pay. Confirmed again, it is answered as ' +
      'it is. With `ifLapsed` a booking with slots is confirmed after its deadline too, if each slot is free or still its own. ' +
      'Once a slot is found to be another booking’s, the answer is 409 for good: give the money back.',
    { requestBody: { required: false, content: json('ConfirmBooking') } },
  ),
  cancelBooking: moveOf(
    'Cancel a booking',
    'PENDING before its deadline, or CONFIRMED. Cancelled again, it is answered as it is.',
  ),
  extendBooking: moveOf(
    'Give a PENDING booking a new deadline',
    'With `holdSeconds` the deadline counts from now, each time: send an idempotency key, so that a repetition moves nothing.',
    {
      parameters: [parameterRef('BookingId'), parameterRef('IdempotencyKey'), parameterRef('IfMatch')],
      requestBody: { required: true, content: json('ExtendBooking') },
    },
    { 412: responseRef('BookingChanged') },
  ),
  deleteBooking: {
    tags: ['Bookings'],
    summary: 'Delete a booking that is settled or expired',
    description:
      'One that has lapsed is expired first. A held booking stays: it may still be paid. Deleted again, it is gone: 404.',
    parameters: [parameterRef('BookingId')],
    responses: {
      204: { description: 'Deleted.' },
      404: responseRef('NoSuchBooking'),
      409: responseRef('MoveRefused'),
      ...OF_BOOKINGS,
      ...WITH_BODY,
    },
  },
  lookUpSlots: {
    tags: ['Slots'],
    summary: 'Look slots up',
    description: 'Up to 100 at once, by consistent reads. It changes nothing.',
    requestBody: { required: true, content: json('LookUpSlots') },
    responses: { 200: { description: 'The slots.', content: json('SlotsFound') }, ...OF_BOOKINGS, ...WITH_BODY },
  },
  getSlot: {
    tags: ['Slots'],
    summary: 'Look one slot up',
    description: 'FREE also where nobody ever claimed it: the service knows no others than those that bookings name.',
    parameters: [parameterRef('SlotId')],
    responses: { 200: { description: 'The slot.', content: json('Slot') }, ...OF_BOOKINGS },
  },
  expireBookings: {
    tags: ['Service'],
    summary: 'Sweep now: the webhook for an external scheduler',
    description: 'Expires what has lapsed and is not marked. Repeating it is harmless.',
    security: [{ cronToken: [] }],
    responses: {
      200: { description: 'Swept.', content: json('Sweep') },
      401: {
        description: 'The token is missing or wrong; nothing was swept.',
        headers: { 'WWW-Authenticate': { $ref: '#/components/headers/WWWAuthenticate' } },
        content: { 'application/problem+json': { schema: schemaRef('Problem') } },
      },
      ...ANYWHERE,
      500: {
        description: 'A part of the sweep failed; the logs say what.',
        content: {
          'application/problem+json': { schema: { anyOf: [schemaRef('SweepFailed'), schemaRef('Problem')] } },
          'application/json': { schema: schemaRef('GatewayMessage') },
        },
      },
    },
  },
  health: {
    tags: ['Service'],
    summary: 'Ask whether the API answers',
    description: 'Says the time too. It asks neither the table nor the queue.',
    security: [],
    responses: { 200: { description: 'It does.', content: json('Health') }, ...ANYWHERE },
  },
  openApi: {
    tags: ['Service'],
    summary: 'Read this document',
    description: 'It says where this deployment answers, and what it asks of callers.',
    security: [],
    responses: {
      200: {
        description: 'The document.',
        content: { 'application/json': { schema: { type: 'object', additionalProperties: true } } },
      },
      ...ANYWHERE,
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

const cronToken = {
  type: 'http',
  scheme: 'bearer',
  description: 'The token in the secret that the output CronTokenSecretArn names.',
};

/** The scheme of the booking routes, and what they require of it. */
const securityOf = (authorization: Authorization) => {
  switch (authorization.kind) {
    case 'iam':
      return {
        securitySchemes: {
          cronToken,
          sigv4: {
            type: 'apiKey',
            name: 'Authorization',
            in: 'header',
            description: 'A request signed by AWS Signature Version 4, of a role that may execute-api:Invoke.',
            'x-amazon-apigateway-authtype': 'awsSigv4',
          },
        },
        security: [{ sigv4: [] }],
      };
    case 'jwt':
      return {
        securitySchemes: {
          cronToken,
          jwt: {
            type: 'http',
            scheme: 'bearer',
            bearerFormat: 'JWT',
            description: `A token of ${authorization.issuer} with the scope ${authorization.scope}.`,
          },
        },
        // Not every tool knows yet that OpenAPI 3.1 lets a bearer scheme name what it requires: the description does.
        security: [{ jwt: [] }],
      };
    case 'none':
      return { securitySchemes: { cronToken }, security: [] };
  }
};

export const openApiDocument = ({ serverUrl, authorization }: Deployment) => {
  const { securitySchemes, security } = securityOf(authorization);
  return {
    openapi: '3.1.0',
    jsonSchemaDialect: 'https://json-schema.org/draft/2020-12/schema',
    info: {
      title: 'booking-expiry',
      version: '1',
      summary: 'Bookings that expire the moment their hold lapses.',
      description:
        'For back ends, never for browsers or customers: whoever may call it may confirm any booking. Reads report the effective ' +
        'status. What a read of one booking has reported stays true; a list says as of when it holds.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: serverUrl, description: 'This deployment.' }],
    tags: [
      { name: 'Bookings', description: 'To create, read, list, settle, extend and delete bookings.' },
      { name: 'Slots', description: 'What can be booked once at a time.' },
      { name: 'Service', description: 'The service itself.' },
    ],
    security,
    paths: paths(),
    components: { ...components(), securitySchemes },
  };
};
