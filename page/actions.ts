/** What people do here. Each is a call of the API, and says which; only to lose a timer is the local runtime's alone. */
import { type About, type Answer, API, type Booking, call, PAGE, problemIn } from './api.ts';
import type { Known } from './bookings.ts';
import { now } from './clock.ts';
import { type ApiRequest, curlOf, inPath } from './curl.ts';
import { byId, input, say, setText } from './dom.ts';
import type { HoldAction } from './hold-list.ts';
import { shownName } from './words.ts';

/** By how much a button extends a hold, ms. */
const EXTEND_MS = 60_000;

export interface ActionsOptions {
  readonly about: () => About | undefined;
  /** Told of a booking as it is after an action. */
  readonly onBooking: (booking: Booking) => void;
  readonly onTimerToBeLost: (bookingId: string, expiresAt: string) => void;
  readonly onSwept: (expired: number, scheduled: number) => void;
}

export class Actions {
  readonly #options: ActionsOptions;
  #curl = '';

  constructor(options: ActionsOptions) {
    this.#options = options;
    byId('create').addEventListener('submit', (event) => {
      event.preventDefault();
      void this.#create();
    });
    byId('create').addEventListener('input', () => this.#show(this.#creation()));
    byId('sweep').addEventListener('submit', (event) => {
      event.preventDefault();
      void this.#sweep();
    });
    byId('dismiss').addEventListener('click', () => showNotice(''));
    this.#show(this.#creation());
    byId('copy').addEventListener('click', () => void this.#copy());
  }

  /** Does something with a hold. */
  async act(action: HoldAction, { booking, expiresAtMs }: Known): Promise<void> {
    const { bookingId } = booking;
    const name = shownName(bookingId);
    if (action === 'lose-timer') {
      const body = { bookingId, expiresAt: booking.expiresAt };
      const answer = await this.#ask({ method: 'POST', path: `${PAGE}/lose-timer`, body });
      if (answer?.status !== 200) return;
      this.#options.onTimerToBeLost(bookingId, booking.expiresAt ?? '');
      say(`The timer of ${name} will be lost: at its deadline nothing marks it, until a sweep finds it`);
      return;
    }
    // From the deadline on that is seen, to the millisecond: repeated, it changes nothing.
    const body = action === 'extend' ? { expiresAt: new Date(expiresAtMs + EXTEND_MS).toISOString() } : undefined;
    const answer = await this.#ask({ method: 'POST', path: `${API}/bookings/${inPath(bookingId)}/${action}`, body });
    if (answer?.status !== 200) return;
    this.#options.onBooking(answer.body as unknown as Booking);
    say(`${name} is ${{ confirm: 'confirmed', cancel: 'cancelled', extend: 'extended by a minute' }[action]}`);
  }

  /** What the form asks for. The API judges it. */
  #creation(): ApiRequest {
    const bookingId = input('create-id').value.trim();
    const slotIds = input('create-slots')
      .value.split(',')
      .flatMap((slot) => slot.trim() || []);
    return {
      method: 'POST',
      path: `${API}/bookings`,
      body: {
        ...(bookingId !== '' && { bookingId }),
        holdSeconds: Number(input('create-seconds').value),
        ...(slotIds.length > 0 && { slotIds }),
      },
    };
  }

  async #create(): Promise<void> {
    const answer = await this.#ask(this.#creation());
    if (answer === undefined || answer.status >= 300) return;
    const booking = answer.body as unknown as Booking;
    this.#options.onBooking(booking);
    input('create-id').value = '';
    say(`${shownName(booking.bookingId)} is held`);
  }

  async #sweep(): Promise<void> {
    const token = this.#options.about()?.cronToken ?? input('token').value;
    const authorization = `Bearer ${token}`;
    const answer = await this.#ask({ method: 'POST', path: `${API}/cron/expire-bookings`, authorization });
    if (answer?.status !== 200) return;
    const { expired, scheduled, remaining } = answer.body;
    this.#options.onSwept(Number(expired), Number(scheduled));
    say(`The sweep expired ${expired} and sent ${scheduled} timers${remaining ? '; more remain, sweep again' : ''}`);
  }

  /** @returns undefined where there was no answer; it has been said then */
  async #ask(request: ApiRequest): Promise<Answer | undefined> {
    this.#show(request);
    const said = byId('answer');
    said.classList.remove('wrong');
    setText(said, '…');
    try {
      const answer = await call(request);
      const isDone = answer.status < 300;
      said.classList.toggle('wrong', !isDone);
      setText(said, isDone ? `${answer.status}: ${answerIn(answer)}` : problemIn(answer));
      showNotice(isDone ? '' : `Refused. ${problemIn(answer)}`);
      return answer;
    } catch (error) {
      said.classList.add('wrong');
      setText(said, 'no answer');
      showNotice(`No answer from the service: ${error instanceof Error ? error.message : error}`);
      return undefined;
    }
  }

  #show(request: ApiRequest): void {
    this.#curl = curlOf(request, location.origin);
    input('curl').value = this.#curl;
  }

  async #copy(): Promise<void> {
    try {
      await navigator.clipboard.writeText(this.#curl);
      say('Copied');
    } catch {
      // Without a clipboard it is at least chosen, so that people can copy it by hand.
      input('curl').select();
    }
  }
}

const answerIn = ({ body }: Answer): string => {
  if (typeof body.status === 'string' && typeof body.bookingId === 'string')
    return `${shownName(body.bookingId)} is ${shownName(body.status)}`;
  return shownName(JSON.stringify(body));
};

/** What went wrong, for all to see; empty once it did not. */
const showNotice = (text: string): void => {
  setText(byId('notice'), text);
  byId('toast').hidden = text === '';
};

/** When an answer came, epoch ms at the server. */
export const answeredAtMs = (): number => Math.round(now());
