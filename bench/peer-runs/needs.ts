/** What the peers need of the machine, and what to type where it is missing. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

export type Need = 'redis' | 'postgresql' | 'npm packages' | 'python packages';

/** Where the programs are that were found. */
export interface Found {
  readonly redis?: string;
  /** Folder of PostgreSQL's programs. */
  readonly postgresql?: string;
  /** Python 3 that can make virtual environments. */
  readonly python?: string;
}

/** What a need looks for in the machine, and the Debian package that brings it. */
const PACKAGES = { redis: 'redis-server', postgresql: 'postgresql', python: 'python3-venv' } as const;
const PROGRAM_OF: Readonly<Record<Need, keyof typeof PACKAGES | undefined>> = {
  redis: 'redis',
  postgresql: 'postgresql',
  'python packages': 'python',
  'npm packages': undefined,
};
/** The Node of the peers' own packages: what the project needs anyway. */
const LEAST_NODE = 24;

/** Looks for the programs on this machine. */
export const findPrograms = (): Found => {
  const runs = (command: string, ...given: string[]): boolean =>
    spawnSync(command, given, { stdio: 'ignore' }).status === 0;
  // Debian keeps PostgreSQL's programs off the PATH, by version.
  const root = '/usr/lib/postgresql';
  const newest = existsSync(root) ? readdirSync(root).sort((a, b) => Number(b) - Number(a))[0] : undefined;
  const postgresql = newest === undefined ? undefined : join(root, newest, 'bin');
  // Debian's own, rather than one that another tool put first in the PATH.
  const python = ['/usr/bin/python3', 'python3'].find((each) => runs(each, '-c', 'import ensurepip, venv'));
  return {
    ...(runs('redis-server', '--version') && { redis: 'redis-server' }),
    ...(postgresql !== undefined && existsSync(join(postgresql, 'initdb')) && { postgresql }),
    ...(python !== undefined && { python }),
  };
};

/**
 * What a peer cannot run without and this machine has not, with the command that brings it.
 *
 * @param nodeVersion such as 24.1.0
 * @returns undefined if nothing is missing
 */
export const missingFor = (
  needs: readonly Need[],
  found: Found,
  nodeVersion: string = process.versions.node,
): string | undefined => {
  const packages = needs.flatMap((need) => {
    const program = PROGRAM_OF[need];
    return program !== undefined && found[program] === undefined ? [PACKAGES[program]] : [];
  });
  const isOld = needs.includes('npm packages') && Number(nodeVersion.split('.')[0]) < LEAST_NODE;
  const sentences = [
    ...(packages.length > 0 ? [`${packages.join(' and ')} not found: apt-get install -y ${packages.join(' ')}`] : []),
    ...(isOld ? [`Node must be ${LEAST_NODE} or newer, got ${nodeVersion}`] : []),
  ];
  return sentences.length > 0 ? sentences.join('; ') : undefined;
};
