/** Random histories, which shrink step by step and print as sentences. */
import fc from 'fast-check';
import { BOOKINGS, type TableOfAMake } from '../support/five-tables.ts';
import { fault, offMs, whatOf } from './random-steps.ts';
import { sceneOf } from './scenes.ts';
import { sentence } from './sentences.ts';
import type { Step } from './steps.ts';

const told = (step: Step): Step => Object.assign({ ...step }, { [fc.toStringMethod]: () => sentence(step) });

/**
 * @param maxParts steps or scenes of one history at the most
 * @param make the table that they are about
 */
export const histories = (maxParts: number, make: TableOfAMake = BOOKINGS): fc.Arbitrary<Step[]> =>
  fc
    .array(
      fc.oneof(
        {
          weight: 12,
          arbitrary: fc.record({ what: whatOf(make), fault, offMs, isOld: fc.boolean() }).map((step) => [step]),
        },
        { weight: 3, arbitrary: sceneOf(make) },
      ),
      { minLength: 1, maxLength: maxParts },
    )
    .map((parts) => parts.flat().map(told));
