/** Calls the public API, at the address that this page is from. */
import { noteServerTime } from './clock.ts';
import { type ApiRequest, asciiJson, inPath } from './curl.ts';

/** A booking as the API gives it. */
export interface Booking {
  readonly bookingId: string;
  readonly status: string;
  readonly expiresAt: string | null;
  readonly createdAt?: string;
  readonly confirmedAt?: string;
  readonly cancelledAt?: string;
  readonly expiredAt?: string;
  readonly revivedAt?: string;
  readonly expiredBy?: string;
  readonly customerId?: string;
  readonly slotIds?: readonly string[];
}

/** What the page is told before it asks anything: functions/api/page.ts, and service/local-page.ts where it is local. */
export interface About {
  readonly local: boolean;
  readonly listsSettled: boolean;
  readonly cronToken?: string;
  readonly webhookUrl?: string;
}

export interface Answer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

/** Thrown where no answer came, or none that is the service's. */
export class UnreachableError extends Error {}
/** Thrown where the caller is not let in. */
export class RefusedError extends Error {}

/** Where the service is, below the origin: a gateway may have put it below a path. */
const BASE = location.pathname.replace(/\/page$/, '');
export const API = `${BASE}/api/v1`;
export const PAGE = `${BASE}/page`;

/** Longest that an answer is waited for, ms: as long as API Gateway waits. */
const PATIENCE_MS = 30_000;

/** @throws UnreachableError, if no answer comes that is JSON */
export const call = async ({ method, path, body, authorization }: ApiRequest): Promise<Answer> => {
  try {
    const response = await fetch(path, {
      method,
      cache: 'no-store',
      credentials: 'same-origin',
      headers: {
        ...(body && { 'content-type': 'application/json' }),
        ...(authorization !== undefined && { authorization }),
      },
      ...(body && { body: asciiJson(body) }),
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    const text = await response.text();
    const parsed = text === '' ? {} : JSON.parse(text);
    return { status: response.status, body: typeof parsed === 'object' && parsed !== null ? parsed : {} };
  } catch (error) {
    throw new UnreachableError(error instanceof Error ? error.message : String(error));
  }
};

/** What an answer that is no success says, in words. */
export const problemIn = ({ status, body }: Answer): string => {
  const { detail, message, errors } = body;
  const fields = Array.isArray(errors)
    ? errors.map((each) => `${String(each?.pointer ?? '')} ${String(each?.detail ?? '')}`).join('; ')
    : '';
  return `${status}: ${fields || String(detail ?? message ?? 'no reason given')}`;
};

/**
 * Asks for something that is there.
 *
 * @throws UnreachableError, RefusedError
 */
const get = async (path: string): Promise<Answer['body']> => {
  const answer = await call({ method: 'GET', path });
  if (answer.status === 401 || answer.status === 403) throw new RefusedError(problemIn(answer));
  if (answer.status !== 200) throw new UnreachableError(problemIn(answer));
  return answer.body;
};

export const readAbout = async (): Promise<About> => (await get(`${PAGE}/about.json`)) as unknown as About;

/** Asks the server for its time. */
export const readClock = async (): Promise<void> => {
  const askedMs = performance.now();
  const { time } = await get(`${API}/health`);
  noteServerTime(Date.parse(String(time)), askedMs, performance.now());
};

/** Pages of a list that are read at most, of 100 each. */
const MAX_PAGES = 100;

/** A list by status, as far as it is read: all of it, or its first page. */
export const readList = async (
  status: string,
  pages: number = MAX_PAGES,
): Promise<{ readonly bookings: readonly Booking[]; readonly isWhole: boolean }> => {
  const bookings: Booking[] = [];
  let cursor: unknown = null;
  for (let page = 0; page < pages; page += 1) {
    const rest = cursor === null ? '' : `&cursor=${inPath(String(cursor))}`;
    const found = await get(`${API}/bookings?status=${status}&limit=100${rest}`);
    bookings.push(...(found.bookings as Booking[]));
    cursor = found.cursor ?? null;
    if (cursor === null) return { bookings, isWhole: true };
  }
  return { bookings, isWhole: false };
};

/** A booking by its id; undefined if there is none, or none that a URL can name. */
export const readBooking = async (bookingId: string): Promise<Booking | undefined> => {
  if (!isNameable(bookingId)) return undefined;
  const answer = await call({ method: 'GET', path: `${API}/bookings/${inPath(bookingId)}` });
  return answer.status === 200 ? (answer.body as unknown as Booking) : undefined;
};

/** Whether a URL can name this id: it must be Unicode, and no dots that mean another path. */
export const isNameable = (id: string): boolean => {
  try {
    return inPath(id) !== '' && id !== '.' && id !== '..';
  } catch {
    return false;
  }
};
