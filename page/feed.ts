/**
 * Keeps the page up to date: by server-sent events where the local runtime serves them, else by asking the API for its lists again
 * and again. It notices when the service goes away, and goes on when it is back.
 */
import { type About, type Booking, PAGE, RefusedError, readAbout, readBooking, readClock, readList } from './api.ts';
import type { ServiceState } from './behind.ts';
import { type Bookings, kindBetween, type MoveKind, noteOf, timeOf } from './bookings.ts';
import { now } from './clock.ts';

export type Connection = 'loading' | 'live' | 'polling' | 'paused' | 'disconnected' | 'refused';

export interface FeedOptions {
  readonly bookings: Bookings;
  readonly onAbout: (about: About) => void;
  readonly onConnection: (connection: Connection, detail: string) => void;
  /** Told once all holds are there. */
  readonly onLoaded: (isWhole: boolean) => void;
  readonly onState: (state: ServiceState) => void;
}

const POLL_MS = 2_000;
/** Asking takes at most this share of the time. */
const POLL_SHARE = 0.2;
const CLOCK_EVERY_MS = 30_000;
/** How many bookings are asked for by their ids in one round, if it is not listed what became of them. */
const ASKED_BY_ID = 20;
const LONGEST_RETRY_MS = 5_000;
/** The state is told every second: so long without it, and the service is gone without a word, ms. */
const SILENCE_MS = 6_000;
/** How long events are not tried again where the API answers and they do not come, ms. */
const EVENTS_AGAIN_MS = 15_000;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const becameVisible = (): Promise<void> =>
  new Promise((resolve) => document.addEventListener('visibilitychange', () => resolve(), { once: true }));

export class Feed {
  readonly #options: FeedOptions;
  readonly #bookings: Bookings;
  #about: About | undefined;
  #lastEventId = '';
  #clockReadAtMs = Number.NEGATIVE_INFINITY;
  #hasListed = false;

  constructor(options: FeedOptions) {
    this.#options = options;
    this.#bookings = options.bookings;
  }

  /** Goes on for as long as the page is open. */
  async run(): Promise<never> {
    for (let failures = 0; ; ) {
      try {
        // Asked again each time: who answers may be another run of the service.
        this.#about = await readAbout();
        this.#options.onAbout(this.#about);
        await this.#readClock();
        if (this.#about.local) await this.#listen(() => (failures = 0));
        await this.#poll(this.#about.local ? EVENTS_AGAIN_MS : Number.POSITIVE_INFINITY, () => (failures = 0));
      } catch (error) {
        if (document.hidden) {
          this.#options.onConnection('paused', '');
          await becameVisible();
          continue;
        }
        failures += 1;
        const isRefused = error instanceof RefusedError;
        this.#options.onConnection(isRefused ? 'refused' : 'disconnected', error instanceof Error ? error.message : '');
        await pause(Math.min(LONGEST_RETRY_MS, 250 * 2 ** failures) * (0.75 + Math.random() / 2));
      }
    }
  }

  /** Takes in a booking that an action answered with. */
  takeAnswer(booking: Booking): void {
    // The API reports a lapsed hold as expired only when it has been marked; what it answers to an action is what is stored.
    this.#take(booking, booking.status, this.#about?.local !== true);
  }

  /** @returns when events do not come although they should; @throws Error if they have come and come no more */
  #listen(onHeard: () => void): Promise<void> {
    const { onConnection, onState } = this.#options;
    return new Promise((resolve, reject) => {
      const source = new EventSource(`${PAGE}/events?after=${encodeURIComponent(this.#lastEventId)}`);
      let wasOpen = false;
      let heardAtMs = performance.now();
      const end = (done: () => void): void => {
        clearInterval(watch);
        source.close();
        document.removeEventListener('visibilitychange', onHidden);
        done();
      };
      const hear = (): void => {
        heardAtMs = performance.now();
      };
      const watch = setInterval(() => {
        if (performance.now() - heardAtMs > SILENCE_MS) end(() => reject(new Error('nothing is heard any more')));
      }, 1_000);
      const onHidden = (): void => {
        if (document.hidden) end(() => reject(new Error('hidden')));
      };
      document.addEventListener('visibilitychange', onHidden);
      let isLoading = false;
      const load = (): void => {
        if (isLoading) return;
        isLoading = true;
        this.#readHolds()
          .then(() => onConnection('live', ''))
          .catch((error) => end(() => reject(error)))
          .finally(() => {
            isLoading = false;
          });
      };
      source.addEventListener('open', () => {
        wasOpen = true;
        onHeard();
        if (this.#hasListed) onConnection('live', '');
        else load();
      });
      source.addEventListener('missed', () => {
        this.#bookings.clear();
        load();
      });
      source.addEventListener('state', ({ data }) => {
        hear();
        onState(JSON.parse(data));
      });
      source.addEventListener('change', ({ data, lastEventId }) => {
        this.#lastEventId = lastEventId;
        this.#takeChange(JSON.parse(data));
      });
      source.addEventListener('timer-lost', ({ data, lastEventId }) => {
        this.#lastEventId = lastEventId;
        const { bookingId, expiresAt, at } = JSON.parse(data);
        this.#bookings.setTimer(bookingId, expiresAt, 'lost');
        this.#bookings.tell({
          kind: 'lost',
          bookingId,
          atMs: Date.parse(at),
          note: 'on purpose: a sweep will find the booking',
        });
      });
      source.addEventListener('message', ({ lastEventId }) => {
        this.#lastEventId = lastEventId;
      });
      source.addEventListener('error', () => end(wasOpen ? () => reject(new Error('the events ended')) : resolve));
    });
  }

  #takeChange({ kind, at, booking, stored }: { kind: MoveKind; at: string; booking: Booking; stored: string }): void {
    if (kind === 'deleted') this.#bookings.remove(booking.bookingId);
    else this.#bookings.take(booking, stored);
    this.#bookings.tell(
      { kind, bookingId: booking.bookingId, atMs: Date.parse(at), note: noteOf(kind, booking) },
      booking,
    );
  }

  /** Takes in what was read, and notes what happened since it was read last, where nobody tells that. */
  #take(booking: Booking, stored: string, tells: boolean): void {
    const before = this.#bookings.take(booking, stored);
    const kind = kindBetween(before, booking, stored);
    if (!tells || kind === undefined) return;
    const { bookingId } = booking;
    this.#bookings.tell({ kind, bookingId, atMs: timeOf(kind, booking), note: noteOf(kind, booking) }, booking);
  }

  async #readHolds(): Promise<void> {
    const { bookings, isWhole } = await readList('PENDING');
    for (const booking of bookings) this.#take(booking, 'PENDING', false);
    const overdue = await readList('OVERDUE', 10);
    for (const booking of overdue.bookings) this.#take(booking, 'PENDING', false);
    this.#hasListed = true;
    this.#options.onLoaded(isWhole);
  }

  async #readClock(): Promise<void> {
    if (performance.now() - this.#clockReadAtMs < CLOCK_EVERY_MS) return;
    this.#clockReadAtMs = performance.now();
    await readClock();
    await readClock();
  }

  /** Asks again and again. @throws Error if there is no answer, or nobody looks */
  async #poll(forMs: number, onHeard: () => void): Promise<void> {
    const endMs = performance.now() + forMs;
    while (performance.now() < endMs) {
      if (document.hidden) throw new Error('hidden');
      const startedMs = performance.now();
      await this.#readClock();
      await this.#pollOnce();
      onHeard();
      this.#options.onConnection('polling', '');
      await pause(Math.max(POLL_MS, (performance.now() - startedMs) / POLL_SHARE));
    }
  }

  async #pollOnce(): Promise<void> {
    const tells = this.#hasListed;
    const pending = await readList('PENDING');
    // Read after the other: a hold that lapses in between is in this one. What is in neither is settled, or was marked.
    const overdue = await readList('OVERDUE', 10);
    const held = [...pending.bookings, ...overdue.bookings];
    for (const booking of held) this.#take(booking, 'PENDING', tells);
    if (this.#about?.listsSettled) {
      for (const status of ['CONFIRMED', 'CANCELLED', 'EXPIRED']) {
        const { bookings } = await readList(status, 1);
        for (const booking of [...bookings].reverse()) this.#take(booking, status, true);
      }
    }
    this.#hasListed = true;
    this.#options.onLoaded(pending.isWhole);
    if (pending.isWhole && overdue.isWhole) await this.#askForGone(new Set(held.map(({ bookingId }) => bookingId)));
  }

  /** What became of holds that are listed no more. To read a lapsed one would expire it: but those are listed as overdue. */
  async #askForGone(listed: ReadonlySet<string>): Promise<void> {
    const nowMs = now();
    const gone = [...this.#bookings.known.values()]
      .filter(
        ({ stored, booking, lingersUntilMs }) =>
          stored === 'PENDING' && !listed.has(booking.bookingId) && lingersUntilMs < nowMs,
      )
      .slice(0, ASKED_BY_ID);
    for (const { booking } of gone) {
      const found = await readBooking(booking.bookingId);
      // Listed by an index, which may be a moment behind: a hold that was made just now is not gone.
      if (found === undefined) this.#bookings.remove(booking.bookingId);
      else this.#take(found, found.status, true);
    }
  }
}
