/** What goes on behind the bookings, as the local runtime tells it (service/service-state.ts). */
import { now } from './clock.ts';
import { byId, make, setText } from './dom.ts';
import { shownLeft, shownName, shownTime } from './words.ts';

export interface ServiceState {
  readonly asOf: string;
  readonly timers: { readonly waiting: number; readonly inFlight: number };
  readonly deadLetters: readonly { readonly queue: string; readonly count: number }[];
  readonly alarms: readonly {
    readonly name: string;
    readonly state: string;
    readonly description: string;
    readonly since: string;
  }[];
  readonly sweep: {
    readonly last?: {
      readonly startedAt: string;
      readonly endedAt?: string;
      readonly expired?: number;
      readonly scheduled?: number;
    };
    readonly nextAt: string | null;
  };
  readonly webhooks?: {
    readonly waiting: number;
    readonly retrying: number;
    readonly tries: readonly {
      readonly at: string;
      readonly webhookId: string;
      readonly type: string;
      readonly try: number;
      readonly outcome: string;
      readonly status?: number;
      readonly error?: string;
      readonly durationMs: number;
      readonly nextTryAt?: string;
    }[];
  };
}

const TRIES_SHOWN = 10;

export class Behind {
  #state: ServiceState | undefined;
  #drawn = '';
  /** A sweep that this page asked for. */
  #ownSweep: { readonly atMs: number; readonly text: string } | undefined;

  take(state: ServiceState | undefined): void {
    this.#state = state;
  }

  noteSweep(atMs: number, expired: number, scheduled: number): void {
    this.#ownSweep = { atMs, text: `expired ${expired}, sent ${scheduled} timer(s)` };
    this.#drawn = '';
  }

  draw(): void {
    const state = this.#state;
    if (state === undefined) return;
    const { nextAt } = state.sweep;
    setText(
      byId('next-sweep'),
      nextAt === null
        ? 'when asked'
        : shownLeft(Math.max(0, Math.ceil((Date.parse(nextAt) - now()) / 1_000) * 1_000)).replace('.0 s', ' s'),
    );
    const { asOf: _, ...lasting } = state;
    const drawn = JSON.stringify(lasting);
    if (drawn === this.#drawn) return;
    this.#drawn = drawn;
    this.#drawFigures(state);
    this.#drawSweep(state);
    this.#drawAlarms(state);
    this.#drawWebhooks(state);
  }

  #drawFigures({ timers, deadLetters, alarms }: ServiceState): void {
    const dead = deadLetters.reduce((sum, { count }) => sum + count, 0);
    const on = alarms.filter(({ state }) => state === 'ALARM').length;
    setText(byId('n-timers'), (timers.waiting + timers.inFlight).toLocaleString('en'));
    setText(byId('n-dead'), String(dead));
    setText(byId('n-alarms'), String(on));
    byId('tile-dead').classList.toggle('on', dead > 0);
    byId('tile-alarms').classList.toggle('on', on > 0);
    byId('dead').replaceChildren(
      ...deadLetters.map(({ queue, count }) =>
        make('div', { class: 'line pair' }, make('dt', {}, queue), make('dd', {}, String(count))),
      ),
    );
  }

  #drawSweep({ sweep: { last } }: ServiceState): void {
    const lastMs = Date.parse(last?.startedAt ?? '');
    const isOwn = this.#ownSweep !== undefined && !(lastMs > this.#ownSweep.atMs);
    const text =
      isOwn && this.#ownSweep
        ? `Last: ${shownTime(this.#ownSweep.atMs)}, asked for here: ${this.#ownSweep.text}.`
        : last === undefined
          ? 'None has run yet.'
          : last.endedAt === undefined
            ? `Running since ${shownTime(lastMs)}.`
            : `Last: ${shownTime(lastMs)}, by schedule: expired ${last.expired}, sent ${last.scheduled} timer(s).`;
    setText(byId('sweep-last'), text);
  }

  #drawAlarms({ alarms }: ServiceState): void {
    const shown = [...alarms].sort((a, b) => Number(b.state === 'ALARM') - Number(a.state === 'ALARM'));
    byId('alarms').replaceChildren(
      ...shown.map(({ name, state, description, since }) =>
        make(
          'li',
          { class: 'line' },
          make(
            'span',
            { class: `tag tag-${state}` },
            state === 'INSUFFICIENT_DATA' ? 'no data yet' : state === 'OK' ? 'quiet' : 'ON',
          ),
          make('span', { class: 'cut', title: `${name}: ${description}` }, name.slice(name.lastIndexOf('/') + 1)),
          make('time', { datetime: since }, state === 'ALARM' ? `since ${shownTime(Date.parse(since))}` : ''),
        ),
      ),
    );
  }

  #drawWebhooks({ webhooks }: ServiceState): void {
    setText(
      byId('webhooks-note'),
      webhooks === undefined
        ? 'None are sent. WEBHOOK_URL=http://127.0.0.1:8001/hook npm start sends them.'
        : `${webhooks.waiting} new, ${webhooks.retrying} to be tried again.`,
    );
    byId('webhooks').replaceChildren(
      ...(webhooks?.tries ?? [])
        .slice(0, TRIES_SHOWN)
        .map(({ at, type, webhookId, try: number, outcome, status, error, durationMs, nextTryAt }) =>
          make(
            'li',
            { class: 'line' },
            make('span', { class: `tag tag-${outcome.split(' ')[0]}` }, outcome),
            make(
              'span',
              { class: 'cut', title: shownName(`${webhookId} ${error ?? ''}`) },
              `${type}, try ${number}: ${status ?? shownName(error ?? 'no answer')}, ${durationMs} ms${nextTryAt === undefined ? '' : `; again ${shownTime(Date.parse(nextTryAt))}`}`,
            ),
            make('time', { datetime: at }, shownTime(Date.parse(at))),
          ),
        ),
    );
  }
}
