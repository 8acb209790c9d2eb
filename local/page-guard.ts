/**
 * Keeps web pages away from what the runtime serves. Any page that a developer opens can send requests to loopback: by
 * `fetch` with `no-cors`, by a form, or under a name of its own that resolves to 127.0.0.1. Browsers say so in Host, Origin
 * and Sec-Fetch-Site, and no page can change what they say there. Programs send no Origin.
 */
import type { IncomingHttpHeaders } from 'node:http';

/** The names by which a program may ask for a server on this machine. */
export const LOOPBACK_NAMES: readonly string[] = ['127.0.0.1', 'localhost', '[::1]'];

const LOOPBACK_HOST = /^(127\.0\.0\.1|localhost|\[::1\])(:\d{1,5})?$/i;

/** What a request says about where it comes from. Names of headers are in lower case. */
export interface RequestHead {
  readonly method?: string | undefined;
  readonly headers: IncomingHttpHeaders;
}

/**
 * Whether a request may be served: it names this machine, and it does not come from a web page of another place.
 *
 * @returns the reason to refuse it, undefined if it may be served
 */
export const whyRefused = ({ method, headers }: RequestHead): string | undefined => {
  const { host = '', origin } = headers;
  if (!LOOPBACK_HOST.test(host)) {
    return `Host must be 127.0.0.1, localhost or [::1], with any port, got ${host || 'none'}`;
  }
  if (origin !== undefined) {
    // Only a browser that asks for a page of elsewhere sends one: a page of this server needs none.
    if (method === 'OPTIONS') return `no web page may call this server, got a preflight for Origin ${origin}`;
    const own = `http://${host}`;
    if (origin.toLowerCase() !== own.toLowerCase()) {
      return `Origin must be ${own} or absent: no web page of another place may call this server, got ${origin}`;
    }
  }
  if (headers['sec-fetch-site'] === 'cross-site') {
    return 'Sec-Fetch-Site must not be cross-site: no web page of another place may call this server';
  }
  return undefined;
};

/**
 * Whether a request may be served by what only programs use: it names this machine, and no browser sent it.
 *
 * @returns the reason to refuse it, undefined if it may be served
 */
export const whyRefusedToBrowsers = (head: RequestHead): string | undefined => {
  const { origin, 'sec-fetch-site': site } = head.headers;
  const reason = whyRefused(head);
  if (reason !== undefined) return reason;
  if (origin !== undefined) return `Origin must be absent: only programs may call this server, got ${origin}`;
  // Programs that use a browser's fetch, Node's among them, send other headers of this family, but not this one.
  if (site !== undefined) return `Sec-Fetch-Site must be absent: only programs may call this server, got ${site}`;
  return undefined;
};

/** Status of a refusal. */
export const REFUSED = 403;

/** Body of a refusal, as JSON: in the form that the AWS SDKs read too. */
export const refusalBody = (reason: string): string =>
  JSON.stringify({ __type: 'AccessDeniedException', message: reason });
