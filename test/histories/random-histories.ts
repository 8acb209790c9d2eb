/** Random histories, which shrink step by step and print as sentences. */
import fc from 'fast-check';
import { fault, offMs, what } from './random-steps.ts';
import { scene } from './scenes.ts';
import { sentence } from './sentences.ts';
import type { Step } from './steps.ts';

const told = (step: Step): Step => Object.assign({ ...step }, { [fc.toStringMethod]: () => sentence(step) });

/** @param maxParts steps or scenes of one history at the most */
export const histories = (maxParts: number): fc.Arbitrary<Step[]> =>
  fc
    .array(
      fc.oneof(
        { weight: 12, arbitrary: fc.record({ what, fault, offMs, isOld: fc.boolean() }).map((step) => [step]) },
        { weight: 3, arbitrary: scene },
      ),
      { minLength: 1, maxLength: maxParts },
    )
    .map((parts) => parts.flat().map(told));
