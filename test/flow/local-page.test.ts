/** The page of the local service, as a program sees it: the same files that a deployment serves, and what only is here. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type OwnRuntime, startOwnRuntime } from '../../service/service.ts';
import { eventually } from '../support/lambda.ts';

let runtime: OwnRuntime;
let api: string;
beforeAll(async () => {
  runtime = await startOwnRuntime({ page: true, isolated: true, schedulePeriodMs: 'never' });
  api = runtime.outputs.ApiUrl ?? '';
});
afterAll(() => runtime.stop());

const post = (path: string, body: object, headers: Record<string, string> = {}) =>
  fetch(api + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
const hold = async (bookingId: string, holdSeconds: number) =>
  (await (await post('/api/v1/bookings', { bookingId, holdSeconds })).json()) as { expiresAt: string };

/** Listens as the page does. */
const listen = async (after = '') => {
  const leaving = new AbortController();
  const { body } = await fetch(`${api}/page/events?after=${after}`, { signal: leaving.signal });
  let text = '';
  const reading = (async () => {
    for await (const chunk of body ?? []) text += Buffer.from(chunk).toString();
  })().catch(() => {});
  const dataOf = (type: string) =>
    [...text.matchAll(/^event: (.*)\ndata: (.*)$/gm)]
      .filter(([, name]) => name === type)
      .map(([, , data = '']) => JSON.parse(data));
  return {
    kindsOf: (bookingId: string) =>
      dataOf('change').flatMap(({ kind, booking }) => (booking.bookingId === bookingId ? [kind] : [])),
    dataOf,
    lastId: () => [...text.matchAll(/^id: (.*)$/gm)].at(-1)?.[1] ?? '',
    leave: async () => {
      leaving.abort();
      await reading;
    },
  };
};

test('it is at the service’s address', async () => {
  const start = await fetch(`${api}/`);
  expect([start.url, start.status]).toEqual([`${api}/page`, 200]);
  expect(await start.text()).toContain('<title>Holds');
  expect(await (await fetch(`${api}/page/page.js`)).text()).toContain('EventSource');
});

test('it is told of each change, and after a while away of what it missed', async () => {
  const first = await listen();
  await hold('told', 2);
  await eventually(
    () => first.kindsOf('told'),
    (kinds) => kinds.length === 2,
  );
  expect(first.kindsOf('told')).toEqual(['created', 'expired']);
  const [state] = first.dataOf('state');
  expect(state).toMatchObject({ timers: {}, deadLetters: expect.any(Array), sweep: { nextAt: null } });
  expect(state.alarms.length).toBeGreaterThan(5);
  expect(state.webhooks).toBeUndefined();
  await first.leave();
  await hold('missed', 60);
  await post('/api/v1/bookings/missed/cancel', {});
  const back = await listen(first.lastId());
  await eventually(
    () => back.kindsOf('missed'),
    (kinds) => kinds.length === 2,
  );
  expect(back.kindsOf('missed')).toEqual(['created', 'cancelled']);
  expect(back.kindsOf('told')).toEqual([]);
  await back.leave();
});

test('a timer that it loses leaves the booking to the sweep, whose token it is told', async () => {
  const page = await listen();
  const { expiresAt } = await hold('lost', 5);
  expect((await post('/page/lose-timer', { bookingId: 'lost', expiresAt })).status).toBe(200);
  await eventually(
    () => page.dataOf('timer-lost'),
    (lost) => lost.length === 1,
  );
  await eventually(
    () => Date.now(),
    (nowMs) => nowMs > Date.parse(expiresAt) + 1_000,
  );
  expect(page.kindsOf('lost')).toEqual(['created']);
  const { cronToken, local } = (await (await fetch(`${api}/page/about.json`)).json()) as {
    cronToken: string;
    local: boolean;
  };
  expect([local, cronToken]).toEqual([true, runtime.cronToken]);
  const swept = await post('/api/v1/cron/expire-bookings', {}, { authorization: `Bearer ${cronToken}` });
  expect(await swept.json()).toMatchObject({ expired: 1 });
  await eventually(
    () => page.kindsOf('lost'),
    (kinds) => kinds.length === 2,
  );
  expect(page.dataOf('change').at(-1)).toMatchObject({
    kind: 'expired',
    booking: { bookingId: 'lost', expiredBy: 'sweep' },
  });
  await page.leave();
});

describe('other pages of this machine', () => {
  test.each(['same-site', 'cross-site'])('that are %s are told nothing, and lose no timer', async (site) => {
    const headers = { 'sec-fetch-site': site };
    for (const path of ['/page/about.json', '/page/events'])
      expect((await fetch(api + path, { headers })).status).toBe(403);
    const { expiresAt } = await hold(`of-${site}`, 600);
    expect((await post('/page/lose-timer', { bookingId: `of-${site}`, expiresAt }, headers)).status).toBe(403);
  });
});
