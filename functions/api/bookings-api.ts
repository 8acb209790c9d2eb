/** What the HTTP API answers on each of its routes (routes.ts). Requests are read in request.ts, errors are in problem.ts. */
import { randomUUID } from 'node:crypto';
import { Hono } from 'hono';
import type { MoveOutcome } from '../core/booking-status.ts';
import { EARLIEST_DEADLINE_MS, LATEST_DEADLINE_MS, type TimerSettings } from '../core/hold-time.ts';
import type { Clock } from '../core/ports.ts';
import { type SweepPorts, sweep } from '../core/sweep.ts';
import { iso } from '../runtime/clock.ts';
import type { Telemetry } from '../runtime/telemetry.ts';
import { bookingJson } from './booking-json.ts';
import { decodeCursor, encodeCursor } from './cursor.ts';
import { openApiDocument } from './openapi.ts';
import type { CustomerBookings, PendingList } from './ports.ts';
import { invalidRequest, Problem, problemOf } from './problem.ts';
import { type ApiContext, expectNoBody, holdMsOf, idOf, parse, type RequestBindings, readJson } from './request.ts';
import { bookingIdFor, requestHash } from './request-hash.ts';
import { BOOKINGS_PATH, type RouteName, routes } from './routes.ts';
import { CURSOR_RULE, createRequest, DEFAULT_PAGE_SIZE, extendRequest, idempotencyKey, listQuery } from './schemas.ts';

/** Time that a sweep by webhook leaves for its answer, ms. */
const TIME_TO_ANSWER_MS = 5_000;

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
    if (!(error instanceof Problem)) telemetry.error('request failed', { error });
    return problemOf(error).toResponse();
  });
  return app;
};

const noSuchBooking = (): Problem => new Problem('notFound', 'there is no booking with this id');

const createBooking = async (context: ApiContext, { store, clock }: BookingsApiPorts): Promise<Response> => {
  const request = parse(createRequest, await readJson(context));
  const key = context.req.header('idempotency-key');
  if (key !== undefined) parse(idempotencyKey, key, 'Idempotency-Key');
  const bookingId = request.bookingId ?? (key === undefined ? randomUUID() : bookingIdFor(context.env.caller, key));
  const hash = requestHash(request);
  const nowMs = clock();
  const outcome = await store.create(
    {
      bookingId,
      holdMs: holdMsOf(request, nowMs),
      requestHash: hash,
      ...(request.details && { details: request.details }),
    },
    nowMs,
  );
  const headers = { location: `${BOOKINGS_PATH}/${encodeURIComponent(bookingId)}` };
  if (outcome.kind === 'created') return context.json(bookingJson(outcome.booking, nowMs), 201, headers);
  if (outcome.booking?.requestHash === hash) {
    return context.json(bookingJson(outcome.booking, nowMs), 200, headers);
  }
  throw new Problem('bookingExists', 'a booking with this id was created by a different request', { bookingId });
};

const listBookings = async (context: ApiContext, { index, clock }: BookingsApiPorts): Promise<Response> => {
  const query = parse(listQuery, context.req.query(), 'query');
  const nowMs = clock();
  const after = query.cursor === undefined ? {} : decodeCursor(query.cursor, query.status);
  if (after === undefined) throw invalidRequest([{ pointer: 'cursor', detail: CURSOR_RULE, received: query.cursor }]);
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
