/** Before all tests: the app is synthesized once, as `npm start` does it. */
import { join } from 'node:path';
import { PROJECT_DIRECTORY, synthesize } from '../../local/synth.ts';

export const TEST_ASSEMBLY = join(PROJECT_DIRECTORY, '.local', 'test-assembly');

export default async (): Promise<void> => {
  await synthesize(TEST_ASSEMBLY);
};
