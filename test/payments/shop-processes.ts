/** The shop in a history: processes that run beside each other, crash, and do not get answers. */
import { NoAnswerError, UnexpectedAnswerError } from '../../docs/examples/payments/answers.ts';
import { Checkout } from '../../docs/examples/payments/checkout.ts';
import type { Policy } from '../../docs/examples/payments/payment.ts';
import type { Bookings, Payments, Provider } from '../../docs/examples/payments/ports.ts';
import type { Chance } from './chance.ts';
import type { Turns } from './turns.ts';
import { unreliableBookings, unreliableProvider, type Way } from './unreliable.ts';

/** How long a session should live, seconds. */
const SESSION_SECONDS = 600;

export interface WorldOfShop {
  readonly turns: Turns;
  readonly chance: Chance;
  /** The service's servers: each request goes to one of them. */
  readonly servers: readonly Bookings[];
  readonly provider: Provider;
  /** The shop's database, which outlives its processes. */
  readonly payments: Payments;
  readonly policy: Policy;
  /** How far the shop's clock is off, ms. */
  readonly clockOffMs: number;
  readonly note: (text: () => string) => void;
}

export class ShopProcesses {
  readonly #world: WorldOfShop;
  #processes = 0;
  #onTheirWay = 0;

  constructor(world: WorldOfShop) {
    this.#world = world;
  }

  /** Requests that nobody waits for any more, and that will still be carried out. */
  get requestsOnTheirWay(): number {
    return this.#onTheirWay;
  }

  /** One process of the shop, which may crash before each of its steps. */
  process(what: string, afterMs: number, act: (checkout: Checkout) => Promise<unknown>, retries = 0): void {
    this.#processes += 1;
    const who = `${what} (${this.#processes})`;
    this.#world.turns.start(async () => {
      await this.#world.turns.turn(who, 'starts', { afterMs, mayCrash: true });
      await act(this.#checkoutOf(who)).catch((error: unknown) => {
        if (!(error instanceof NoAnswerError || error instanceof UnexpectedAnswerError)) throw error;
        this.#world.note(() => `  ${who} gives up for now: ${error.message}`);
        // The provider, or the customer, tries again.
        if (retries > 0) this.process(what, this.#world.chance.delayMs(), act, retries - 1);
      });
    });
  }

  settles(bookingId: string, afterMs: number): void {
    this.process(`webhook for ${bookingId}`, afterMs, (checkout) => checkout.settle(bookingId), 2);
  }

  settlesUnfinished(afterMs: number): void {
    this.process('settling of what is unfinished', afterMs, (checkout) => checkout.settleUnfinished());
  }

  #checkoutOf(who: string): Checkout {
    const { choices } = this.#world.chance;
    const way: Way = {
      fateOf: async (what) => {
        await this.#world.turns.turn(who, what, { mayCrash: true });
        const fate = this.#world.chance.requestFate();
        if (fate !== 'fine') this.#world.note(() => `  which is ${fate}`);
        return fate;
      },
      carryOutLate: (what, act) => {
        this.#onTheirWay += 1;
        this.#world.turns.start(async () => {
          await this.#world.turns.turn(`late request of ${who}`, what, { afterMs: this.#world.chance.delayMs() });
          await act().finally(() => {
            this.#onTheirWay -= 1;
          });
        });
      },
      note: (text) => this.#world.note(text),
    };
    const serverOf = () => choices.of(this.#world.servers as readonly [Bookings, ...Bookings[]]);
    return new Checkout({
      bookings: unreliableBookings(way, serverOf),
      provider: unreliableProvider(way, this.#world.provider),
      payments: this.#databaseOf(who),
      clock: () => this.#world.turns.nowMs + this.#world.clockOffMs,
      policy: this.#world.policy,
      sessionSeconds: SESSION_SECONDS,
    });
  }

  /** The shop's own database does not fail here: a process that cannot reach it is as one that has crashed. */
  #databaseOf(who: string): Payments {
    const turn = (what: string) => this.#world.turns.turn(who, what, { mayCrash: true });
    return {
      get: async (bookingId) => {
        await turn(`looks up the payment of ${bookingId}`);
        return this.#world.payments.get(bookingId);
      },
      insert: async (payment) => {
        await turn(`notes a new payment ${payment.bookingId}`);
        return this.#world.payments.insert(payment);
      },
      update: async (payment) => {
        const { bookingId, version, startedAtMs: _, ...rest } = payment;
        await turn(`notes the next step of ${bookingId}`);
        this.#world.note(() => `  ${JSON.stringify(rest)}`);
        const isWritten = await this.#world.payments.update(payment);
        if (!isWritten) this.#world.note(() => `  but version ${version - 1} is not what is there any more`);
        return isWritten;
      },
      unfinished: async () => {
        await turn('looks up what is unfinished');
        return this.#world.payments.unfinished();
      },
    };
  }
}
