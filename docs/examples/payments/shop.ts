/** A shop to try things with: the checkout on a real service, with a simulated provider, and its troubles made to order. */
import { BookingsOverHttp } from './bookings-over-http.ts';
import { Checkout } from './checkout.ts';
import type { Capture, Payment } from './payment.ts';
import { PaymentsInMemory } from './payments-in-memory.ts';
import type { Bookings, Provider, Session } from './ports.ts';
import { type Card, type ProviderEvent, ProviderSimulator } from './provider-simulator.ts';

export const PLAIN_CARD: Card = { asksCustomer: false, givesReserved: true };
export const CARD_WITH_3D_SECURE: Card = { asksCustomer: true, givesReserved: true };

/** How long a booking is held before its payment starts, and how long a session should live, seconds. */
const USUAL = { hold: 60, session: 60 };
/** The same where a scene waits for the end of the hold. */
const SHORT = { hold: 3, session: 3 };
const POLL_MS = 50;

/** What is special about a process of the shop. */
export interface ProcessOptions {
  /** Whether it opens short sessions. */
  readonly isShort?: boolean;
  /** What goes wrong for it. */
  readonly bookings?: (bookings: Bookings) => Bookings;
  readonly provider?: (provider: Provider) => Provider;
}

export class Shop {
  readonly provider = new ProviderSimulator(Date.now);
  /** What outlives the shop's processes. */
  readonly payments = new PaymentsInMemory();
  readonly bookings: Bookings;
  readonly #prefix: string;

  /**
   * @param origin where the service is, such as http://127.0.0.1:3000
   * @param prefix begins all ids, so that nothing of an earlier run is met
   */
  constructor(origin: string, prefix: string) {
    this.bookings = new BookingsOverHttp(origin);
    this.#prefix = prefix;
  }

  /** A process of the shop. */
  process({ isShort = false, bookings = (same) => same, provider = (same) => same }: ProcessOptions = {}): Checkout {
    return new Checkout({
      bookings: bookings(this.bookings),
      provider: provider(this.provider),
      payments: this.payments,
      clock: Date.now,
      policy: 'revive',
      sessionSeconds: (isShort ? SHORT : USUAL).session,
    });
  }

  idOf(name: string): string {
    return `${this.#prefix}-${name}`;
  }

  /** @throws Error if the seat is not free */
  async begin(
    name: string,
    seat: string,
    { capture = 'at-once', isShort = false }: { capture?: Capture; isShort?: boolean } = {},
  ): Promise<Session> {
    const bookingId = this.idOf(name);
    const holdSeconds = (isShort ? SHORT : USUAL).hold;
    const request = { bookingId, slotIds: [`${this.#prefix}/${seat}`], holdSeconds };
    const session = await this.process({ isShort }).begin(request, capture);
    if (session === undefined) throw new Error(`${bookingId} should have got ${seat}`);
    return session;
  }

  /** All events of a payment so far, in their order. */
  eventsOf(name: string): ProviderEvent[] {
    return this.provider.events.filter(({ key }) => key === this.idOf(name));
  }

  /** Delivers events as webhooks. What they say does not matter, only of which payment they are. */
  async deliver(events: readonly ProviderEvent[]): Promise<void> {
    for (const { key } of events) await this.process().settle(key);
  }

  async statusOf(name: string): Promise<{ readonly status: string; readonly isRevived: boolean }> {
    const { body } = await this.bookings.read(this.idOf(name));
    return { status: String(body.status), isRevived: 'revivedAt' in body };
  }

  /** Waits until the hold of a booking has lapsed. */
  async untilLapsed(name: string): Promise<void> {
    while ((await this.statusOf(name)).status === 'PENDING')
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }

  payment(name: string): Payment | undefined {
    return this.payments.rows.find(({ bookingId }) => bookingId === this.idOf(name));
  }
}
