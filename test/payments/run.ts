/**
 * `npm run test:payments`: many random payment histories, each of them with the checkout of docs/examples/payments and the real
 * store. For a broken promise it tells the shortest history that it finds to break it.
 */
import { endIfUsage, parseOptions, UsageError } from '../../terminal/usage.ts';
import { isBrokenPromise, playSeeds, simplestOf, tellAgain } from './campaign.ts';

const USAGE = `Usage: npm run test:payments -- [options]

  --runs <n>     histories (default 100000)
  --seed <n>     the seed of the first; each next one has the next (default: the time)
  --unshrunk     a history that breaks a promise is not made shorter first
  -h, --help     this text`;

const readOptions = () => {
  try {
    const { values } = parseOptions({
      options: {
        runs: { type: 'string', default: '100000' },
        seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
        unshrunk: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    for (const name of ['runs', 'seed'] as const) {
      if (!/^\d{1,10}$/.test(values[name])) {
        throw new UsageError(`--${name} must be a whole number of at most ten digits, got ${values[name]}`);
      }
    }
    return values;
  } catch (error) {
    return endIfUsage('test:payments', error);
  }
};
const options = readOptions();
if (options.help) {
  console.log(USAGE);
  process.exit(0);
}

/** Histories between two lines of progress. */
const PROGRESS = 5_000;
const runs = Number(options.runs);
const startedAt = performance.now();
const { counts, played, failure } = await playSeeds(Number(options.seed), runs, {
  onPlayed: (count) => {
    if (count % PROGRESS > 0 && count < runs) return;
    const seconds = (performance.now() - startedAt) / 1_000;
    console.log(`${count} of ${runs} histories in ${seconds.toFixed(0)} s: every promise held`);
  },
});
if (failure === undefined) {
  const { payments = 0, steps = 0, kept = 0, refunded = 0, closed = 0, revived = 0 } = counts;
  console.log(
    `seed ${options.seed}: ${played} histories, ${steps} steps, ${payments} payments: ${kept} kept (${revived} of them revived), ` +
      `${refunded} refunded (${counts['slots lost'] ?? 0} slots lost), ${closed} never paid`,
  );
} else {
  const { seed, error, choices } = failure;
  const what = isBrokenPromise(error) ? 'a promise was broken' : 'a history failed';
  console.log(`${what} after ${played} histories, seed ${seed}: ${error.message}`);
  const simplest = options.unshrunk ? choices : await simplestOf(failure);
  console.log(simplest === choices ? 'The history:' : 'The shortest history that was found to end so:');
  const end = await tellAgain(simplest, (line) => console.log(line));
  console.log(`${end}\nThe same again: npm run test:payments -- --seed ${seed} --runs 1`);
  if (!isBrokenPromise(error)) console.log(error.stack);
}
process.exit(failure === undefined ? 0 : 1);
