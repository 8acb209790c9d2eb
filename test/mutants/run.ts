/**
 * `npm run test:mutants`: breaks the service on purpose, one condition at a time, and shows that the histories find it. Each
 * mutant is a copy of the project with one piece of text replaced.
 */
import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { PROJECT_DIRECTORY, synthesize } from '../../local/synth.ts';
import { TEST_ASSEMBLY } from '../support/synthesize.ts';
import { MUTANTS, type Mutant } from './mutants.ts';

const USAGE = `Usage: npm run test:mutants -- [options]

  --only <text>   mutants whose name holds this text (default: all)
  --runs <n>      histories that each must be found within (default 500)
  --seed <n>      the seed to start from (default: the time)`;

const { values: options } = (() => {
  try {
    return parseArgs({
      options: {
        only: { type: 'string', default: '' },
        runs: { type: 'string', default: '500' },
        seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
      },
    });
  } catch (error) {
    console.error(`test:mutants: ${error instanceof Error ? error.message : error}\n\n${USAGE}`);
    process.exit(2);
  }
})();

/** What a copy needs of the project to play histories. */
const COPIED = ['bin', 'functions', 'local', 'test', 'package.json', 'cdk.json'];

const makeCopy = ({ file, find, replace }: Mutant): string => {
  const directory = join(PROJECT_DIRECTORY, '.local', 'mutant');
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  for (const name of COPIED) cpSync(join(PROJECT_DIRECTORY, name), join(directory, name), { recursive: true });
  symlinkSync(join(PROJECT_DIRECTORY, 'node_modules'), join(directory, 'node_modules'));
  mkdirSync(join(directory, '.local'));
  cpSync(TEST_ASSEMBLY, join(directory, '.local', 'test-assembly'), { recursive: true });
  const path = join(directory, file);
  const source = readFileSync(path, 'utf8');
  if (source.split(find).length !== 2) throw new Error(`${file} must hold exactly one "${find}"`);
  writeFileSync(
    path,
    source.replace(find, () => replace),
  );
  return directory;
};

/** Plays histories on a copy until one breaks a promise. What it printed, and whether one did. */
const play = (directory: string): Promise<{ readonly isFound: boolean; readonly printed: string }> =>
  new Promise((resolve) => {
    const script = join(directory, 'test/histories/run.ts');
    const given = ['--runs', options.runs, '--seed', options.seed, '--steps', '25', '--unshrunk', '--synthesized'];
    const child = spawn(process.execPath, [script, ...given], { cwd: directory, stdio: ['ignore', 'pipe', 'pipe'] });
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

await synthesize(TEST_ASSEMBLY);
const survivors: string[] = [];
const chosen = MUTANTS.filter(({ name }) => name.includes(options.only));
for (const mutant of chosen) {
  const { isFound, printed } = await play(makeCopy(mutant));
  const [, histories = '?'] = /Property failed after (\d+) tests/.exec(printed) ?? [];
  const [, reason = ''] = /a promise was broken, seed \d+: (.*)/.exec(printed) ?? [];
  console.log(
    isFound
      ? `found after ${histories.padStart(3)} histories  ${mutant.name}: ${reason}`
      : `NOT FOUND within ${options.runs}  ${mutant.name}\n${printed.slice(-2_000)}`,
  );
  if (!isFound) survivors.push(mutant.name);
}
console.log(`${chosen.length - survivors.length} of ${chosen.length} mutants found, seed ${options.seed}`);
process.exit(survivors.length === 0 ? 0 : 1);
