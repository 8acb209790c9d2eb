/**
 * Lets a browser on this machine see the page of a deployment. A browser can neither sign a request nor bring a JWT with the address
 * that is typed, so a server on loopback does it for the page, and for nobody else: its address holds a secret, and no other web
 * page may ask it for anything.
 */
import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { BOOKINGS_PATH, PAGE_PATH, ROUTES } from '../functions/api/routes.ts';
import { bodyText, type LoopbackServer, listenOnLoopback } from '../local/loopback.ts';
import { REFUSED, refusalBody } from '../local/page-guard.ts';
import { type Caller, signed } from './signing.ts';

export interface PageProxyOptions {
  /** The HTTP API of the deployment. */
  readonly apiUrl: string;
  readonly caller: Caller;
  /** 0 for any free port. */
  readonly port: number;
}

export interface PageProxy extends LoopbackServer {
  /** Where the page is. Who knows it can do what the caller can, for as long as this runs. */
  readonly address: string;
}

/** What the page asks for: nothing else is passed on. */
const PASSED_ON = [PAGE_PATH, BOOKINGS_PATH, ROUTES.expireBookings.path, ROUTES.health.path];
/** Routes that need no caller, which is said by no signature; the cron webhook has a token of its own. */
const OPEN = [ROUTES.expireBookings.path, ROUTES.health.path] as const;
/** Headers of an answer that belong to its way here and not to it. */
const NOT_PASSED_BACK = ['connection', 'content-encoding', 'content-length', 'keep-alive', 'transfer-encoding'];
/** API Gateway gives up after 30 seconds. */
const PATIENCE_MS = 35_000;

const isAtOrBelow = (path: string, place: string): boolean => path === place || path.startsWith(`${place}/`);

export const startPageProxy = async ({ apiUrl, caller, port }: PageProxyOptions): Promise<PageProxy> => {
  const secret = `/${randomBytes(24).toString('base64url')}`;
  const api = apiUrl.replace(/\/$/, '');
  const basePath = new URL(api).pathname.replace(/\/$/, '');

  const passOn = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const answer = (status: number, message: string): void => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify({ message }));
    };
    const target = request.url ?? '';
    const { method = 'GET' } = request;
    const site = request.headers['sec-fetch-site'];
    // The page guard has refused other origins. A page at another port of this machine is of the same site to a browser.
    if (site !== undefined && site !== 'same-origin' && !(site === 'none' && method === 'GET')) {
      response.writeHead(REFUSED, { 'content-type': 'application/json' });
      response.end(refusalBody(`Sec-Fetch-Site must be same-origin, got ${site}`));
      return;
    }
    if (!target.startsWith(`${secret}/`)) return answer(404, 'there is no such page');
    const url = new URL(api + target.slice(secret.length));
    // As it will be asked for, with every .. resolved.
    const path = url.pathname.slice(basePath.length);
    if (!url.pathname.startsWith(basePath) || !PASSED_ON.some((place) => isAtOrBelow(path, place)))
      return answer(404, 'there is no such page');
    if (method !== 'GET' && method !== 'POST') return answer(405, 'only GET and POST are passed on');
    const body = method === 'POST' ? await bodyText(request) : undefined;
    const { 'content-type': type, authorization } = request.headers;
    const isOpen = OPEN.some((open) => path === open);
    const headers = {
      ...(type !== undefined && { 'content-type': type }),
      ...(isOpen && authorization !== undefined && { authorization }),
    };
    const passed = await fetch(url, {
      method,
      headers: isOpen ? headers : await signed(caller, { method, url, headers, body }),
      ...(body && { body }),
      redirect: 'manual',
      signal: AbortSignal.timeout(PATIENCE_MS),
    }).catch((error) => error as Error);
    if (passed instanceof Error) return answer(502, `no answer from ${api}: ${passed.message}`);
    const back = [...passed.headers].filter(([name]) => !NOT_PASSED_BACK.includes(name));
    response.writeHead(passed.status, Object.fromEntries(back)).end(Buffer.from(await passed.arrayBuffer()));
  };

  const server = await listenOnLoopback(passOn, port);
  return { ...server, address: `${server.endpoint}${secret}${PAGE_PATH}` };
};
