/** What happens to bookings: by the HTTP API, by bare writes, paid, extended. */
import { SECOND_MS } from '../../functions/core/hold-time.ts';
import { systemClock } from '../../functions/runtime/clock.ts';
import { type Api, type ApiAnswer, saidBy } from './api.ts';
import { expectThat, type Step, type Verification } from './step.ts';

/** How long after its deadline a paid booking is looked at: a wrong expiry would have come by then. */
const AFTERWARDS_MS = 3 * SECOND_MS;

export const apiBooking: Step = {
  name: 'api-booking',
  title: 'a booking made by the HTTP API, which nobody pays, is expired by its timer, and then cannot be paid',
  run: async (verification) => {
    const { api, bookings } = verification;
    const { bookingId, expiresAtMs } = await create(verification, 'api-booking');
    const before = await api.call('GET', `/bookings/${bookingId}`);
    expectThat(before.body.status === 'PENDING', `GET must say PENDING before the deadline, got ${saidBy(before)}`);
    const { lagMs } = await bookings.expiredByTimer(bookingId, expiresAtMs + verification.patienceMs);
    const after = await api.call('GET', `/bookings/${bookingId}`);
    expectThat(after.body.status === 'EXPIRED', `GET must say EXPIRED after the deadline, got ${saidBy(after)}`);
    const late = await api.call('POST', `/bookings/${bookingId}/confirm`);
    expectThat(late.status === 409, `a payment after the deadline must be refused with 409, got ${saidBy(late)}`);
    return `with ${api.identity}; expired ${lagMs} ms after its deadline; payment refused with 409`;
  },
};

export const bareBooking: Step = {
  name: 'bare-booking',
  title: 'a booking of three attributes, put into the table, is adopted and expired by its timer',
  run: async ({ bookings, holdMs, patienceMs }) => {
    const bookingId = bookings.newId('bare-booking');
    const expiresAtMs = systemClock() + holdMs;
    await bookings.put(bookingId, expiresAtMs);
    const { lagMs, item } = await bookings.expiredByTimer(bookingId, expiresAtMs + patienceMs);
    expectThat(item.holdStartedAtMs !== undefined, `${bookingId} was never adopted: it has no holdStartedAtMs`);
    return `adopted; expired ${lagMs} ms after its deadline`;
  },
};

export const paidBooking: Step = {
  name: 'paid-booking',
  title: 'a booking that is paid in time stays paid when its deadline passes',
  run: async (verification) => {
    const { api, bookings, pause } = verification;
    const { bookingId, expiresAtMs } = await create(verification, 'paid-booking');
    const paid = await api.call('POST', `/bookings/${bookingId}/confirm`);
    expectThat(paid.status === 200, `a payment in time must be taken with 200, got ${saidBy(paid)}`);
    await pause(expiresAtMs + AFTERWARDS_MS - systemClock());
    const status = (await bookings.get(bookingId))?.status?.S;
    expectThat(status === 'CONFIRMED', `${bookingId} must be CONFIRMED after its deadline, is ${status}`);
    return `CONFIRMED ${AFTERWARDS_MS / SECOND_MS} s after its deadline`;
  },
};

export const extendedBooking: Step = {
  name: 'extended-booking',
  title: 'a booking that is extended expires at its new deadline, not at the old one',
  run: async (verification) => {
    const { api, bookings, holdMs, patienceMs } = verification;
    const { bookingId, expiresAtMs } = await create(verification, 'extended-booking');
    const newDeadlineMs = expiresAtMs + holdMs;
    const body = { expiresAt: new Date(newDeadlineMs).toISOString() };
    const extended = await api.call('POST', `/bookings/${bookingId}/extend`, { body });
    expectThat(extended.status === 200, `an extension in time must be taken with 200, got ${saidBy(extended)}`);
    const { lagMs, item } = await bookings.expiredByTimer(bookingId, newDeadlineMs + patienceMs);
    const deadlineMs = Number(item.expiresAtMs?.N);
    expectThat(deadlineMs === newDeadlineMs, `the deadline must be ${newDeadlineMs}, is ${deadlineMs}`);
    return `expired ${lagMs} ms after its new deadline`;
  },
};

/** Creates a booking by the HTTP API. */
const create = async (
  { api, bookings, holdMs }: Verification,
  step: string,
): Promise<{ readonly bookingId: string; readonly expiresAtMs: number }> => {
  const bookingId = bookings.newId(step);
  const answer = await api.call('POST', '/bookings', { body: { bookingId, holdSeconds: holdMs / SECOND_MS } });
  if (answer.status === 401 || answer.status === 403)
    throw new Error(`${saidBy(answer)}: ${howToBeLetIn(api, answer)}`);
  expectThat(answer.status === 201, `POST /bookings must answer 201, got ${saidBy(answer)}`);
  return { bookingId, expiresAtMs: Date.parse(String(answer.body.expiresAt)) };
};

const howToBeLetIn = (api: Api, { headers }: ApiAnswer): string => {
  const wantsJwt = /bearer/i.test(headers.get('www-authenticate') ?? '');
  if (wantsJwt)
    return `the HTTP API wants a JWT of its issuer and audience, it got ${api.identity}; give one with --token`;
  return `who calls the HTTP API needs execute-api:Invoke on it; it got ${api.identity}`;
};
