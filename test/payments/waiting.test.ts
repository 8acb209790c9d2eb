/** A booking with slots whose hold runs out while others are in the way of its move. */
import { describe, expect, test } from 'vitest';
import { AnswersOfStore } from './answers-of-store.ts';
import { Service } from './service.ts';
import type { TableGate } from './slow-tables.ts';

const CREATED_MS = Date.UTC(2027, 0, 1);
const UNTIL_MS = CREATED_MS + 60_000;

/** A server whose next transaction meets another one, and is tried again after the deadline. */
const givenHeldBooking = async () => {
  let nowMs = CREATED_MS;
  let isInTheWay = false;
  const gate: TableGate = {
    arrive: async (_, mayBeBusy) => {
      if (!mayBeBusy || !isInTheWay) return 'fine';
      isInTheWay = false;
      return 'busy';
    },
  };
  const patience = {
    limitMs: 4_000,
    elapsed: () => nowMs,
    random: () => 1,
    pause: async () => {
      nowMs += 2;
    },
  };
  const service = new Service(3_600_000);
  const server = service.server(AnswersOfStore, { gate, clock: () => nowMs, patience });
  await server.create({ bookingId: 'late', slotIds: ['seat-A'], holdSeconds: 60 });
  nowMs = UNTIL_MS - 1;
  isInTheWay = true;
  return { service, server };
};

describe('a hold that runs out while others are in the way', () => {
  test.each(['confirm', 'cancel', 'extend'] as const)('is reported as EXPIRED to a %s, and marked', async (move) => {
    const { service, server } = await givenHeldBooking();
    const answer = await {
      confirm: () => server.confirm('late', {}),
      cancel: () => server.cancel('late'),
      extend: () => server.extend('late', { holdSeconds: 60 }),
    }[move]();
    expect(answer).toMatchObject({ status: 409, body: { found: 'EXPIRED' } });
    expect(service.bookings).toMatchObject([{ status: 'EXPIRED' }]);
  });

  test('is revived where that is asked for', async () => {
    const { server } = await givenHeldBooking();
    expect(await server.confirm('late', { ifLapsed: 'revive' })).toMatchObject({
      status: 200,
      body: { status: 'CONFIRMED', revivedAt: expect.any(String) },
    });
  });
});
