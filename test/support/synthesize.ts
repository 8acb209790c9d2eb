/** Before all tests: the app is synthesized once, as `npm start` does it, unless whoever runs the tests has done so. */
import { join } from 'node:path';
import { PROJECT_DIRECTORY, synthesize } from '../../service/project.ts';

export const TEST_ASSEMBLY = join(PROJECT_DIRECTORY, '.local', 'test-assembly');

export default async (): Promise<void> => {
  if (process.env.TEST_ASSEMBLY !== 'ready') await synthesize(TEST_ASSEMBLY);
};
