/**
 * `npm run test:runbook`: runs the documents' shell commands that call `aws`, loops, pipes and all, and has the real AWS CLI
 * parse each call. Nothing reaches AWS: see aws-shim.ts.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PROJECT_DIRECTORY } from '../../service/project.ts';
import { checkWith } from '../support/outside-tool.ts';
import type { Note } from './aws-shim.ts';
import { type Document, documents, unknownNames, withValues } from './shell-commands.ts';

/** Programs that must not do anything meanwhile. */
const SILENCED = ['npm', 'npx', 'node', 'curl', 'git', 'sleep', 'pip'];
const CALLS_AWS = /(^|[\s"(|])aws [a-z]/;
const DEFINES_FUNCTION = /^\w+\(\) \{/m;

/** A folder of programs that stand for others. */
const makeShims = (directory: string): void => {
  const write = (name: string, script: string): void => {
    writeFileSync(join(directory, name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(directory, name), 0o755);
  };
  for (const name of SILENCED) write(name, 'exit 0');
  const shim = fileURLToPath(new URL('aws-shim.ts', import.meta.url));
  write('aws', `exec "${process.execPath}" "${shim}" "$@"`);
};

/** What each command calls; each must have been called in the end. */
const callsIn = (commands: string): string[] =>
  [...commands.matchAll(/\baws ([a-z0-9-]+ [a-z0-9-]+)/g)].map(([, call = '']) => call);

interface Outcome {
  readonly notes: readonly Note[];
  readonly problems: readonly string[];
}

const runCommands = (commands: string, functions: string, directory: string): Outcome => {
  const notesFile = join(directory, 'notes');
  const folder = join(directory, 'work');
  mkdirSync(join(folder, 'docs'), { recursive: true });
  // Commands that name a file of the documents find it, as in the project's folder.
  cpSync(join(PROJECT_DIRECTORY, 'docs/examples'), join(folder, 'docs/examples'), {
    recursive: true,
    filter: (source) => !source.includes('.venv'),
  });
  writeFileSync(notesFile, '');
  const { status, stderr } = spawnSync('bash', ['-c', withValues(`set -u -o pipefail\n${functions}\n${commands}`)], {
    cwd: folder,
    encoding: 'utf8',
    stdio: ['ignore', 'ignore', 'pipe'],
    env: {
      PATH: [join(directory, 'shims'), '/usr/local/bin', '/usr/bin', '/bin'].join(delimiter),
      HOME: folder,
      REAL_PATH: process.env.PATH,
      NOTES_FILE: notesFile,
    },
  });
  const notes = readFileSync(notesFile, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line): Note => JSON.parse(line));
  const problems = [
    ...unknownNames(commands).map((name) => `<${name}> has no value in test/runbook/shell-commands.ts`),
    ...notes.filter(({ understood }) => !understood).map(({ command, said }) => `${command}\n    ${said}`),
  ];
  if (status !== 0 || stderr.trim() !== '') problems.push(`bash ended with ${status}: ${stderr.trim()}`);
  return { notes, problems };
};

/** @returns whether all is right */
const checkDocument = ({ file, blocks, inline }: Document, directory: string): boolean => {
  const functions = blocks.filter((block) => DEFINES_FUNCTION.test(block)).join('\n');
  const places = [...blocks, ...inline].filter((commands) => CALLS_AWS.test(commands));
  if (places.length === 0) return true;
  const outcomes = places.map((commands) =>
    runCommands(commands, DEFINES_FUNCTION.test(commands) ? '' : functions, directory),
  );
  const called = outcomes.flatMap(({ notes }) => notes.map(({ command }) => command));
  const problems = [
    ...outcomes.flatMap((outcome) => outcome.problems),
    ...callsIn(places.join('\n'))
      .filter((call) => !called.some((command) => command.startsWith(`aws ${call}`)))
      .map((call) => `aws ${call} was never called`),
  ];
  console.log(
    `${problems.length === 0 ? 'right' : 'WRONG'}  ${file}: ${called.length} calls of aws in ${places.length} places`,
  );
  for (const problem of problems) console.log(`  ${problem}`);
  return problems.length === 0;
};

const checkAll = async (): Promise<boolean> => {
  const directory = mkdtempSync(join(tmpdir(), 'booking-expiry-runbook-'));
  try {
    mkdirSync(join(directory, 'shims'));
    makeShims(join(directory, 'shims'));
    return documents()
      .map((document) => checkDocument(document, directory))
      .every(Boolean);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
};

await checkWith(
  'test:runbook',
  'Runs the aws commands of the documents against an address where nobody listens, and has the AWS CLI parse each.',
  { command: 'aws', install: 'pip install awscli' },
  checkAll,
);
