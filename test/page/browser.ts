/** A real browser with the page in it. */
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';

/** Names the browser's program. */
export const BROWSER_VARIABLE = 'CHROMIUM';

export const startBrowser = (): Promise<Browser> =>
  chromium.launch({
    executablePath: process.env[BROWSER_VARIABLE] ?? '',
    // Chromium's own sandbox refuses to run for the superuser, as whom containers run everything.
    chromiumSandbox: process.getuid?.() !== 0,
  });

/** Longest that something is waited for, ms: a busy machine takes its time. */
const PATIENCE_MS = 90_000;

export interface OpenedPage {
  readonly page: Page;
  /** What the browser has complained of until now: errors of scripts, and what the page's policy has kept off. */
  readonly complaints: readonly string[];
}

export interface OpenOptions extends BrowserContextOptions {
  /** Prepares the page before anything is loaded. */
  readonly before?: (page: Page) => Promise<unknown>;
  /** What the connection is waited for to be; nothing, where it will not stay as it is. @default 'live' */
  readonly until?: string | null;
}

/**
 * Opens the page, until it shows what there is.
 *
 * @param api address of the service, or of the page itself
 */
export const openPage = async (
  browser: Browser,
  api: string,
  { before, until = 'live', ...options }: OpenOptions = {},
): Promise<OpenedPage> => {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  context.setDefaultTimeout(PATIENCE_MS);
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
  });
  await before?.(page);
  await page.goto(api.endsWith('/page') ? api : `${api}/`);
  if (until !== null) await page.locator(`#connection[data-state="${until}"]`).waitFor();
  return { page, complaints };
};

/** The row of a booking, by the name that it shows. */
export const rowOf = (page: Page, name: string) =>
  page.locator('.hold', { has: page.getByText(name, { exact: true }) });

/** A name that no other booking has. */
export const newName = (what: string): string => `${what}-${Math.random().toString(36).slice(2, 8)}`;

/** Calls the API, as any program. */
export const ask = async (api: string, method: 'GET' | 'POST', path: string, body?: object) => {
  const response = await fetch(`${api}/api/v1${path}`, {
    method,
    ...(body && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
};

/** Creates a hold, without the page. */
export const hold = async (api: string, bookingId: string, holdSeconds: number): Promise<{ expiresAt: string }> => {
  const { status, body } = await ask(api, 'POST', '/bookings', { bookingId, holdSeconds });
  if (status !== 201) throw new Error(`${bookingId} was not created: ${JSON.stringify(body)}`);
  return body as { expiresAt: string };
};
