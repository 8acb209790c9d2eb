/** Slots as a small seat plan, from the bookings that are known. It is absent where no booking has any. */
import type { Bookings, Known } from './bookings.ts';
import { now } from './clock.ts';
import { byId, make, setAttribute, setText } from './dom.ts';
import { shownName, wholeName } from './words.ts';

/** Most slots that are drawn. */
const SHOWN = 400;
const DRAW_EVERY_MS = 200;

type SlotState = 'free' | 'held' | 'taken';

interface Slot {
  readonly state: SlotState;
  readonly known: Known;
}

/** What a booking makes of its slots. A lapsed hold has none any more, whether or not it is marked. */
const stateOf = ({ stored, expiresAtMs }: Known, nowMs: number): SlotState => {
  if (stored === 'CONFIRMED') return 'taken';
  return stored === 'PENDING' && expiresAtMs > nowMs ? 'held' : 'free';
};

/** The slots that are known, each with what it is and whose. */
export const slotsOf = (known: Iterable<Known>, nowMs: number): Map<string, Slot> => {
  const slots = new Map<string, Slot>();
  for (const each of known) {
    const state = stateOf(each, nowMs);
    for (const slotId of each.booking.slotIds ?? [])
      if (state !== 'free' || !slots.has(slotId)) slots.set(slotId, { state, known: each });
  }
  return slots;
};

/** `friday-20h/table-7` is table-7 of friday-20h. */
const placeOf = (slotId: string): [group: string, name: string] => {
  const slash = slotId.lastIndexOf('/');
  return slash === -1 ? ['', slotId] : [slotId.slice(0, slash), slotId.slice(slash + 1)];
};

const byName = new Intl.Collator('en', { numeric: true });

export class SeatPlan {
  readonly #bookings: Bookings;
  readonly #seats = new Map<string, HTMLElement>();
  #drawnAtMs = Number.NEGATIVE_INFINITY;

  constructor(bookings: Bookings) {
    this.#bookings = bookings;
  }

  draw(): void {
    if (performance.now() - this.#drawnAtMs < DRAW_EVERY_MS) return;
    this.#drawnAtMs = performance.now();
    const slots = slotsOf(this.#bookings.known.values(), now());
    byId('seats-section').hidden = slots.size === 0;
    const shown = [...slots.keys()].sort(byName.compare).slice(0, SHOWN);
    if (shown.length !== this.#seats.size || shown.some((slotId) => !this.#seats.has(slotId)))
      this.#lay(shown, slots.size);
    for (const [slotId, seat] of this.#seats) {
      const slot = slots.get(slotId);
      if (slot === undefined) continue;
      const [, name] = placeOf(slotId);
      setAttribute(seat, 'class', `seat seat-${slot.state}`);
      const whose = slot.state === 'free' ? '' : `, ${wholeName(slot.known.booking.bookingId)}`;
      setAttribute(seat, 'title', `${wholeName(slotId)}: ${slot.state}${whose}`);
      setText(seat.lastChild ?? seat, ` ${slot.state}`);
      setText(seat.firstChild ?? seat, shownName(name));
    }
  }

  #lay(slotIds: readonly string[], count: number): void {
    this.#seats.clear();
    const groups = new Map<string, HTMLElement[]>();
    for (const slotId of slotIds) {
      const seat = make('li', {}, make('bdi'), make('span', { class: 'sr' }));
      this.#seats.set(slotId, seat);
      const [group] = placeOf(slotId);
      groups.set(group, [...(groups.get(group) ?? []), seat]);
    }
    const rest = count - slotIds.length;
    byId('seats').replaceChildren(
      ...[...groups].map(([group, seats]) =>
        make(
          'div',
          { class: 'group' },
          ...(group === '' ? [] : [make('h3', {}, make('bdi', {}, shownName(group)))]),
          make('ul', { class: 'seats list' }, ...seats),
        ),
      ),
      ...(rest > 0 ? [make('p', {}, `and ${rest} more`)] : []),
    );
  }
}
