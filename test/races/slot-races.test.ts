import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { OwnRuntime } from '../../service/service.ts';
import { isExplained } from '../slot-histories/explain.ts';
import { NOTHING } from '../slot-histories/truth.ts';
import { startTestRuntime } from '../support/runtime.ts';
import { raceForSlots } from './slot-races.ts';
import { RIGHT_AND_WRONG } from './wrong-slot-races.ts';

/** RACES=1000 for longer races. */
const GROUPS = Number(process.env.RACES ?? 12);
const ACTS = 6;
/** On a busy machine little may happen in one race: then there is another. */
const MOST_RACES = 6;

let runtime: OwnRuntime;
beforeAll(async () => {
  runtime = await startTestRuntime({ schedulePeriodMs: 2_000 });
});
afterAll(() => runtime.stop());

describe('many processes that want the same slots', () => {
  test('see bookings and slots as registers: some order of all that they did explains all that they were told', async () => {
    const seen = { paid: false, refused: false, freed: false, revived: false };
    for (let number = 1; number <= MOST_RACES; number += 1) {
      const races = await raceForSlots(runtime, `slot-race-${number}`, { groups: GROUPS, acts: ACTS });
      expect(races.filter((calls) => !isExplained(NOTHING, calls))).toEqual([]);
      for (const { act, told } of races.flat()) {
        seen.paid ||= act.do === 'look-up' && told?.state === 'TAKEN';
        seen.refused ||= act.do === 'create' && told?.kind === 'slots-taken';
        seen.freed ||= act.do === 'cancel' && (told?.kind === 'moved' || told?.kind === 'settled');
        seen.revived ||= act.do === 'confirm' && told?.kind === 'slots-taken';
      }
      // Otherwise nothing has been raced for.
      if (Object.values(seen).every(Boolean)) return;
    }
    expect(seen).toEqual({ paid: true, refused: true, freed: true, revived: true });
  });
});

describe('the check of a race', () => {
  test.each(RIGHT_AND_WRONG)('refuses $name, and explains what is right', ({ right, wrong }) => {
    expect([isExplained(NOTHING, right), isExplained(NOTHING, wrong)]).toEqual([true, false]);
  });
});
