import { describe, expect, test } from 'vitest';
import { MINUTE_MS, SECOND_MS } from '../../functions/core/hold-time.ts';
import { BrokenPromise } from './promises.ts';
import { Reactions } from './reactions.ts';
import { scheduleText, shrink } from './schedule.ts';
import { type Counterexample, explore, taken } from './search.ts';
import { emptyShards } from './shards.ts';
import type { SmallWorld } from './small-world.ts';
import { type Step, stepsOf } from './steps.ts';
import { World } from './world.ts';
import { shortForm, WORLDS } from './worlds.ts';

/** Far more than any of these worlds has: a search that reaches it has got out of hand. */
const MOST_STATES = 200_000;

describe('every schedule of a small world, in its short form', () => {
  test.each(WORLDS.map((world) => [world.small.name, world] as const))(
    'keeps every promise: %s',
    async (name, world) => {
      const small = shortForm(world);
      const faults = world.faults.short;
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

  test('finds a schedule that breaks a promise', async () => {
    const { found, isWhole } = await explore(lateWorld, { faults: 1, states: MOST_STATES });
    expect(found?.broken.promise).toBe('on time');
    expect(isWhole).toBe(false);
  });

  test('shrinks a schedule to the steps that break the promise, and tells it in sentences', async () => {
    const found = await strayingSchedule(lateWorld);
    const shortest = await shrink(lateWorld, found);
    expect(found.path.length).toBeGreaterThan(40);
    expect(scheduleText(shortest)).toMatchInlineSnapshot(`
      "+0 s
        > a program writes near with its shard and its start, due in 1 min
            → near is in the table, due at +1 min
          schedule-expiry is handed what was written: near
          schedule-expiry at +0 s sends the timer of near
            → a timer of near is sent, to come at +59 s
      +30 s
          the schedule sweeps
          the sweep at +30 s reads its notes, looks into shard 0, looks into shard 0, notes how far it came, reads its notes, asks how many records were given up, looks at the table, notes how far it came
            → the sweep at +30 s says that it expired 0 booking(s)
      +59 s
          the timer of near comes
          expire-booking at +59 s sends the timer of near
            → a timer of near is sent, to come at +1 min 9 s
      broken: on time: near is still PENDING after its deadline, and no fault befell it"
    `);
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

/** A schedule that breaks a promise in the end, with much else in it: each step is whichever the dice show. */
const strayingSchedule = async (small: SmallWorld): Promise<Counterexample> => {
  const reactions = new Reactions(emptyShards(small));
  let dice = 1;
  for (let tries = 0; tries < 100; tries += 1) {
    const path: number[] = [];
    let world = new World(small, reactions);
    try {
      for (let steps = stepsOf(world, true); steps.length > 0; steps = stepsOf(world, true)) {
        dice = (dice * 48_271) % 2_147_483_647;
        const place = dice % steps.length;
        path.push(place);
        world = await taken(world, steps[place] as Step);
      }
    } catch (error) {
      if (error instanceof BrokenPromise && path.length > 40) return { broken: error, path };
    }
  }
  throw new Error('no schedule strays and breaks a promise');
};
