/** The options of the benchmark's command line. */
import { join } from 'node:path';
import { PROJECT_DIRECTORY } from '../service/project.ts';
import { endIfUsage, parseOptions, UsageError } from '../terminal/usage.ts';
import { LOAD_NAMES, loadNamed, type NamedLoad } from './load-names.ts';
import { SYSTEMS, type SystemName } from './peer-runs/names.ts';

export const SECTIONS = [
  'lag',
  'ladder',
  'growth',
  'waiting',
  'cost',
  'tuning',
  'moments',
  'sweep',
  'cpu',
  'permissions',
  'simulation',
  'webhooks',
  'slots',
  'peers',
  'quick',
] as const;
/** Only where they are asked for. */
const ON_REQUEST: readonly Section[] = ['peers', 'quick'];
export type Section = (typeof SECTIONS)[number];

const USAGE = `Usage: npm run bench -- [options]

  --only <names>         sections, separated by commas: ${SECTIONS.join(', ')}
                         (default: all but peers and quick)
  --quick                the same as --only quick: headline figures beside two plain programs, about two minutes
  --load <names>         only these loads of the section lag, separated by commas:
                         ${LOAD_NAMES}
  --peers                also BullMQ, graphile-worker, pg-boss, procrastinate and pollers of PostgreSQL, with the same
                         deadlines and rates, and a kill; 25 minutes. Installs their packages into bench/peers
  --systems <names>      only these of the peers, separated by commas:
                         ${SYSTEMS.join(', ')}
  --rates <n,n>          deadlines per second of the section lag (default 10,50,200)
  --steps <n,n>          rates of the warm ladder (default: from 100 a second up by 50, until p99 is above 30 ms)
  --seconds <n>          length of each load (default 30)
  --paid <n,n>           shares of bookings paid before the deadline, in percent (default 0,50,90)
  --table-sizes <n,n>    bookings in the tables that are swept (default 1000,10000,100000)
  --backlog <n>          overdue bookings of the backlog (default 100000)
  --seed <n>             seed of the simulation (default 1)
  --out <file>           where the figures go as JSON (default .local/bench.json)
  --plots <folder>       also draws plots as SVG into it
  --json                 prints nothing but the JSON; into a pipe: npm run --silent bench -- --json | jq
  -h, --help             this text

Exit codes: 0 measured; 1 a section failed, the others were measured; 2 wrong usage.`;

const parse = () =>
  parseOptions({
    options: {
      only: { type: 'string' },
      quick: { type: 'boolean', default: false },
      load: { type: 'string' },
      peers: { type: 'boolean', default: false },
      systems: { type: 'string', default: SYSTEMS.join(',') },
      rates: { type: 'string', default: '10,50,200' },
      steps: { type: 'string' },
      seconds: { type: 'string', default: '30' },
      paid: { type: 'string', default: '0,50,90' },
      'table-sizes': { type: 'string', default: '1000,10000,100000' },
      backlog: { type: 'string', default: '100000' },
      seed: { type: 'string', default: '1' },
      out: { type: 'string', default: join(PROJECT_DIRECTORY, '.local', 'bench.json') },
      plots: { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  }).values;

export interface BenchOptions {
  readonly sections: ReadonlySet<Section>;
  /** Deadlines per second. */
  readonly rates: readonly number[];
  /** Of the section lag; absent for all. */
  readonly loads: readonly NamedLoad[] | undefined;
  /** Of the section peers. */
  readonly systems: ReadonlySet<SystemName>;
  /** Rates of the warm ladder; absent to climb. */
  readonly steps: readonly number[] | undefined;
  readonly seconds: number;
  readonly paidPercents: readonly number[];
  readonly tableSizes: readonly number[];
  /** Overdue bookings of the backlog. */
  readonly backlog: number;
  readonly seed: number;
  /** File of the figures. */
  readonly out: string;
  /** Folder of the plots. */
  readonly plots: string | undefined;
  /** Whether only JSON is printed. */
  readonly json: boolean;
}

/** Reads the command line. Ends the process with the usage if it asks for it (0), or with what is wrong in it (2). */
export const readOptions = (): BenchOptions => {
  try {
    return read();
  } catch (error) {
    return endIfUsage('bench', error);
  }
};

const read = (): BenchOptions => {
  const options = parse();
  if (options.help) {
    console.log(USAGE);
    process.exit(0);
  }

  const wholeNumbers = (name: Exclude<keyof typeof options, 'help' | 'peers' | 'quick' | 'json'>, least: number) => {
    const given = options[name] ?? '';
    return given.split(',').map((text) => {
      if (!/^\d+$/.test(text) || Number(text) < least) {
        throw new UsageError(`--${name} must be whole numbers from ${least}, got ${given}`);
      }
      return Number(text);
    });
  };
  const rates = wholeNumbers('rates', 1);
  const [seconds = 30] = wholeNumbers('seconds', 1);
  const paidPercents = wholeNumbers('paid', 0);
  const tableSizes = wholeNumbers('table-sizes', 1_000);
  const [backlog = 0] = wholeNumbers('backlog', 1);
  const [seed = 1] = wholeNumbers('seed', 0);

  const loads = options.load?.split(',').map((name) => {
    const load = loadNamed(name);
    if (load === undefined) throw new UsageError(`--load must name loads out of ${LOAD_NAMES}, got ${name}`);
    return load;
  });
  const systems = options.systems.split(',');
  const stranger = systems.find((name) => !(SYSTEMS as readonly string[]).includes(name));
  if (stranger !== undefined) {
    throw new UsageError(`--systems must name systems out of ${SYSTEMS.join(', ')}, got ${stranger}`);
  }
  if ([options.only, options.load, options.quick || undefined].filter((each) => each !== undefined).length > 1) {
    throw new UsageError(
      '--only, --load and --quick each say what is measured: one of them must be given, got several',
    );
  }
  const byDefault = SECTIONS.filter((section) => !ON_REQUEST.includes(section));
  const narrowed = loads !== undefined ? ['lag'] : options.quick ? ['quick'] : undefined;
  const asked = narrowed ?? options.only?.split(',') ?? byDefault;
  if (options.peers) asked.push('peers');
  const unknown = asked.find((name) => !(SECTIONS as readonly string[]).includes(name));
  if (unknown !== undefined) {
    throw new UsageError(`--only must name sections out of ${SECTIONS.join(', ')}, got ${unknown}`);
  }
  return {
    sections: new Set(asked as Section[]),
    rates,
    systems: new Set(systems as SystemName[]),
    loads,
    steps: options.steps === undefined ? undefined : wholeNumbers('steps', 1),
    seconds,
    paidPercents,
    tableSizes,
    backlog,
    seed,
    out: options.out,
    plots: options.plots,
    json: options.json,
  };
};
