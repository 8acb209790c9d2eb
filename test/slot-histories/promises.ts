/** What is promised of slots, checked on what the tables hold after every request. */
import type { Act, State, Told } from './truth.ts';

export class BrokenPromise extends Error {
  override readonly name = 'BrokenPromise';
}

/** What was said of a booking and must stay so. */
type Said = 'CONFIRMED' | 'CANCELLED' | 'EXPIRED' | 'refused for good';

export class Promises {
  /** Whose each slot is that was paid for, until it is given back: also of bookings that were deleted since. */
  readonly #sold = new Map<string, string>();
  readonly #said = new Map<string, Said>();
  /** Bookings that somebody has asked to cancel, or to revive, since they were created. */
  readonly #asked = { cancel: new Set<string>(), revive: new Set<string>() };
  #before: State = { bookings: {}, slots: {} };
  /** Whether all clocks have been right so far. */
  #areClocksRight = true;

  asks(act: Act, offMs: number): void {
    if (offMs !== 0) this.#areClocksRight = false;
    if (act.do === 'cancel') this.#asked.cancel.add(act.id);
    if (act.do === 'confirm' && act.revives) this.#asked.revive.add(act.id);
  }

  hears(act: Act, told: Told | undefined): void {
    if (told === undefined || act.do === 'look-up') return;
    if (act.do === 'confirm' && told.kind === 'slots-taken') this.#said.set(act.id, 'refused for good');
    if (!('status' in told) || this.#said.get(act.id) === 'refused for good') return;
    const { status } = told;
    if (status === 'CONFIRMED' || status === 'CANCELLED' || status === 'EXPIRED') this.#said.set(act.id, status);
  }

  /** @throws BrokenPromise if something in the tables is not as promised */
  expect(state: State, nowMs: number): void {
    for (const [id, { status, slotIds }] of Object.entries(this.#before.bookings)) {
      const after = state.bookings[id];
      if (after === undefined) this.#forget(id);
      // What is cancelled is given back, and what is deleted stays sold.
      if (status === 'CONFIRMED' && after?.status === 'CANCELLED')
        for (const slotId of slotIds) this.#sold.delete(slotId);
    }
    for (const [id, booking] of Object.entries(state.bookings)) {
      if (booking.status === 'CONFIRMED') for (const slotId of booking.slotIds) this.#sell(slotId, id);
      if (this.#areClocksRight) expectHeld(state, id, nowMs);
      this.#expectAsSaid(id, booking.status);
    }
    for (const [slotId, owner] of this.#sold) {
      const slot = state.slots[slotId];
      if (slot?.owner === owner && slot.untilMs === undefined) continue;
      throw new BrokenPromise(`${slotId} was sold to ${owner} and is ${JSON.stringify(slot)}`);
    }
    this.#before = state;
  }

  #sell(slotId: string, id: string): void {
    const owner = this.#sold.get(slotId) ?? id;
    if (owner !== id) throw new BrokenPromise(`${slotId} was sold to ${owner} and to ${id}`);
    this.#sold.set(slotId, id);
  }

  #forget(id: string): void {
    this.#said.delete(id);
    for (const asked of Object.values(this.#asked)) asked.delete(id);
  }

  #expectAsSaid(id: string, status: string): void {
    const said = this.#said.get(id);
    const isSo = {
      CONFIRMED: status === 'CONFIRMED' || (status === 'CANCELLED' && this.#asked.cancel.has(id)),
      CANCELLED: status === 'CANCELLED',
      EXPIRED: status === 'EXPIRED' || (this.#asked.revive.has(id) && ['CONFIRMED', 'CANCELLED'].includes(status)),
      'refused for good': status !== 'CONFIRMED',
    };
    if (said !== undefined && !isSo[said]) throw new BrokenPromise(`${id} was said to be ${said} and is ${status}`);
  }

  /** Slots that somebody has paid for. */
  get sold(): ReadonlyMap<string, string> {
    return this.#sold;
  }
}

/** Nobody else has what is held by right clocks. */
const expectHeld = ({ bookings, slots }: State, id: string, nowMs: number): void => {
  const booking = bookings[id];
  if (booking?.status !== 'PENDING' || booking.expiresAtMs <= nowMs) return;
  if (booking.lost) throw new BrokenPromise(`${id} is held and was told that its slots are lost`);
  for (const slotId of booking.slotIds) {
    const slot = slots[slotId];
    if (slot?.owner === id && slot.untilMs === booking.expiresAtMs) continue;
    throw new BrokenPromise(`${slotId} is held by ${id} until ${booking.expiresAtMs}, and is ${JSON.stringify(slot)}`);
  }
};
