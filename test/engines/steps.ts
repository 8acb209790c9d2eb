/** What runs on the other engines, and what does not. */

/** Each has engines of its own: DynamoDB Local gets slower with every stream record that it keeps. */
export const STEPS: Readonly<Record<string, readonly string[]>> = {
  store: ['test/adapters'],
  functions: ['test/functions', 'test/upgrades'],
  local: ['test/local/event-sources.test.ts', 'test/local/positions.test.ts', 'test/local/resources.test.ts'],
  flow: ['test/flow/booking-expiry.test.ts', 'test/flow/other-engines.test.ts'],
  commands: ['test/flow/commands.test.ts'],
  outages: ['test/flow/outages.test.ts'],
  histories: ['test/histories'],
  races: ['test/races'],
};

/** The one step that is no tests. */
export const DEMO = 'demo';

/** Files of the same rooms that are left out, and why. */
export const LEFT_OUT: Readonly<Record<string, string>> = {
  'test/flow/restart.test.ts': 'DATA_DIR is where the embedded engines keep their data',
};
