/** What the page looks like, to people and to the programs that read it to them. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PROJECT_DIRECTORY } from '../../service/project.ts';
import { ask, hold, openPage, startBrowser } from './browser.ts';
import { type StartedService, startService } from './service.ts';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

let browser: Browser;
let service: StartedService;
beforeAll(async () => {
  [browser, service] = await Promise.all([startBrowser(), startService()]);
  await play(service.api);
});
afterAll(async () => {
  await browser.close();
  await service.stop();
});

/** An evening: some are paid, one is cancelled, one is extended, some lapse, most are held. */
const play = async (api: string): Promise<void> => {
  for (let index = 0; index < 40; index += 1) await hold(api, `lunch-table-${index + 1}`, 1 + (index % 3));
  for (const [name, seconds] of [
    ['court-2-saturday', 42],
    ['seat-12A', 75],
    ['guest-anna', 300],
    ['table-9-friday-20h', 880],
    ['cabin-14', 4_000],
    ['conference-ticket-0815', 90_000],
  ] as const)
    await hold(api, name, seconds);
  const lost = await hold(api, 'van-81', 4);
  await fetch(`${api}/page/lose-timer`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ bookingId: 'van-81', expiresAt: lost.expiresAt }),
  });
  await sleep(5_500);
  for (const [name, move] of [
    ['kayak-3', 'confirm'],
    ['room-204', 'cancel'],
    ['tour-9am', 'confirm'],
  ] as const) {
    await hold(api, name, 600);
    await ask(api, 'POST', `/bookings/${name}/${move}`);
  }
  await hold(api, 'table-7-friday-20h', 9);
};

interface Violation {
  readonly id: string;
  readonly impact: string | null;
  readonly help: string;
  readonly nodes: readonly { readonly html: string }[];
}

/** What axe-core finds, by everything that it knows. */
const violationsOf = async (page: Page): Promise<readonly string[]> => {
  // As a debugger evaluates it: the page's policy lets no script in.
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() =>
    (globalThis as unknown as { axe: { run(): Promise<{ violations: Violation[] }> } }).axe.run(),
  );
  return violations.map(
    ({ id, impact, help, nodes }) => `${impact} ${id}: ${help}: ${nodes.map(({ html }) => html).join(' ')}`,
  );
};

describe.each([
  { scheme: 'light', width: 1_280, height: 900 },
  { scheme: 'dark', width: 1_280, height: 900 },
  { scheme: 'light', width: 360, height: 780 },
  { scheme: 'dark', width: 2_200, height: 1_300 },
] as const)('$scheme, $width px wide', ({ scheme, width, height }) => {
  test('axe-core finds nothing, and nothing is wider than the window', async () => {
    const { page, complaints } = await openPage(browser, service.api, {
      viewport: { width, height },
      colorScheme: scheme,
    });
    await page.locator('.hold').nth(3).waitFor();
    await expect.poll(() => page.locator('#lag-p99').textContent()).toMatch(/ms/);
    expect(await violationsOf(page)).toEqual([]);
    expect(await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)).toBe(
      0,
    );
    // With a refusal in sight too.
    await page.getByLabel('Seconds').fill('0');
    await page.getByRole('button', { name: 'Create' }).click();
    await page.getByRole('alert').filter({ hasText: '400' }).waitFor();
    expect(await violationsOf(page)).toEqual([]);
    expect(complaints.filter((text) => !text.includes('status of 400'))).toEqual([]);
    await page.context().close();
  });
});

test('at 200 % of the text’s size nothing is cut off at 360 px, and by touch every button is large enough', async () => {
  const { page } = await openPage(browser, service.api, { viewport: { width: 720, height: 1_200 } });
  await page.evaluate(() => {
    document.documentElement.style.fontSize = '30px';
  });
  await page.locator('.hold').first().waitFor();
  expect(await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)).toBe(
    0,
  );
  // WCAG 2.2, 2.5.8: 24 px.
  await page.evaluate(() => document.documentElement.style.removeProperty('font-size'));
  for (const button of await page.getByRole('button').all()) {
    const box = await button.boundingBox();
    if (box !== null) expect(Math.min(box.width, box.height)).toBeGreaterThanOrEqual(24);
  }
  await page.context().close();
});

test('who wants less motion gets bars that stand still, and figures that do not', async () => {
  const { page } = await openPage(browser, service.api, { reducedMotion: 'reduce' });
  const row = page.locator('.hold').first();
  const bar = () => row.locator('.bar i').evaluate((each) => each.style.transform);
  const left = () => row.locator('.left span').textContent();
  const [barAtFirst, leftAtFirst] = [await bar(), await left()];
  await expect.poll(left).not.toBe(leftAtFirst);
  expect(await bar()).toBe(barAtFirst);
  await page.context().close();
});

test('before anything is held, the page says so and what to do', async () => {
  const empty = await startService();
  const { page } = await openPage(browser, empty.api, {
    until: 'loading',
    before: (opened) =>
      opened.route('**/api/v1/bookings*', async (route) => {
        await new Promise((done) => setTimeout(done, 1_000));
        await route.continue();
      }),
  });
  expect(await page.locator('#holds-empty').textContent()).toBe('Loading…');
  expect(await page.locator('#holds').getAttribute('aria-busy')).toBe('true');
  await page.getByText('Nothing is held now.').waitFor();
  expect(await page.locator('#holds').getAttribute('aria-busy')).toBe('false');
  expect(await violationsOf(page)).toEqual([]);
  await page.context().close();
  await empty.stop();
});

/** Where the pictures of the documents go, where they are asked for. */
const FOLDER = process.env.SCREENSHOTS && resolve(PROJECT_DIRECTORY, process.env.SCREENSHOTS);

test.runIf(FOLDER)('the pictures of the documents are taken', async () => {
  const fresh = await startService({ SWEEPS: 'by schedule' });
  await play(fresh.api);
  const views = [
    ['page-light', 'light', 1_280, 860],
    ['page-dark', 'dark', 1_280, 860],
    ['page-narrow', 'light', 360, 860],
  ] as const;
  for (const [name, colorScheme, width, height] of views) {
    const { page } = await openPage(browser, fresh.api, { viewport: { width, height }, colorScheme });
    await page.locator('.hold[data-state="soon"]').waitFor();
    await expect.poll(() => page.locator('#n-timers').textContent()).toMatch(/\d/);
    const devtools = await page.context().newCDPSession(page);
    const { data } = await devtools.send('Page.captureScreenshot', { format: 'webp', quality: 80 });
    mkdirSync(FOLDER || '', { recursive: true });
    writeFileSync(join(FOLDER || '', `${name}.webp`), Buffer.from(data, 'base64'));
    await page.context().close();
  }
  await fresh.stop();
});
