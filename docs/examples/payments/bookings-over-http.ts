/** The booking service over its HTTP API. */
import { type Answer, NoAnswerError } from './answers.ts';
import type { Bookings, NewBooking } from './ports.ts';

/** The API's own time to answer is shorter than this, ms. */
const LONGEST_ANSWER_MS = 30_000;

export class BookingsOverHttp implements Bookings {
  readonly #origin: string;

  /** @param origin such as http://127.0.0.1:3000 */
  constructor(origin: string) {
    this.#origin = origin.replace(/\/$/, '');
  }

  create(request: NewBooking): Promise<Answer> {
    return this.#ask('POST', '', request);
  }

  extend(bookingId: string, until: { holdSeconds: number } | { expiresAt: string }): Promise<Answer> {
    return this.#ask('POST', `${pathOf(bookingId)}/extend`, until);
  }

  read(bookingId: string): Promise<Answer> {
    return this.#ask('GET', pathOf(bookingId));
  }

  /** Without an Idempotency-Key: a kept answer says what was, and here only what is will do. */
  confirm(bookingId: string, body: object): Promise<Answer> {
    return this.#ask('POST', `${pathOf(bookingId)}/confirm`, body);
  }

  cancel(bookingId: string): Promise<Answer> {
    return this.#ask('POST', `${pathOf(bookingId)}/cancel`);
  }

  async #ask(method: string, path: string, body?: object): Promise<Answer> {
    try {
      const response = await fetch(`${this.#origin}/api/v1/bookings${path}`, {
        method,
        ...(body && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(LONGEST_ANSWER_MS),
      });
      const text = await response.text();
      return { status: response.status, body: bodyOf(text) };
    } catch (error) {
      throw new NoAnswerError(`no answer to ${method} ${path}`, { cause: error });
    }
  }
}

const pathOf = (bookingId: string): string => `/${encodeURIComponent(bookingId)}`;

/** What is no JSON object, such as a proxy's page, says nothing. */
const bodyOf = (text: string): Answer['body'] => {
  try {
    const body: unknown = JSON.parse(text);
    return typeof body === 'object' && body !== null && !Array.isArray(body) ? body : {};
  } catch {
    return {};
  }
};
