/** The HTTP API for a test file, on engines and with a clock of its own. */
import type { Hono } from 'hono';
import { afterAll, beforeAll, beforeEach } from 'vitest';
import { isPermanent } from '../../functions/adapters/permanent-error.ts';
import { type BookingsApiPorts, createBookingsApi } from '../../functions/api/bookings-api.ts';
import type { RequestBindings } from '../../functions/api/request.ts';
import { DAY_MS, MINUTE_MS } from '../../functions/core/hold-time.ts';
import type { Clock } from '../../functions/core/ports.ts';
import { type Engines, startEngines } from './engines.ts';
import { recordingTelemetry } from './telemetry.ts';

/** What the API needs, with the defaults of the settings. The webhook's token is `right`. */
export const bookingsApiPorts = (
  {
    store,
    slots,
    held,
    index,
    newestFirst,
    deletion,
    idempotency,
  }: Pick<Engines, 'store' | 'slots' | 'held' | 'index' | 'newestFirst' | 'deletion' | 'idempotency'>,
  clock: Clock,
  overrides: Partial<BookingsApiPorts> = {},
): BookingsApiPorts => ({
  store,
  slots,
  index,
  newestFirst,
  deletion,
  idempotency,
  sweepPorts: { store: held, index, clock, isPermanent },
  isCronToken: async (token) => token === 'right',
  clock,
  authorization: { kind: 'iam' },
  telemetry: recordingTelemetry().telemetry,
  settings: { timerLeadMs: 1_000, sweepIntervalMs: 5 * MINUTE_MS },
  ...overrides,
});

/** Starts engines before the tests of this file, and an API before each of them; stops them after all. */
export const useBookingsApi = () => {
  let engines: Engines;
  let api: Hono<{ Bindings: RequestBindings }>;
  let nowMs: number;
  let sequence = 0;

  beforeAll(async () => {
    engines = await startEngines();
  });
  afterAll(() => engines.stop());
  beforeEach(() => {
    // A day apart, so that a list sees the bookings of its own test only.
    sequence += 1;
    nowMs = Date.UTC(2027, 0, 1, 12) + sequence * 3 * DAY_MS;
    api = createBookingsApi(ports());
  });

  const ports = (overrides: Partial<BookingsApiPorts> = {}): BookingsApiPorts =>
    bookingsApiPorts(engines, () => nowMs, overrides);

  /** The store's methods that the API uses, one by one to be replaced. */
  const apiStore = (): BookingsApiPorts['store'] => ({
    create: (...args) => engines.store.create(...args),
    read: (...args) => engines.store.read(...args),
    confirm: (...args) => engines.store.confirm(...args),
    cancel: (...args) => engines.store.cancel(...args),
    extendOnlyIf: (...args) => engines.store.extendOnlyIf(...args),
  });

  const call = async (
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
    caller = 'me',
  ) => {
    const hasBody = body !== undefined;
    const response = await api.request(
      `/api/v1${path}`,
      {
        method,
        headers: { ...(hasBody && { 'content-type': 'application/json' }), ...headers },
        ...(hasBody && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      },
      { caller, remainingMs: () => 25_000 },
    );
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: text ? JSON.parse(text) : undefined };
  };

  return {
    engines: () => engines,
    nowMs: () => nowMs,
    moveBy: (ms: number) => {
      nowMs += ms;
    },
    /** The number of this test in its file, for ids that no other test has. */
    sequence: () => sequence,
    ports,
    apiStore,
    /** Lets the API have these ports for the rest of this test. */
    replacePorts: (overrides: Partial<BookingsApiPorts>) => {
      api = createBookingsApi(ports(overrides));
    },
    call,
    create: async (bookingId: string, holdSeconds = 60) =>
      (await call('POST', '/bookings', { bookingId, holdSeconds })).body,
  };
};
