/**
 * `npm run test:mutants`: breaks the service on purpose, one condition at a time, and shows that the histories or the explorer
 * find it. Each mutant is a copy of the project with a piece of text replaced.
 */
import { spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { PROJECT_DIRECTORY, synthesize } from '../../service/project.ts';
import { endIfUsage, parseOptions, UsageError } from '../../terminal/usage.ts';
import { TEST_ASSEMBLY } from '../support/synthesize.ts';
import { EXPLORER_MUTANTS } from './explorer-mutants.ts';
import { type ExplorerMutant, MUTANTS, type Mutant, type Replacement } from './mutants.ts';
import { SLOT_MUTANTS } from './slot-mutants.ts';
import { TABLE_MUTANTS } from './table-mutants.ts';

const USAGE = `Usage: npm run test:mutants -- [options]

  --by <who>      histories, explorer or slots: the mutants of one only (default: all)
  --only <text>   mutants whose name holds this text (default: all)
  --runs <n>      histories that each must be found within (default 500; those in memory, which are a hundred times as
                  fast, within twenty times as many)
  --seed <n>      the seed to start from (default: the time)
  -h, --help      this text`;

const readOptions = () => {
  try {
    const { values } = parseOptions({
      options: {
        by: { type: 'string', default: 'all' },
        only: { type: 'string', default: '' },
        runs: { type: 'string', default: '500' },
        seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    if (!['all', 'histories', 'explorer', 'slots'].includes(values.by)) {
      throw new UsageError(`--by must be all, histories, explorer or slots, got ${values.by}`);
    }
    return values;
  } catch (error) {
    return endIfUsage('test:mutants', error);
  }
};
const options = readOptions();
if (options.help) {
  console.log(USAGE);
  process.exit(0);
}

/** What a copy needs of the project to play histories. */
const COPIED = [
  'bin',
  'client',
  'commands',
  'functions',
  'local',
  'measure',
  'service',
  'terminal',
  'test',
  'package.json',
  'cdk.json',
  'vitest.config.ts',
];

/** How many more histories are played in memory than on an engine. */
const IN_MEMORY = 20;

const makeCopy = (replacements: readonly Replacement[]): string => {
  const directory = join(PROJECT_DIRECTORY, '.local', 'mutant');
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  for (const name of COPIED) cpSync(join(PROJECT_DIRECTORY, name), join(directory, name), { recursive: true });
  symlinkSync(join(PROJECT_DIRECTORY, 'node_modules'), join(directory, 'node_modules'));
  mkdirSync(join(directory, '.local'));
  if (existsSync(TEST_ASSEMBLY)) {
    cpSync(TEST_ASSEMBLY, join(directory, '.local', 'test-assembly'), { recursive: true });
  }
  for (const { file, find, replace } of replacements) {
    const path = join(directory, file);
    const source = readFileSync(path, 'utf8');
    if (source.split(find).length !== 2) throw new Error(`${file} must hold exactly one "${find}"`);
    writeFileSync(
      path,
      source.replace(find, () => replace),
    );
  }
  return directory;
};

/** Runs a script of a copy that ends with 1 when a promise is broken. What it printed, and whether one was. */
const run = (
  directory: string,
  script: string,
  given: readonly string[],
): Promise<{ readonly isFound: boolean; readonly printed: string }> =>
  new Promise((resolve) => {
    const path = join(directory, script);
    const child = spawn(process.execPath, [path, ...given], {
      cwd: directory,
      stdio: ['ignore', 'pipe', 'pipe'],
      // It was synthesized before.
      env: { ...process.env, TEST_ASSEMBLY: 'ready' },
    });
    let printed = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        printed += chunk;
      });
    }
    child.once('close', (code) =>
      resolve({ isFound: code === 1 && printed.includes('a promise was broken'), printed }),
    );
  });

/** Plays histories on a mutant until one breaks a promise. @returns what is to be said of it, and whether one did */
const findByHistories = async (mutant: Mutant): Promise<[string, boolean]> => {
  const { table = 'bookings' } = mutant;
  const runs = String(Number(options.runs) * (table === 'slots' ? IN_MEMORY : 1));
  const given = ['--table', table, '--runs', runs, '--seed', options.seed, '--steps', '25'];
  const { isFound, printed } = await run(makeCopy([mutant]), 'test/histories/run.ts', [
    ...given,
    '--unshrunk',
    '--synthesized',
  ]);
  const [, ofLastThousand = '?'] = /Property failed after (\d+) tests/.exec(printed) ?? [];
  const histories = String(Number(ofLastThousand) + 1_000 * (printed.match(/every promise held/g) ?? []).length);
  const [, reason = ''] = /a promise was broken, table \S+, seed \d+: (.*)/.exec(printed) ?? [];
  if (isFound) return [`found after ${histories.padStart(3)} histories of ${table}  ${mutant.name}: ${reason}`, true];
  return [`NOT FOUND within ${runs} of ${table}  ${mutant.name}\n${printed.slice(-2_000)}`, false];
};

/** Runs tests on a mutant. @returns what is to be said of it, and whether one of them failed */
const findByTests = async ({ name, ...mutant }: Mutant & { readonly tests: string }): Promise<[string, boolean]> => {
  const directory = makeCopy([mutant]);
  const { printed } = await run(directory, 'node_modules/vitest/vitest.mjs', ['run', mutant.tests]);
  const [, failed = '0'] = /Tests\s+(\d+) failed/.exec(stripVTControlCharacters(printed)) ?? [];
  if (failed !== '0') return [`found by ${failed} test(s) of ${mutant.tests}  ${name}`, true];
  return [`NOT FOUND by ${mutant.tests}  ${name}\n${printed.slice(-2_000)}`, false];
};

/** Searches a mutant's small worlds. @returns what is to be said of it, and whether it broke a promise */
const findByExplorer = async (mutant: ExplorerMutant): Promise<[string, boolean]> => {
  const directory = makeCopy([mutant, ...(mutant.also ?? [])]);
  const { isFound, printed } = await run(directory, 'test/explorer/run.ts', ['--world', mutant.world]);
  const [, where = '', states = '?'] = /^(.*): a promise was broken after (\d+) states/m.exec(printed) ?? [];
  const [, reason = ''] = /^broken: (.*)/m.exec(printed) ?? [];
  if (isFound) return [`found after ${states} states of "${where}"  ${mutant.name}: ${reason}`, true];
  return [`NOT FOUND in "${mutant.world}"  ${mutant.name}\n${printed.slice(-2_000)}`, false];
};

const isChosen = ({ name }: Mutant): boolean => name.includes(options.only);
const isWanted = (by: string): boolean => ['all', by].includes(options.by);
const forHistories = isWanted('histories') ? [...MUTANTS, ...TABLE_MUTANTS].filter(isChosen) : [];
const forExplorer = isWanted('explorer') ? EXPLORER_MUTANTS.filter(isChosen) : [];
const forSlots = isWanted('slots') ? SLOT_MUTANTS.filter(isChosen) : [];
if (forHistories.length + forSlots.length > 0) await synthesize(TEST_ASSEMBLY);
let found = 0;
const tell = ([text, isFound]: [string, boolean]): void => {
  console.log(text);
  if (isFound) found += 1;
};
for (const mutant of forHistories) tell(await findByHistories(mutant));
for (const mutant of forExplorer) tell(await findByExplorer(mutant));
for (const mutant of forSlots) tell(await ('tests' in mutant ? findByTests(mutant) : findByHistories(mutant)));
const chosen = forHistories.length + forExplorer.length + forSlots.length;
console.log(
  `${found} of ${chosen} mutants found${forHistories.length + forSlots.length > 0 ? `, seed ${options.seed}` : ''}`,
);
process.exit(found === chosen ? 0 : 1);
