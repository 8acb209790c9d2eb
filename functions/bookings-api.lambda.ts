/** Entry point of the bookings-api Lambda: API Gateway HTTP API → the API. */
import { join } from 'node:path';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { Hono } from 'hono';
import { handle, type LambdaContext, type LambdaEvent } from 'hono/aws-lambda';
import { BookingErasure } from './adapters/booking-erasure.ts';
import { bookingLists } from './adapters/booking-lists.ts';
import { BookingStore } from './adapters/booking-store.ts';
import { cronTokenCheck } from './adapters/cron-token.ts';
import { dynamoDbSlots } from './adapters/dynamodb-slots.ts';
import { DynamoDbTable } from './adapters/dynamodb-table.ts';
import { HeldItems } from './adapters/held-items.ts';
import { KeyRecords } from './adapters/key-records.ts';
import { PAGE_DIRECTORY, PageFilesOnDisk } from './adapters/page-files.ts';
import { PendingIndex } from './adapters/pending-index.ts';
import { isPermanent } from './adapters/permanent-error.ts';
import { sweepScheduling } from './adapters/sweep-scheduling.ts';
import { TimerSender } from './adapters/timer-sender.ts';
import { createBookingsApi } from './api/bookings-api.ts';
import { callerOf } from './api/caller.ts';
import { pathForUrl } from './api/gateway-path.ts';
import { IDEMPOTENCY_KEY } from './api/idempotency.ts';
import { createPage } from './api/page.ts';
import { Problem } from './api/problem.ts';
import type { RequestBindings } from './api/request.ts';
import { PAGE_PATH } from './api/routes.ts';
import { PATIENCE, queueClient, tableClient } from './runtime/clients.ts';
import { systemClock } from './runtime/clock.ts';
import {
  authorizationFromEnvironment,
  bookingsTableFromEnvironment,
  cronTokenSecretFromEnvironment,
  idempotencyTableFromEnvironment,
  maxHoldFromEnvironment,
  servesPageFromEnvironment,
  shardCountFromEnvironment,
  slotsTableFromEnvironment,
  sweepStateTableFromEnvironment,
  tableShapeFromEnvironment,
  timerQueueUrlFromEnvironment,
  timerSettingsFromEnvironment,
} from './runtime/environment.ts';
import { lambdaTelemetry } from './runtime/telemetry.ts';

const client = tableClient();
const bookings = new DynamoDbTable(client, bookingsTableFromEnvironment());
const sweepState = new DynamoDbTable(client, sweepStateTableFromEnvironment());
const shardCount = shardCountFromEnvironment();
const shape = tableShapeFromEnvironment();
const slots = dynamoDbSlots(client, bookings, slotsTableFromEnvironment(), shape);
const store = new BookingStore(bookings, shardCount, { shape, slotted: slots, maxHoldMs: maxHoldFromEnvironment() });
const index = new PendingIndex(bookings, shape, shardCount);

const newestFirst = bookingLists(bookings, shape);

const api = createBookingsApi({
  store,
  slots,
  index,
  newestFirst,
  deletion: new BookingErasure(bookings, store, shape),
  sweepPorts: {
    store: new HeldItems(bookings, shape),
    index,
    scheduling: sweepScheduling(new TimerSender(queueClient(), timerQueueUrlFromEnvironment()), sweepState),
    clock: systemClock,
    isPermanent,
  },
  idempotency: new KeyRecords(new DynamoDbTable(client, idempotencyTableFromEnvironment())),
  isCronToken: cronTokenCheck(new SecretsManagerClient(PATIENCE), cronTokenSecretFromEnvironment(), systemClock),
  clock: systemClock,
  telemetry: lambdaTelemetry('bookings-api', []),
  authorization: authorizationFromEnvironment(),
  settings: timerSettingsFromEnvironment(),
});

/** An event of an HTTP API, payload format 2.0. */
type GatewayEvent = Extract<LambdaEvent, { readonly rawPath: string }>;

/** The API behind the gateway: what the gateway and Lambda know beside the request goes with it. */
const behindGateway = new Hono<{ Bindings: { readonly event: GatewayEvent; readonly lambdaContext: LambdaContext } }>();
if (servesPageFromEnvironment()) {
  const files = new PageFilesOnDisk(join(__dirname, PAGE_DIRECTORY));
  behindGateway.route(PAGE_PATH, createPage(files, newestFirst.listSettled !== undefined));
}
behindGateway.all('*', ({ req, env: { event, lambdaContext } }) => {
  const bindings: RequestBindings = {
    // Absent on a route without an authorizer, whatever the type says.
    caller: callerOf(event.requestContext.authorizer ?? {}),
    remainingMs: () => lambdaContext.getRemainingTimeInMillis(),
  };
  // Hono leaves out headers without a value; an empty idempotency key is to be refused, not ignored.
  if (event.headers[IDEMPOTENCY_KEY] === '') req.raw.headers.set(IDEMPOTENCY_KEY, '');
  return api.fetch(req.raw, bindings);
});
const answer = handle(behindGateway);

/** Methods that no Request can be made of (WHATWG Fetch, forbidden methods): no route has them either. */
const FORBIDDEN_METHODS = ['TRACE', 'TRACK', 'CONNECT'];

export const handler = async (event: GatewayEvent, context: LambdaContext) => {
  const { method } = event.requestContext.http;
  if (FORBIDDEN_METHODS.includes(method)) {
    const refusal = new Problem(
      'methodNotAllowed',
      `${method} is not allowed anywhere`,
      {},
      { allow: 'GET, POST, DELETE' },
    ).toResponse();
    return { statusCode: refusal.status, headers: Object.fromEntries(refusal.headers), body: await refusal.text() };
  }
  // No Request can be made of a GET with a body either, and no route would read it.
  const body = method === 'GET' || method === 'HEAD' ? null : event.body;
  return answer({ ...event, rawPath: pathForUrl(event.rawPath), body }, context);
};
