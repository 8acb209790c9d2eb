/** What can happen to payments, one scene each. A scene says what it does; what has become of it is looked up afterwards. */
import { NoAnswerError } from './answers.ts';
import type { Bookings, Provider } from './ports.ts';
import { CARD_WITH_3D_SECURE, PLAIN_CARD, type Shop } from './shop.ts';

export interface Scene {
  /** Also the id of its payment. */
  readonly name: string;
  readonly title: string;
  /** What must have become of the booking, and of its money, in the end. */
  readonly end: {
    readonly status: string;
    readonly isRevived?: boolean;
    readonly taken: number;
    readonly givenBack: number;
  };
  readonly play: (shop: Shop, say: (text: string) => void) => Promise<void>;
}

/** Thrown where a process of the shop is to end. */
class CrashError extends Error {
  override readonly name = 'CrashError';
}

const KEPT = { status: 'CONFIRMED', taken: 1, givenBack: 0 };

/** Carries something out, and then loses the answer. */
const answerLost = async (act: () => Promise<unknown>, error: Error): Promise<never> => {
  await act();
  throw error;
};

/** What an attempt ended with, if it was no answer or a crash. */
const failureOf = (attempt: Promise<unknown>): Promise<string> =>
  attempt.then(
    () => 'nothing',
    (error: unknown) => {
      if (error instanceof NoAnswerError || error instanceof CrashError) return error.message;
      throw error;
    },
  );

export const SCENES: readonly Scene[] = [
  {
    name: 'in-time',
    title: 'Paid in time, with 3-D Secure. Each webhook comes twice, the last one first',
    end: KEPT,
    play: async (shop, say) => {
      const { sessionId } = await shop.begin('in-time', 'seat-1');
      say(`pays: the session is ${shop.provider.pay(sessionId, CARD_WITH_3D_SECURE)}`);
      say(`the bank has heard from its customer: the session is ${shop.provider.authenticate(sessionId, true)}`);
      const events = shop.eventsOf('in-time').toReversed();
      await shop.deliver([...events, ...events]);
    },
  },
  {
    name: 'abandoned',
    title: 'Not paid. The shop ends the session when the hold ends',
    end: { status: 'EXPIRED', taken: 0, givenBack: 0 },
    play: async (shop, say) => {
      const { sessionId } = await shop.begin('abandoned', 'seat-2', { isShort: true });
      await shop.untilLapsed('abandoned');
      await shop.process().settleUnfinished();
      say(`tries to pay after that: the session is ${shop.provider.pay(sessionId, PLAIN_CARD)}`);
    },
  },
  {
    name: 'late-free',
    title: 'Paid late: at the bank the customer took longer than the hold. The seat is free still',
    end: { ...KEPT, isRevived: true },
    play: async (shop, say) => {
      const { sessionId } = await shop.begin('late-free', 'seat-3', { isShort: true });
      shop.provider.pay(sessionId, CARD_WITH_3D_SECURE);
      await shop.untilLapsed('late-free');
      say(`the hold has lapsed; the bank approves: the session is ${shop.provider.authenticate(sessionId, true)}`);
      await shop.deliver(shop.eventsOf('late-free'));
    },
  },
  {
    name: 'late-taken',
    title: 'Paid late, and the seat is another customer’s by then. Who then leaves it',
    end: { status: 'EXPIRED', taken: 1, givenBack: 1 },
    play: async (shop, say) => {
      const { sessionId } = await shop.begin('late-taken', 'seat-4', { isShort: true });
      shop.provider.pay(sessionId, CARD_WITH_3D_SECURE);
      await shop.untilLapsed('late-taken');
      await shop.begin('next-in-line', 'seat-4');
      say('the hold has lapsed, and somebody else has begun to pay for the seat');
      shop.provider.authenticate(sessionId, true);
      const events = shop.eventsOf('late-taken');
      await shop.deliver([...events, ...events]);
      say(`the money goes back: ${shop.payment('late-taken')?.stage}`);
      await shop.process().giveUp(shop.idOf('next-in-line'));
      say('the other one cancels, so that the seat is free again; a very late webhook comes');
      await shop.deliver(events);
    },
  },
  {
    name: 'capture-unheard',
    title: 'The money is reserved, the booking confirmed, the money taken, and the answer to that is lost',
    end: KEPT,
    play: async (shop, say) => {
      const { sessionId } = await shop.begin('capture-unheard', 'seat-5', { capture: 'after-confirming' });
      say(`pays: the session is ${shop.provider.pay(sessionId, PLAIN_CARD)}`);
      const provider = (real: Provider): Provider => ({
        open: (key, request) => real.open(key, request),
        read: (id) => real.read(id),
        end: (id) => real.end(id),
        refund: (id, key) => real.refund(id, key),
        capture: (id) => answerLost(() => real.capture(id), new NoAnswerError('no answer of the provider')),
      });
      const attempt = shop.process({ provider }).settle(shop.idOf('capture-unheard'));
      say(`the shop gives up for now: ${await failureOf(attempt)}`);
      await shop.deliver(shop.eventsOf('capture-unheard'));
    },
  },
  {
    name: 'crash',
    title: 'The shop crashes as soon as the booking is confirmed, and all webhooks are lost',
    end: KEPT,
    play: async (shop, say) => {
      const { sessionId } = await shop.begin('crash', 'seat-6');
      shop.provider.pay(sessionId, PLAIN_CARD);
      const bookings = (real: Bookings): Bookings => ({
        ...through(real),
        confirm: (id, body) => answerLost(() => real.confirm(id, body), new CrashError('the process ends here')),
      });
      say(`one process of the shop: ${await failureOf(shop.process({ bookings }).settle(shop.idOf('crash')))}`);
      say(`it had noted: ${shop.payment('crash')?.stage}. Another process settles what is unfinished`);
      await shop.process().settleUnfinished();
    },
  },
  {
    name: 'unavailable',
    title: 'The service answers 503 when the money is there',
    end: KEPT,
    play: async (shop, say) => {
      const { sessionId } = await shop.begin('unavailable', 'seat-7');
      shop.provider.pay(sessionId, PLAIN_CARD);
      const bookings = (real: Bookings): Bookings => ({
        ...through(real),
        confirm: async () => ({ status: 503, body: { type: 'urn:booking-expiry:problem:unavailable' } }),
      });
      say(`no money moves: ${await failureOf(shop.process({ bookings }).settle(shop.idOf('unavailable')))}`);
      await shop.deliver(shop.eventsOf('unavailable'));
    },
  },
  {
    name: 'cancelled',
    title: 'Paid, confirmed, and then cancelled by the customer, who presses the button twice',
    end: { status: 'CANCELLED', taken: 1, givenBack: 1 },
    play: async (shop, say) => {
      const { sessionId } = await shop.begin('cancelled', 'seat-8');
      shop.provider.pay(sessionId, PLAIN_CARD);
      await shop.deliver(shop.eventsOf('cancelled'));
      say(`the booking is ${(await shop.statusOf('cancelled')).status}`);
      await Promise.all([1, 2].map(() => shop.process().giveUp(shop.idOf('cancelled'))));
      await shop.deliver(shop.eventsOf('cancelled'));
    },
  },
];

const through = (real: Bookings): Bookings => ({
  create: (request) => real.create(request),
  extend: (id, until) => real.extend(id, until),
  read: (id) => real.read(id),
  confirm: (id, body) => real.confirm(id, body),
  cancel: (id) => real.cancel(id),
});
