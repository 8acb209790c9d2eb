/**
 * Server-sent events (WHATWG HTML, server-sent events) to whoever listens. A listener that was away says which event it had
 * last, as browsers do by themselves, and gets what it missed.
 */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';

/** How often a listener that hears nothing is told that the line is alive, ms. */
const HEARTBEAT_MS = 15_000;
/** A listener that leaves this many bytes unread is cut off: it may come back and say what it had last. */
const MAX_UNREAD_BYTES = 8 * 1024 * 1024;
/** Most characters of events that are kept, however few these are: an item may have 400 KB. */
const MAX_KEPT_CHARACTERS = 16 * 1024 * 1024;

export interface EventStreamOptions {
  /** How many events are kept for those who come back. */
  readonly kept: number;
  /** Whether a listener that names no event gets all that are kept. @default false */
  readonly replaysToNew?: boolean;
  /** What each listener hears first, as a comment. */
  readonly greeting: string;
  /** Called when the first listener has come (true) and when the last has gone (false). @default - nobody is told */
  readonly onListened?: (isListened: boolean) => void;
}

interface Sent {
  readonly id: string;
  readonly frame: string;
}

export class EventStream {
  readonly #options: EventStreamOptions;
  readonly #listeners = new Set<ServerResponse>();
  readonly #heartbeat: NodeJS.Timeout;
  /** What is kept, oldest first. */
  #kept: Sent[] = [];
  #keptCharacters = 0;
  /** Changes with each start: events of another run are not known here. */
  readonly #run = randomUUID();

  constructor(options: EventStreamOptions) {
    this.#options = options;
    this.#heartbeat = setInterval(() => this.#write(': still here\n\n'), HEARTBEAT_MS).unref();
  }

  get isListened(): boolean {
    return this.#listeners.size > 0;
  }

  /**
   * Answers a request with the stream. `Last-Event-ID`, or `after` in the query, names the event that the listener had last: if
   * it is not known any more, or of another run, the listener gets all that are kept and is told by the event `missed`.
   */
  open(request: IncomingMessage, response: ServerResponse): void {
    const query = new URL(request.url ?? '/', 'http://127.0.0.1').searchParams;
    const last = [request.headers['last-event-id']].flat()[0] || query.get('after') || undefined;
    response.writeHead(200, {
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    });
    response.write(`: ${this.#options.greeting}\n\n`);
    const place = last === undefined ? -1 : this.#kept.findIndex(({ id }) => id === last);
    const isKnown = place !== -1 || last === `${this.#run}-0`;
    if (last !== undefined && !isKnown) response.write('event: missed\ndata: {}\n\n');
    const replayed = last !== undefined || this.#options.replaysToNew ? this.#kept.slice(place + 1) : [];
    for (const { frame } of replayed) response.write(frame);
    // So that who comes back before anything has happened is not told that it missed something.
    if (replayed.length === 0 && !isKnown) response.write(`id: ${this.#kept.at(-1)?.id ?? `${this.#run}-0`}\n\n`);
    this.#listeners.add(response);
    if (this.#listeners.size === 1) this.#options.onListened?.(true);
    response.once('close', () => {
      if (this.#listeners.delete(response) && this.#listeners.size === 0) this.#options.onListened?.(false);
    });
  }

  /**
   * Sends an event, and keeps it.
   *
   * @param id names it. @default - made up
   */
  send(type: string, data: object, id: string = randomUUID()): void {
    const sent = { id, frame: `id: ${id}\nevent: ${type}\ndata: ${JSON.stringify(data)}\n\n` };
    this.#kept.push(sent);
    this.#keptCharacters += sent.frame.length;
    // By halves: to move the array for each event would be dear.
    if (this.#kept.length > 2 * this.#options.kept || this.#keptCharacters > MAX_KEPT_CHARACTERS) this.#forgetHalf();
    this.#write(sent.frame);
  }

  #forgetHalf(): void {
    this.#kept = this.#kept.slice(-Math.ceil(this.#kept.length / 2));
    this.#keptCharacters = this.#kept.reduce((sum, { frame }) => sum + frame.length, 0);
  }

  /** Sends what is of use at this moment only: it has no id and is not kept. */
  tell(type: string, data: object): void {
    this.#write(`event: ${type}\ndata: ${JSON.stringify(data)}\n\n`);
  }

  /** Ends the stream of every listener. */
  stop(): void {
    clearInterval(this.#heartbeat);
    for (const listener of this.#listeners) listener.end();
  }

  #write(frame: string): void {
    for (const listener of this.#listeners) {
      if (listener.writableLength > MAX_UNREAD_BYTES) listener.destroy();
      else listener.write(frame);
    }
  }
}
