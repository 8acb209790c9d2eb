import type { DeadLetter, DeadLetterBox } from '../../functions/core/ports.ts';

/** A dead-letter queue that remembers what it was given, and takes all of it. */
export const recordingDeadLetters = () => {
  const letters: DeadLetter[] = [];
  const deadLetters: DeadLetterBox = {
    put: async (given) => {
      letters.push(...given);
      return [];
    },
  };
  return { deadLetters, letters };
};
