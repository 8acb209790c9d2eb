/** The service as the checkout meets it, by the HTTP API itself over any store. */
import type { Answer } from '../../docs/examples/payments/answers.ts';
import type { Bookings, NewBooking } from '../../docs/examples/payments/ports.ts';
import { type BookingsApiPorts, createBookingsApi } from '../../functions/api/bookings-api.ts';
import type { CustomerBookings } from '../../functions/api/ports.ts';
import type { Clock } from '../../functions/core/ports.ts';

export class AnswersOfApi implements Bookings {
  readonly #api: ReturnType<typeof createBookingsApi>;

  constructor(store: CustomerBookings, clock: Clock) {
    const telemetry: Pick<BookingsApiPorts['telemetry'], 'error'> = { error: () => {} };
    // What else the API has is not asked for here, and throws if it is.
    this.#api = createBookingsApi({ store, clock, telemetry } as unknown as BookingsApiPorts);
  }

  create(request: NewBooking): Promise<Answer> {
    const { slotIds, ...rest } = request;
    return this.#ask('POST', '', slotIds.length > 0 ? request : rest);
  }

  extend(bookingId: string, until: { holdSeconds: number } | { expiresAt: string }): Promise<Answer> {
    return this.#ask('POST', `/${bookingId}/extend`, until);
  }

  read(bookingId: string): Promise<Answer> {
    return this.#ask('GET', `/${bookingId}`);
  }

  confirm(bookingId: string, body: object): Promise<Answer> {
    return this.#ask('POST', `/${bookingId}/confirm`, body);
  }

  cancel(bookingId: string): Promise<Answer> {
    return this.#ask('POST', `/${bookingId}/cancel`);
  }

  async #ask(method: string, path: string, body?: object): Promise<Answer> {
    const response = await this.#api.request(
      `/api/v1/bookings${path}`,
      {
        method,
        ...(body && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
      },
      { caller: 'shop', remainingMs: () => 25_000 },
    );
    return { status: response.status, body: JSON.parse(await response.text()) };
  }
}
