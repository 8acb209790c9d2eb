/** Installs the peers' packages into bench/peers, where they are missing: npm's beside their programs, Python's into `.venv`. */
import { execFile } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

export const PEERS_DIRECTORY = fileURLToPath(new URL('../peers/', import.meta.url));
const VENV = join(PEERS_DIRECTORY, '.venv');
/** The interpreter that has the packages. */
export const VENV_PYTHON = join(VENV, 'bin', 'python');

/** Thrown with what the package manager said last. */
export class InstallError extends Error {
  override readonly name = 'InstallError';
}

const run = promisify(execFile);

const attempt = async (command: string, given: readonly string[]): Promise<void> => {
  try {
    await run(command, given, { cwd: PEERS_DIRECTORY, maxBuffer: 1 << 26 });
  } catch (error) {
    const { stderr = '', message } = error as Error & { stderr?: string };
    const said = stderr.trim().split('\n').slice(-5).join('\n');
    throw new InstallError(`${command} ${given.join(' ')} failed in bench/peers: ${said || message}`);
  }
};

/** Whether what is installed came of these files as they are now. */
const isFresh = (stamp: string, sources: readonly string[]): boolean =>
  existsSync(stamp) && readFileSync(stamp, 'utf8') === contentOf(sources);

const contentOf = (sources: readonly string[]): string =>
  sources.map((source) => readFileSync(join(PEERS_DIRECTORY, source), 'utf8')).join('\n');

/** @throws InstallError if npm cannot install them */
export const installNpmPackages = async (): Promise<void> => {
  const stamp = join(PEERS_DIRECTORY, 'node_modules', '.installed');
  if (isFresh(stamp, ['package.json'])) return;
  try {
    await attempt('npm', ['ci']);
  } catch {
    // A registry may lack the optional packages, which are faster decoders for other processors: it goes without them.
    await attempt('npm', ['install', '--omit=optional', '--no-save', '--no-package-lock']);
  }
  writeFileSync(stamp, contentOf(['package.json']));
};

/**
 * @param python interpreter that can make virtual environments
 * @throws InstallError if it, or pip, fails
 */
export const installPythonPackages = async (python: string): Promise<void> => {
  const stamp = join(VENV, '.installed');
  if (isFresh(stamp, ['requirements.txt'])) return;
  await attempt(python, ['-m', 'venv', '--clear', VENV]);
  await attempt(VENV_PYTHON, ['-m', 'pip', 'install', '--quiet', '--requirement', 'requirements.txt']);
  writeFileSync(stamp, contentOf(['requirements.txt']));
};
