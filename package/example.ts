/**
 * `npm run example:tickets`: packs the package, installs the packed file into a copy of an example app, and runs that. What the
 * app needs beside it comes from this project, so that no network is needed.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const PROJECT = fileURLToPath(new URL('..', import.meta.url));
/** What the examples' own package.json name. */
const OF_THE_APP = ['aws-cdk-lib', 'constructs', '@dynoxide', '@aws-sdk'];

const example = process.argv[2] ?? '';
const folder = mkdtempSync(join(tmpdir(), 'booking-expiry-example-'));

const run = (directory: string, command: string, ...args: string[]): number =>
  spawnSync(command, args, { cwd: directory, stdio: ['ignore', 'inherit', 'inherit'] }).status ?? 1;

try {
  cpSync(join(PROJECT, 'docs/examples', example), folder, { recursive: true });
  const modules = join(folder, 'node_modules');
  const own = join(modules, 'booking-expiry');
  mkdirSync(own, { recursive: true });
  for (const name of OF_THE_APP) {
    mkdirSync(dirname(join(modules, name)), { recursive: true });
    symlinkSync(join(PROJECT, 'node_modules', name), join(modules, name));
  }
  console.log('packing the package and installing it into the example …');
  const packed = spawnSync('npm', ['pack', '--silent', '--pack-destination', folder], {
    cwd: PROJECT,
    encoding: 'utf8',
  });
  const file = packed.stdout.trim().split('\n').at(-1) ?? '';
  if (packed.status !== 0) throw new Error(`npm pack failed: ${packed.stderr}`);
  process.exitCode =
    run(folder, 'tar', '-xzf', file, '-C', own, '--strip-components=1') || run(folder, process.execPath, 'try.ts');
} finally {
  rmSync(folder, { recursive: true, force: true });
}
