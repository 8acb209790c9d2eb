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
  functions: tests('test/functions', 'test/slots', 'test/payments/answers.test.ts', 'test/upgrades'),
  terminal: tests('test/flow/terminal.test.ts'),
  flow: tests(
    'test/flow/booking-expiry.test.ts',
    'test/flow/external-engine.test.ts',
    'test/flow/left-out.test.ts',
    'test/flow/other-engines.test.ts',
    'test/flow/readme.test.ts',
    'test/payments/example.test.ts',
  ),
  histories: tests('test/histories', 'test/slot-histories'),
  demo: ['demo/main.ts'],
  outages: tests('test/flow/outages.test.ts'),
  commands: tests('test/flow/commands.test.ts'),
  fuzz: tests('test/fuzz', 'test/bench/bench.test.ts'),
  clocks: tests('test/clocks'),
  local: tests(
    'test/local/sqs-event-source.test.ts',
    'test/local/stream-event-source.test.ts',
    'test/local/resources.test.ts',
  ),
  strangers: tests('test/strangers'),
  races: tests('test/races'),
  patrol: tests('test/core/left-out.test.ts'),
  store: tests('test/adapters', 'test/table', 'test/client'),
};

/** What the steps are told beside where the engines are. */
export const ENVIRONMENT: Readonly<Record<string, string>> = {
  // The app has been synthesized once for all of them.
  TEST_ASSEMBLY: 'ready',
  // A third of what npm test plays: each sweep reads 200 shards, for which DynamoDB Local takes half a second.
  HISTORIES: '50',
};

/** Tests that need engines and run on the embedded ones only, and why. */
export const LEFT_OUT: Readonly<Record<string, string>> = {
  'test/flow/alarms.test.ts':
    'it is about what the runtime makes of the Lambdas’ metrics, and moves their clocks by hours',
  'test/flow/webhooks.test.ts': 'what it adds to the flow is a bus and a receiver, which are no engines',
  'test/flow/notices.test.ts': 'what it adds to the flow is a bus, which is no engine',
  'test/flow/five-tables.test.ts': 'the store’s and the histories’ steps take tables of all makes to the other engines',
  'test/bench/sale.test.ts':
    'it is about a measurement on the embedded engines; the functions’ step takes slots to the other engines',
  'test/bench/units.test.ts': 'it is about units, which each engine counts by rules of its own',
  'test/package': 'it is about what is packed, and what it runs is run by the flow’s steps',
  'test/flow/restart.test.ts': 'DATA_DIR is where the embedded engines keep their data',
  'test/flow/second-runtime.test.ts': 'each of its runtimes starts engines of its own',
  'test/permissions/needed.test.ts': 'permissions are checked before a request reaches an engine',
  'test/permissions/refused.test.ts': 'permissions are checked before a request reaches an engine',
  'test/flow/verify-deployment.test.ts':
    'it breaks runtimes of its own, and the command has the same steps whatever the engine is',
  'test/schedules': 'it plays days of sweeps; the histories take the same handlers to the other engines',
  'test/local/page-guard.test.ts': 'it is about the guards before the embedded engines',
  'test/local/cli.test.ts': 'it is about a command and what it prints',
  'test/local/not-run.test.ts': 'it is about templates, and not about engines',
  'test/local/stacks.test.ts': 'it is about templates, and not about engines',
  'test/local/users-app.test.ts':
    'what is in its templates is made by the same code as the tables and queues of others',
  'test/local/database-place.test.ts': 'it is about where the embedded engine keeps its file',
  'test/local/delayed-messages.test.ts': 'it is about a store of the embedded engine',
  'test/local/provisioned-pollers.test.ts': 'it is about templates, and not about engines',
  'test/local/stream-records.test.ts': 'it is about the file of the embedded engine',
  'test/flow/local-page.test.ts': 'what it adds to the flow is a page and an event stream, which are no engines',
  'test/bench/section.test.ts': 'it is about what a benchmark prints',
  'test/local/template.test.ts': 'of engines, it is about the ports of the embedded ones only',
};

/** Tests that need no engine. */
export const NO_ENGINE: readonly string[] = [
  'test/bench/assumptions.test.ts',
  'test/bench/hot-slots.test.ts',
  'test/bench/options.test.ts',
  'test/bench/peers.test.ts',
  'test/bench/run-sections.test.ts',
  'test/bench/simulation.test.ts',
  'test/commands',
  'test/core',
  'test/demo',
  'test/django',
  'test/engines',
  'test/explorer',
  'test/flow/documented-commands.test.ts',
  'test/flow/outside-tools.test.ts',
  'test/flow/schedulers.test.ts',
  'test/lib',
  'test/local',
  'test/measure',
  'test/mutants',
  'test/payments',
  'test/permissions',
  'test/service',
  'test/structure',
  'test/webhooks',
];
