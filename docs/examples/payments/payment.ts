/**
 * What a shop remembers of each payment, and what it does next. Nothing here does anything: the decisions are plain functions,
 * so that they can be tried in every order of things.
 *
 *   opening ──session opened──▶ open ──paid and confirmed──▶ kept
 *      │                          │                            │ cancelled by the customer
 *      │                          ├──paid, not confirmed──▶ refund-due ──▶ refunded
 *      └──given up──▶ closed ◀────┘ not paid
 *
 * There is one payment for each booking, under the booking's own id. A second one would be a second charge: the service says
 * that a booking is CONFIRMED, and not for which payment.
 */

/** closed: no money came, and none will. refund-due: noted before the provider is asked for the refund, and never taken back. */
export type Stage = 'opening' | 'open' | 'kept' | 'refund-due' | 'refunded' | 'closed';

/**
 * When the money moves. `at-once`: as soon as the customer has paid. `after-confirming`: the customer's bank reserves it, and the
 * shop takes it once the booking is CONFIRMED. Then a refused booking costs no refund, but not every payment method can do it.
 */
export type Capture = 'at-once' | 'after-confirming';

/**
 * What is asked for where the hold has lapsed when the money comes. `revive`: the booking is confirmed all the same, if its
 * slots are free. One shop uses one policy, everywhere: see `meaningOfConfirm`.
 */
export type Policy = 'plain' | 'revive';

/** One payment, as the shop's database has it. */
export interface Payment {
  readonly bookingId: string;
  /** Counts the changes. A change is written only over the version that was read. */
  readonly version: number;
  readonly stage: Stage;
  readonly capture: Capture;
  /** By the shop's clock, epoch ms. */
  readonly startedAtMs: number;
  /** Known from the moment on at which the provider has answered. */
  readonly sessionId?: string;
  /** When the hold ends, and so the session must, epoch ms. */
  readonly holdUntilMs?: number;
  /** Whether a confirmation may have been sent, whatever became of it. It is noted first. */
  readonly confirmAsked: boolean;
  /** Whether the service has said that the booking is CONFIRMED. */
  readonly isConfirmed: boolean;
  /** Whether the booking is not wanted any more: the customer cancelled, or the provider has ended the session unpaid. */
  readonly isGivenUp: boolean;
  /** Whether the service has said for good that the booking is not CONFIRMED and never will be. */
  readonly isOver: boolean;
}

/**
 * What the provider says of a session. authenticating: the customer is at the bank (3-D Secure), and nobody can end it now.
 * authorized: the bank has reserved the money. captured: it has been taken. ended: no money was taken, and none can be.
 */
export type SessionState = 'open' | 'authenticating' | 'authorized' | 'captured' | 'ended';

/** How long an opening may take before it counts as left behind by a crash, ms. */
export const OPENING_MS = 10 * 60_000;

export type Step =
  /** Nothing, ever. */
  | 'done'
  /** Nothing now: the customer or the provider comes first. */
  | 'wait'
  /** Ask the service to confirm the booking. */
  | 'confirm'
  /** Take the money that the bank has reserved. */
  | 'capture'
  /** End the session, so that nobody can pay any more. */
  | 'end-session'
  /** Note that the booking is not wanted any more. */
  | 'give-up'
  /** Make sure that the booking is not CONFIRMED and never will be. */
  | 'end-booking'
  /** Note that this is a payment which the shop keeps. */
  | 'keep'
  /** Note that the money must go back. */
  | 'owe-refund'
  /** Give it back. */
  | 'refund'
  /** Note that there is no money and no booking. */
  | 'close';

/** Whether the next step depends on what the provider says. */
export const needsSession = ({ stage, isGivenUp, isOver }: Payment): boolean =>
  stage === 'open' ? isOver || !isGivenUp : stage === 'opening' || stage === 'kept' ? isOver : false;

/**
 * What to do next. It goes by the payment's own note and by what the provider says now, never by what an event said: so it does
 * not matter how often, how late and in which order events come.
 *
 * @param session what the provider says; undefined where `needsSession` says that it does not matter
 * @param nowMs the shop's clock
 */
export const nextStep = (payment: Payment, session: SessionState | undefined, nowMs: number): Step => {
  const { stage, isGivenUp, isOver, isConfirmed, startedAtMs, holdUntilMs = 0 } = payment;
  if (stage === 'closed' || stage === 'refunded') return 'done';
  if (stage === 'refund-due') return 'refund';
  if (isOver) return withoutBooking(session);
  if (isGivenUp) return 'end-booking';
  if (stage === 'kept') return 'done';
  if (stage === 'opening') return nowMs >= startedAtMs + OPENING_MS ? 'give-up' : 'wait';
  switch (session) {
    case 'captured':
      return isConfirmed ? 'keep' : 'confirm';
    case 'authorized':
      return isConfirmed ? 'capture' : 'confirm';
    case 'ended':
      return 'give-up';
    case 'open':
      return nowMs >= holdUntilMs ? 'end-session' : 'wait';
    default:
      return 'wait';
  }
};

/** The booking is over for good, so the money must not stay. */
const withoutBooking = (session: SessionState | undefined): Step => {
  switch (session) {
    case 'captured':
      return 'owe-refund';
    case 'ended':
      return 'close';
    case 'open':
    case 'authorized':
      return 'end-session';
    default:
      return 'wait';
  }
};
