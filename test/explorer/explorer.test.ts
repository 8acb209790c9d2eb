import { describe, expect, test } from 'vitest';
import { scheduleText, shrink } from './schedule.ts';
import { explore } from './search.ts';
import { MINUTE_MS, SECOND_MS, type SmallWorld } from './small-world.ts';
import { shortForm, WORLDS } from './worlds.ts';

/** Far more than any of these worlds has: a search that reaches it has got out of hand. */
const MOST_STATES = 200_000;

describe('every schedule of a small world, in its short form', () => {
  test.each(WORLDS.map((world) => [world.small.name, world] as const))(
    'keeps every promise: %s',
    async (name, world) => {
      const small = shortForm(world);
      const { faults } = { faults: world.faults.short };
      const { states, steps, isWhole, found } = await explore(small, { faults, states: MOST_STATES });
      if (found) throw new Error(`a promise was broken:\n${scheduleText(await shrink(small, found))}`);
      expect(isWhole).toBe(true);
      console.log(`${name}, up to ${faults} fault(s): ${states} states, ${steps} steps`);
    },
  );
});

describe('the explorer itself', () => {
  const version = {
    name: 'the version',
    shardCount: 1,
    settings: { timerLeadMs: SECOND_MS, sweepIntervalMs: 5 * MINUTE_MS },
  };
  const lateWorld: SmallWorld = {
    name: 'a Lambda whose clock is behind, and whatever else happens',
    version,
    actions: [
      { do: 'put', id: 'near', holdMs: MINUTE_MS, isBare: false },
      { do: 'put', id: 'other', holdMs: 2 * MINUTE_MS, isBare: true },
      { do: 'confirm', id: 'other' },
    ],
    faults: ['timer twice', 'crash', 'records again'],
    clocksAheadMs: { 'expire-booking': -10 * SECOND_MS },
    firstSweepAfterMs: MINUTE_MS / 2,
    forMs: 5 * MINUTE_MS,
  };

  test('finds a schedule that breaks a promise, and shrinks it to the steps that do', async () => {
    const { found } = await explore(lateWorld, { faults: 1, states: MOST_STATES });
    expect(found?.broken.promise).toBe('on time');
    if (found === undefined) return;
    const shortest = await shrink(lateWorld, found);
    expect(shortest.steps.length).toBeLessThan(found.path.length);
    expect(scheduleText(shortest)).toMatchInlineSnapshot();
  });

  test('gives up, and says so, where there are more states than it may visit', async () => {
    const { isWhole, states, found } = await explore(lateWorld, { faults: 0, states: 10 });
    expect({ isWhole, states, found }).toEqual({ isWhole: false, states: 10, found: undefined });
  });

  test('finds nothing where the clock is right', async () => {
    const { clocksAheadMs: _, ...rightWorld } = lateWorld;
    const { found } = await explore({ ...rightWorld, newThingsForMs: 0 }, { faults: 0, states: MOST_STATES });
    expect(found).toBeUndefined();
  });
});
