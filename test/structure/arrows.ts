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
  'functions/adapters': ['functions/contract.ts', 'functions/core', 'functions/table'],
  'functions/runtime': ['functions/contract.ts', 'functions/core', 'functions/table', 'functions/adapters'],
  'functions/api': [
    'functions/contract.ts',
    'functions/core',
    'functions/table',
    'functions/adapters',
    'functions/runtime',
  ],
  // The handlers, which get what they use as arguments, and the Lambdas, which make them.
  functions: [
    'functions/contract.ts',
    'functions/core',
    'functions/table',
    'functions/adapters',
    'functions/runtime',
    'functions/api',
  ],
  'functions/*.lambda.ts': ['functions'],

  // What applications import that write to a table themselves: it shares the rules, and knows no SDK.
  client: ['functions/core', 'functions/table/deadline.ts', 'functions/table/key-text.ts', 'functions/table/shape.ts'],

  // What is deployed: it shares names, routes, the shape of a table and the arithmetic of delays with what runs, and nothing else.
  lib: ['functions/contract.ts', 'functions/core/hold-time.ts', 'functions/table/shape.ts', 'functions/api/routes.ts'],
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
  commands: ['functions', 'local/account.ts', 'service/runtime-file.ts', 'measure', 'terminal'],
  demo: ['functions', 'local', 'measure', 'service', 'terminal'],
  bench: ['functions', 'lib', 'local', 'measure', 'service', 'terminal'],

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
