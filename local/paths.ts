/**
 * Every file that is found at run time by its path, and not by an import. It works alike in these sources and where they
 * have been compiled into one CommonJS file: then the worker's file lies beside that one.
 */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** Of CommonJS; an ES module has none. */
declare const __dirname: string | undefined;

const HERE = typeof __dirname === 'string' ? __dirname : dirname(fileURLToPath(import.meta.url));
const requireHere = createRequire(join(HERE, 'paths.js'));

const firstThatExists = (what: string, candidates: readonly string[]): string => {
  const found = candidates.find((candidate) => existsSync(candidate));
  if (found === undefined) throw new Error(`${what} must be one of ${candidates.join(', ')}: none is there`);
  return found;
};

/** The file that a Lambda's execution environment runs. */
export const workerFile = (): URL =>
  pathToFileURL(
    firstThatExists(
      'the file of the worker',
      ['lambda-worker.cjs', 'lambda-worker.js', 'lambda-worker.ts'].map((name) => join(HERE, name)),
    ),
  );

/** A file that was packed beside these sources, where they have been compiled. */
export const packedFile = (name: string): URL | undefined => {
  const file = join(HERE, name);
  return existsSync(file) ? pathToFileURL(file) : undefined;
};

/**
 * Where an installed package's own file is.
 *
 * @throws Error if it cannot be found
 */
export const fileOfPackage = (packageName: string, path: string): string =>
  firstThatExists(
    `${path} of the package ${packageName}`,
    (requireHere.resolve.paths(packageName) ?? []).map((folder) => join(folder, packageName, path)),
  );

/** An installed package's file that its `main` names, as a URL: what lies beside it can be imported from there. */
export const mainOfPackage = (packageName: string): URL => {
  const { main } = JSON.parse(readFileSync(fileOfPackage(packageName, 'package.json'), 'utf8')) as { main: string };
  return pathToFileURL(fileOfPackage(packageName, main));
};

/**
 * The folders in which dependencies are found, nearest first.
 *
 * @param directory whose dependencies. @default - those of this package
 */
export const dependencyFolders = (directory = HERE): readonly string[] =>
  (createRequire(join(directory, 'any.js')).resolve.paths('any') ?? []).filter(existsSync);
