import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { Code } from 'aws-cdk-lib/aws-lambda';
import type * as BuildBundles from './build-bundles.ts';
import { HERE } from './here.ts';

/** Where the package holds its bundles: beside the compiled library. */
const IN_PACKAGE = join(HERE, 'bundles');

let directory: string | undefined;

const bundles = (): string => {
  if (existsSync(IN_PACKAGE)) return IN_PACKAGE;
  // Loaded only here, by a name that no bundler follows: esbuild is no dependency of the package.
  const require = createRequire(join(HERE, 'lambda-code.js'));
  return (require('./build-bundles.ts') as typeof BuildBundles).bundlesOfSources();
};

/**
 * The code of a Lambda: the bundle that came with the package, or one made of the sources beside this file.
 *
 * @param entry file in `functions`, without `.lambda.ts`
 */
export const lambdaCode = (entry: string): Code => {
  directory ??= bundles();
  return Code.fromAsset(join(directory, entry));
};
