import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    root: fileURLToPath(new URL('../..', import.meta.url)),
    include: ['test/page/*.page.ts'],
    globalSetup: 'test/page/service.ts',
    // No measure of anything: on a busy machine a test may take many times as long.
    testTimeout: 300_000,
    hookTimeout: 600_000,
    expect: { poll: { timeout: 60_000 } },
    // One browser at a time: what it shows depends on the clock.
    fileParallelism: false,
  },
});
