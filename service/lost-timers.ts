/** Timers that get lost on purpose, so that it can be seen what finds their bookings. */
import { decodeTimer, MalformedTimerError } from '../functions/core/expiry-timer.ts';
import { iso } from '../functions/runtime/clock.ts';
import type { QueuedMessage } from '../local/sqs-event-source.ts';

/** A timer, by what it carries. */
export interface LostTimer {
  readonly bookingId: string;
  /** The deadline that it was made for, ISO 8601. */
  readonly expiresAt: string;
}

/** Thrown for a timer that cannot get lost. */
export class TimerNotLosableError extends Error {
  override readonly name = 'TimerNotLosableError';
  /** Of the answer by HTTP. */
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** A timer comes 1 to 2 s before its deadline, and then waits in the Lambda: so much sooner it must be lost, ms. */
const LEAD_MS = 2_500;
/** Most timers that are waited for at once. */
const MAX_WAITED_FOR = 10_000;

export class LostTimers {
  readonly #wanted = new Set<string>();

  /**
   * From now on the timer of this booking and deadline is taken out of the queue the moment that it comes out of it.
   *
   * @param body JSON with `bookingId` and `expiresAt`
   * @throws TimerNotLosableError with what was wrong
   */
  lose(body: string, nowMs: number): LostTimer {
    const { bookingId, expiresAt } = fieldsOf(body);
    const expiresAtMs = typeof expiresAt === 'string' ? Date.parse(expiresAt) : Number.NaN;
    if (typeof bookingId !== 'string' || bookingId === '') {
      throw new TimerNotLosableError(400, `bookingId must be a text, got ${JSON.stringify(bookingId) ?? 'none'}`);
    }
    if (!Number.isFinite(expiresAtMs)) {
      throw new TimerNotLosableError(
        400,
        `expiresAt must be an ISO 8601 time, got ${JSON.stringify(expiresAt) ?? 'none'}`,
      );
    }
    if (expiresAtMs - nowMs < LEAD_MS) {
      const leftMs = Math.max(0, expiresAtMs - nowMs);
      throw new TimerNotLosableError(
        409,
        `its timer may be in the Lambda already: the deadline must be at least ${LEAD_MS} ms away, it is ${leftMs} ms away`,
      );
    }
    if (this.#wanted.size >= MAX_WAITED_FOR)
      throw new TimerNotLosableError(409, `at most ${MAX_WAITED_FOR} timers can be waited for at once`);
    this.#wanted.add(keyOf(bookingId, expiresAtMs));
    return { bookingId, expiresAt: iso(expiresAtMs) };
  }

  /** The timer that a message is, if it is one of those that get lost. */
  take({ body }: QueuedMessage): LostTimer | undefined {
    if (this.#wanted.size === 0) return undefined;
    try {
      const { bookingId, expiresAtMs, kind } = decodeTimer(body);
      if (kind !== undefined || !this.#wanted.delete(keyOf(bookingId, expiresAtMs))) return undefined;
      return { bookingId, expiresAt: iso(expiresAtMs) };
    } catch (error) {
      // A message that is no timer goes where it would have gone.
      if (error instanceof MalformedTimerError) return undefined;
      throw error;
    }
  }
}

const keyOf = (bookingId: string, expiresAtMs: number): string => `${expiresAtMs} ${bookingId}`;

const fieldsOf = (body: string): Record<string, unknown> => {
  try {
    const value = JSON.parse(body);
    if (typeof value === 'object' && value !== null) return value;
  } catch {
    // Answered as any other body that is no object.
  }
  throw new TimerNotLosableError(400, `the body must be a JSON object, got ${body.slice(0, 100)}`);
};
