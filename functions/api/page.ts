/**
 * The page that shows every hold, as the API's Lambda serves it: files, and what a page must know before it asks anything.
 * Nothing here writes. What the page does it does by the API's own routes, which refuse it what they refuse anybody.
 */
import { Hono } from 'hono';
import { Problem, problemOf } from './problem.ts';

/** The files of the page, by name. */
export interface PageFiles {
  /** The text of a file; undefined if there is none of this name. */
  read(name: string): Promise<string | undefined>;
}

/** What a page must know of whoever serves it. */
export interface PageAbout {
  /** Whether it is served by the local runtime, which tells more than the API. */
  readonly local: boolean;
  /** Whether settled and expired bookings can be listed by status. */
  readonly listsSettled: boolean;
}

/** Content type of each file. Nothing else is ever served, whatever lies beside them. */
const FILES: Readonly<Record<string, string>> = {
  'index.html': 'text/html; charset=utf-8',
  'page.css': 'text/css; charset=utf-8',
  'page.js': 'text/javascript; charset=utf-8',
  'icon.svg': 'image/svg+xml',
};

/**
 * Headers of every answer. Only the page's own files are loaded and only its own origin is asked; no text of a stranger can
 * become script (Trusted Types with no policy); no other page can frame it, read it or keep a handle on its window.
 */
export const PAGE_HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy': [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join('; '),
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=(), payment=()',
  'cache-control': 'no-store',
};

/** What the page is told by the API itself. */
export const pageAbout = (listsSettled: boolean): PageAbout => ({
  local: false,
  listsSettled,
});

/** The page as a Hono app, below whatever path it is mounted at. */
export const createPage = (files: PageFiles, listsSettled: boolean): Hono => {
  const app = new Hono();
  const file = async (name: string): Promise<Response> => {
    const type = Object.hasOwn(FILES, name) ? FILES[name] : undefined;
    const text = type === undefined ? undefined : await files.read(name);
    if (type === undefined || text === undefined) throw new Problem('notFound', 'the page has no such file');
    return new Response(text, { headers: { ...PAGE_HEADERS, 'content-type': type } });
  };
  app.get('/', () => file('index.html'));
  app.get('/about.json', (context) => context.json(pageAbout(listsSettled), 200, PAGE_HEADERS));
  app.get('/:file', (context) => file(context.req.param('file')));
  app.all('*', (context) => {
    if (context.req.method === 'GET') throw new Problem('notFound', 'the page has no such file');
    throw new Problem('methodNotAllowed', `${context.req.method} is not allowed here, only GET`, {}, { allow: 'GET' });
  });
  app.onError((error) => problemOf(error).toResponse());
  return app;
};
