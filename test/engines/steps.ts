/** What runs on the other engines, and what does not. */

const tests = (...files: string[]): string[] => [
  'node_modules/vitest/vitest.mjs',
  'run',
  // The one that tells why a test was skipped.
  '--reporter=verbose',
  ...files,
];

/**
 * What Node runs in each step, the longest first. Each step has engines of its own: DynamoDB Local gets slower with every
 * stream record that it keeps.
 */
export const STEPS: Readonly<Record<string, readonly string[]>> = {
  outages: tests('test/flow/outages.test.ts'),
  demo: ['local/demo.ts'],
  histories: tests('test/histories'),
  flow: tests('test/flow/booking-expiry.test.ts', 'test/flow/other-engines.test.ts', 'test/flow/readme.test.ts'),
  commands: tests('test/flow/commands.test.ts'),
  functions: tests('test/functions', 'test/upgrades'),
  local: tests('test/local/event-sources.test.ts', 'test/local/resources.test.ts'),
  races: tests('test/races'),
  strangers: tests('test/strangers'),
  store: tests('test/adapters'),
};

/** What the steps are told beside where the engines are. */
export const ENVIRONMENT: Readonly<Record<string, string>> = {
  // The app has been synthesized once for all of them.
  TEST_ASSEMBLY: 'ready',
  // A third of what npm test plays: each sweep reads 200 shards, for which DynamoDB Local takes half a second.
  HISTORIES: '50',
};

/** Files of these rooms that are left out, and why. */
export const LEFT_OUT: Readonly<Record<string, string>> = {
  'test/flow/external-engine.test.ts': 'it ends the engine that it uses, and starts it again',
  'test/flow/restart.test.ts': 'DATA_DIR is where the embedded engines keep their data',
  'test/flow/second-runtime.test.ts': 'each of its runtimes starts engines of its own',
  'test/flow/terminal.test.ts': 'it is about terminals',
};
