/** The options of the benchmark's command line. */
import { join } from 'node:path';
import { PROJECT_DIRECTORY } from '../service/project.ts';
import { endIfUsage, parseOptions, UsageError } from '../terminal/usage.ts';

export const SECTIONS = [
  'lag',
  'cost',
  'tuning',
  'sweep',
  'cpu',
  'permissions',
  'simulation',
  'webhooks',
  'slots',
  'peers',
] as const;
export type Section = (typeof SECTIONS)[number];

const USAGE = `Usage: npm run bench -- [options]

  --only <names>         sections, separated by commas: ${SECTIONS.join(', ')}
                         (default: all but peers)
  --peers                also BullMQ, pg-boss and graphile-worker, with the same deadlines in the same run
  --rates <n,n>          deadlines per second (default 10,50; the highest sustainable rate is searched for)
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
      peers: { type: 'boolean', default: false },
      rates: { type: 'string', default: '10,50' },
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

  const wholeNumbers = (name: 'rates' | 'seconds' | 'paid' | 'table-sizes' | 'backlog' | 'seed', least: number) =>
    options[name].split(',').map((text) => {
      if (!/^\d+$/.test(text) || Number(text) < least) {
        throw new UsageError(`--${name} must be whole numbers from ${least}, got ${options[name]}`);
      }
      return Number(text);
    });
  const rates = wholeNumbers('rates', 1);
  const [seconds = 30] = wholeNumbers('seconds', 1);
  const paidPercents = wholeNumbers('paid', 0);
  const tableSizes = wholeNumbers('table-sizes', 1_000);
  const [backlog = 0] = wholeNumbers('backlog', 1);
  const [seed = 1] = wholeNumbers('seed', 0);

  const asked = options.only?.split(',') ?? SECTIONS.filter((section) => section !== 'peers');
  if (options.peers) asked.push('peers');
  const unknown = asked.find((name) => !(SECTIONS as readonly string[]).includes(name));
  if (unknown !== undefined) {
    throw new UsageError(`--only must name sections out of ${SECTIONS.join(', ')}, got ${unknown}`);
  }
  return {
    sections: new Set(asked as Section[]),
    rates,
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
