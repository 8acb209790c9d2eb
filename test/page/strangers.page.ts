/** What strangers write, and what their pages try. */
import { createServer, type Server } from 'node:http';
import { DynamoDBClient, PutItemCommand } from '@aws-sdk/client-dynamodb';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { LOCAL_CREDENTIALS, REGION } from '../../local/account.ts';
import { ask, hold, newName, openPage, startBrowser } from './browser.ts';

const { api, dynamodb, bookingsTable } = inject('service');
let browser: Browser;
beforeAll(async () => {
  browser = await startBrowser();
});
afterAll(() => browser.close());

describe('names that strangers gave', () => {
  const NAMES = [
    '<img src=x onerror="globalThis.hacked=1">',
    '<script>globalThis.hacked=1</script>',
    '"><svg onload=globalThis.hacked=1>',
    'javascript:globalThis.hacked=1',
    "'; touch hacked; echo '",
    '$(touch hacked)`touch hacked`',
    'abc\u202egnp.exe',
    '\u2067right\u2066left',
    'null\u0000bell\u0007escape\u001b[31m',
    '\u200b\u200b\u200b',
    ' ',
    '..',
    '__proto__',
    'constructor',
    'Z\u0301\u0302\u0303\u0304\u0305\u0306\u0307\u0308'.repeat(40),
    '🪑'.repeat(300),
    'ｆｕｌｌ　ｗｉｄｔｈ',
    'مقعد-٧',
    'x'.repeat(1_024),
  ];

  test('are shown as text, whatever they are, and everything beside them goes on', async () => {
    const client = new DynamoDBClient({ region: REGION, endpoint: dynamodb, credentials: LOCAL_CREDENTIALS });
    const expiresAtMs = String(Date.now() + 120_000);
    for (const name of NAMES)
      await client.send(
        new PutItemCommand({
          TableName: bookingsTable,
          Item: {
            bookingId: { S: name },
            status: { S: 'PENDING' },
            expiresAtMs: { N: expiresAtMs },
            listedFor: { S: name },
            listedAtMs: { N: '1' },
          },
        }),
      );
    const { page, complaints } = await openPage(browser, api, { viewport: { width: 360, height: 2_400 } });
    await expect
      .poll(async () => Number(await page.locator('#n-holds').textContent()))
      .toBeGreaterThanOrEqual(NAMES.length);
    const found = await page.evaluate(() => ({
      hacked: 'hacked' in globalThis,
      elements: document.querySelectorAll('main img, main script, main iframe, main a').length,
      wide: document.documentElement.scrollWidth > document.documentElement.clientWidth,
      text: document.querySelector('main')?.textContent ?? '',
      unseen: [...(document.querySelector('main')?.textContent ?? '')].filter(
        (each) => /[\p{Cf}\p{Cs}]|\p{Cc}/u.test(each) && each !== '\n',
      ).length,
    }));
    expect(found).toMatchObject({ hacked: false, elements: 0, wide: false, unseen: 0 });
    expect(found.text).toContain('<script>globalThis.hacked=1</script>');
    expect(found.text).toContain('abc⟨202E⟩gnp.exe');
    expect(found.text).toContain('⟨200B⟩⟨200B⟩⟨200B⟩');
    expect(complaints).toEqual([]);

    // Those that a URL can name are moved as any other; the shell that gets the curl does this and nothing else.
    for (const name of [NAMES[4] ?? '', NAMES[5] ?? '', NAMES[0] ?? '']) {
      await page
        .locator('.hold', { has: page.locator('bdi').getByText(name, { exact: true }) })
        .first()
        .getByRole('button', { name: /^Confirm/ })
        .click();
      await expect.poll(() => page.locator('#answer').textContent()).toContain('is CONFIRMED');
      const curl = await page.locator('#curl').inputValue();
      expect(curl).toMatch(/^curl -s -X POST '[A-Za-z0-9:/._~%-]+'$/);
      expect((await ask(api, 'GET', `/bookings/${encodeURIComponent(name)}`)).body.status).toBe('CONFIRMED');
    }
    for (const name of NAMES) await ask(api, 'POST', `/bookings/${encodeURIComponent(name)}/cancel`).catch(() => {});
    await page.context().close();
  });

  test('that are no Unicode, or endless, stop nothing: told by events that no engine would keep', async () => {
    const at = new Date().toISOString();
    const booking = (bookingId: string) =>
      `{"bookingId":${bookingId},"status":"PENDING","expiresAt":"${new Date(Date.now() + 60_000).toISOString()}","createdAt":"${at}"}`;
    const names = ['"\\ud800 alone"', '"\\udc00\\ud800"', JSON.stringify('y'.repeat(200_000)), '"last"'];
    const events = names.map(
      (name, index) =>
        `id: ${index}\nevent: change\ndata: {"kind":"created","at":"${at}","stored":"PENDING","booking":${booking(name)}}\n\n`,
    );
    const { page, complaints } = await openPage(browser, api, {
      until: null,
      before: (opened) =>
        opened.route('**/page/events*', (route) =>
          route.fulfill({ contentType: 'text/event-stream', body: events.join('') }),
        ),
    });
    await page.locator('.hold', { hasText: 'last' }).waitFor();
    const lone = page.locator('.hold', { hasText: '⟨D800⟩ alone' });
    expect(await lone.count()).toBe(1);
    // No URL can name it, so nothing is offered that could not be done.
    expect(await lone.getByRole('button').count()).toBe(0);
    expect(complaints).toEqual([]);
    await page.context().close();
  });
});

describe('a page of another place', () => {
  let server: Server;
  let port: number;
  beforeAll(async () => {
    server = createServer((_, response) =>
      response.writeHead(200, { 'content-type': 'text/html' }).end('<title>elsewhere</title>'),
    );
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    port = (server.address() as { port: number }).port;
  });
  afterAll(() => server.close());

  // Another port is another origin, but to a browser the same site; another name is another site.
  test.each(['127.0.0.1', 'localhost'])('at %s can neither read nor write', async (host) => {
    const name = newName('target');
    const { expiresAt } = await hold(api, name, 120);
    const context = await browser.newContext();
    const page = await context.newPage();
    await page.goto(`http://${host}:${port}/`);
    const got = await page.evaluate(
      async ({ api, name, expiresAt }) => {
        const tried: Record<string, string> = {};
        const paths = [
          '/page',
          '/page/about.json',
          '/page/page.js',
          '/api/v1/bookings?status=PENDING',
          `/api/v1/bookings/${name}`,
        ];
        for (const path of paths)
          tried[`read ${path}`] = await fetch(api + path).then(
            (answer) => answer.text(),
            () => 'nothing',
          );
        const writes: [string, string][] = [
          [`/api/v1/bookings/${name}/confirm`, ''],
          [`/api/v1/bookings/${name}/cancel`, '{}'],
          ['/page/lose-timer', JSON.stringify({ bookingId: name, expiresAt })],
        ];
        for (const [path, body] of writes)
          for (const type of ['application/json', 'text/plain']) {
            const post = { method: 'POST', body, headers: { 'content-type': type } };
            tried[`cors ${type} ${path}`] = await fetch(api + path, post).then(
              (answer) => answer.text(),
              () => 'nothing',
            );
            await fetch(api + path, { ...post, mode: 'no-cors' }).catch(() => {});
          }
        for (const [path] of writes) {
          const frame = Object.assign(document.createElement('iframe'), { name: `to${path}` });
          const form = Object.assign(document.createElement('form'), {
            method: 'post',
            action: api + path,
            target: frame.name,
          });
          document.body.append(frame, form);
          form.submit();
        }
        tried.events = await new Promise((resolve) => {
          const source = new EventSource(`${api}/page/events`);
          source.onmessage = source.onopen = () => resolve('heard');
          source.onerror = () => resolve('nothing');
        });
        tried.script = await new Promise((resolve) => {
          const script = Object.assign(document.createElement('script'), { src: `${api}/page/about.json` });
          script.onload = () => resolve(String(Object.keys(globalThis).includes('cronToken')));
          script.onerror = () => resolve('nothing');
          document.body.append(script);
        });
        const frame = document.createElement('iframe');
        frame.src = `${api}/page`;
        document.body.append(frame);
        await new Promise((resolve) => setTimeout(resolve, 1_500));
        return tried;
      },
      { api, name, expiresAt },
    );
    expect([...new Set(Object.values(got))]).toEqual(['nothing']);
    // Chromium puts an error of its own where a frame is refused.
    const framed = page.frames().filter((frame) => frame.url().startsWith(api));
    for (const frame of framed) expect(await frame.locator('#holds').count()).toBe(0);
    const { body } = await ask(api, 'GET', '/bookings?status=PENDING');
    const found = (body.bookings as { bookingId: string; status: string }[]).find(
      ({ bookingId }) => bookingId === name,
    );
    expect(found?.status).toBe('PENDING');
    // Nor was its timer taken: it can still be asked for.
    await ask(api, 'POST', `/bookings/${name}/cancel`);
    await context.close();
  });
});

describe('the page’s own answers', () => {
  const get = (path: string, headers: Record<string, string> = {}) =>
    fetch(api + path, { headers, redirect: 'manual' });

  test('load nothing from elsewhere, run no script of a text, cannot be framed and are kept nowhere', async () => {
    for (const path of ['/page', '/page/page.js', '/page/page.css', '/page/icon.svg', '/page/about.json', '/']) {
      const { headers } = await get(path);
      const policy = headers.get('content-security-policy') ?? '';
      expect(policy, path).toContain("default-src 'none'");
      expect(policy, path).toContain("frame-ancestors 'none'");
      expect(policy, path).toContain("require-trusted-types-for 'script'");
      expect(policy, path).not.toMatch(/unsafe|https?:|\*/);
      expect(headers.get('x-content-type-options'), path).toBe('nosniff');
      expect(headers.get('cross-origin-resource-policy'), path).toBe('same-origin');
      expect(headers.get('cache-control'), path).toBe('no-store');
    }
  });

  test('are no other files of the disk', async () => {
    for (const path of [
      '/page/index.js',
      '/page/%2e%2e%2findex.js',
      '/page/..%2findex.js',
      '/page/page.ts',
      '/page/constructor',
      '/page/',
    ])
      expect((await get(path)).status, path).toBe(404);
  });

  test('have at most 60 kB in all, and name no other place', async () => {
    let bytes = 0;
    for (const name of ['', '/page.js', '/page.css', '/icon.svg']) {
      const text = await (await get(`/page${name}`)).text();
      bytes += Buffer.byteLength(text);
      const elsewhere = [...text.matchAll(/https?:\/\/[^\s"'`)]+/g)]
        .map(([url]) => url)
        .filter((url) => !url.startsWith('http://www.w3.org/') && !url.startsWith('http://127.0.0.1:8001'));
      expect(elsewhere, name).toEqual([]);
    }
    console.log(`the page has ${bytes} bytes in all`);
    expect(bytes).toBeLessThanOrEqual(60_000);
  });

  test('tell what only the page may know to no other page of this machine', async () => {
    for (const path of ['/page/about.json', '/page/events']) {
      expect((await get(path, { 'sec-fetch-site': 'same-site' })).status).toBe(403);
      expect((await get(path, { 'sec-fetch-site': 'cross-site' })).status).toBe(403);
      expect((await get(path, { origin: 'http://127.0.0.1:1' })).status).toBe(403);
    }
    const lose = { bookingId: 'x', expiresAt: new Date(Date.now() + 60_000).toISOString() };
    const post = (headers: Record<string, string>, body: string) =>
      fetch(`${api}/page/lose-timer`, { method: 'POST', headers, body });
    const json = { 'content-type': 'application/json' };
    expect((await post({ ...json, 'sec-fetch-site': 'same-site' }, JSON.stringify(lose))).status).toBe(403);
    expect((await post({ ...json, 'sec-fetch-site': 'none' }, JSON.stringify(lose))).status).toBe(403);
    expect((await post({ 'content-type': 'text/plain' }, JSON.stringify(lose))).status).toBe(415);
    for (const [body, reason] of [
      ['[', 'must be a JSON object'],
      ['{}', 'bookingId must be a text'],
      ['{"bookingId":"x","expiresAt":"soon"}', 'expiresAt must be an ISO 8601 time'],
    ] as const) {
      const answer = await post(json, body);
      expect(answer.status).toBe(400);
      expect(((await answer.json()) as { detail: string }).detail).toContain(reason);
    }
    const late = await post(json, JSON.stringify({ ...lose, expiresAt: new Date().toISOString() }));
    expect(late.status).toBe(409);
  });
});
