/** What the service's answers mean for the money. docs/payments.md has the same as tables. */
import type { Policy } from './payment.ts';

/** An answer of the HTTP API. Without one (a time-out, a broken connection) there is nothing to go by: see `NoAnswerError`. */
export interface Answer {
  readonly status: number;
  readonly body: {
    /** Of a booking: its status. Of a problem: the status code once more. */
    readonly status?: unknown;
    /** Of a problem: which one. */
    readonly type?: string;
    /** Of `move-refused`: what the booking is. */
    readonly found?: string;
    /** Of a booking: its deadline. */
    readonly expiresAt?: string | null;
    /** Of a booking: how long it is still held, ms. */
    readonly remainingMs?: number;
    /** Of `hold-too-long`: the latest deadline that it may get. */
    readonly latestExpiresAt?: string;
  };
}

/** Thrown where it is not known whether a request was carried out. It decides nothing: ask again. */
export class NoAnswerError extends Error {
  override readonly name = 'NoAnswerError';
}

/** Thrown for an answer that only a person can do something about, such as a wrong address or a missing right. */
export class UnexpectedAnswerError extends Error {
  override readonly name = 'UnexpectedAnswerError';
}

export const PROBLEM = 'urn:booking-expiry:problem:';

/**
 * What an answer to a confirmation, or to a cancellation, says of the booking.
 * confirmed: it is CONFIRMED. over: it is not, and never will be. lapsed: its hold has lapsed, and a revival may still confirm it.
 * ask-again: nothing was decided. not-understood: neither; a person must look, and no money moves before that.
 */
export type Meaning = 'confirmed' | 'cancelled' | 'over' | 'lapsed' | 'ask-again' | 'not-understood';

/** Answers that say nothing of the booking, and go away by themselves. */
const isTrouble = ({ status, body }: Answer): boolean =>
  status >= 500 || status === 429 || body.type === `${PROBLEM}request-in-flight`;

/** What any answer says, whatever was asked. */
const meaningOf = (answer: Answer): Meaning => {
  const { status, body } = answer;
  if (isTrouble(answer)) return 'ask-again';
  if (status === 200 && body.status === 'CONFIRMED') return 'confirmed';
  if (status === 200 && body.status === 'CANCELLED') return 'cancelled';
  // The problem's own type: a 404 of a wrong address has another body.
  if (status === 404 && body.type === `${PROBLEM}not-found`) return 'over';
  if (status !== 409) return 'not-understood';
  if (body.type === `${PROBLEM}slots-taken`) return 'over';
  if (body.type !== `${PROBLEM}move-refused`) return 'not-understood';
  if (body.found === 'CANCELLED') return 'over';
  if (body.found === 'EXPIRED') return 'lapsed';
  // PENDING: its hold ran out while others were in the way, so that nothing was decided yet.
  return body.found === 'PENDING' ? 'ask-again' : 'not-understood';
};

/**
 * What an answer to a confirmation means. A refusal as EXPIRED is final, because the policy is the same everywhere: asked
 * plainly, nobody revives; asked to revive, the service would have done so, unless the booking has no slots.
 */
export const meaningOfConfirm = (answer: Answer): Exclude<Meaning, 'lapsed'> => {
  const meaning = meaningOf(answer);
  return meaning === 'lapsed' ? 'over' : meaning === 'cancelled' ? 'not-understood' : meaning;
};

/**
 * What an answer to a cancellation means. Where a revival may be on its way, EXPIRED is not the end: the booking must be
 * confirmed first, and then cancelled.
 *
 * @param mayRevive whether a confirmation with `ifLapsed: revive` may have been sent
 */
export const meaningOfCancel = (answer: Answer, mayRevive: boolean): Meaning => {
  const meaning = meaningOf(answer);
  if (meaning === 'cancelled') return 'over';
  return meaning === 'lapsed' && !mayRevive ? 'over' : meaning;
};

/** The body of a confirmation. */
export const confirmBody = (policy: Policy): object => (policy === 'revive' ? { ifLapsed: 'revive' } : {});
