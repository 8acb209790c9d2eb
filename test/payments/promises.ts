/** What must be true of every history, in each moment and at its end. It knows nothing of how the checkout decides. */
import type { Payment } from '../../docs/examples/payments/payment.ts';
import type { Booking } from '../../functions/core/booking-status.ts';

/** One payment, with what is known of it from outside. */
export interface Seen {
  readonly bookingId: string;
  /** As it is stored; undefined if it is not there (any more). */
  readonly booking: Booking | undefined;
  /** How often the provider has taken the money, and given it back. */
  readonly taken: number;
  readonly givenBack: number;
  /** What the shop has noted. */
  readonly payment: Payment | undefined;
  /** Whether the customer has asked the shop to cancel. */
  readonly wasCancelled: boolean;
  readonly revives: boolean;
}

export class BrokenPromiseError extends Error {
  override readonly name = 'BrokenPromiseError';
}

const isConfirmed = ({ booking }: Seen): boolean => booking?.status === 'CONFIRMED';
const owesRefund = ({ payment }: Seen): boolean => payment?.stage === 'refund-due' || payment?.stage === 'refunded';
const broken = ({ bookingId }: Seen, why: string): never => {
  throw new BrokenPromiseError(`${bookingId}: ${why}`);
};

/** @throws BrokenPromiseError for what must not be for one moment */
export const checkEachMoment = (all: readonly Seen[]): void => {
  const soldTo = new Map<string, string>();
  for (const each of all) {
    const { bookingId, booking, taken, givenBack, payment } = each;
    if (givenBack > taken) broken(each, `the money was taken ${taken} times and given back ${givenBack} times`);
    if (isConfirmed(each) && owesRefund(each)) broken(each, 'it is CONFIRMED, and the money goes back');
    if (isConfirmed(each) && taken === 0 && payment?.capture === 'at-once') broken(each, 'it is CONFIRMED and unpaid');
    if (owesRefund(each) && !isReasonToRefund(each)) {
      broken(each, `the money goes back although the booking is ${booking?.status ?? 'nowhere'}`);
    }
    for (const slotId of isConfirmed(each) ? (booking?.slotIds ?? []) : []) {
      const other = soldTo.get(slotId);
      if (other !== undefined) broken(each, `${slotId} is sold to ${other} too`);
      soldTo.set(slotId, bookingId);
    }
  }
};

/** Why money may go back: the booking is gone, its customer cancelled it, it lapsed, or a slot of it is somebody else's. */
const isReasonToRefund = ({ booking, wasCancelled, revives }: Seen): boolean => {
  if (booking === undefined || booking.slotsLostAtMs !== undefined) return true;
  if (booking.status === 'CANCELLED') return wasCancelled;
  if (booking.status !== 'EXPIRED') return false;
  return wasCancelled || !revives || booking.slotIds === undefined;
};

/** @throws BrokenPromiseError for what must not be once everything has come to rest */
export const checkTheEnd = (all: readonly Seen[]): void => {
  for (const each of all) {
    const { taken, givenBack, payment } = each;
    const stage = payment?.stage ?? 'none';
    const kept = isConfirmed(each);
    if (kept && taken === 0) broken(each, 'it is CONFIRMED and unpaid');
    if (taken === 1 && kept === (givenBack === 1)) {
      broken(each, kept ? 'paid, CONFIRMED and given back' : 'paid, and neither CONFIRMED nor given back');
    }
    const expected = kept ? ['kept'] : taken === 1 ? ['refunded'] : ['closed', 'none'];
    if (!expected.includes(stage))
      broken(each, `its payment has come to rest as ${stage}, not as ${expected.join(' or ')}`);
  }
};
