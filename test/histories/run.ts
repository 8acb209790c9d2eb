/**
 * `npm run test:histories -- --runs 100000`: many more random histories than a test run has time for. Prints the seed that
 * repeats them, and for a broken promise the shortest history that breaks it.
 */
import fc from 'fast-check';
import { synthesize } from '../../service/project.ts';
import { endIfUsage, parseOptions, UsageError } from '../../terminal/usage.ts';
import { SLOT_BACKENDS, SlotPlayer } from '../slot-histories/player.ts';
import { slotHistories } from '../slot-histories/random-steps.ts';
import { FIVE_TABLES } from '../support/five-tables.ts';
import { TEST_ASSEMBLY } from '../support/synthesize.ts';
import { Player } from './player.ts';
import { histories } from './random-histories.ts';

const USAGE = `Usage: npm run test:histories -- [options]

  --runs <n>     histories of each table (default 10000)
  --table <name> tickets, orders, …: a table of test/support/five-tables.ts. slots: bookings of our own that claim slots, in
                 memory; slots-on-engine: the same on the engine (default: all, in turn)
  --steps <n>    most steps of a history (default 40)
  --seed <n>     the seed to start from (default: the time)
  --path <path>  only the history that a failure named, with its seed
  --unshrunk     a history that breaks a promise is told as it is, not the shortest one
  --synthesized  the app has been synthesized before
  -h, --help     this text`;

/** Something that histories are about, and who plays them. */
interface Subject {
  readonly name: string;
  /** @param maxSteps steps of one history at the most */
  readonly property: (maxSteps: number) => fc.IAsyncProperty<[unknown]>;
  readonly stop: () => Promise<void>;
}

const subject = <History>(
  name: string,
  historiesOf: (maxSteps: number) => fc.Arbitrary<History>,
  player: { readonly play: (history: History) => Promise<void>; readonly stop: () => Promise<void> },
): Subject => ({
  name,
  property: (maxSteps) =>
    fc.asyncProperty(historiesOf(maxSteps), (history) => player.play(history)) as fc.IAsyncProperty<[unknown]>,
  stop: () => player.stop(),
});

const SUBJECTS: readonly Subject[] = [
  ...FIVE_TABLES.map((make) => subject(make.name, (maxSteps) => histories(maxSteps, make), new Player(make))),
  ...SLOT_BACKENDS.map((name) => subject(name, slotHistories, new SlotPlayer(name))),
];

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
    const subjects = SUBJECTS.filter(({ name }) => values.table === undefined || name === values.table);
    if (subjects.length === 0) {
      throw new UsageError(
        `--table must be one of ${SUBJECTS.map(({ name }) => name).join(', ')}, got ${values.table}`,
      );
    }
    return { ...values, subjects };
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
const isSynthesized = options.synthesized || options.subjects.every(({ name }) => name.startsWith('slots'));
if (!isSynthesized) await synthesize(TEST_ASSEMBLY);
const runs = Number(options.runs);
let failed = false;

/** @returns whether every promise held */
const playAll = async ({ name, property, stop }: Subject): Promise<boolean> => {
  const startedAt = performance.now();
  try {
    for (let done = 0; done < runs; done += CHUNK) {
      const numRuns = Math.min(CHUNK, runs - done);
      const seed = Number(options.seed) + done / CHUNK;
      const found = await fc.check(property(Number(options.steps)), {
        numRuns,
        seed,
        endOnFailure: options.unshrunk,
        ...(options.path && { path: options.path }),
      });
      const perSecond = (done + numRuns) / ((performance.now() - startedAt) / 1_000);
      console.log(
        found.failed
          ? `a promise was broken, table ${name}, seed ${seed}: ${found.errorInstance}\n${fc.defaultReportMessage(found)}`
          : `${name}: ${done + numRuns} of ${runs} histories, ${perSecond.toFixed(1)} a second, seed ${seed}: every promise held`,
      );
      if (found.failed) return false;
    }
    return true;
  } finally {
    await stop();
  }
};

for (const each of options.subjects) {
  if (!failed) failed = !(await playAll(each));
}
process.exit(failed ? 1 : 0);
