/** The way from a browser on this machine to the page of a deployment, which is played here by a server that notes what it gets. */
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type PageProxy, startPageProxy } from '../../commands/page-proxy.ts';
import type { Caller } from '../../commands/signing.ts';
import { expectUsageError, startScript } from '../support/script.ts';

let deployment: Server;
let apiUrl: string;
let got: { method: string | undefined; url: string | undefined; headers: IncomingMessage['headers']; body: string }[];
let proxy: PageProxy;

beforeAll(async () => {
  deployment = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    const { method, url, headers } = request;
    got.push({ method, url, headers, body });
    response.writeHead(url === '/page/gone' ? 404 : 200, { 'content-type': 'text/x-test', 'x-frame-options': 'DENY' });
    response.end(`answer to ${url}`);
  });
  await new Promise<void>((resolve) => deployment.listen(0, '127.0.0.1', resolve));
  apiUrl = `http://127.0.0.1:${(deployment.address() as { port: number }).port}`;
});
afterAll(() => deployment.close());

const SIGNER: Caller = {
  region: 'eu-central-1',
  credentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret', sessionToken: 'session' },
};
const start = async (caller: Caller = SIGNER) => {
  proxy = await startPageProxy({ apiUrl, caller, port: 0 });
};
beforeEach(() => {
  got = [];
  return start();
});
afterEach(() => proxy.stop());

const base = () => proxy.address.replace(/\/page$/, '');

describe('the page’s requests', () => {
  test('arrive signed, for the API and its region, with their query and body', async () => {
    const answer = await fetch(`${base()}/api/v1/bookings?status=PENDING&limit=100`);
    expect([answer.status, await answer.text()]).toEqual([200, 'answer to /api/v1/bookings?status=PENDING&limit=100']);
    expect([answer.headers.get('content-type'), answer.headers.get('x-frame-options')]).toEqual([
      'text/x-test',
      'DENY',
    ]);
    await fetch(`${base()}/api/v1/bookings`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"holdSeconds":5}',
    });
    expect(got.map(({ method, body }) => [method, body])).toEqual([
      ['GET', ''],
      ['POST', '{"holdSeconds":5}'],
    ]);
    for (const { headers } of got) {
      expect(headers.authorization).toMatch(
        /^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\/\d{8}\/eu-central-1\/execute-api\/aws4_request, /,
      );
      expect(headers['x-amz-security-token']).toBe('session');
    }
  });

  test('arrive with the JWT, where one is given', async () => {
    await proxy.stop();
    await start({ token: 'jwt' });
    await fetch(proxy.address);
    expect(got).toMatchObject([{ url: '/page', headers: { authorization: 'Bearer jwt' } }]);
  });

  test('to the cron webhook arrive with its own token, unsigned', async () => {
    await fetch(`${base()}/api/v1/cron/expire-bookings`, { method: 'POST', headers: { authorization: 'Bearer cron' } });
    expect(got[0]?.headers.authorization).toBe('Bearer cron');
    expect(got[0]?.headers['x-amz-date']).toBeUndefined();
  });

  test('are told where the deployment does not answer', async () => {
    await proxy.stop();
    proxy = await startPageProxy({ apiUrl: 'http://127.0.0.1:1', caller: SIGNER, port: 0 });
    const answer = await fetch(proxy.address);
    expect([answer.status, ((await answer.json()) as { message: string }).message]).toEqual([
      502,
      expect.stringContaining('no answer from'),
    ]);
  });
});

describe('nobody else’s requests', () => {
  const ask = (address: string, headers: Record<string, string> = {}, method = 'GET') =>
    fetch(address, { method, headers });

  test('arrive: of whoever does not know the address', async () => {
    for (const path of ['/page', '/api/v1/bookings', '/', '/guessed/page', `${new URL(base()).pathname}x/page`])
      expect((await ask(proxy.endpoint + path)).status, path).toBe(404);
    expect(got).toEqual([]);
  });

  test('arrive: of another page, whose browser says so', async () => {
    for (const headers of [
      { origin: 'https://evil.example' },
      { origin: 'http://127.0.0.1:1' },
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
    ])
      expect((await ask(proxy.address, headers)).status).toBe(403);
    expect((await ask(`${base()}/api/v1/bookings`, { 'sec-fetch-site': 'none' }, 'POST')).status).toBe(403);
    expect(got).toEqual([]);
  });

  test('arrive: for what the page does not ask for, or by another method', async () => {
    for (const path of [
      '/api/v1/openapi.json',
      '/api/v1/bookings-of-others',
      '/pages',
      '/api/v1/bookings/..%2fx/../../openapi.json',
      '/page/%2e%2e/other',
      '',
      '@evil.example/page',
    ])
      expect((await ask(base() + path)).status, path).toBe(404);
    expect((await ask(`${base()}/api/v1/bookings/x`, {}, 'DELETE')).status).toBe(405);
    expect(got).toEqual([]);
  });
});

describe('npm run page', () => {
  const run = (...args: string[]) => startScript('commands/page.ts', args, { AWS_REGION: 'eu-central-1' });

  test('says what is missing', async () => {
    expectUsageError(await run().ended, '--stack or --url must say which deployment', 'npm run page');
    expectUsageError(await run('--url', 'ftp://x').ended, '--url must be an https URL', 'npm run page');
  });

  test('prints where the page is, and ends when it is told to', async () => {
    const { child, printed, ended } = run('--url', apiUrl, '--token', 'jwt');
    while (!/\/page\n/.test(printed.out) && child.exitCode === null)
      await new Promise((again) => setTimeout(again, 50));
    const [address = ''] = /http:\/\/127\.0\.0\.1:\d+\/[\w-]{32}\/page/.exec(printed.out) ?? [];
    expect(await (await fetch(address)).text()).toBe('answer to /page');
    child.kill('SIGTERM');
    expect((await ended).code).toBe(0);
  });
});
