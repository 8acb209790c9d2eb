import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: 'test/support/synthesize.ts',
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // Two at once: the engines of a test file want a processor too.
    maxWorkers: 2,
  },
});
