/**
 * The list of holds. Only the rows that can be seen are in the document, however many holds there are. A row belongs to its
 * booking as long as it is shown: a button never becomes that of another booking under somebody's finger.
 */
import { isNameable } from './api.ts';
import type { Bookings, Known } from './bookings.ts';
import { now } from './clock.ts';
import { byId, make, say, setAttribute, setText } from './dom.ts';
import { shownLeft, shownMs, shownName, wholeName } from './words.ts';

export type HoldAction = 'confirm' | 'cancel' | 'extend' | 'lose-timer';

/** Each button, and what it is called where its row is not seen: with what is seen in it, so that it can be said. */
const BUTTONS: readonly (readonly [HoldAction, label: string, spoken: string])[] = [
  ['confirm', 'Confirm', 'Confirm'],
  ['cancel', 'Cancel', 'Cancel'],
  ['extend', '+1 min', '+1 min for'],
  ['lose-timer', 'Lose timer', 'Lose timer of'],
];

/** Rows beyond the edges: who goes from button to button always finds a next one. */
const ROWS_BEYOND = 6;
/** From this on people should hurry, ms. */
const SOON_MS = 10_000;
/** A hold that nothing has marked this long after its deadline is overdue: its timer was lost, ms. */
export const OVERDUE_MS = 1_000;

/** What a hold's row depends on beside the hold. */
export interface Around {
  readonly isLocal: boolean;
  /** Whether what happens is heard. */
  readonly isConnected: boolean;
}

interface Row {
  readonly element: HTMLLIElement;
  readonly bar: HTMLElement;
  readonly left: HTMLElement;
  readonly note: HTMLElement;
  readonly does: HTMLElement;
  known: Known;
  /** What its text was last, so that nothing is written that has not changed. */
  shown: string;
}

const calm = matchMedia('(prefers-reduced-motion: reduce)');

export class HoldList {
  readonly #bookings: Bookings;
  readonly #around: () => Around;
  readonly #box = byId('holds');
  readonly #list = byId('hold-rows');
  readonly #rows = new Map<string, Row>();
  #order: readonly Known[] = [];
  #drawn = '';
  #rowHeight = 52;
  #isPointedAt = false;
  isLoaded = false;

  constructor(bookings: Bookings, around: () => Around, onAction: (action: HoldAction, known: Known) => void) {
    this.#bookings = bookings;
    this.#around = around;
    // Reached by keyboard, so that it can be scrolled; and where the focus goes when its button is gone.
    this.#box.tabIndex = 0;
    this.#list.addEventListener('click', ({ target }) => {
      const button = (target as Element).closest('button');
      const row = button && this.#rowOf(button);
      if (row) onAction(button.value as HoldAction, row.known);
    });
    const point = (isPointedAt: boolean) => () => {
      this.#isPointedAt = isPointedAt;
    };
    this.#list.addEventListener('pointerover', ({ target, pointerType }) => {
      this.#isPointedAt = pointerType === 'mouse' && (target as Element).closest('.does') !== null;
    });
    this.#list.addEventListener('pointerleave', point(false));
    const measure = (): void => {
      this.#rowHeight = Number(getComputedStyle(this.#box).getPropertyValue('--row')) || 52;
      this.#drawn = '';
    };
    new ResizeObserver(measure).observe(this.#box);
    measure();
  }

  /** Draws what is to be seen now. To be called with each frame. */
  draw(): void {
    if (!this.#isFrozen) this.#order = this.#bookings.holds;
    const { scrollTop, clientHeight } = this.#box;
    const height = this.#rowHeight;
    const first = Math.max(0, Math.floor(scrollTop / height) - ROWS_BEYOND);
    const last = Math.min(this.#order.length, Math.ceil((scrollTop + clientHeight) / height) + ROWS_BEYOND);
    const drawn = `${this.#isFrozen} ${this.#bookings.version} ${first} ${last} ${height} ${this.isLoaded} ${this.#around().isLocal}`;
    if (drawn !== this.#drawn) {
      this.#drawn = drawn;
      this.#place(first, last);
    }
    const nowMs = now();
    const around = this.#around();
    for (const row of this.#rows.values()) this.#tick(row, nowMs, around);
  }

  /** Nothing moves under a pointer that is about to press a button, nor under one that has the focus. */
  get #isFrozen(): boolean {
    const { activeElement } = document;
    return this.#isPointedAt || (activeElement?.localName === 'button' && this.#list.contains(activeElement));
  }

  #rowOf(element: Element): Row | undefined {
    const item = element.closest('li');
    return [...this.#rows.values()].find((row) => row.element === item);
  }

  #place(first: number, last: number): void {
    const height = this.#rowHeight;
    const focused = document.activeElement;
    const wanted = new Map<string, number>();
    for (let index = first; index < last; index += 1) wanted.set(this.#order[index]?.booking.bookingId ?? '', index);
    for (const [bookingId, row] of this.#rows) {
      if (wanted.has(bookingId)) continue;
      // Scrolled away with the focus in it: it stays where it is, and so does the focus.
      if (this.#isFrozen && row.element.contains(focused)) continue;
      row.element.remove();
      this.#rows.delete(bookingId);
    }
    for (const [bookingId, index] of wanted) {
      const known = this.#bookings.known.get(bookingId) ?? this.#order[index];
      if (known === undefined) continue;
      const row = this.#rows.get(bookingId) ?? this.#newRow(known);
      row.known = known;
      row.element.style.transform = `translateY(${index * height}px)`;
      setAttribute(row.element, 'aria-posinset', String(index + 1));
      setAttribute(row.element, 'aria-setsize', String(this.#order.length));
    }
    // In the order in which they are seen, for whoever goes from button to button.
    const inOrder = [...wanted.keys()].flatMap((bookingId) => this.#rows.get(bookingId)?.element ?? []);
    inOrder.forEach((element, index) => {
      if (this.#list.children[index] !== element && !element.contains(focused))
        this.#list.insertBefore(element, this.#list.children[index] ?? null);
    });
    this.#list.style.height = `${this.#order.length * height}px`;
    this.#tellHowMany();
  }

  #tellHowMany(): void {
    const count = this.#order.length;
    setAttribute(this.#box, 'aria-busy', String(!this.isLoaded));
    const empty = byId('holds-empty');
    empty.hidden = count > 0;
    setText(
      empty,
      this.isLoaded ? 'Nothing is held now. Create a booking above, or by curl, and watch it lapse.' : 'Loading…',
    );
    setText(byId('holds-note'), this.#isFrozen ? 'stands still while you are at a button' : 'next deadline first');
  }

  #newRow(known: Known): Row {
    const { bookingId, customerId, slotIds } = known.booking;
    const name = shownName(bookingId);
    const bar = make('i');
    const left = make('span');
    const note = make('small');
    const does = make('div', { class: 'does' });
    const beside = [customerId, ...(slotIds ?? [])].filter((text) => text !== undefined).slice(0, 6);
    const element = make(
      'li',
      { class: 'hold' },
      make(
        'div',
        { class: 'name' },
        make('span', { class: 'cut', title: wholeName(bookingId) }, make('bdi', {}, name), ...small(beside)),
        make('span', { class: 'bar', 'aria-hidden': 'true' }, bar),
      ),
      make('div', { class: 'left' }, left, note),
      does,
    );
    const row: Row = { element, bar, left, note, does, known, shown: '' };
    this.#rows.set(bookingId, row);
    this.#list.append(element);
    return row;
  }

  #tick(row: Row, nowMs: number, { isLocal, isConnected }: Around): void {
    const { known } = row;
    const leftMs = known.expiresAtMs - nowMs;
    const state = stateOf(known, leftMs, isConnected);
    const [text, note] = wordsOf(known, state, leftMs);
    const offers = offeredIn(state, known, isLocal, leftMs);
    const shown = `${state}|${text}|${note}|${offers}`;
    if (shown !== row.shown) {
      row.shown = shown;
      setAttribute(row.element, 'data-state', state);
      setText(row.left, text);
      setText(row.note, note);
      this.#offer(row, offers);
    }
    if (calm.matches && row.bar.style.transform !== '' && state !== 'lapsed') return;
    const whole = known.expiresAtMs - known.startedAtMs;
    const part = state === 'running' || state === 'soon' ? Math.max(0, Math.min(1, leftMs / whole)) : 0;
    row.bar.style.transform = `scaleX(${Number.isFinite(part) ? part.toFixed(3) : 1})`;
  }

  #offer(row: Row, offers: readonly HoldAction[]): void {
    const has = [...row.does.querySelectorAll('button')].map(({ value }) => value);
    if (has.join() === offers.join()) return;
    const hadFocus = row.does.contains(document.activeElement);
    const name = shownName(row.known.booking.bookingId);
    row.does.replaceChildren(
      ...BUTTONS.filter(([action]) => offers.includes(action)).map(([value, label, spoken]) =>
        make('button', { type: 'button', value, 'aria-label': `${spoken} ${name}` }, label),
      ),
    );
    if (!hadFocus) return;
    // Whoever was at a button that is gone is told, and is at the list again: not at the button of another booking.
    this.#box.focus({ preventScroll: true });
    say(`${name} is not held any more`);
  }
}

const small = (texts: readonly string[]): (Node | string)[] =>
  texts.length === 0 ? [] : [' ', make('small', {}, make('bdi', {}, texts.map(shownName).join(' · ')))];

type State = 'running' | 'soon' | 'lapsed' | 'overdue' | string;

const stateOf = ({ stored }: Known, leftMs: number, isConnected: boolean): State => {
  if (stored !== 'PENDING') return stored;
  if (leftMs > SOON_MS) return 'running';
  if (leftMs > 0) return 'soon';
  // Whether it was marked is not known where nothing is heard.
  return leftMs > -OVERDUE_MS || !isConnected ? 'lapsed' : 'overdue';
};

const wordsOf = (known: Known, state: State, leftMs: number): [text: string, note: string] => {
  const { booking, timer, expiresAtMs } = known;
  const ofTimer = timer === undefined ? '' : timer === 'lost' ? 'timer lost' : 'timer will be lost';
  switch (state) {
    case 'running':
    case 'soon':
      return Number.isFinite(leftMs) ? [shownLeft(leftMs), ofTimer] : ['no deadline', 'nobody acts on it'];
    case 'lapsed':
      return [shownLeft(0), 'lapsed'];
    case 'overdue':
      return [
        `${shownLeft(Math.floor(-leftMs / 1_000) * 1_000).replace('.0', '')} overdue`,
        ofTimer || 'not marked yet',
      ];
    case 'EXPIRED': {
      const lagMs = Date.parse(booking.expiredAt ?? '') - expiresAtMs;
      return [
        'expired',
        Number.isFinite(lagMs) ? `${shownMs(Math.max(0, lagMs))} late, by ${booking.expiredBy ?? '?'}` : '',
      ];
    }
    default:
      return [shownName(state).toLowerCase(), ''];
  }
};

/** What can be done with a hold. The API refuses what comes too late anyway. */
const offeredIn = (
  state: State,
  { booking, timer }: Known,
  isLocal: boolean,
  leftMs: number,
): readonly HoldAction[] => {
  if ((state !== 'running' && state !== 'soon') || !isNameable(booking.bookingId)) return [];
  const losable = isLocal && timer === undefined && leftMs > 3_000;
  return ['confirm', 'cancel', 'extend', ...(losable ? (['lose-timer'] as const) : [])];
};
