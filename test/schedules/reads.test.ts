/** What somebody was told of a booking stays true, whatever is on its way meanwhile. */
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import type { Fault } from '../histories/faults.ts';
import { type Stage, stages } from './stage.ts';

const { open, close } = stages();
let stage: Stage;
beforeEach(async () => {
  stage = await open();
});
afterAll(close);

/** Every try of the request is held back. Whoever sent it never hears of it. */
const HELD_BACK: Fault = { kind: 'network', befalls: 'held-back', afterTries: 0, times: 3 };

describe('a payment is on its way while its booking lapses, and no timer comes', () => {
  beforeEach(async () => {
    await stage.creates('ann', 5_000);
    stage.stands(4_950);
    expect(await stage.moves('confirm', 'ann', { fault: HELD_BACK })).toEqual({ answer: 'unknown' });
    stage.stands(53);
  });

  test('G4: a read says EXPIRED, and so it is when the payment arrives', async () => {
    expect(await stage.reads('ann')).toBe('EXPIRED');
    await stage.world.landLateRequests();
    expect(stage.world.stored('ann')?.status).toBe('EXPIRED');
    expect(await stage.reads('ann')).toBe('EXPIRED');
  });

  test.each(['cancel', 'extend', 'confirm'] as const)(
    'G4: a refusal to %s says EXPIRED, and so it is when the payment arrives',
    async (move) => {
      expect(await stage.moves(move, 'ann', { holdMs: 60_000 })).toEqual({ answer: 'refused', told: 'EXPIRED' });
      await stage.world.landLateRequests();
      expect(stage.world.stored('ann')?.status).toBe('EXPIRED');
    },
  );

  test('the payment arrives first: a read says CONFIRMED', async () => {
    await stage.world.landLateRequests();
    expect(await stage.reads('ann')).toBe('CONFIRMED');
  });
});
