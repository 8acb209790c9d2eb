/** The list of what became of bookings, newest first. */
import type { Bookings, Move } from './bookings.ts';
import { byId, make } from './dom.ts';
import { shownName, shownTime, wholeName } from './words.ts';

/** How many are in the document. */
const SHOWN = 60;

const WORDS: Readonly<Record<Move['kind'], string>> = {
  created: 'created',
  extended: 'extended',
  confirmed: 'confirmed',
  cancelled: 'cancelled',
  expired: 'expired',
  revived: 'revived',
  deleted: 'deleted',
  changed: 'changed',
  lost: 'timer lost',
};

export class MovesList {
  readonly #bookings: Bookings;
  readonly #list = byId('moves');
  readonly #items = new Map<Move, HTMLElement>();
  #drawn: readonly Move[] = [];

  constructor(bookings: Bookings) {
    this.#bookings = bookings;
    // Reached by keyboard, so that it can be scrolled.
    byId('moves-box').tabIndex = 0;
  }

  draw(): void {
    const { moves } = this.#bookings;
    if (moves === this.#drawn) return;
    this.#drawn = moves;
    const shown = moves.slice(0, SHOWN);
    const kept = new Set(shown);
    for (const [move, item] of this.#items) {
      if (kept.has(move)) continue;
      item.remove();
      this.#items.delete(move);
    }
    // What is there stays in its place; what is new comes before it.
    const fresh = shown.filter((move) => !this.#items.has(move)).map((move) => this.#add(move));
    this.#list.prepend(...fresh);
    byId('moves-empty').hidden = shown.length > 0;
  }

  #add(move: Move): HTMLElement {
    const { kind, bookingId, atMs, note } = move;
    const item = make(
      'li',
      { class: 'line' },
      make('span', { class: `tag tag-${kind}` }, WORDS[kind]),
      make('span', { class: 'cut', title: wholeName(bookingId) }, make('bdi', {}, shownName(bookingId))),
      make('time', { datetime: new Date(atMs).toISOString() }, shownTime(atMs)),
      ...(note === '' ? [] : [make('small', {}, note)]),
    );
    this.#items.set(move, item);
    return item;
  }
}
