/** Applications that move bookings with slots while others do, by the client or the HTTP API. */
import { beforeEach, describe, expect, test } from 'vitest';
import type { SlotsClient } from '../../client/index.ts';
import { useBookingsApi } from '../support/bookings-api.ts';
import { clientOf, HOUR, MINUTE, made, slotsApplication } from './slots-application.ts';

const api = useBookingsApi();
let client: SlotsClient;
beforeEach(() => {
  client = clientOf(api);
});
const { confirm, create, extend, http, id, read, slot, slotItems, states, transact } = slotsApplication(
  api,
  () => client,
);

describe('races of applications with the HTTP API', () => {
  const ten = Array.from({ length: 10 }, (_, index) => index);

  test('for one slot: one booking has it, whoever it is of', async () => {
    const own = ten.map((each) => made(() => create(`own-${each}`, ['1'])));
    const others = ten.map(async (each) => {
      const body = { bookingId: `http-${each}-${api.sequence()}`, holdSeconds: 60, slotIds: [slot('1')] };
      return (await api.call('POST', '/bookings', body)).status === 201;
    });
    const winners = (await Promise.all([...own, ...others])).filter(Boolean);
    expect(winners).toHaveLength(1);
    expect(await states('1')).toEqual(['HELD']);
  });

  test('of a confirmation, a cancellation and an expiry: one of them is made, and the slots say the same', async () => {
    for (const each of ten) {
      const name = `race-${each}`;
      await create(name, [name, `${name}b`]);
      await Promise.all([
        made(() => confirm(name)),
        http('POST', name, '/cancel'),
        http('POST', name, '/confirm'),
        made(() => extend(name, HOUR)),
      ]);
      const { status } = (await http('GET', name)).body;
      const state = { PENDING: 'HELD', CONFIRMED: 'TAKEN', CANCELLED: 'FREE' }[status as string];
      expect(await states(name, `${name}b`)).toEqual([state, state]);
    }
  });

  test('with clocks that are hours off: no slot is two bookings’', async () => {
    const clocks = [-3 * HOUR, -1, 0, MINUTE, 3 * HOUR];
    for (const [round, mine] of clocks.entries()) {
      for (const [turn, theirs] of clocks.entries()) {
        const [slow, fast] = [`slow-${round}-${turn}`, `fast-${round}-${turn}`];
        const wanted = `${round}-${turn}`;
        await create(slow, [wanted], {}, api.nowMs() + mine);
        await made(() => create(fast, [wanted], {}, api.nowMs() + theirs));
        for (const [name, clock] of [
          [slow, mine],
          [fast, theirs],
        ] as const) {
          const seen = await read(id(name));
          if (seen) await made(() => transact(client.confirm({ seen }, api.nowMs() + clock)));
        }
        const confirmed = await Promise.all(
          [slow, fast].map(async (name) => (await read(id(name)))?.status === 'CONFIRMED'),
        );
        expect(confirmed.filter(Boolean), `clocks ${mine} and ${theirs}`).toHaveLength(1);
        const [item] = await slotItems(wanted);
        expect(item).toMatchObject({ state: 'TAKEN', bookingId: id(confirmed[0] ? slow : fast) });
      }
    }
  });
});
