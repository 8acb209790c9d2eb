/**
 * A shop's checkout. Whatever happens, a webhook, a customer who returns, a customer who cancels, a crash, it does the same: it
 * looks at what it has noted, asks the provider how the session stands, and takes the next step. Each step may be taken twice.
 */
import {
  type Answer,
  confirmBody,
  meaningOfCancel,
  meaningOfConfirm,
  NoAnswerError,
  PROBLEM,
  UnexpectedAnswerError,
} from './answers.ts';
import { type Capture, needsSession, nextStep, type Payment, type Policy, type Step } from './payment.ts';
import type { Bookings, NewBooking, Payments, Provider, Session } from './ports.ts';

export interface CheckoutPorts {
  readonly bookings: Bookings;
  readonly provider: Provider;
  readonly payments: Payments;
  /** Epoch ms. */
  readonly clock: () => number;
  /** The same in every process of the shop. */
  readonly policy: Policy;
  /** How long a session should live, seconds. The hold is extended by that when the payment starts. */
  readonly sessionSeconds: number;
}

/** Most steps at one go. More are left to the next webhook, or to `settleUnfinished`. */
const MOST_STEPS = 20;

export class Checkout {
  readonly #ports: CheckoutPorts;

  constructor(ports: CheckoutPorts) {
    this.#ports = ports;
  }

  /**
   * Holds a booking and opens the session in which its customer pays. Asked for again, it gives the same session.
   *
   * @returns where to send the customer; undefined if there is nothing to pay: a slot is another's, or it was given up
   * @throws NoAnswerError if it should be asked for again
   */
  async begin(request: NewBooking, capture: Capture): Promise<Session | undefined> {
    const { payments, provider, bookings, clock } = this.#ports;
    const { bookingId } = request;
    const first = newPayment(bookingId, capture, clock());
    const isFirst = await payments.insert(first);
    const payment = isFirst ? first : await payments.get(bookingId);
    if (payment === undefined || payment.isGivenUp) return undefined;
    if (payment.sessionId !== undefined) return this.#sessionToPay(payment.sessionId);
    if (payment.stage !== 'opening') return undefined;

    const created = await bookings.create(request);
    if (created.status !== 200 && created.status !== 201) return this.#notBegun(payment, created);
    // Counted from before the request: the answer takes its time, and the session must not outlive the hold by that.
    const askedAtMs = clock();
    const holdMs = await this.#holdForPayment(bookingId);
    if (holdMs === undefined) return this.#notBegun(payment);
    const holdUntilMs = askedAtMs + holdMs;
    const livesMs = Math.max(0, holdUntilMs - clock());
    const session = await provider.open(bookingId, { capture: payment.capture, livesMs });
    const opened: Payment = { ...changed(payment), stage: 'open', sessionId: session.sessionId, holdUntilMs };
    // Before anybody can pay: a session that nothing knows of could not be ended.
    if (await payments.update(opened)) return session;
    const now = await payments.get(bookingId);
    return now?.stage === 'open' && !now.isGivenUp ? this.#sessionToPay(session.sessionId) : undefined;
  }

  async #sessionToPay(sessionId: string): Promise<Session | undefined> {
    const session = await this.#ports.provider.read(sessionId);
    return session.state === 'open' ? session : undefined;
  }

  /** @param refused the answer by which there is no booking, if it was that */
  async #notBegun(payment: Payment, refused?: Answer): Promise<undefined> {
    if (refused && (refused.status >= 500 || refused.status === 429)) throw new NoAnswerError(saidIn(refused));
    const isTaken = refused?.body.type === `${PROBLEM}slots-taken`;
    if (refused && !isTaken) throw new UnexpectedAnswerError(saidIn(refused));
    await this.#ports.payments.update({ ...changed(payment), isGivenUp: true });
    return undefined;
  }

  /**
   * Holds the booking for as long as the session should live, or for as long as the service allows.
   *
   * @returns how long it is held from now, ms; undefined if it is not held any more
   */
  async #holdForPayment(bookingId: string): Promise<number | undefined> {
    const { bookings, sessionSeconds } = this.#ports;
    let answer = await bookings.extend(bookingId, { holdSeconds: sessionSeconds });
    const { latestExpiresAt } = answer.body;
    if (latestExpiresAt !== undefined) {
      answer = await bookings.read(bookingId);
      const isLater = answer.status === 200 && Date.parse(latestExpiresAt) > Date.parse(answer.body.expiresAt ?? '');
      if (isLater) answer = await bookings.extend(bookingId, { expiresAt: latestExpiresAt });
    }
    const { status, body } = answer;
    if (status >= 500 || status === 429) throw new NoAnswerError(saidIn(answer));
    return status === 200 && body.status === 'PENDING' && body.remainingMs ? body.remainingMs : undefined;
  }

  /** The customer does not want it any more, paid or not. It is noted first: what follows can then be done by anybody. */
  async giveUp(bookingId: string): Promise<Payment | undefined> {
    const { payments } = this.#ports;
    for (;;) {
      const payment = await payments.get(bookingId);
      if (payment === undefined || payment.isGivenUp || payment.isOver) break;
      if (await payments.update({ ...changed(payment), isGivenUp: true })) break;
    }
    return this.settle(bookingId);
  }

  /**
   * Takes a payment as far as it goes now: for a webhook, whatever it says, and for a customer who returns.
   *
   * @throws NoAnswerError, UnexpectedAnswerError: it is to be settled again later
   */
  async settle(bookingId: string): Promise<Payment | undefined> {
    const { payments, provider, clock } = this.#ports;
    for (let steps = 0; steps < MOST_STEPS; steps += 1) {
      const payment = await payments.get(bookingId);
      if (payment === undefined) return undefined;
      const session = needsSession(payment) ? await this.#sessionOf(payment) : undefined;
      const step = nextStep(payment, session?.state, clock());
      if (step === 'done' || step === 'wait') return payment;
      const after = await this.#take(step, payment, session?.sessionId ?? payment.sessionId ?? '', provider);
      // If somebody else has written since, what they wrote is looked at.
      const found = session && { sessionId: session.sessionId };
      if (after !== undefined) await payments.update({ ...changed(payment), ...found, ...after });
    }
    return payments.get(bookingId);
  }

  /** A session that was never noted may be there all the same: the same key finds it, or makes the one that is then ended. */
  #sessionOf({ bookingId, sessionId, capture }: Payment): Promise<Session> {
    const { provider } = this.#ports;
    return sessionId === undefined ? provider.open(bookingId, { capture, livesMs: 0 }) : provider.read(sessionId);
  }

  /** @returns what to note; undefined if nothing */
  async #take(
    step: Exclude<Step, 'done' | 'wait'>,
    payment: Payment,
    sessionId: string,
    provider: Provider,
  ): Promise<Partial<Payment> | undefined> {
    switch (step) {
      case 'confirm':
        return this.#confirm(payment);
      case 'capture':
        await provider.capture(sessionId);
        return undefined;
      case 'end-session':
        await provider.end(sessionId);
        return undefined;
      case 'give-up':
        return { isGivenUp: true };
      case 'end-booking':
        return (await this.#endBooking(payment)) ? { isOver: true } : undefined;
      case 'keep':
        return { stage: 'kept' };
      case 'owe-refund':
        return { stage: 'refund-due' };
      case 'refund':
        await provider.refund(sessionId, `refund-${payment.bookingId}`);
        return { stage: 'refunded' };
      case 'close':
        return { stage: 'closed' };
    }
  }

  /** A confirmation is noted before it is sent: it may arrive whenever it likes, and somebody must know. */
  async #confirm(payment: Payment): Promise<Partial<Payment> | undefined> {
    if (!payment.confirmAsked) return { confirmAsked: true };
    const answer = await this.#ports.bookings.confirm(payment.bookingId, confirmBody(this.#ports.policy));
    switch (meaningOfConfirm(answer)) {
      case 'confirmed':
        return { isConfirmed: true };
      case 'over':
        return { isOver: true };
      case 'ask-again':
        throw new NoAnswerError(saidIn(answer));
      default:
        throw new UnexpectedAnswerError(saidIn(answer));
    }
  }

  /** @returns whether the booking is over for good; if not, its end is to be asked for once more */
  async #endBooking({ bookingId, confirmAsked }: Payment): Promise<boolean> {
    const { bookings, policy } = this.#ports;
    const mayRevive = policy === 'revive' && confirmAsked;
    const answer = await bookings.cancel(bookingId);
    switch (meaningOfCancel(answer, mayRevive)) {
      case 'over':
        return true;
      case 'lapsed': {
        // So that no revival which is still on its way finds it: confirmed now, it is cancelled next.
        const confirmed = await bookings.confirm(bookingId, confirmBody(policy));
        const meaning = meaningOfConfirm(confirmed);
        if (meaning === 'over' || meaning === 'confirmed') return meaning === 'over';
        throw new NoAnswerError(saidIn(confirmed));
      }
      case 'ask-again':
        throw new NoAnswerError(saidIn(answer));
      default:
        throw new UnexpectedAnswerError(saidIn(answer));
    }
  }

  /**
   * Settles what no webhook has settled: for every few minutes. Webhooks may be lost, and so may the process that took one.
   *
   * @returns how many could not be settled, because something did not answer
   */
  async settleUnfinished(): Promise<number> {
    let unsettled = 0;
    for (const bookingId of await this.#ports.payments.unfinished()) {
      await this.settle(bookingId).catch((error: unknown) => {
        if (!(error instanceof NoAnswerError || error instanceof UnexpectedAnswerError)) throw error;
        unsettled += 1;
      });
    }
    return unsettled;
  }
}

const newPayment = (bookingId: string, capture: Capture, nowMs: number): Payment => ({
  bookingId,
  version: 1,
  stage: 'opening',
  capture,
  startedAtMs: nowMs,
  confirmAsked: false,
  isConfirmed: false,
  isGivenUp: false,
  isOver: false,
});

const changed = (payment: Payment): Payment => ({ ...payment, version: payment.version + 1 });

const saidIn = ({ status, body }: Answer): string => `the service answered ${status} ${body.type ?? ''}`.trim();
