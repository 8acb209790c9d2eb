/**
 * What the page of the local service is told beside what the API knows, at the API's own address: the changes of all bookings
 * and the state of the service as server-sent events, and a way to lose a timer on purpose. Only loopback is served, and no
 * page but that of this very address.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { PAGE_HEADERS, type PageAbout, pageAbout } from '../functions/api/page.ts';
import { PAGE_PATH } from '../functions/api/routes.ts';
import { EventStream } from '../local/event-stream.ts';
import { bodyText } from '../local/loopback.ts';
import { REFUSED, refusalBody } from '../local/page-guard.ts';
import type { LocalRuntime } from '../local/runtime.ts';
import type { QueuedMessage } from '../local/sqs-event-source.ts';
import { BookingChanges } from './booking-changes.ts';
import { LogNotes } from './log-notes.ts';
import { LostTimers, TimerNotLosableError } from './lost-timers.ts';
import { ServiceStateReader } from './service-state.ts';

/** What the page is told of the service here, beside what any deployment tells it. */
export interface LocalAbout extends PageAbout {
  readonly local: true;
  /** Bearer token of the cron webhook. */
  readonly cronToken: string;
  /** Where programs listen to the published events. */
  readonly eventsUrl: string;
  /** Where webhooks are posted to; absent where none are sent. */
  readonly webhookUrl?: string | undefined;
}

/** Changes that are kept for pages that open later or come back. */
const KEPT_CHANGES = 2_000;
/** How often the state is told while somebody looks, ms. */
const STATE_EVERY_MS = 1_000;
/** Largest body of a request to lose a timer: an id and a time. */
const MAX_BODY_CHARACTERS = 16_384;

export interface LocalPageOptions {
  readonly webhookUrl?: string | undefined;
  readonly onProblem?: ((problem: string) => void) | undefined;
}

export class LocalPage {
  readonly #options: LocalPageOptions;
  readonly #stream: EventStream;
  readonly #notes = new LogNotes();
  readonly #lost = new LostTimers();
  #about: LocalAbout | undefined;
  #changes: BookingChanges | undefined;
  #state: ServiceStateReader | undefined;
  #timer: NodeJS.Timeout | undefined;
  #telling: Promise<void> | undefined;

  constructor(options: LocalPageOptions = {}) {
    this.#options = options;
    this.#stream = new EventStream({
      kept: KEPT_CHANGES,
      replaysToNew: true,
      greeting: 'changes of bookings and the state of the service, for its page',
      onListened: (isListened) => this.#listened(isListened),
    });
  }

  /** Takes in a line of a Lambda's log. */
  takeLogLine(logicalId: string, line: string): void {
    this.#notes.take(logicalId, line);
  }

  /** Whether a message is a timer that somebody wanted to be lost. */
  isLost(message: QueuedMessage): boolean {
    const lost = this.#lost.take(message);
    if (lost) this.#stream.send('timer-lost', { ...lost, at: new Date().toISOString() });
    return lost !== undefined;
  }

  /** From now on there is something to tell. */
  start(runtime: LocalRuntime, cronToken: string): void {
    const { webhookUrl, onProblem = () => {} } = this.#options;
    this.#about = {
      ...pageAbout(false),
      local: true,
      cronToken,
      eventsUrl: runtime.eventsUrl,
      ...(webhookUrl && { webhookUrl }),
    };
    this.#state = new ServiceStateReader(runtime, this.#notes);
    this.#changes = new BookingChanges({
      endpoint: runtime.dynamodbEndpoint,
      tableName: runtime.outputs.BookingsTableName ?? '',
      onChange: (change) => this.#stream.send('change', change),
      onProblem,
    });
  }

  async stop(): Promise<void> {
    this.#stream.stop();
    clearInterval(this.#timer);
    await this.#telling;
    await this.#changes?.stop();
    this.#state?.stop();
  }

  /**
   * Serves what is here and in no deployment.
   *
   * @returns whether it answers; what it does not is up to the API
   */
  async serve(request: IncomingMessage, response: ServerResponse): Promise<boolean> {
    const path = (request.url ?? '').split('?')[0];
    if (path === '/' && request.method === 'GET') {
      response.writeHead(302, { ...PAGE_HEADERS, location: PAGE_PATH }).end();
      return true;
    }
    const wanted = `${request.method} ${path}`;
    const answers: Record<string, (() => unknown) | undefined> = {
      [`GET ${PAGE_PATH}/about.json`]: () => this.#answer(response, 200, this.#about ?? {}),
      [`GET ${PAGE_PATH}/events`]: () => this.#stream.open(request, response),
      [`POST ${PAGE_PATH}/lose-timer`]: () => this.#loseTimer(request, response),
    };
    const answer = Object.hasOwn(answers, wanted) ? answers[wanted] : undefined;
    if (answer === undefined) return false;
    const reason = whyNotOfThisPage(request);
    if (reason !== undefined) response.writeHead(REFUSED, JSON_HEADERS).end(refusalBody(reason));
    else if (this.#about === undefined) this.#answer(response, 503, { detail: 'the service is starting' });
    else await answer();
    return true;
  }

  async #loseTimer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (!/^application\/json\s*(;|$)/i.test(request.headers['content-type'] ?? '')) {
      return this.#answer(response, 415, { detail: 'content-type must be application/json' });
    }
    const text = await bodyText(request);
    try {
      if (text.length > MAX_BODY_CHARACTERS)
        throw new TimerNotLosableError(400, `the body must be at most ${MAX_BODY_CHARACTERS} characters`);
      this.#answer(response, 200, this.#lost.lose(text, Date.now()));
    } catch (error) {
      if (!(error instanceof TimerNotLosableError)) throw error;
      this.#answer(response, error.status, { detail: error.message });
    }
  }

  #answer(response: ServerResponse, status: number, body: object): void {
    response.writeHead(status, JSON_HEADERS).end(JSON.stringify(body));
  }

  #listened(isListened: boolean): void {
    void this.#changes?.read(isListened);
    clearInterval(this.#timer);
    if (!isListened) return;
    this.#timer = setInterval(() => this.#tellState(), STATE_EVERY_MS);
    this.#tellState();
  }

  #tellState(): void {
    this.#telling ??= (async () => {
      const state = await this.#state?.read();
      if (state) this.#stream.tell('state', state);
    })()
      .catch((error) => this.#options.onProblem?.(`the page is told no state: ${error?.message ?? error}`))
      .finally(() => {
        this.#telling = undefined;
      });
  }
}

const JSON_HEADERS = { ...PAGE_HEADERS, 'content-type': 'application/json' };

/**
 * Whether a request is of a program, of this page, or of a person who typed the address. The guard of the whole API has refused
 * other origins already where browsers name them; a page at another port of this machine may ask without naming itself.
 */
const whyNotOfThisPage = ({ method, headers }: IncomingMessage): string | undefined => {
  const site = headers['sec-fetch-site'];
  if (site === undefined || site === 'same-origin' || (site === 'none' && method === 'GET')) return undefined;
  return `Sec-Fetch-Site must be same-origin: only the page of this address may ask for this, got ${site}`;
};
