import type { DeadLetter, DeadLetters } from '../../functions/adapters/dead-letters.ts';

/** A dead-letter queue that remembers what it was given, and takes all of it. */
export const recordingDeadLetters = () => {
  const letters: DeadLetter[] = [];
  const deadLetters: Pick<DeadLetters, 'put'> = {
    put: async (given) => {
      letters.push(...given);
      return [];
    },
  };
  return { deadLetters, letters };
};
