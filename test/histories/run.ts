/**
 * `npm run test:histories -- --runs 100000`: many more random histories than a test run has time for. Prints the seed that
 * repeats them, and for a broken promise the shortest history that breaks it.
 */
import fc from 'fast-check';
import { synthesize } from '../../service/project.ts';
import { endIfUsage, parseOptions, UsageError } from '../../terminal/usage.ts';
import { FIVE_TABLES, type TableOfAMake } from '../support/five-tables.ts';
import { TEST_ASSEMBLY } from '../support/synthesize.ts';
import { Player } from './player.ts';
import { histories } from './random-histories.ts';

const USAGE = `Usage: npm run test:histories -- [options]

  --runs <n>     histories of each table (default 10000)
  --table <name> tickets, orders, …: a table of test/support/five-tables.ts (default: all, in turn)
  --steps <n>    most steps of a history (default 40)
  --seed <n>     the seed to start from (default: the time)
  --path <path>  only the history that a failure named, with its seed
  --unshrunk     a history that breaks a promise is told as it is, not the shortest one
  --synthesized  the app has been synthesized before
  -h, --help     this text`;

const readOptions = () => {
  try {
    const { values } = parseOptions({
      options: {
        runs: { type: 'string', default: '10000' },
        table: { type: 'string' },
        steps: { type: 'string', default: '40' },
        seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
        path: { type: 'string' },
        unshrunk: { type: 'boolean', default: false },
        synthesized: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    for (const name of ['runs', 'steps', 'seed'] as const) {
      if (!/^\d+$/.test(values[name])) {
        throw new UsageError(`--${name} must be a whole number, got ${values[name]}`);
      }
    }
    const makes = FIVE_TABLES.filter(({ name }) => values.table === undefined || name === values.table);
    if (makes.length === 0) {
      throw new UsageError(
        `--table must be one of ${FIVE_TABLES.map(({ name }) => name).join(', ')}, got ${values.table}`,
      );
    }
    return { ...values, makes };
  } catch (error) {
    return endIfUsage('test:histories', error);
  }
};
const options = readOptions();
if (options.help) {
  console.log(USAGE);
  process.exit(0);
}

/** Histories between two lines of progress, each with a seed of its own: a failure is found again in seconds. */
const CHUNK = 1_000;
if (!options.synthesized) await synthesize(TEST_ASSEMBLY);
const runs = Number(options.runs);
let failed = false;

/** @returns whether every promise held */
const playAll = async (make: TableOfAMake): Promise<boolean> => {
  const player = new Player(make);
  const startedAt = performance.now();
  try {
    for (let done = 0; done < runs; done += CHUNK) {
      const numRuns = Math.min(CHUNK, runs - done);
      const seed = Number(options.seed) + done / CHUNK;
      const property = fc.asyncProperty(histories(Number(options.steps), make), (steps) => player.play(steps));
      const found = await fc.check(property, {
        numRuns,
        seed,
        endOnFailure: options.unshrunk,
        ...(options.path && { path: options.path }),
      });
      const perSecond = (done + numRuns) / ((performance.now() - startedAt) / 1_000);
      console.log(
        found.failed
          ? `a promise was broken, table ${make.name}, seed ${seed}: ${found.errorInstance}\n${fc.defaultReportMessage(found)}`
          : `${make.name}: ${done + numRuns} of ${runs} histories, ${perSecond.toFixed(1)} a second, seed ${seed}: every promise held`,
      );
      if (found.failed) return false;
    }
    return true;
  } finally {
    await player.stop();
  }
};

for (const make of options.makes) {
  if (!failed) failed = !(await playAll(make));
}
process.exit(failed ? 1 : 0);
