/** Many who want the same slots at once, over the HTTP API of the local runtime. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { PublishedEvent } from '../../local/event-bus.ts';
import type { OwnRuntime } from '../../service/service.ts';
import { eventually } from '../support/lambda.ts';
import { startTestRuntime } from '../support/runtime.ts';

interface Answer {
  readonly status: number;
  readonly body: {
    readonly bookingId: string;
    readonly status: string;
    readonly slots?: readonly { slotId: string; heldUntil?: string }[];
  };
}

/** BUYERS=1000 for a larger crowd: on a busy machine it takes longer than an HTTP API gives. */
const BUYERS = Number(process.env.BUYERS ?? 200);

let runtime: OwnRuntime;
const events: PublishedEvent[] = [];
beforeAll(async () => {
  runtime = await startTestRuntime({ schedulePeriodMs: 'never', onEvent: (event) => events.push(event) });
});
afterAll(() => runtime.stop());

const call = async (method: string, path: string, body?: object): Promise<Answer> => {
  const response = await fetch(`${runtime.outputs.ApiUrl}/api/v1${path}`, {
    method,
    ...(body && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
  });
  return { status: response.status, body: (await response.json()) as Answer['body'] };
};
const hold = (bookingId: string, slotIds: string[], holdSeconds = 600) =>
  call('POST', '/bookings', { bookingId, slotIds, holdSeconds });
const statuses = (answers: readonly Answer[]) => {
  const counts: Record<number, number> = {};
  for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
};

describe('one slot', () => {
  test('that many want at once is got by one, and the others hear until when it is held', async () => {
    const buyers = Array.from({ length: BUYERS }, (_, index) => `buyer-${index}`);
    const answers = await Promise.all(buyers.map((buyer) => hold(buyer, ['hot'])));
    expect(statuses(answers)).toEqual({ 201: 1, 409: BUYERS - 1 });
    const { body: winner } = answers.find(({ status }) => status === 201) as Answer & { body: { expiresAt: string } };
    for (const { status, body } of answers) {
      if (status === 409) expect(body.slots).toEqual([{ slotId: 'hot', heldUntil: winner.expiresAt }]);
    }
  });

  test('that lapses while many wait for it goes to one of them, and to no second', async () => {
    const first = await hold('lapsing', ['soon'], 1);
    expect(first.status).toBe(201);
    const waiting = async (buyer: string): Promise<Answer> => {
      for (;;) {
        const answer = await hold(buyer, ['soon']);
        const until = answer.body.slots?.[0]?.heldUntil;
        if (answer.status === 201 || (until !== undefined && Date.parse(until) > Date.now() + 10_000)) return answer;
        await sleep(100);
      }
    };
    const answers = await Promise.all(Array.from({ length: 10 }, (_, index) => waiting(`waiting-${index}`)));
    expect(statuses(answers)).toEqual({ 201: 1, 409: 9 });
    expect((await call('POST', '/bookings/lapsing/confirm', { ifLapsed: 'revive' })).status).toBe(409);
  });
});

test('two who want the same five slots in opposite orders do not wait for each other: one gets them', async () => {
  for (let round = 0; round < 20; round += 1) {
    const slots = Array.from({ length: 5 }, (_, index) => `round-${round}/${index}`);
    const answers = await Promise.all([
      hold(`forwards-${round}`, slots),
      hold(`backwards-${round}`, slots.toReversed()),
    ]);
    expect(statuses(answers)).toEqual({ 201: 1, 409: 1 });
  }
});

test('a booking is told as expired and then as revived, each once, with its slots', async () => {
  expect((await hold('late', ['late/1', 'late/2'], 1)).status).toBe(201);
  const told = () => events.filter(({ detail }) => (detail as { bookingId: string }).bookingId === 'late');
  await eventually(told, ({ length }) => length > 0);
  const revived = await call('POST', '/bookings/late/confirm', { ifLapsed: 'revive' });
  expect(revived.body.status).toBe('CONFIRMED');
  await eventually(told, ({ length }) => length > 1);
  expect(told().map(({ 'detail-type': type }) => type)).toEqual(['BookingExpired', 'BookingRevived']);
  expect(told()[1]?.detail).toMatchObject({ slotIds: ['late/1', 'late/2'] });
});
