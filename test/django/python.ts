/** A virtual environment with the example's requirements, made once for each state of them. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { LOCAL_DIRECTORY, PROJECT_DIRECTORY } from '../../service/project.ts';

export const EXAMPLE = join(PROJECT_DIRECTORY, 'docs/examples/django');
const REQUIREMENTS = join(PROJECT_DIRECTORY, 'test/django/requirements.txt');

export const PYTHON = {
  command: 'python3',
  name: 'python3 (3.10 or later, with venv)',
  install: 'apt-get install python3 python3-venv, or https://www.python.org',
  probe: [
    '-c',
    'import sys, venv, ensurepip; assert sys.version_info >= (3, 10); print("Python", sys.version.split()[0])',
  ],
};

const run = (command: string, args: readonly string[]): void => {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8' });
  if (error) throw error;
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${status}:\n${stdout}${stderr}`);
};

/** The directory of its programs: python, waitress-serve. */
export const virtualEnvironment = (): string => {
  const wanted = [REQUIREMENTS, join(EXAMPLE, 'requirements.txt')].map((file) => readFileSync(file, 'utf8')).join('');
  const directory = join(LOCAL_DIRECTORY, 'django', 'venv');
  const programs = join(directory, process.platform === 'win32' ? 'Scripts' : 'bin');
  const whole = join(directory, 'requirements.sha256');
  const hash = createHash('sha256').update(wanted).digest('hex');
  if (existsSync(whole) && readFileSync(whole, 'utf8') === hash) return programs;
  rmSync(directory, { recursive: true, force: true });
  run(PYTHON.command, ['-m', 'venv', directory]);
  run(join(programs, 'python'), ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-r', REQUIREMENTS]);
  writeFileSync(whole, hash);
  return programs;
};
