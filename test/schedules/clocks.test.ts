/** Clocks that are wrong, and never without anybody knowing for long. */
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { DAY_MS, MINUTE_MS } from '../../functions/core/hold-time.ts';
import { type Stage, stages } from './stage.ts';

const { open, close } = stages();
let stage: Stage;
beforeEach(async () => {
  stage = await open();
});
afterAll(close);

describe('the clock of a command', () => {
  test('G3: is 10 s ahead: it expires nothing, and refuses to', async () => {
    await stage.creates('ann', 8_000);
    expect(await stage.sweeps({ by: 'command', offMs: 10_000 })).toMatchObject({ isRefused: true, expired: 0 });
    expect(stage.lag('ann')).toBe('PENDING');
  });

  test('is right: it expires what has lapsed', async () => {
    await stage.creates('ann', 8_000);
    stage.stands(8_000);
    expect(await stage.sweeps({ by: 'command' })).toMatchObject({ isRefused: false, expired: 1 });
  });
});

describe('the clock of one scheduled sweep', () => {
  test.each([
    ['a week ahead', 7 * DAY_MS],
    ['an hour ahead', 60 * MINUTE_MS],
    ['a week behind', -7 * DAY_MS],
  ])('G7: was %s: bookings that are far are on time from the next sweep on', async (_, offMs) => {
    await stage.sweeps({ offMs });
    await stage.creates('written then', 40 * MINUTE_MS);
    await stage.schedulesAll();
    await stage.passes(5 * MINUTE_MS);
    await stage.creates('written later', 40 * MINUTE_MS);
    await stage.schedulesAll();
    await stage.passes(60 * MINUTE_MS);
    expect([stage.lag('written then'), stage.lag('written later')]).toEqual([0, 0]);
  });
});

describe('the clock of a program that writes bookings', () => {
  test.each([-60, 60])('is %d minutes off: each expires at the deadline that it was given', async (minutes) => {
    const startedAtMs = stage.world.nowMs + minutes * MINUTE_MS;
    const holds = [5, 14, 16, 30, 70].map((hold) => hold * MINUTE_MS);
    for (const [index, holdMs] of holds.entries()) {
      await stage.strangerWrites(`b${index}`, holdMs, { pendingShard: 1, holdStartedAtMs: startedAtMs });
    }
    await stage.schedulesAll();
    await stage.passes(90 * MINUTE_MS);
    expect(holds.map((_, index) => stage.lag(`b${index}`))).toEqual(holds.map(() => 0));
  });
});
