/** The npm commands that the documents show: the scripts are there, and take the options that are shown. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { PROJECT_DIRECTORY } from '../../service/project.ts';
import { documents, unknownNames } from '../runbook/shell-commands.ts';

const { scripts } = JSON.parse(readFileSync(join(PROJECT_DIRECTORY, 'package.json'), 'utf8')) as {
  scripts: Record<string, string>;
};

interface Shown {
  readonly file: string;
  readonly script: string;
  readonly options: readonly string[];
}

/** `npm run name -- options`, up to whatever ends a command. A line that goes on is one. */
const shownIn = (file: string, text: string): Shown[] =>
  [...text.replaceAll('\\\n', ' ').matchAll(/npm (?:run )?(?:--silent )?([a-z][\w:-]*)(?: -- ([^\n#;|]*))?/g)]
    // Not `npm run` alone, nor npm's own commands.
    .filter(
      ([command, name = '']) =>
        ['start', 'test'].includes(name) || (command !== 'npm run' && command.startsWith('npm run')),
    )
    .map(([, script = '', given = '']) => ({
      file,
      script,
      options: [...` ${given}`.matchAll(/\s(--?[a-z][\w-]*)/g)].map(([, option = '']) => option),
    }));

const shown = documents().flatMap(({ file, blocks, inline }) =>
  [...blocks, ...inline].flatMap((text) => shownIn(file, text)),
);

/** What a script says to `--help`. One that has none says the same to a wrong option. */
const helpOf = (script: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const [, file = ''] = /^node (\S+)$/.exec(scripts[script] ?? '') ?? [];
    const child = spawn(process.execPath, [join(PROJECT_DIRECTORY, file), '--help'], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let said = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk) => {
        said += chunk;
      });
    child.once('error', reject);
    child.once('close', () => resolve(said));
  });

test('the documents show npm commands, the runbook and the README above all', () => {
  for (const file of ['docs/runbook.md', 'README.md', 'docs/performance.md'])
    expect(shown.filter((command) => command.file === file).length, file).toBeGreaterThan(3);
});

test('every script that a document shows is in package.json', () => {
  expect(shown.filter(({ script }) => scripts[script] === undefined)).toEqual([]);
});

describe('the options that documents show are in the help of', () => {
  const withOptions = [...new Set(shown.filter(({ options }) => options.length > 0).map(({ script }) => script))];
  test.each(withOptions)('npm run %s', async (script) => {
    const help = await helpOf(script);
    for (const { file, options } of shown.filter((command) => command.script === script))
      for (const option of options) expect(help, `${option} in ${file}`).toMatch(new RegExp(`${option}(?![\\w-])`));
  });
});

test('every name in angle brackets in a command has a value that npm run test:runbook puts there', () => {
  const unknown = documents().flatMap(({ blocks, inline }) =>
    [...blocks, ...inline.filter((command) => command.startsWith('aws '))]
      .filter((commands) => /(^|[\s"(|])aws [a-z]/.test(commands))
      .flatMap(unknownNames),
  );
  expect(unknown).toEqual([]);
});
