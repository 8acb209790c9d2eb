/** What the HTTP API answers on each of its routes (routes.ts). Requests are read in request.ts, errors are in problem.ts. */
import { randomUUID } from 'node:crypto';
import { Hono } from 'hono';
import { type Booking, effectiveStatus } from '../core/booking-status.ts';
import { EARLIEST_DEADLINE_MS, LATEST_DEADLINE_MS, type TimerSettings } from '../core/hold-time.ts';
import type { Clock } from '../core/ports.ts';
import { type SweepPorts, sweep } from '../core/sweep.ts';
import { iso } from '../runtime/clock.ts';
import type { Telemetry } from '../runtime/telemetry.ts';
import { bookingJson } from './booking-json.ts';
import { decodeCursor, decodeCustomerCursor, encodeCursor, encodeCustomerCursor } from './cursor.ts';
import { etagOf, ifMatchOf } from './etag.ts';
import { answerOnce, keyOf, keyReused } from './idempotency.ts';
import { type Authorization, deploymentAt, openApiDocument } from './openapi.ts';
import type {
  BookingDeletion,
  CustomerBookings,
  ExtendOutcome,
  IdempotencyRecords,
  NewestFirst,
  PendingList,
  SlotLookup,
} from './ports.ts';
import { invalidRequest, Problem, problemOf } from './problem.ts';
import {
  type ApiContext,
  expectNoBody,
  expectNoIfMatch,
  holdMsOf,
  idOf,
  parse,
  type RequestBindings,
  readConfirmation,
  readJson,
} from './request.ts';
import { bookingIdFor, requestHash } from './request-hash.ts';
import { BOOKINGS_PATH, type RouteName, routes } from './routes.ts';
import {
  CURSOR_RULE,
  createRequest,
  DEFAULT_PAGE_SIZE,
  extendRequest,
  type ListedStatus,
  type ListQuery,
  listQuery,
} from './schemas.ts';
import { getSlot, lookUpSlots, slotsTaken } from './slots.ts';

/** Time that a sweep by webhook leaves for its answer, ms. */
const TIME_TO_ANSWER_MS = 5_000;

export interface BookingsApiPorts {
  readonly store: CustomerBookings;
  readonly slots: SlotLookup;
  readonly index: PendingList;
  readonly newestFirst: NewestFirst;
  readonly deletion: BookingDeletion;
  readonly idempotency: IdempotencyRecords;
  readonly sweepPorts: SweepPorts;
  /** Whether this is the cron token; compares in constant time. */
  readonly isCronToken: (token: string) => Promise<boolean>;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  readonly settings: TimerSettings;
  /** What the gateway asks of callers: the document says so. */
  readonly authorization: Authorization;
}

/** The API as a Hono app. Its handlers throw Problems; nothing else reaches a client. */
export const createBookingsApi = (ports: BookingsApiPorts): Hono<{ Bindings: RequestBindings }> => {
  const { store, clock, telemetry } = ports;
  const app = new Hono<{ Bindings: RequestBindings }>();

  const handlers: Readonly<Record<RouteName, (context: ApiContext) => Promise<Response> | Response>> = {
    createBooking: (context) => createBooking(context, ports),
    listBookings: (context) => listBookings(context, ports),
    getBooking: async (context) => {
      const nowMs = clock();
      const booking = await store.read(idOf(context), nowMs);
      if (booking === undefined) throw noSuchBooking();
      // As of the clock that decided whether it was to be expired: a later one would say more than was made sure.
      return bookingAnswer(context, booking, nowMs);
    },
    confirmBooking: (context) => confirmBooking(context, ports),
    cancelBooking: (context) => cancelBooking(context, ports),
    extendBooking: (context) => extendBooking(context, ports),
    deleteBooking: (context) => deleteBooking(context, ports),
    lookUpSlots: (context) => lookUpSlots(context, ports),
    getSlot: (context) => getSlot(context, ports),
    expireBookings: (context) => expireBookings(context, ports),
    health: (context) => context.json({ status: 'ok', time: iso(clock()) }),
    openApi: (context) => {
      const { origin, hostname } = new URL(context.req.url);
      return context.json(openApiDocument(deploymentAt(origin, hostname, ports.authorization)));
    },
  };
  const methodsOf = new Map<string, string[]>();
  for (const [name, { method, path: template }] of routes()) {
    // API Gateway decodes the path: what was `%2F` in the id of a slot is a slash by then.
    const path = template.replace('{slotId}', ':slotId{.+}').replaceAll(/\{(\w+)\}/g, ':$1');
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

/** A booking with the entity tag that a later request may require. */
const bookingAnswer = (
  context: ApiContext,
  booking: Booking,
  nowMs: number,
  status: 200 | 201 = 200,
  headers: Readonly<Record<string, string>> = {},
): Response => context.json(bookingJson(booking, nowMs), status, { ...headers, etag: etagOf(booking) });

const createBooking = async (context: ApiContext, ports: BookingsApiPorts): Promise<Response> => {
  const { store } = ports;
  expectNoIfMatch(context);
  const request = parse(createRequest, await readJson(context));
  const key = keyOf(context);
  const ownId = request.bookingId ?? (key === undefined ? undefined : bookingIdFor(context.env.caller, key));
  const bookingId = ownId ?? randomUUID();
  const requested = requestHash(request);
  const headers = { location: `${BOOKINGS_PATH}/${encodeURIComponent(bookingId)}` };
  return answerOnce(context, ports, ['createBooking', request], async ({ nowMs, firstTriedAtMs }) => {
    const holdMs = holdMsOf(request, nowMs, firstTriedAtMs);
    if (typeof holdMs !== 'number') {
      // Before its time is judged: an earlier try may have created it, when the time was right.
      const found = ownId === undefined ? undefined : await store.read(bookingId, nowMs);
      if (found?.requestHash !== requested) throw holdMs;
      return bookingAnswer(context, found, nowMs, 200, headers);
    }
    const outcome = await store.create(
      {
        bookingId,
        holdMs,
        requestHash: requested,
        ...(request.customerId !== undefined && { customerId: request.customerId }),
        ...(request.details && { details: request.details }),
        ...(request.slotIds && { slotIds: request.slotIds }),
      },
      nowMs,
    );
    if (outcome.kind === 'slots-taken') throw slotsTaken(outcome.slots);
    if (outcome.kind === 'created') return bookingAnswer(context, outcome.booking, nowMs, 201, headers);
    if (outcome.booking?.requestHash === requested) return bookingAnswer(context, outcome.booking, nowMs, 200, headers);
    // Its id was made of the key, before this table of keys was there or a day and more ago.
    if (request.bookingId === undefined) throw keyReused();
    throw new Problem('bookingExists', 'a booking with this id was created by a different request', { bookingId });
  });
};

const confirmBooking = async (context: ApiContext, ports: BookingsApiPorts): Promise<Response> => {
  expectNoIfMatch(context);
  const bookingId = idOf(context);
  const request = await readConfirmation(context);
  return answerOnce(context, ports, ['confirmBooking', { bookingId, ...request }], async () => {
    // Not the time at which the key was looked up: the deadline may have passed since.
    const nowMs = ports.clock();
    return answerMove(context, await ports.store.confirm(bookingId, nowMs, request), nowMs);
  });
};

const cancelBooking = async (context: ApiContext, ports: BookingsApiPorts): Promise<Response> => {
  expectNoIfMatch(context);
  const bookingId = idOf(context);
  await expectNoBody(context);
  return answerOnce(context, ports, ['cancelBooking', { bookingId }], async () => {
    const nowMs = ports.clock();
    return answerMove(context, await ports.store.cancel(bookingId, nowMs), nowMs);
  });
};

const extendBooking = async (context: ApiContext, ports: BookingsApiPorts): Promise<Response> => {
  const bookingId = idOf(context);
  const isAsSeen = ifMatchOf(context);
  const request = parse(extendRequest, await readJson(context));
  return answerOnce(context, ports, ['extendBooking', { bookingId, ...request }], async ({ nowMs, firstTriedAtMs }) => {
    const holdMs = holdMsOf(request, nowMs, firstTriedAtMs);
    if (typeof holdMs !== 'number') throw holdMs;
    const outcome = await ports.store.extendOnlyIf(bookingId, holdMs, nowMs, {
      firstTriedAtMs,
      ...(isAsSeen && { isAsSeen }),
    });
    return answerMove(context, outcome, nowMs);
  });
};

/** Needs no idempotency key: what is deleted stays so, and a repetition says that it is gone. */
const deleteBooking = async (context: ApiContext, { deletion, clock }: BookingsApiPorts): Promise<Response> => {
  expectNoIfMatch(context);
  const bookingId = idOf(context);
  await expectNoBody(context);
  const nowMs = clock();
  const outcome = await deletion.delete(bookingId, nowMs);
  if (outcome.kind === 'deleted') return context.body(null, 204);
  if (outcome.kind === 'missing') throw noSuchBooking();
  const { booking } = outcome;
  return answerMove(
    context,
    { kind: 'refused', found: effectiveStatus(booking, nowMs), booking, judgedAtMs: nowMs },
    nowMs,
  );
};

const listBookings = async (context: ApiContext, ports: BookingsApiPorts): Promise<Response> => {
  const query = parse(listQuery, context.req.query(), 'query');
  const nowMs = ports.clock();
  const { bookings, cursor } = await pageOf(query, ports, nowMs);
  return context.json({ asOf: iso(nowMs), bookings: bookings.map((booking) => bookingJson(booking, nowMs)), cursor });
};

interface Page {
  readonly bookings: readonly Booking[];
  /** Null on the last page. */
  readonly cursor: string | null;
}

const pageOf = async (query: ListQuery, { index, newestFirst }: BookingsApiPorts, nowMs: number): Promise<Page> => {
  const { customerId, status, limit = DEFAULT_PAGE_SIZE } = query;
  if (customerId !== undefined) {
    const after = positionIn(query.cursor, (text) => decodeCustomerCursor(text, customerId, status));
    const page = await newestFirst.listOfCustomer(customerId, { limit, after });
    return {
      bookings: page.bookings.filter((booking) => status === undefined || isListedAs(status, booking, nowMs)),
      cursor: page.after ? encodeCustomerCursor(page.after, customerId, status) : null,
    };
  }
  const listed = status ?? 'PENDING';
  const after = positionIn(query.cursor, (text) => decodeCursor(text, listed)) ?? {};
  const page = isByDeadline(listed)
    ? await index.listPending({ ...deadlinesOf(listed, nowMs), limit, after })
    : await (newestFirst.listSettled ?? noSuchList(listed))(listed, { limit, after });
  return { bookings: page.bookings, cursor: page.after ? encodeCursor(page.after, listed) : null };
};

const isByDeadline = (status: ListedStatus): status is 'PENDING' | 'OVERDUE' =>
  status === 'PENDING' || status === 'OVERDUE';

const deadlinesOf = (status: 'PENDING' | 'OVERDUE', nowMs: number) =>
  status === 'PENDING'
    ? { fromMs: nowMs + 1, throughMs: LATEST_DEADLINE_MS }
    : { fromMs: EARLIEST_DEADLINE_MS, throughMs: nowMs };

/** OVERDUE is what lapsed and is not marked; EXPIRED is what is reported as that, marked or not. */
const isListedAs = (status: ListedStatus, booking: Booking, nowMs: number): boolean => {
  const effective = effectiveStatus(booking, nowMs);
  return status === 'OVERDUE' ? effective === 'EXPIRED' && booking.status === 'PENDING' : effective === status;
};

/** @throws Problem for a cursor that is none of this list */
const positionIn = <Position>(
  cursor: string | undefined,
  decode: (text: string) => Position | undefined,
): Position | undefined => {
  if (cursor === undefined) return undefined;
  const position = decode(cursor);
  if (position === undefined) throw invalidRequest([{ pointer: 'cursor', detail: CURSOR_RULE, received: cursor }]);
  return position;
};

const noSuchList = (status: ListedStatus): never => {
  throw new Problem(
    'notFound',
    `this deployment keeps no list of ${status} bookings: give customerId too, or deploy with -c listSettled=true`,
  );
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
const answerMove = (context: ApiContext, outcome: ExtendOutcome, nowMs: number): Response => {
  switch (outcome.kind) {
    case 'moved':
    case 'unchanged':
      return bookingAnswer(context, outcome.booking, nowMs);
    case 'changed':
      throw new Problem(
        'changed',
        'the booking is not the one of If-Match any more: read it again',
        {},
        { etag: etagOf(outcome.booking) },
      );
    case 'missing':
      throw noSuchBooking();
    case 'slots-taken':
      throw slotsTaken(outcome.slots);
    case 'too-long':
      throw new Problem('holdTooLong', 'no extension holds a booking for longer from its creation on', {
        latestExpiresAt: iso(outcome.latestMs),
      });
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
