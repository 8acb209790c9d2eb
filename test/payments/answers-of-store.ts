/**
 * The service as the checkout meets it, over any store: what the HTTP API would answer, without making requests and responses of
 * it. `service-over-api.ts` has the same by the API itself; histories.test.ts holds the two beside each other.
 */
import type { Answer } from '../../docs/examples/payments/answers.ts';
import type { Bookings, NewBooking } from '../../docs/examples/payments/ports.ts';
import { bookingJson } from '../../functions/api/booking-json.ts';
import type { ConfirmOptions, CustomerBookings, ExtendOutcome } from '../../functions/api/ports.ts';
import { PROBLEM_TYPES, problemOf } from '../../functions/api/problem.ts';
import { holdMsOf } from '../../functions/api/request.ts';
import type { Booking } from '../../functions/core/booking-status.ts';
import { SECOND_MS } from '../../functions/core/hold-time.ts';
import type { Clock } from '../../functions/core/ports.ts';
import { iso } from '../../functions/runtime/clock.ts';

const bookingAnswer = (booking: Booking, nowMs: number, status = 200): Answer => ({
  status,
  body: bookingJson(booking, nowMs),
});
const problem = (status: number, type: string, members: object = {}): Answer => ({
  status,
  body: { type, ...members },
});
const NOT_FOUND = problem(404, PROBLEM_TYPES.notFound);

/** Errors become the answers that the API makes of them. */
const answered = async (act: () => Promise<Answer>): Promise<Answer> => {
  try {
    return await act();
  } catch (error) {
    const { status, type } = problemOf(error instanceof Error ? error : new Error(String(error)));
    return problem(status, type);
  }
};

export class AnswersOfStore implements Bookings {
  readonly #store: CustomerBookings;
  readonly #clock: Clock;

  constructor(store: CustomerBookings, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  create({ bookingId, slotIds, holdSeconds }: NewBooking): Promise<Answer> {
    return answered(async () => {
      const nowMs = this.#clock();
      const holdMs = holdSeconds * SECOND_MS;
      const outcome = await this.#store.create({ bookingId, slotIds, holdMs, requestHash: 'same' }, nowMs);
      if (outcome.kind === 'slots-taken') return problem(409, PROBLEM_TYPES.slotsTaken);
      if (outcome.booking === undefined) return problem(409, PROBLEM_TYPES.bookingExists);
      return bookingAnswer(outcome.booking, nowMs, outcome.kind === 'created' ? 201 : 200);
    });
  }

  extend(bookingId: string, until: { holdSeconds: number } | { expiresAt: string }): Promise<Answer> {
    return answered(async () => {
      const nowMs = this.#clock();
      const holdMs = holdMsOf(until, nowMs);
      if (typeof holdMs !== 'number') throw holdMs;
      return answerOf(await this.#store.extendOnlyIf(bookingId, holdMs, nowMs, { firstTriedAtMs: nowMs }), nowMs);
    });
  }

  read(bookingId: string): Promise<Answer> {
    return answered(async () => {
      const nowMs = this.#clock();
      const booking = await this.#store.read(bookingId, nowMs);
      return booking ? bookingAnswer(booking, nowMs) : NOT_FOUND;
    });
  }

  confirm(bookingId: string, body: ConfirmOptions): Promise<Answer> {
    return answered(async () => {
      const nowMs = this.#clock();
      return answerOf(await this.#store.confirm(bookingId, nowMs, body), nowMs);
    });
  }

  cancel(bookingId: string): Promise<Answer> {
    return answered(async () => {
      const nowMs = this.#clock();
      return answerOf(await this.#store.cancel(bookingId, nowMs), nowMs);
    });
  }
}

const answerOf = (outcome: ExtendOutcome, nowMs: number): Answer => {
  switch (outcome.kind) {
    case 'moved':
    case 'unchanged':
      return bookingAnswer(outcome.booking, nowMs);
    case 'missing':
      return NOT_FOUND;
    case 'slots-taken':
      return problem(409, PROBLEM_TYPES.slotsTaken);
    case 'too-long':
      return problem(409, PROBLEM_TYPES.holdTooLong, { latestExpiresAt: iso(outcome.latestMs) });
    case 'refused':
      return problem(409, PROBLEM_TYPES.moveRefused, { found: outcome.found });
    case 'changed':
      throw new Error('nothing was required of it');
  }
};
