/**
 * A payment provider in memory, as strange as real ones: sessions, 3-D Secure, sessions that are paid after their time, money that
 * is reserved and then not given, and an event for everything. It delivers no event itself: whoever plays with it takes them from
 * `events`, and delivers them as often, as late and in whatever order it likes.
 */
import type { Capture, SessionState } from './payment.ts';
import type { Provider, Session } from './ports.ts';

export interface ProviderEvent {
  readonly eventId: string;
  readonly type: 'session.authorized' | 'session.captured' | 'session.ended' | 'session.refunded';
  readonly sessionId: string;
  /** The key that the session was opened with: the shop's own id of the payment. */
  readonly key: string;
}

/** How long a customer may be at the bank, ms. Nothing ends the session meanwhile, not even the end of its own time. */
export const LONGEST_AUTHENTICATION_MS = 60 * 60_000;
/** How long the bank reserves money, ms. */
export const RESERVED_MS = 7 * 86_400_000;

/** What a customer's bank does. */
export interface Card {
  /** Whether the bank wants to hear from its customer first (3-D Secure). */
  readonly asksCustomer: boolean;
  /** Whether it gives money that it has reserved. */
  readonly givesReserved: boolean;
}

interface StoredSession {
  readonly sessionId: string;
  readonly key: string;
  readonly capture: Capture;
  readonly livesUntilMs: number;
  state: SessionState;
  card?: Card;
  /** When the present state ends by itself, epoch ms. */
  untilMs: number;
  readonly refundKeys: Set<string>;
}

export class ProviderSimulator implements Provider {
  /** Everything that has happened, in its order. */
  readonly events: ProviderEvent[] = [];
  readonly #clock: () => number;
  readonly #sessions = new Map<string, StoredSession>();

  /** @param clock epoch ms */
  constructor(clock: () => number) {
    this.#clock = clock;
  }

  async open(key: string, { capture, livesMs }: { capture: Capture; livesMs: number }): Promise<Session> {
    const sessionId = `session-${key}`;
    if (!this.#sessions.has(sessionId)) {
      const livesUntilMs = this.#clock() + livesMs;
      const refundKeys = new Set<string>();
      const session = {
        sessionId,
        key,
        capture,
        livesUntilMs,
        untilMs: livesUntilMs,
        state: 'open' as const,
        refundKeys,
      };
      this.#sessions.set(sessionId, session);
    }
    return this.read(sessionId);
  }

  async read(sessionId: string): Promise<Session> {
    return { sessionId, state: this.#now(sessionId).state };
  }

  async capture(sessionId: string): Promise<Session> {
    const session = this.#now(sessionId);
    if (session.state === 'authorized') this.#move(session, session.card?.givesReserved ? 'captured' : 'ended');
    return this.read(sessionId);
  }

  async end(sessionId: string): Promise<Session> {
    const session = this.#now(sessionId);
    if (session.state === 'open' || session.state === 'authorized') this.#move(session, 'ended');
    return this.read(sessionId);
  }

  async refund(sessionId: string, key: string): Promise<void> {
    const session = this.#now(sessionId);
    if (session.state !== 'captured')
      throw new Error(`${sessionId} is ${session.state}: there is nothing to give back`);
    if (session.refundKeys.has(key)) return;
    session.refundKeys.add(key);
    this.#tell(session, 'session.refunded');
  }

  /** The customer pays. @returns how the session stands: where it is not open, nothing happens */
  pay(sessionId: string, card: Card): SessionState {
    const session = this.#now(sessionId);
    if (session.state !== 'open') return session.state;
    session.card = card;
    if (card.asksCustomer) this.#move(session, 'authenticating');
    else this.#approve(session);
    return session.state;
  }

  /** The customer's bank has heard from its customer, or not. A refusal leaves the session open for another try. */
  authenticate(sessionId: string, isApproved: boolean): SessionState {
    const session = this.#now(sessionId);
    if (session.state !== 'authenticating') return session.state;
    if (isApproved) this.#approve(session);
    else this.#move(session, 'open');
    return this.#now(sessionId).state;
  }

  /** How often the money of a payment was taken, and how often it was given back. */
  accountOf(key: string): { readonly taken: number; readonly givenBack: number } {
    const session = this.#sessions.get(`session-${key}`);
    if (session === undefined) return { taken: 0, givenBack: 0 };
    return { taken: this.#now(session.sessionId).state === 'captured' ? 1 : 0, givenBack: session.refundKeys.size };
  }

  #approve(session: StoredSession): void {
    this.#move(session, session.capture === 'at-once' ? 'captured' : 'authorized');
  }

  /** The session as of now: what has run out since it was looked at is over. */
  #now(sessionId: string): StoredSession {
    const session = this.#sessions.get(sessionId);
    if (session === undefined) throw new Error(`there is no session ${sessionId}`);
    while (session.untilMs <= this.#clock()) this.#move(session, session.state === 'authenticating' ? 'open' : 'ended');
    return session;
  }

  #move(session: StoredSession, state: SessionState): void {
    session.state = state;
    const nowMs = this.#clock();
    const endsByItself: Partial<Record<SessionState, number>> = {
      open: session.livesUntilMs,
      authenticating: nowMs + LONGEST_AUTHENTICATION_MS,
      authorized: nowMs + RESERVED_MS,
    };
    session.untilMs = endsByItself[state] ?? Number.POSITIVE_INFINITY;
    if (state === 'authorized' || state === 'captured' || state === 'ended') this.#tell(session, `session.${state}`);
  }

  #tell({ sessionId, key }: StoredSession, type: ProviderEvent['type']): void {
    this.events.push({ eventId: `event-${this.events.length + 1}`, type, sessionId, key });
  }
}
