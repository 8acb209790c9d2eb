/** One history of payments: customers, processes of a shop, a provider and the service, in one order of steps, with all that fails. */
import type { Capture, Policy } from '../../docs/examples/payments/payment.ts';
import { PaymentsInMemory } from '../../docs/examples/payments/payments-in-memory.ts';
import type { NewBooking } from '../../docs/examples/payments/ports.ts';
import { type Card, ProviderSimulator } from '../../docs/examples/payments/provider-simulator.ts';
import type { Patience } from '../../functions/adapters/contention.ts';
import { DAY_MS, MINUTE_MS } from '../../functions/core/hold-time.ts';
import { Chance } from './chance.ts';
import type { Choices } from './choices.ts';
import { checkEachMoment, checkTheEnd, type Seen } from './promises.ts';
import { type AnswerMaker, Service } from './service.ts';
import { ShopProcesses } from './shop-processes.ts';
import type { TableGate } from './slow-tables.ts';
import { type Director, Turns } from './turns.ts';

const START_MS = Date.UTC(2027, 0, 1, 12);
const HOLD_SECONDS = 120;
/** How long customers take, ms. At the bank some take longer than their booking is held. */
const PAUSES_MS = [1_000, MINUTE_MS, 6 * MINUTE_MS, 9 * MINUTE_MS, 16 * MINUTE_MS, 25 * MINUTE_MS] as const;
/** When customers come, ms after the start. */
const COME_MS = [0, 30_000, 3 * MINUTE_MS, 6 * MINUTE_MS, 11 * MINUTE_MS, 20 * MINUTE_MS] as const;
const MAX_HOLD_MS = [15 * MINUTE_MS, 5 * MINUTE_MS] as const;

export interface HistoryOptions {
  readonly choices: Choices;
  readonly Answers: AnswerMaker;
  /** Takes a line on what happens. @default - nobody */
  readonly tell?: ((line: string) => void) | undefined;
}

interface Customer {
  readonly request: NewBooking;
  readonly capture: Capture;
  readonly card: Card;
  wasCancelled: boolean;
}

export class History {
  readonly #chance: Chance;
  readonly #turns: Turns;
  readonly #tell: ((line: string) => void) | undefined;
  readonly #service: Service;
  readonly #provider: ProviderSimulator;
  readonly #payments = new PaymentsInMemory();
  readonly #customers: readonly Customer[];
  readonly #policy: Policy;
  readonly #sweepOffMs: number;
  readonly #shop: ShopProcesses;
  #deliveredEvents = 0;

  constructor({ choices, Answers, tell }: HistoryOptions) {
    this.#tell = tell;
    const chance = new Chance(choices);
    this.#chance = chance;
    const waits = (last: string | undefined, who: readonly { who: string }[]) =>
      who.findIndex((each) => each.who === last);
    const director: Director = {
      choose: (waiting, last) => chance.turnOf(waiting.length, waits(last, waiting)),
      crashes: () => chance.crashes(),
      movesBy: (nowMs) => chance.moveMs(this.#untilDeadlineMs(nowMs)),
      afterStep: () => this.#afterStep(),
      note: (text) => this.#note(text),
    };
    this.#turns = new Turns(START_MS, director);
    this.#policy = choices.of(['plain', 'revive']);
    this.#service = new Service(choices.of(MAX_HOLD_MS));
    const shopOffMs = chance.clockOffMs();
    this.#sweepOffMs = chance.clockOffMs();
    const servers = ['server 1', 'server 2'].map((name) => {
      const offMs = chance.clockOffMs();
      const clock = () => this.#turns.nowMs + offMs;
      this.#note(() => `${name}: its clock is ${offMs} ms off`);
      return this.#service.server(Answers, { gate: this.#gateOf(name), clock, patience: this.#patienceOf(name) });
    });
    this.#provider = new ProviderSimulator(() => this.#turns.nowMs);
    this.#shop = new ShopProcesses({
      turns: this.#turns,
      chance,
      servers,
      provider: this.#provider,
      payments: this.#payments,
      policy: this.#policy,
      clockOffMs: shopOffMs,
      note: (text) => this.#note(text),
    });
    // Where all want the same seat, each change of its owner meets somebody's late request.
    const wanted = choices.chance(50) ? ([['seat-A']] as const) : WANTED;
    this.#customers = Array.from({ length: 1 + choices.pick(4) }, (_, index) => customer(index, wanted, choices));
    this.#note(
      () => `policy ${this.#policy}; the shop's clock is ${shopOffMs} ms off, the sweep's ${this.#sweepOffMs} ms`,
    );
  }

  /** Plays it to its end. @throws BrokenPromiseError, or whatever should not be thrown */
  async play(): Promise<Readonly<Record<string, number>>> {
    for (const each of this.#customers) this.#comes(each);
    const { choices } = this.#chance;
    for (let count = choices.pick(3); count > 0; count -= 1)
      this.#shop.settlesUnfinished(choices.pick(4) * 5 * MINUTE_MS);
    for (let count = choices.pick(3); count > 0; count -= 1) this.#sweeps(choices.pick(4) * 3 * MINUTE_MS);
    await this.#turns.playOut();
    await this.#comesToRest();
    checkTheEnd(this.#seen());
    await this.#everyEventComesAgain();
    checkTheEnd(this.#seen());
    return this.#counts();
  }

  /** Nothing fails any more, and no webhook comes: the shop settles by itself what is left. */
  async #comesToRest(): Promise<void> {
    this.#note(() => 'from here on nothing fails, and no webhook comes');
    this.#chance.isCalm = true;
    for (const passesMs of [0, 30 * MINUTE_MS, 3 * 60 * MINUTE_MS, 8 * DAY_MS, 8 * DAY_MS, 0]) {
      this.#turns.nowMs += passesMs;
      this.#shop.settlesUnfinished(0);
      await this.#turns.playOut();
    }
  }

  async #everyEventComesAgain(): Promise<void> {
    this.#note(() => 'every event comes once more');
    for (const { key } of this.#provider.events) this.#shop.settles(key, 0);
    await this.#turns.playOut();
  }

  /** A customer opens the shop's page, maybe in two windows, and pays, or does something else. */
  #comes(customer: Customer): void {
    const { choices } = this.#chance;
    const { bookingId } = customer.request;
    const windows = choices.chance(15) ? 2 : 1;
    const laterMs = choices.of(COME_MS);
    for (let window = 0; window < windows; window += 1) {
      this.#shop.process(
        `checkout of ${bookingId}`,
        laterMs,
        async (checkout) => {
          const session = await checkout.begin(customer.request, customer.capture);
          this.#note(() => `  ${session ? `the customer is sent to ${session.sessionId}` : 'there is nothing to pay'}`);
          if (session && !choices.chance(15)) this.#turns.start(() => this.#pays(customer, session.sessionId));
        },
        2,
      );
    }
    if (choices.chance(15))
      this.#cancels(customer, laterMs + choices.of([MINUTE_MS, 0, 10_000, 5 * MINUTE_MS, 30 * MINUTE_MS]));
  }

  async #pays(customer: Customer, sessionId: string): Promise<void> {
    const { choices } = this.#chance;
    const { card, request } = customer;
    const { bookingId } = request;
    const who = `customer of ${bookingId}`;
    const pause = () => ({ afterMs: choices.chance(45) ? choices.of(PAUSES_MS) : 0 });
    for (let tries = 0; tries < 2; tries += 1) {
      await this.#turns.turn(who, `pays in ${sessionId}`, pause());
      let state = this.#provider.pay(sessionId, card);
      if (state === 'authenticating') {
        await this.#turns.turn(who, 'comes back from the bank', pause());
        state = this.#provider.authenticate(sessionId, !choices.chance(20));
      }
      this.#note(() => `  ${sessionId} is ${state}`);
      // An answer that is lost looks like a failure: the customer pays again.
      if (state !== 'open' && !choices.chance(15)) break;
    }
    if (!choices.chance(30)) this.#shop.settles(bookingId, 0);
    if (choices.chance(15)) this.#cancels(customer, this.#chance.delayMs());
  }

  #cancels(customer: Customer, afterMs: number): void {
    const { bookingId } = customer.request;
    this.#shop.process(`cancellation of ${bookingId}`, afterMs, async (checkout) => {
      customer.wasCancelled = true;
      await checkout.giveUp(bookingId);
    });
  }

  #sweeps(afterMs: number): void {
    this.#turns.start(async () => {
      await this.#turns.turn('sweep', 'starts', { afterMs });
      const clock = () => this.#turns.nowMs + this.#sweepOffMs;
      await this.#service.sweep(this.#gateOf('sweep'), clock);
      await this.#turns.turn('retention', 'deletes what has been over for a day', { afterMs: this.#chance.delayMs() });
      // A request lives for seconds, and retention takes days: none comes for a booking that was deleted since.
      if (this.#shop.requestsOnTheirWay === 0) this.#service.deleteOld(this.#turns.nowMs);
    });
  }

  #gateOf(who: string): TableGate {
    return {
      arrive: async (what, mayBeBusy) => {
        await this.#turns.turn(who, what);
        const fate = this.#chance.tableFate(mayBeBusy);
        if (fate !== 'fine') this.#note(() => `  which is ${fate}`);
        return fate;
      },
    };
  }

  #patienceOf(who: string): Patience {
    return {
      limitMs: 4_000,
      elapsed: () => this.#turns.nowMs,
      random: () => 0.5,
      pause: (ms) => this.#turns.turn(who, 'has paused', { afterMs: Math.ceil(ms) }),
    };
  }

  #untilDeadlineMs(nowMs: number): number | undefined {
    const ahead = this.#service.bookings
      .map(({ expiresAtMs = 0 }) => expiresAtMs - nowMs)
      .filter((untilMs) => untilMs > 1);
    return ahead.length > 0 ? Math.min(...ahead) : undefined;
  }

  #afterStep(): void {
    checkEachMoment(this.#seen());
    const { events } = this.#provider;
    for (; this.#deliveredEvents < events.length; this.#deliveredEvents += 1) {
      const event = events[this.#deliveredEvents];
      for (let copies = this.#chance.deliveries(); copies > 0 && event; copies -= 1) {
        this.#shop.settles(event.key, this.#chance.delayMs());
      }
    }
  }

  #seen(): Seen[] {
    const bookings = new Map(this.#service.bookings.map((booking) => [booking.bookingId, booking]));
    const payments = new Map(this.#payments.rows.map((payment) => [payment.bookingId, payment]));
    return this.#customers.map(({ request: { bookingId }, wasCancelled }) => ({
      bookingId,
      booking: bookings.get(bookingId),
      ...this.#provider.accountOf(bookingId),
      payment: payments.get(bookingId),
      wasCancelled,
      revives: this.#policy === 'revive',
    }));
  }

  /** What has become of the payments, to be added up. */
  #counts(): Record<string, number> {
    const counts: Record<string, number> = { payments: 0, steps: this.#turns.steps };
    const count = (name: string) => {
      counts[name] = (counts[name] ?? 0) + 1;
    };
    for (const { booking, payment } of this.#seen()) {
      if (payment === undefined) continue;
      count('payments');
      count(payment.stage);
      if (booking?.revivedAtMs !== undefined) count('revived');
      if (booking?.slotsLostAtMs !== undefined) count('slots lost');
    }
    return counts;
  }

  #note(text: () => string): void {
    this.#tell?.(`${((this.#turns?.nowMs ?? START_MS) - START_MS).toString().padStart(12)} ms  ${text()}`);
  }
}

/** Slots of one booking. */
type SlotIds = readonly string[];
const WANTED: readonly [SlotIds, ...SlotIds[]] = [
  ['seat-A'],
  ['seat-A', 'seat-B'],
  ['seat-B'],
  ['seat-C', 'seat-B'],
  [],
];

const customer = (index: number, wanted: readonly [SlotIds, ...SlotIds[]], choices: Choices): Customer => ({
  request: {
    bookingId: `booking-${index + 1}`,
    slotIds: choices.of(wanted),
    holdSeconds: HOLD_SECONDS,
  },
  capture: choices.of(['at-once', 'after-confirming']),
  card: { asksCustomer: choices.chance(50), givesReserved: !choices.chance(15) },
  wasCancelled: false,
});
