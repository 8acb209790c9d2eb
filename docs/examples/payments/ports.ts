/** What a checkout needs of others: the booking service, the payment provider, and a database of its own. */
import type { Answer } from './answers.ts';
import type { Capture, Payment, SessionState } from './payment.ts';

/** The booking service. Each of these throws NoAnswerError where it is not known whether the request was carried out. */
export interface Bookings {
  create(request: NewBooking): Promise<Answer>;
  /** @param until how long from now, or until when */
  extend(bookingId: string, until: { holdSeconds: number } | { expiresAt: string }): Promise<Answer>;
  read(bookingId: string): Promise<Answer>;
  /** @param body see `confirmBody` */
  confirm(bookingId: string, body: object): Promise<Answer>;
  cancel(bookingId: string): Promise<Answer>;
}

export interface NewBooking {
  readonly bookingId: string;
  readonly slotIds: readonly string[];
  readonly holdSeconds: number;
}

/** A session as the provider reports it. */
export interface Session {
  readonly sessionId: string;
  readonly state: SessionState;
}

/** The payment provider. Each of these throws NoAnswerError where it is not known whether the request was carried out. */
export interface Provider {
  /**
   * Opens a session in which one customer may pay once.
   *
   * @param key the same key always gets the same session, whatever has become of it
   * @param livesMs how long the customer may begin to pay, from now, ms
   */
  open(key: string, request: { readonly capture: Capture; readonly livesMs: number }): Promise<Session>;
  read(sessionId: string): Promise<Session>;
  /** Takes the money of an authorized session, or finds that it cannot. */
  capture(sessionId: string): Promise<Session>;
  /** Ends a session in which no money was taken. One that is being paid, or is paid, is answered as it is. */
  end(sessionId: string): Promise<Session>;
  /** Gives the money of a captured session back. @param key the same key never gives it back twice */
  refund(sessionId: string, key: string): Promise<void>;
}

/** The shop's own database: one row for each payment. */
export interface Payments {
  get(bookingId: string): Promise<Payment | undefined>;
  /** @returns false if there is one already */
  insert(payment: Payment): Promise<boolean>;
  /**
   * Writes a payment over the version before its own: `UPDATE … WHERE id = ? AND version = ?`.
   *
   * @returns false if somebody else has written since
   */
  update(payment: Payment): Promise<boolean>;
  /** Ids of those that are not done: `stage` is none of kept, refunded and closed, or is kept and given up. */
  unfinished(): Promise<readonly string[]>;
}
