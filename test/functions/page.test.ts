/** The page as the API's Lambda serves it. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { PageFilesOnDisk } from '../../functions/adapters/page-files.ts';
import { createPage, PAGE_HEADERS } from '../../functions/api/page.ts';

let page: ReturnType<typeof createPage>;
beforeAll(() => {
  const directory = mkdtempSync(join(tmpdir(), 'page-'));
  writeFileSync(join(directory, 'index.html'), '<h1>holds</h1>');
  writeFileSync(join(directory, 'page.js'), 'run()');
  writeFileSync(join(directory, 'secret.txt'), 'token');
  page = createPage(new PageFilesOnDisk(directory), true);
});

const ask = (path: string, method = 'GET') => page.request(`http://api.example${path}`, { method });

test('it serves its files with their types, each under the page’s policy', async () => {
  for (const [path, type, text] of [
    ['/', 'text/html; charset=utf-8', '<h1>holds</h1>'],
    ['/page.js', 'text/javascript; charset=utf-8', 'run()'],
  ] as const) {
    const answer = await ask(path);
    expect([answer.status, answer.headers.get('content-type'), await answer.text()]).toEqual([200, type, text]);
    for (const [name, value] of Object.entries(PAGE_HEADERS)) expect(answer.headers.get(name), name).toBe(value);
  }
});

test('it serves nothing else, whatever lies beside them or is missing', async () => {
  for (const path of [
    '/secret.txt',
    '/page.css',
    '/..%2fsecret.txt',
    '/%2e%2e%2fsecret.txt',
    '/constructor',
    '/a/b',
    '//',
  ])
    expect((await ask(path)).status, path).toBe(404);
});

test('it tells what this deployment can do, and that it is not the local one', async () => {
  expect(await (await ask('/about.json')).json()).toMatchObject({ local: false, listsSettled: true });
});

test('it writes nothing: only GET is allowed', async () => {
  for (const [path, method] of [
    ['/', 'POST'],
    ['/about.json', 'DELETE'],
    ['/lose-timer', 'POST'],
  ] as const) {
    const answer = await ask(path, method);
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'GET']);
  }
});
