/** What a newcomer does on the page, in a real browser. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest';
import { ask, hold, newName, openPage, rowOf, startBrowser } from './browser.ts';

const { api } = inject('service');
let browser: Browser;
let page: Page;
let complaints: readonly string[];
beforeAll(async () => {
  browser = await startBrowser();
});
afterAll(() => browser.close());
beforeEach(async () => {
  ({ page, complaints } = await openPage(browser, api));
});
afterEach(async () => {
  await page.context().close();
  expect(complaints).toEqual([]);
});

const create = async (name: string, seconds: number): Promise<void> => {
  await page.getByLabel('Name').fill(name);
  await page.getByLabel('Seconds').fill(String(seconds));
  await page.getByRole('button', { name: 'Create' }).click();
  await rowOf(page, name).waitFor();
};
const press = (action: string, name: string): Promise<void> =>
  page.getByRole('button', { name: `${action} ${name}`, exact: true }).click();
const move = (name: string, word: string) =>
  page.locator('#moves li', { has: page.getByText(name, { exact: true }) }).filter({ hasText: word });
const statusOf = async (name: string) => (await ask(api, 'GET', `/bookings/${name}`)).body.status;

/** Every text and state that the row of a booking shows, each with the time at which it is drawn. */
const watchRow = (name: string) =>
  page.evaluate((wanted) => {
    const seen: { atMs: number; state: string; text: string }[] = [];
    Object.assign(globalThis, { seen });
    const look = (): void => {
      const row = [...document.querySelectorAll<HTMLElement>('.hold')].find(
        (each) => each.querySelector('bdi')?.textContent === wanted,
      );
      const [state, text] = [row?.dataset.state ?? 'gone', row?.querySelector('.left span')?.textContent ?? ''];
      const last = seen.at(-1);
      if (last?.state !== state || last.text !== text) seen.push({ atMs: Date.now(), state, text });
      requestAnimationFrame(look);
    };
    look();
  }, name);
const watched = () =>
  page.evaluate(() => (globalThis as unknown as { seen: { atMs: number; state: string; text: string }[] }).seen);

describe('a hold', () => {
  test('counts down, reaches zero at its deadline and never before, and is seen to expire within 100 ms', async () => {
    const name = newName('table');
    const { expiresAt } = await hold(api, name, 4);
    const deadlineMs = Date.parse(expiresAt);
    await rowOf(page, name).waitFor();
    await watchRow(name);
    await move(name, 'expired').waitFor();
    const seen = await watched();

    const running = seen.filter(({ state }) => state === 'soon');
    const seconds = running.map(({ text }) => Number.parseFloat(text));
    expect(running.length).toBeGreaterThan(10);
    expect(Math.min(...seconds)).toBeGreaterThan(0);
    expect(seconds).toEqual(seconds.toSorted((a, b) => b - a));
    const over = seen.find(({ state }) => state === 'lapsed' || state === 'EXPIRED');
    expect(over?.text).toBe('0.0 s');
    // A page cannot know the server's clock to the millisecond.
    expect(over?.atMs).toBeGreaterThanOrEqual(deadlineMs - 10);
    expect(over?.atMs).toBeLessThanOrEqual(deadlineMs + 100);
    expect(seen.some(({ state }) => state === 'EXPIRED')).toBe(true);
    await expect.poll(() => move(name, 'expired').textContent()).toMatch(/by timer, \d+ ms late/);
    // It goes by itself, once people have seen it.
    await rowOf(page, name).waitFor({ state: 'detached' });
  });

  test('is counted, and its lateness plotted, with figures', async () => {
    const name = newName('plotted');
    await create(name, 1);
    await move(name, 'expired').waitFor();
    await expect.poll(() => page.locator('#lag-plot circle').count()).toBeGreaterThan(0);
    for (const figure of ['p50', 'p99', 'max'])
      expect(await page.locator(`#lag-${figure}`).textContent()).toMatch(/^\d.* m?s$/);
  });

  test('is paid by a press', async () => {
    const name = newName('paid');
    await create(name, 60);
    await press('Confirm', name);
    await move(name, 'confirmed').waitFor();
    expect(await statusOf(name)).toBe('CONFIRMED');
    await expect.poll(() => rowOf(page, name).getAttribute('data-state')).toBe('CONFIRMED');
  });

  test('is cancelled by a press', async () => {
    const name = newName('not-wanted');
    await create(name, 60);
    await press('Cancel', name);
    await move(name, 'cancelled').waitFor();
    expect(await statusOf(name)).toBe('CANCELLED');
  });

  test('is extended by a minute, from the deadline that was seen', async () => {
    const name = newName('longer');
    const { expiresAt } = await hold(api, name, 20);
    await rowOf(page, name).waitFor();
    await press('+1 min for', name);
    await move(name, 'extended').waitFor();
    const { body } = await ask(api, 'GET', `/bookings/${name}`);
    expect(Date.parse(String(body.expiresAt)) - Date.parse(expiresAt)).toBe(60_000);
    await expect.poll(() => rowOf(page, name).locator('.left span').textContent()).toMatch(/^1:\d\d$/);
    await ask(api, 'POST', `/bookings/${name}/cancel`);
  });

  test('that another program moves is shown so at once', async () => {
    const name = newName('elsewhere');
    await hold(api, name, 60);
    await rowOf(page, name).waitFor();
    await ask(api, 'POST', `/bookings/${name}/confirm`);
    await move(name, 'confirmed').waitFor();
  });
});

test('a timer that is lost on purpose leaves its booking overdue, until a sweep finds it', async () => {
  const name = newName('lost');
  await create(name, 5);
  await press('Lose timer of', name);
  await expect.poll(() => rowOf(page, name).textContent()).toContain('timer will be lost');
  await page.mouse.move(0, 0);
  await page.locator(`.hold[data-state="overdue"]`, { hasText: name }).waitFor();
  expect(await page.locator('#n-overdue').textContent()).toBe('1');
  await move(name, 'timer lost').waitFor();
  // A page that opens only now knows it too.
  const { page: later } = await openPage(browser, api);
  await expect.poll(() => rowOf(later, name).textContent()).toContain('timer lost');
  await later.context().close();
  // Nobody has marked it: it is in the list of those that are overdue, which is read without a write.
  const { body } = await ask(api, 'GET', '/bookings?status=OVERDUE');
  expect(body.bookings).toMatchObject([{ bookingId: name }]);

  await page.getByRole('button', { name: 'Sweep now' }).click();
  await expect.poll(() => move(name, 'expired').textContent()).toMatch(/by sweep, .*late/);
  await expect.poll(() => page.locator('#n-overdue').textContent()).toBe('0');
  await expect.poll(() => page.locator('#sweep-last').textContent()).toContain('expired 1');
  expect(await page.locator('#lag-count').textContent()).toMatch(/not by a timer/);
});

describe('an action', () => {
  test('says which request it is: pasted into a shell, it asks for the same', async () => {
    const name = newName('shell');
    await page.getByLabel('Name').fill(name);
    await page.getByLabel('Seconds').fill('60');
    const curl = await page.locator('#curl').inputValue();
    const { stdout } = await promisify(execFile)('bash', ['-euc', curl]);
    expect(JSON.parse(stdout)).toMatchObject({ bookingId: name, status: 'PENDING' });
    await rowOf(page, name).waitFor();
    await press('Confirm', name);
    await move(name, 'confirmed').waitFor();
    const confirmation = await promisify(execFile)('bash', ['-euc', await page.locator('#curl').inputValue()]);
    expect(JSON.parse(confirmation.stdout)).toMatchObject({ bookingId: name, status: 'CONFIRMED' });
    await page.getByRole('button', { name: 'Sweep now' }).click();
    await expect.poll(() => page.locator('#answer').textContent()).toMatch(/^200/);
    const sweep = await promisify(execFile)('bash', ['-euc', await page.locator('#curl').inputValue()]);
    expect(JSON.parse(sweep.stdout)).toMatchObject({ remaining: false });
  });

  test('that the API refuses is refused, with its reason', async () => {
    const name = newName('twice');
    await hold(api, name, 60);
    await page.getByLabel('Name').fill(name);
    await page.getByLabel('Seconds').fill('61');
    await page.getByRole('button', { name: 'Create' }).click();
    await page.getByRole('alert').filter({ hasText: '409' }).waitFor();
    expect(await page.getByRole('alert').textContent()).toContain('created by a different request');
    await page.getByRole('button', { name: 'Close' }).click();
    await page.getByLabel('Seconds').fill('0');
    await page.getByRole('button', { name: 'Create' }).click();
    await page.getByRole('alert').filter({ hasText: 'must be a whole number from 1' }).waitFor();
    // What the browser says of the answers.
    complaints = complaints.filter((text) => !/status of 4\d\d/.test(text));
    await ask(api, 'POST', `/bookings/${name}/cancel`);
  });

  test('can be had by keyboard alone, and the focus goes to no other booking when the row goes', async () => {
    const [name, next] = [newName('keys'), newName('next')];
    await hold(api, next, 70);
    await page.getByLabel('Name').focus();
    await page.keyboard.type(name);
    await page.keyboard.press('Tab');
    await page.keyboard.press('Control+A');
    await page.keyboard.type('50');
    await page.keyboard.press('Enter');
    await rowOf(page, name).waitFor();
    const focused = () =>
      page.evaluate(() => document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.id);
    for (let presses = 0; presses < 40 && (await focused()) !== `Confirm ${name}`; presses += 1)
      await page.keyboard.press('Tab');
    expect(await focused()).toBe(`Confirm ${name}`);
    await page.keyboard.press('Enter');
    await move(name, 'confirmed').waitFor();
    await expect.poll(focused).toBe('holds');
    await page.keyboard.press('Enter');
    expect(await statusOf(next)).toBe('PENDING');
    await ask(api, 'POST', `/bookings/${next}/cancel`);
  });
});
