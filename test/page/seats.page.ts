/** The seat plan, where bookings have slots. */
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { openPage, startBrowser } from './browser.ts';

const { api } = inject('service');
let browser: Browser;
beforeAll(async () => {
  browser = await startBrowser();
});
afterAll(() => browser.close());

describe('slots', () => {
  test('are a seat plan, by the bookings that are known, and are free the moment a hold lapses', async () => {
    const at = new Date().toISOString();
    const deadlineMs = Date.now() + 6_000;
    const change = (kind: string, bookingId: string, slotIds: string[], stored: string) => {
      const booking = {
        bookingId,
        status: stored,
        expiresAt: new Date(deadlineMs).toISOString(),
        createdAt: at,
        slotIds,
      };
      return `event: change\ndata: ${JSON.stringify({ kind, at, stored, booking })}\n\n`;
    };
    const body = [
      change('created', 'ann', ['friday/table-7', 'friday/table-10'], 'PENDING'),
      change('confirmed', 'bob', ['friday/table-8'], 'CONFIRMED'),
      change('cancelled', 'cyd', ['friday/table-9', '<b>late</b>/x'], 'CANCELLED'),
    ].join('');
    const { page } = await openPage(browser, api, {
      until: null,
      before: (opened) =>
        opened.route('**/page/events*', (route) => route.fulfill({ contentType: 'text/event-stream', body })),
    });
    const plan = page.locator('#seats');
    await plan.waitFor();
    expect(await plan.locator('h3').allTextContents()).toEqual(['<b>late</b>', 'friday']);
    const seats = () => plan.locator('.group').nth(1).locator('li').allTextContents();
    expect(await seats()).toEqual(['table-7 held', 'table-8 taken', 'table-9 free', 'table-10 held']);
    await expect
      .poll(seats, { timeout: 20_000 })
      .toEqual(['table-7 free', 'table-8 taken', 'table-9 free', 'table-10 free']);
    expect(Date.now()).toBeGreaterThanOrEqual(deadlineMs - 10);
    await page.context().close();
  });

  test('are not there where no booking has any', async () => {
    const { page } = await openPage(browser, api);
    expect(await page.locator('#seats').isVisible()).toBe(false);
    await page.context().close();
  });

  test('are claimed by a hold that is created with them, and refused to another', async () => {
    const { page } = await openPage(browser, api);
    const create = async (id: string) => {
      await page.locator('#create-id').fill(id);
      await page.locator('#create-slots').fill('saturday/table-1, saturday/table-2');
      await page.locator('#create-seconds').fill('300');
      await page.getByRole('button', { name: 'Create' }).click();
    };
    await create('with-seats');
    await page.locator('#seats').waitFor();
    const seats = page.locator('#seats .group li');
    await expect.poll(() => seats.allTextContents()).toEqual(['table-1 held', 'table-2 held']);
    await create('too-late');
    await expect.poll(() => page.locator('body').textContent()).toContain('2 slot(s) are another booking’s');
    await page.context().close();
  });
});
