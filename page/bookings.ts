/** What the page knows of bookings: the holds in the order of their deadlines, and what became of them. */
import type { Booking } from './api.ts';
import { now } from './clock.ts';

export interface Known {
  booking: Booking;
  /** What is stored. Of a lapsed hold that nothing has marked yet it is PENDING still. */
  stored: string;
  /** Deadline, epoch ms; infinite if there is none that anyone acts on. */
  expiresAtMs: number;
  /** When this deadline was seen first: where its bar begins. */
  startedAtMs: number;
  /** Until when it stays among the holds although it is settled, so that people see what became of it; epoch ms. */
  lingersUntilMs: number;
  timer?: 'to be lost' | 'lost';
}

export type MoveKind =
  | 'created'
  | 'extended'
  | 'confirmed'
  | 'cancelled'
  | 'expired'
  | 'revived'
  | 'deleted'
  | 'changed'
  | 'lost';

export interface Move {
  readonly kind: MoveKind;
  readonly bookingId: string;
  /** Epoch ms. */
  readonly atMs: number;
  readonly note: string;
}

export interface Expiry {
  readonly lagMs: number;
  readonly by: string;
}

/** How long a hold is shown after its end, ms. */
const LINGERS_MS = 2_500;
/** How much is kept: moves that are listed, expiries that are plotted, bookings that are settled. */
const KEPT_MOVES = 200;
export const KEPT_EXPIRIES = 500;
const KEPT_SETTLED = 5_000;

export class Bookings {
  readonly known = new Map<string, Known>();
  /** Newest first. */
  moves: Move[] = [];
  /** Oldest first. */
  expiries: Expiry[] = [];
  /** Counts up with each change. */
  version = 0;
  #holds: Known[] = [];
  #holdsOf = -1;
  #told = new Set<string>();
  /** Timers that people have lost on purpose, by booking and deadline. */
  readonly #timers = new Map<string, NonNullable<Known['timer']>>();

  clear(): void {
    this.known.clear();
    this.moves = [];
    this.expiries = [];
    this.#told.clear();
    this.#timers.clear();
    this.version += 1;
  }

  /** What is held, or was until a moment ago, the next deadline first. */
  get holds(): readonly Known[] {
    if (this.#holdsOf !== this.version) {
      this.#holdsOf = this.version;
      const nowMs = now();
      this.#holds = [...this.known.values()].filter(
        ({ stored, lingersUntilMs }) => stored === 'PENDING' || lingersUntilMs > nowMs,
      );
      this.#holds.sort((a, b) => a.expiresAtMs - b.expiresAtMs || (a.booking.bookingId < b.booking.bookingId ? -1 : 1));
    }
    return this.#holds;
  }

  /** Lets those go that have lingered. */
  tidy(): void {
    const nowMs = now();
    if (this.holds.some(({ stored, lingersUntilMs }) => stored !== 'PENDING' && lingersUntilMs <= nowMs))
      this.version += 1;
  }

  /**
   * Takes in a booking as it was read.
   *
   * @param stored the status that is stored
   * @returns what it was before; undefined for news
   */
  take(booking: Booking, stored: string): Known | undefined {
    const before = this.known.get(booking.bookingId);
    const isSame = before !== undefined && before.booking.createdAt === booking.createdAt;
    // A list may be read from an index that is a moment behind: what is settled is never held again.
    if (isSame && before.stored !== 'PENDING' && stored === 'PENDING') return before;
    const expiresAtMs = booking.expiresAt === null ? Number.POSITIVE_INFINITY : Date.parse(booking.expiresAt);
    const isSameDeadline = isSame && before.expiresAtMs === expiresAtMs;
    const ended = isSame && before.stored === 'PENDING' && stored !== 'PENDING';
    const startedAtMs = Math.min(now(), isSame ? now() : Date.parse(booking.createdAt ?? '') || now());
    // Moved to the end, so that the oldest are forgotten first.
    this.known.delete(booking.bookingId);
    this.known.set(booking.bookingId, {
      booking,
      stored,
      expiresAtMs,
      startedAtMs: isSameDeadline ? before.startedAtMs : startedAtMs,
      lingersUntilMs: ended ? endedAtMs(booking) + LINGERS_MS : (before?.lingersUntilMs ?? 0),
      ...timerOf(this.#timers.get(timerName(booking.bookingId, expiresAtMs))),
    });
    this.version += 1;
    if (this.known.size % KEPT_SETTLED === 0) this.#forgetSettled();
    return before;
  }

  remove(bookingId: string): void {
    if (this.known.delete(bookingId)) this.version += 1;
  }

  /** Notes what became of a booking, once. */
  tell(move: Move, booking?: Booking): void {
    const name = `${move.kind} ${move.atMs} ${move.bookingId}`;
    if (this.#told.has(name)) return;
    if (this.#told.size > 20 * KEPT_MOVES) this.#told.clear();
    this.#told.add(name);
    this.moves = [move, ...this.moves].slice(0, KEPT_MOVES);
    const lagMs = Date.parse(booking?.expiredAt ?? '') - Date.parse(booking?.expiresAt ?? '');
    if (move.kind === 'expired' && Number.isFinite(lagMs))
      this.expiries = [...this.expiries, { lagMs: Math.max(0, lagMs), by: booking?.expiredBy ?? '' }].slice(
        -KEPT_EXPIRIES,
      );
    this.version += 1;
  }

  /** Notes what happens to the timer of a hold, which may be told of later than its timer. */
  setTimer(bookingId: string, expiresAt: string, timer: NonNullable<Known['timer']>): void {
    const expiresAtMs = Date.parse(expiresAt);
    this.#timers.set(timerName(bookingId, expiresAtMs), timer);
    const known = this.known.get(bookingId);
    if (known?.expiresAtMs === expiresAtMs) known.timer = timer;
    this.version += 1;
  }

  #forgetSettled(): void {
    let settled = [...this.known.values()].filter(({ stored }) => stored !== 'PENDING').length;
    for (const [bookingId, { stored }] of this.known) {
      if (settled <= KEPT_SETTLED / 2) return;
      if (stored === 'PENDING') continue;
      this.known.delete(bookingId);
      settled -= 1;
    }
  }
}

const timerName = (bookingId: string, expiresAtMs: number): string => `${expiresAtMs} ${bookingId}`;
const timerOf = (timer: Known['timer']): Pick<Known, 'timer'> => (timer === undefined ? {} : { timer });

/** When it was settled or expired, by what it says itself: what happened long ago is no news. */
const endedAtMs = ({ confirmedAt, cancelledAt, expiredAt }: Booking): number =>
  Math.max(...[confirmedAt, cancelledAt, expiredAt].map((time) => Date.parse(time ?? '') || 0));

/** What a move says beside its name. */
export const noteOf = (kind: MoveKind, booking: Booking): string => {
  const lagMs = Date.parse(booking.expiredAt ?? '') - Date.parse(booking.expiresAt ?? '');
  if (kind === 'expired' && Number.isFinite(lagMs)) {
    const late = Math.max(0, lagMs);
    return `by ${booking.expiredBy ?? 'another program'}, ${late < 10_000 ? `${late} ms` : `${(late / 1_000).toFixed(1)} s`} late`;
  }
  if (kind === 'revived') return 'paid late, its slots were still free';
  return '';
};

/** What happened between two readings of a booking, where nobody tells. */
export const kindBetween = (before: Known | undefined, booking: Booking, stored: string): MoveKind | undefined => {
  if (before === undefined || before.booking.createdAt !== booking.createdAt)
    return stored === 'PENDING' ? 'created' : undefined;
  if (before.stored === 'PENDING' && stored === 'PENDING')
    return before.booking.expiresAt === booking.expiresAt ? undefined : 'extended';
  if (before.stored === stored) return undefined;
  if (stored === 'CONFIRMED') return before.stored === 'EXPIRED' || booking.revivedAt ? 'revived' : 'confirmed';
  if (stored === 'CANCELLED') return 'cancelled';
  return stored === 'EXPIRED' ? 'expired' : 'changed';
};

/** When a move was made, by what the booking says of it; epoch ms. */
export const timeOf = (kind: MoveKind, booking: Booking): number => {
  const stated: Partial<Record<MoveKind, string | undefined>> = {
    created: booking.createdAt,
    confirmed: booking.confirmedAt,
    cancelled: booking.cancelledAt,
    expired: booking.expiredAt,
    revived: booking.revivedAt ?? booking.confirmedAt,
  };
  return Date.parse(stated[kind] ?? '') || Math.round(now());
};
