/** The package as `npm pack` makes it, and an app that has installed it. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { PROJECT_DIRECTORY } from '../../service/project.ts';

/** Where an app has what it has of its own: nothing that the package itself would need. */
export interface OfTheApp {
  readonly cdk: string;
  readonly constructs: string;
}
const AS_HERE: OfTheApp = {
  cdk: join(PROJECT_DIRECTORY, 'node_modules/aws-cdk-lib'),
  constructs: join(PROJECT_DIRECTORY, 'node_modules/constructs'),
};

/** A folder that is no part of the project, so that nothing of it is found by accident. */
export const temporaryFolder = (name: string): string => mkdtempSync(join(tmpdir(), `booking-expiry-${name}-`));

/** Builds and packs. @returns the path of the packed file */
export const pack = (directory: string): string => {
  // What npm prints is its own progress, and last the file's name.
  const printed = execFileSync('npm', ['pack', '--silent', '--pack-destination', directory], {
    cwd: PROJECT_DIRECTORY,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return join(directory, printed.trim().split('\n').at(-1) ?? '');
};

/** The names of what is in the packed file. */
export const filesIn = (packed: string): string[] =>
  execFileSync('tar', ['-tzf', packed], { encoding: 'utf8' })
    .trim()
    .split('\n')
    .map((name) => name.replace(/^package\//, ''));

/** An app in a folder of its own, with the packed package, aws-cdk-lib and constructs, and nothing else. */
export class App {
  readonly directory = temporaryFolder('app');

  constructor(packed: string, type: 'commonjs' | 'module' = 'commonjs', { cdk, constructs }: OfTheApp = AS_HERE) {
    const modules = join(this.directory, 'node_modules');
    const own = join(modules, 'booking-expiry');
    mkdirSync(own, { recursive: true });
    execFileSync('tar', ['-xzf', packed, '-C', own, '--strip-components=1']);
    symlinkSync(cdk, join(modules, 'aws-cdk-lib'));
    symlinkSync(constructs, join(modules, 'constructs'));
    this.write('package.json', JSON.stringify({ name: 'app', version: '1.0.0', type }));
  }

  write(file: string, text: string): void {
    const path = join(this.directory, file);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }

  /** Runs a program in the app's folder, that finds the system's commands and Node, and nothing of this project's. @returns what it printed */
  run(...args: string[]): string {
    return execFileSync(process.execPath, args, {
      cwd: this.directory,
      encoding: 'utf8',
      env: { HOME: this.directory, PATH: `${dirname(process.execPath)}:/usr/bin:/bin` },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  }

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}
