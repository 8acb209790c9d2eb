/** What the HTTP API answers on each of its routes (routes.ts). Validation is in schemas.ts, errors are in problem.ts. */
import { createHash, randomUUID } from 'node:crypto';
import { type Context, Hono } from 'hono';
import * as v from 'valibot';
import { isPermanent } from '../adapters/permanent-error.ts';
import type { MoveOutcome } from '../core/booking-status.ts';
import {
  EARLIEST_DEADLINE_MS,
  LATEST_DEADLINE_MS,
  MAX_HOLD_MS,
  MIN_HOLD_MS,
  type TimerSettings,
} from '../core/hold-time.ts';
import type { Clock } from '../core/ports.ts';
import { type SweepPorts, sweep } from '../core/sweep.ts';
import { iso } from '../runtime/clock.ts';
import type { Telemetry } from '../runtime/telemetry.ts';
import { bookingJson } from './booking-json.ts';
import { decodeCursor, encodeCursor } from './cursor.ts';
import { openApiDocument } from './openapi.ts';
import type { CustomerBookings, PendingList } from './ports.ts';
import { type FieldError, Problem } from './problem.ts';
import { BOOKINGS_PATH, type RouteName, routes } from './routes.ts';
import {
  bookingIdInPath,
  CURSOR_RULE,
  createRequest,
  DEFAULT_PAGE_SIZE,
  extendRequest,
  idempotencyKey,
  listQuery,
  MAX_BODY_BYTES,
  requestedDeadlineMs,
} from './schemas.ts';

/** Time that a sweep by webhook leaves for its answer, ms. */
const TIME_TO_ANSWER_MS = 5_000;

/** What the request's environment tells beside the request. */
export interface RequestBindings {
  /** Who signed the request, where the gateway knows. Idempotency keys of different callers never meet. */
  readonly caller: string;
  readonly remainingMs: () => number;
}

export interface BookingsApiPorts {
  readonly store: CustomerBookings;
  readonly index: PendingList;
  readonly sweepPorts: SweepPorts;
  /** Whether this is the cron token; compares in constant time. */
  readonly isCronToken: (token: string) => Promise<boolean>;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  readonly settings: TimerSettings;
}

type ApiContext = Context<{ Bindings: RequestBindings }>;

/** The API as a Hono app. Its handlers throw Problems; nothing else reaches a client. */
export const createBookingsApi = (ports: BookingsApiPorts): Hono<{ Bindings: RequestBindings }> => {
  const { store, clock, telemetry } = ports;
  const app = new Hono<{ Bindings: RequestBindings }>();
  let document: ReturnType<typeof openApiDocument> | undefined;

  const handlers: Readonly<Record<RouteName, (context: ApiContext) => Promise<Response> | Response>> = {
    createBooking: (context) => createBooking(context, ports),
    listBookings: (context) => listBookings(context, ports),
    getBooking: async (context) => {
      const nowMs = clock();
      const booking = await store.read(idOf(context), nowMs);
      if (booking === undefined) throw noSuchBooking();
      // As of the clock that decided whether it was to be expired: a later one would say more than was made sure.
      return context.json(bookingJson(booking, nowMs));
    },
    confirmBooking: async (context) => {
      await expectNoBody(context);
      const nowMs = clock();
      return answerMove(context, await store.confirm(idOf(context), nowMs), nowMs);
    },
    cancelBooking: async (context) => {
      await expectNoBody(context);
      const nowMs = clock();
      return answerMove(context, await store.cancel(idOf(context), nowMs), nowMs);
    },
    extendBooking: async (context) => {
      const bookingId = idOf(context);
      const request = parse(extendRequest, await readJson(context));
      const nowMs = clock();
      return answerMove(context, await store.extend(bookingId, holdMsOf(request, nowMs), nowMs), nowMs);
    },
    expireBookings: (context) => expireBookings(context, ports),
    health: (context) => context.json({ status: 'ok', time: iso(clock()) }),
    openApi: (context) => {
      document ??= openApiDocument();
      return context.json(document);
    },
  };
  const methodsOf = new Map<string, string[]>();
  for (const [name, { method, path: template }] of routes()) {
    const path = template.replaceAll(/\{(\w+)\}/g, ':$1');
    app.on(method, path, handlers[name]);
    methodsOf.set(path, [...(methodsOf.get(path) ?? []), method]);
  }
  for (const [path, methods] of methodsOf) {
    app.all(path, (context) => {
      const allowed = methods.join(', ');
      throw new Problem(
        'methodNotAllowed',
        `${context.req.method} is not allowed here, only ${allowed}`,
        {},
        { allow: allowed },
      );
    });
  }
  app.notFound((context) => new Problem('notFound', `there is nothing at ${context.req.path}`).toResponse());
  app.onError((error) => {
    if (error instanceof Problem) return error.toResponse();
    telemetry.error('request failed', { error });
    // DynamoDB's own words about the item, nothing of the inside.
    if ('$metadata' in error && isPermanent(error)) {
      return new Problem('unprocessable', `the table refuses it: ${error.message}`).toResponse();
    }
    const busy = BUSY_ERRORS.has(error.name);
    return busy
      ? new Problem('unavailable', 'the table is busy or cannot be reached', {}, { 'retry-after': '1' }).toResponse()
      : new Problem('internal', 'the error is in the logs').toResponse();
  });
  return app;
};

const BUSY_ERRORS = new Set([
  'ProvisionedThroughputExceededException',
  'ThrottlingException',
  'RequestLimitExceeded',
  'TransactionConflictException',
  'InternalServerError',
  'ServiceUnavailable',
  'TimeoutError',
]);

const noSuchBooking = (): Problem => new Problem('notFound', 'there is no booking with this id');

const createBooking = async (context: ApiContext, { store, clock }: BookingsApiPorts): Promise<Response> => {
  const request = parse(createRequest, await readJson(context));
  const key = context.req.header('idempotency-key');
  if (key !== undefined) parse(idempotencyKey, key, 'Idempotency-Key');
  const bookingId =
    request.bookingId ??
    (key === undefined ? randomUUID() : hashOf('idempotency-key', context.env.caller, key).slice(0, 36));
  const nowMs = clock();
  const outcome = await store.create(
    {
      bookingId,
      holdMs: holdMsOf(request, nowMs),
      requestHash: hashOf('request', canonical(request)),
      ...(request.details && { details: request.details }),
    },
    nowMs,
  );
  const headers = { location: `${BOOKINGS_PATH}/${encodeURIComponent(bookingId)}` };
  if (outcome.kind === 'created') return context.json(bookingJson(outcome.booking, nowMs), 201, headers);
  if (outcome.booking?.requestHash === hashOf('request', canonical(request))) {
    return context.json(bookingJson(outcome.booking, nowMs), 200, headers);
  }
  throw new Problem('bookingExists', 'a booking with this id was created by a different request', { bookingId });
};

const listBookings = async (context: ApiContext, { index, clock }: BookingsApiPorts): Promise<Response> => {
  const query = parse(listQuery, context.req.query(), 'query');
  const nowMs = clock();
  const after = query.cursor === undefined ? {} : decodeCursor(query.cursor, query.status);
  if (after === undefined) throw invalid([{ pointer: 'cursor', detail: CURSOR_RULE, received: query.cursor }]);
  const range =
    query.status === 'PENDING'
      ? { fromMs: nowMs + 1, throughMs: LATEST_DEADLINE_MS }
      : { fromMs: EARLIEST_DEADLINE_MS, throughMs: nowMs };
  const page = await index.listPending({ ...range, limit: query.limit ?? DEFAULT_PAGE_SIZE, after });
  return context.json({
    asOf: iso(nowMs),
    bookings: page.bookings.map((booking) => bookingJson(booking, nowMs)),
    cursor: page.after ? encodeCursor(page.after, query.status) : null,
  });
};

const expireBookings = async (context: ApiContext, ports: BookingsApiPorts): Promise<Response> => {
  const [, token] = /^Bearer +(\S+) *$/i.exec(context.req.header('authorization') ?? '') ?? [];
  if (token === undefined || !(await ports.isCronToken(token))) {
    throw new Problem('unauthorized', 'send Authorization: Bearer <token>', {}, { 'www-authenticate': 'Bearer' });
  }
  const report = await sweep(ports.sweepPorts, {
    overdueAfterMs: 0,
    settings: ports.settings,
    mayContinue: () => context.env.remainingMs() > TIME_TO_ANSWER_MS,
  });
  const { expired, scheduled, remaining, errors, unprocessable, warnings } = report;
  for (const warning of warnings) ports.telemetry.warn(warning);
  for (const { bookingId, error } of unprocessable)
    ports.telemetry.error('booking cannot be swept, and never can be', { bookingId, error });
  for (const error of errors) ports.telemetry.error('sweep by webhook failed in part', { error });
  if (errors.length > 0) {
    throw new Problem('sweepFailed', `${errors.length} error(s), see the logs`, { expired, scheduled, remaining });
  }
  return context.json({ expired, scheduled, remaining });
};

/** @param nowMs the clock by which the move was made: a later one would say of the booking what nothing has made sure */
const answerMove = (context: ApiContext, outcome: MoveOutcome, nowMs: number): Response => {
  switch (outcome.kind) {
    case 'moved':
    case 'unchanged':
      return context.json(bookingJson(outcome.booking, nowMs));
    case 'missing':
      throw noSuchBooking();
    case 'refused': {
      const { expiresAtMs } = outcome.booking;
      throw new Problem('moveRefused', `the booking is ${outcome.found}`, {
        found: outcome.found,
        expiresAt: expiresAtMs === undefined ? null : iso(expiresAtMs),
        judgedAt: iso(outcome.judgedAtMs),
      });
    }
  }
};

/** @throws Problem if the deadline that is asked for is not 1 second to 366 days away */
const holdMsOf = (
  request: { holdSeconds?: number | undefined; expiresAt?: string | undefined },
  nowMs: number,
): number => {
  const holdMs = requestedDeadlineMs(request, nowMs) - nowMs;
  if (holdMs >= MIN_HOLD_MS && holdMs <= MAX_HOLD_MS) return holdMs;
  const detail = `must be 1 second to 366 days from now, ${iso(nowMs)}`;
  throw invalid([{ pointer: '/expiresAt', detail, received: request.expiresAt }]);
};

const idOf = (context: ApiContext): string => parse(bookingIdInPath, context.req.param('bookingId'), 'bookingId');

/** The body as JSON, if it is JSON and not too large. */
const readJson = async (context: ApiContext): Promise<unknown> => {
  const text = await readText(context);
  const type = context.req.header('content-type') ?? '';
  if (!/^application\/json\s*(;|$)/i.test(type)) {
    throw new Problem('unsupportedMediaType', `content-type must be application/json, got ${type || 'none'}`);
  }
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    throw invalid([{ pointer: '', detail: 'must be JSON', received: text.slice(0, 100) }]);
  }
  if (Array.isArray(body)) throw invalid([{ pointer: '', detail: 'must be a JSON object', received: shown(body) }]);
  return body;
};

/** For a move that takes no fields: an empty body or an empty object, so that a field that would be ignored is noticed. */
const expectNoBody = async (context: ApiContext): Promise<void> => {
  if ((await readText(context)).trim() === '') return;
  parse(v.strictObject({}, 'must be empty, or an empty JSON object'), await readJson(context));
};

const readText = async (context: ApiContext): Promise<string> => {
  const text = await context.req.text();
  const bytes = new TextEncoder().encode(text).length;
  if (bytes > MAX_BODY_BYTES)
    throw new Problem('bodyTooLarge', `the body must be at most ${MAX_BODY_BYTES} bytes, got ${bytes}`);
  return text;
};

const parse = <Schema extends v.GenericSchema>(
  schema: Schema,
  given: unknown,
  place?: string,
): v.InferOutput<Schema> => {
  const result = v.safeParse(schema, given);
  if (result.success) return result.output;
  throw invalid(
    result.issues.map((issue) => {
      const path = (issue.path ?? []).map(({ key }) => String(key));
      const unknownField = issue.type === 'strict_object' && path.length > 0;
      return {
        pointer: pointerOf(path, place),
        detail: unknownField ? 'is not a field here' : issue.message,
        ...(path.length > 0 || place
          ? { received: shown(path.length > 0 ? issue.path?.at(-1)?.value : issue.input) }
          : {}),
      };
    }),
  );
};

/** A JSON Pointer into the body (RFC 6901); for what is not in the body, its name. */
const pointerOf = (path: readonly string[], place: string | undefined): string => {
  if (place === undefined) return path.map((key) => `/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
  return place === 'query' ? path.join('.') : place;
};

/** What came, cut if it is long: it goes back to the client and maybe into logs. */
const shown = (value: unknown): unknown => {
  const text = JSON.stringify(value);
  return text !== undefined && text.length > 200 ? `${text.slice(0, 200)}…` : value;
};

const invalid = (errors: readonly FieldError[]): Problem =>
  new Problem('invalidRequest', `${errors.length} field(s) are invalid`, { errors });

const hashOf = (...parts: string[]): string => createHash('sha256').update(JSON.stringify(parts)).digest('hex');

/** The same text for the same JSON, in whatever order its names came. */
const canonical = (value: unknown): string =>
  JSON.stringify(value, (_, item) =>
    typeof item === 'object' && item !== null && !Array.isArray(item)
      ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)))
      : item,
  );
