/** A table that is restored to an earlier moment, and a booking that bears the name of one before. */
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { MINUTE_MS } from '../../functions/core/hold-time.ts';
import { type Stage, stages } from './stage.ts';

const { open, close } = stages();
let stage: Stage;
beforeEach(async () => {
  stage = await open();
});
afterAll(close);

describe('the table is restored to a moment before a payment', () => {
  const restores = async (isReconciled: boolean) => {
    await stage.creates('paid since', 10 * MINUTE_MS);
    await stage.creates('far', 40 * MINUTE_MS);
    await stage.schedulesAll();
    const moment = stage.world.moments.at(-1);
    await stage.moves('confirm', 'paid since');
    const paid = stage.world.items.get('paid since');
    if (moment === undefined || paid === undefined) throw new Error('nothing has happened');
    stage.stands(20 * MINUTE_MS);
    await stage.world.restore(moment, 'kept', isReconciled ? [paid] : []);
  };

  test('G12: by the runbook, which brings it to what is true first: it stays paid, and far bookings are on time', async () => {
    await restores(true);
    await stage.passes(30 * MINUTE_MS);
    expect(stage.world.stored('paid since')?.status).toBe('CONFIRMED');
    expect(stage.lag('far')).toBe(0);
  });

  test('without that the first sweep expires it, which is why the runbook says so', async () => {
    await restores(false);
    await stage.passes(5 * MINUTE_MS);
    expect(stage.world.stored('paid since')?.status).toBe('EXPIRED');
  });
});

describe('a timer comes to a booking that bears the id of a deleted one', () => {
  test.each(['confirm', 'cancel'] as const)(
    'G12: to which somebody had done this: %s. It expires at its deadline, however old a view that is not consistent is',
    async (settles) => {
      await stage.creates('ann', 5_000);
      await stage.moves(settles, 'ann');
      stage.stands(2_000);
      await stage.world.delete('ann');
      await stage.creates('ann', 3_000);
      await stage.schedulesAll();
      stage.stands(2_500);
      await stage.world.deliver([0, 1], false, { settings: stage.settings, lagMs: 3_000 });
      expect(stage.lag('ann')).toBe(0);
    },
  );
});
