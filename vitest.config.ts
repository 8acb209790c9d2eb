import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: 'test/support/synthesize.ts',
    // No measure of anything: on a busy machine a test may take many times as long.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    // Two at once: the engines of a test file want a processor too.
    maxWorkers: 2,
  },
});
