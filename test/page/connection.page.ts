/** A service that goes away and comes back, and one that tells no events. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { startPageProxy } from '../../commands/page-proxy.ts';
import { ask, hold, newName, openPage, rowOf, startBrowser } from './browser.ts';
import { startService } from './service.ts';

const { api } = inject('service');
let browser: Browser;
beforeAll(async () => {
  browser = await startBrowser();
});
afterAll(() => browser.close());

const connection = (page: Page) => page.locator('#connection').getAttribute('data-state');
/** As if the page were in a tab behind another: then it asks for nothing. */
const turnAway = (page: Page, isAway: boolean): Promise<void> =>
  page.evaluate((hidden) => {
    Object.defineProperty(document, 'hidden', { value: hidden, configurable: true });
    document.dispatchEvent(new Event('visibilitychange'));
  }, isAway);
const movesOf = (page: Page, name: string) =>
  page
    .locator('#moves li', { has: page.getByText(name, { exact: true }) })
    .locator('.tag')
    .allTextContents();

test('a service that is killed is said to be gone, what is not known is not claimed, and the next one is shown anew', async () => {
  const first = await startService();
  const { page } = await openPage(browser, first.api);
  const [old, fresh] = [newName('old'), newName('fresh')];
  const { expiresAt } = await hold(first.api, old, 5);
  await rowOf(page, old).waitFor();
  await first.kill();
  await expect.poll(() => connection(page)).toBe('disconnected');
  expect(await page.locator('#connection-text').textContent()).toMatch(
    /^Disconnected since \d\d:\d\d:\d\d, trying again$/,
  );
  // Its deadline passes, that is certain; whether it was marked nobody has heard.
  await sleep(Math.max(0, Date.parse(expiresAt) + 2_000 - Date.now()));
  expect(await rowOf(page, old).getAttribute('data-state')).toBe('lapsed');
  expect(await page.locator('#n-overdue').textContent()).toBe('?');

  const second = await startService({ PORT: new URL(first.api).port });
  try {
    await hold(second.api, fresh, 60);
    await expect.poll(() => connection(page)).toBe('live');
    await rowOf(page, fresh).waitFor();
    expect(await rowOf(page, old).count()).toBe(0);
    // What is done now reaches the service that is there now, the token of its own cron webhook too.
    await page.getByRole('button', { name: 'Sweep now' }).click();
    await expect.poll(() => page.locator('#answer').textContent()).toMatch(/^200/);
  } finally {
    await page.context().close();
    await second.stop();
  }
});

test('what happened while nobody looked is told afterwards, once', async () => {
  const { page } = await openPage(browser, api);
  const [before, meanwhile] = [newName('before'), newName('meanwhile')];
  await hold(api, before, 300);
  await rowOf(page, before).waitFor();
  await turnAway(page, true);
  await expect.poll(() => connection(page)).toBe('paused');
  await ask(api, 'POST', `/bookings/${before}/confirm`);
  await hold(api, meanwhile, 300);
  await turnAway(page, false);
  await rowOf(page, meanwhile).waitFor();
  expect(await connection(page)).toBe('live');
  expect(await movesOf(page, before)).toEqual(['confirmed', 'created']);
  expect(await movesOf(page, meanwhile)).toEqual(['created']);
  await ask(api, 'POST', `/bookings/${meanwhile}/cancel`);
  await page.context().close();
});

describe('without events', () => {
  test('the page asks again and again, and shows the same', async () => {
    const { page } = await openPage(browser, api, {
      until: 'polling',
      before: (opened) => opened.route('**/page/events*', (route) => route.abort()),
    });
    const [paid, lapsed] = [newName('paid'), newName('lapsed')];
    await hold(api, paid, 60);
    await hold(api, lapsed, 5);
    await rowOf(page, paid).waitFor();
    await ask(api, 'POST', `/bookings/${paid}/confirm`);
    await expect.poll(() => movesOf(page, paid)).toEqual(['confirmed', 'created']);
    await expect.poll(() => movesOf(page, lapsed)).toEqual(['expired', 'created']);
    const { body } = await ask(api, 'GET', `/bookings/${lapsed}`);
    expect(body.expiredBy).toBe('timer');

    // The page reads no booking that a sweep has yet to find: a read would mark it.
    const lost = newName('lost');
    const { expiresAt } = await hold(api, lost, 5);
    await fetch(`${api}/page/lose-timer`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ bookingId: lost, expiresAt }),
    });
    await page.locator('.hold[data-state="overdue"]', { hasText: lost }).waitFor();
    let rounds = 0;
    page.on('response', (response) => {
      if (response.url().includes('status=OVERDUE')) rounds += 1;
    });
    await expect.poll(() => rounds).toBeGreaterThan(2);
    const overdue = await ask(api, 'GET', '/bookings?status=OVERDUE');
    expect(overdue.body.bookings).toMatchObject([{ bookingId: lost }]);
    await page.getByRole('button', { name: 'Sweep now' }).click();
    await expect.poll(() => movesOf(page, lost)).toEqual(['expired', 'created']);
    await page.context().close();
  });

  test('as a deployed API serves it: what it does not know is said, and the sweep asks for its token', async () => {
    const about = { local: false, listsSettled: false };
    const { page } = await openPage(browser, api, {
      until: 'polling',
      before: (opened) => opened.route('**/page/about.json', (route) => route.fulfill({ json: about })),
    });
    expect(await page.getByRole('heading', { name: 'Not shown here' }).isVisible()).toBe(true);
    for (const what of ['Timers waiting', 'Dead letters', 'Alarms on', 'Behind it'])
      expect(await page.getByText(what, { exact: true }).first().isVisible(), what).toBe(false);
    const name = newName('deployed');
    await page.getByLabel('Name').fill(name);
    await page.getByRole('button', { name: 'Create' }).click();
    await rowOf(page, name).waitFor();
    expect(await rowOf(page, name).getByRole('button').allTextContents()).toEqual(['Confirm', 'Cancel', '+1 min']);
    await page.getByLabel('Token of the cron webhook').fill('wrong');
    await page.getByRole('button', { name: 'Sweep now' }).click();
    await page.getByRole('alert').filter({ hasText: '401' }).waitFor();
    await page.getByRole('button', { name: `Confirm ${name}` }).click();
    await expect.poll(() => movesOf(page, name)).toEqual(['confirmed', 'created']);
    await page.context().close();
  });

  test('through npm run page it does the same, below a secret path', async () => {
    const proxy = await startPageProxy({ apiUrl: api, caller: { token: 'jwt' }, port: 0 });
    const about = { local: false, listsSettled: false };
    const { page, complaints } = await openPage(browser, proxy.address, {
      until: 'polling',
      before: (opened) => opened.route('**/page/about.json', (route) => route.fulfill({ json: about })),
    });
    const name = newName('proxied');
    await page.getByLabel('Name').fill(name);
    await page.getByRole('button', { name: 'Create' }).click();
    await rowOf(page, name).waitFor();
    await page.getByRole('button', { name: `Confirm ${name}` }).click();
    await expect.poll(() => movesOf(page, name)).toEqual(['confirmed', 'created']);
    expect(complaints).toEqual([]);
    await page.context().close();
    await proxy.stop();
  });

  test('an API that does not let the page in is told of', async () => {
    const { page } = await openPage(browser, api, {
      until: 'refused',
      before: (opened) =>
        opened.route('**/api/v1/bookings*', (route) => route.fulfill({ status: 403, json: { message: 'Forbidden' } })),
    });
    expect(await page.locator('#connection-text').textContent()).toMatch(/^Not let in since/);
    await page.context().close();
  });
});
