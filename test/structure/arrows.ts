/**
 * Which room may import from which. A room is a folder, a file or a pattern; a file belongs to the longest that holds it. Each
 * may import from itself and from what it names, which must stand above it: so arrows never point upwards or in circles.
 * `npm run check` compares this with every import, types included. Cycles of files within a room are found by Biome's
 * `noImportCycles`.
 */
export const MAY_IMPORT = {
  // What runs: the rules, how moves are written to a table, the services around it, the edges, the Lambdas.
  'functions/contract.ts': [],
  'functions/core': [],
  'functions/table': ['functions/core'],
  'functions/api/ports.ts': ['functions/core'],
  'functions/adapters': ['functions/contract.ts', 'functions/core', 'functions/table', 'functions/api/ports.ts'],
  // These know the adapters by their ports alone: what they use is given to them. Which errors are permanent is one question.
  'functions/runtime': [
    'functions/contract.ts',
    'functions/core',
    'functions/table/shape.ts',
    'functions/adapters/permanent-error.ts',
  ],
  'functions/api': [
    'functions/core',
    'functions/api/ports.ts',
    'functions/adapters/permanent-error.ts',
    'functions/runtime',
  ],
  // The handlers, and the Lambdas, which make what their handlers use.
  functions: [
    'functions/contract.ts',
    'functions/core',
    'functions/table',
    'functions/adapters/permanent-error.ts',
    'functions/runtime',
  ],
  'functions/*.lambda.ts': ['functions'],

  // What applications import that write to a table themselves: it shares the rules, and knows no SDK.
  client: ['functions/core', 'functions/table/deadline.ts', 'functions/table/key-text.ts', 'functions/table/shape.ts'],

  // What is deployed: it shares names, routes, the shape of a table and the arithmetic of delays with what runs, and nothing else.
  lib: [
    'functions/contract.ts',
    'functions/core/booking-events.ts',
    'functions/core/hold-time.ts',
    'functions/core/webhook-url.ts',
    'functions/table/shape.ts',
    'functions/api/routes.ts',
  ],
  bin: ['lib'],

  // What runs a template on one machine, whatever is in it: it knows nothing of bookings.
  terminal: [],
  local: ['terminal'],
  // What npm packs.
  package: ['lib/build-bundles.ts', 'local/engines.ts'],

  // Our own app on it, and what its commands must know of that.
  service: ['local', 'terminal'],

  // What people type and watch.
  measure: ['functions/contract.ts', 'functions/core'],
  // AWS in simulated time: it runs what runs, and knows nothing of what is deployed.
  'bench/simulation': ['functions', 'measure'],
  commands: [
    'functions',
    'lib/limits.ts',
    'local/account.ts',
    'service/runtime-file.ts',
    'measure',
    'bench/simulation',
    'terminal',
  ],
  demo: ['functions', 'local', 'measure', 'service', 'terminal'],
  bench: ['bench/simulation', 'functions', 'lib', 'local', 'measure', 'service', 'terminal'],

  docs: ['functions/contract.ts', 'functions/core'],
  'vitest.config.ts': [],
  test: [
    'bin',
    'lib',
    'functions',
    'client',
    'local',
    'service',
    'terminal',
    'measure',
    'commands',
    'demo',
    'bench',
    'docs',
  ],
} as const satisfies Readonly<Record<string, readonly string[]>>;
