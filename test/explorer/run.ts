/**
 * `npm run test:explorer`: searches the small worlds for a schedule that breaks a promise, first without any fault, then with
 * one more at a time up to each world's bound. Prints the shortest schedule that it can make of what it finds.
 */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { PROJECT_DIRECTORY } from '../../service/project.ts';
import { canShowBars, progressBar } from '../../terminal/progress-bar.ts';
import { endIfUsage, parseOptions, UsageError } from '../../terminal/usage.ts';
import { LEGEND, scheduleText, shrink } from './schedule.ts';
import { explore, type Searched } from './search.ts';
import { type SearchedWorld, WORLDS } from './worlds.ts';

const USAGE = `Usage: npm run test:explorer -- [options]

  --world <text>   worlds whose name holds this text (default: all)
  --faults <n>     most faults of one schedule (default: each world's own bound)
  --states <n>     states of one search after which it is given up as not whole (default 5000000)
  --list           only say which worlds there are, and their bounds
  --mutants        break the service on purpose and show that the explorer finds it; --only <text> chooses mutants
  --json           one JSON object a search instead of text
  -h, --help       this text`;

const readOptions = () => {
  try {
    const { values } = parseOptions({
      options: {
        world: { type: 'string', default: '' },
        faults: { type: 'string' },
        states: { type: 'string', default: '5000000' },
        list: { type: 'boolean', default: false },
        mutants: { type: 'boolean', default: false },
        only: { type: 'string' },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    for (const name of ['faults', 'states'] as const) {
      const value = values[name];
      if (value !== undefined && !/^\d+$/.test(value))
        throw new UsageError(`--${name} must be a whole number, got ${value}`);
    }
    if (values.only !== undefined && !values.mutants) throw new UsageError('--only goes with --mutants');
    if (worldsOf(values.world).length === 0) throw new UsageError(`no world's name holds "${values.world}"`);
    return values;
  } catch (error) {
    return endIfUsage('test:explorer', error);
  }
};

const worldsOf = (text: string): SearchedWorld[] => WORLDS.filter(({ small }) => small.name.includes(text));

/** Searches with so many faults, and says how far it is. */
const search = async ({ small }: SearchedWorld, faults: number, states: number): Promise<Searched> => {
  if (!canShowBars()) return explore(small, { faults, states });
  const bar = progressBar({ format: `${small.name}, ${faults} fault(s) {bar} {value} states` });
  bar.start(states, 0);
  try {
    return await explore(small, { faults, states }, (progress) => bar.update(progress.states));
  } finally {
    bar.stop();
  }
};

const options = readOptions();
if (options.help) {
  console.log(USAGE);
  process.exit(0);
}
if (options.list) {
  for (const { small, faults } of WORLDS) {
    console.log(`${small.name}: up to ${faults.long} fault(s), ${faults.short} in npm test`);
  }
  process.exit(0);
}
if (options.mutants) {
  const only = options.only === undefined ? [] : ['--only', options.only];
  const script = join(PROJECT_DIRECTORY, 'test/mutants/run.ts');
  const child = spawn(process.execPath, [script, '--by', 'explorer', ...only], { stdio: 'inherit' });
  process.exit(await new Promise<number>((resolve) => child.once('close', (code) => resolve(code ?? 1))));
}

const total = { states: 0, steps: 0, seconds: 0, searches: 0, whole: 0 };
for (const world of worldsOf(options.world)) {
  const mostFaults = options.faults === undefined ? world.faults.long : Number(options.faults);
  for (let faults = 0; faults <= mostFaults; faults += 1) {
    const startedAt = performance.now();
    const { states, steps, isWhole, found } = await search(world, faults, Number(options.states));
    const seconds = (performance.now() - startedAt) / 1_000;
    total.states += states;
    total.steps += steps;
    total.seconds += seconds;
    total.searches += 1;
    total.whole += isWhole ? 1 : 0;
    const figures = { world: world.small.name, faults, states, steps, seconds: Number(seconds.toFixed(1)), isWhole };
    if (found) {
      const shortest = await shrink(world.small, found);
      const text = scheduleText(shortest);
      const { promise, message } = shortest.broken ?? found.broken;
      if (options.json) console.log(JSON.stringify({ ...figures, broken: { promise, message, schedule: text } }));
      else {
        console.log(`${world.small.name}, ${faults} fault(s): a promise was broken after ${states} states`);
        console.log(`${text}\n\n${LEGEND}`);
      }
      process.exit(1);
    }
    const howFar = isWhole ? 'whole' : 'NOT WHOLE';
    if (options.json) console.log(JSON.stringify(figures));
    else {
      console.log(
        `${world.small.name}, ${faults} fault(s): ${states} states, ${steps} steps, ${seconds.toFixed(1)} s, ${howFar}: every promise held`,
      );
    }
    if (!isWhole) break;
  }
}
const { states, steps, seconds, searches, whole } = total;
if (!options.json) {
  console.log(`${states} states, ${steps} steps, ${seconds.toFixed(0)} s; ${whole} of ${searches} searches whole`);
}
