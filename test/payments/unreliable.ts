/** Requests between programs that may be lost, unheard of, or late. */
import { NoAnswerError } from '../../docs/examples/payments/answers.ts';
import type { Bookings, Provider } from '../../docs/examples/payments/ports.ts';
import type { RequestFate } from './chance.ts';

/** What a request needs of the world that it is made in. */
export interface Way {
  /** Waits until it is the request's turn, and says what becomes of it. */
  fateOf(what: string): Promise<RequestFate>;
  /** Carries something out when nobody waits for it any more. */
  carryOutLate(what: string, act: () => Promise<unknown>): void;
  note(text: () => string): void;
}

const sent = async <T>(way: Way, what: string, act: () => Promise<T>): Promise<T> => {
  const fate = await way.fateOf(what);
  if (fate === 'late') way.carryOutLate(what, act);
  if (fate === 'lost' || fate === 'late') throw new NoAnswerError(`no answer: ${fate}`);
  const answer = await act();
  if (fate === 'unheard') throw new NoAnswerError('no answer: it was carried out');
  way.note(() => `  answered: ${JSON.stringify(answer) ?? 'done'}`);
  return answer;
};

export const unreliableBookings = (way: Way, serverOf: () => Bookings): Bookings => ({
  create: (request) => sent(way, `asks the service for ${request.bookingId}`, () => serverOf().create(request)),
  extend: (id, until) =>
    sent(way, `asks the service to hold ${id} for the payment`, () => serverOf().extend(id, until)),
  read: (id) => sent(way, `asks the service what ${id} is`, () => serverOf().read(id)),
  confirm: (id, body) => sent(way, `asks the service to confirm ${id}`, () => serverOf().confirm(id, body)),
  cancel: (id) => sent(way, `asks the service to cancel ${id}`, () => serverOf().cancel(id)),
});

export const unreliableProvider = (way: Way, provider: Provider): Provider => ({
  open: (key, request) => sent(way, `asks the provider for the session of ${key}`, () => provider.open(key, request)),
  read: (id) => sent(way, `asks the provider how ${id} stands`, () => provider.read(id)),
  capture: (id) => sent(way, `asks the provider to take the money of ${id}`, () => provider.capture(id)),
  end: (id) => sent(way, `asks the provider to end ${id}`, () => provider.end(id)),
  refund: (id, key) => sent(way, `asks the provider to give the money of ${id} back`, () => provider.refund(id, key)),
});
