import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: 'test/support/synthesize.ts',
    // No measure of anything: on a busy machine a test may take many times as long.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    // On two processors: some wait for deadlines on real time, while the engines of others want a processor.
    maxWorkers: 3,
  },
});
