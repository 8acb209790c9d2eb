/**
 * Builds what `npm pack` packs into `dist`: the constructs, the client and the testing runtime as CommonJS, which every app can
 * load, with their types; and the Lambdas' bundles, so that whoever installs the package needs neither esbuild nor our sources.
 */
import { execFileSync } from 'node:child_process';
import { globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type BuildOptions, buildSync } from 'esbuild';
import { buildBundles } from '../lib/build-bundles.ts';
import { EMBEDDED_SQS } from '../local/engines.ts';
import { licencesOf } from './licences.ts';

const PROJECT = fileURLToPath(new URL('..', import.meta.url));
const DIST = join(PROJECT, 'dist');

/** What the package exports, by the name of the file in `dist`. */
const ENTRIES = { index: 'lib/index.ts', client: 'client/index.ts', testing: 'local/testing.ts' };

/** What is bundled with the code of others, and is too much to be read: whoever installs the package gets half of it. */
const MINIFIED = {
  minify: true,
  // For stacks, and for what tells classes and functions apart by their names.
  keepNames: true,
  // Node shows the line of an error that nobody caught.
  lineLimit: 200,
} as const satisfies BuildOptions;

/** The command. Its code is in testing.js, with all that it runs. */
const CLI = "#!/usr/bin/env node\nrequire('./testing.js').runCommand();\n";

/** Lambdas of this project's own stack alone. */
const OWN_LAMBDAS = ['bookings-api'];

/** What whoever installs the package has, or what is loaded only where it is there. */
const NOT_BUNDLED = ['aws-cdk-lib', 'aws-cdk-lib/*', 'constructs'];

/** What CommonJS has in place of what an ES module asks for its own place. */
const HERE_IN_COMMONJS = { 'import.meta.dirname': '__dirname', 'import.meta.url': '__filename' };

const OPTIONS = {
  absWorkingDir: PROJECT,
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'cjs',
  define: HERE_IN_COMMONJS,
  metafile: true,
  logLevel: 'warning',
} as const satisfies BuildOptions;

/** @returns the files that it is made of */
const buildCode = (): string[] => {
  const code = buildSync({
    ...OPTIONS,
    entryPoints: { index: ENTRIES.index, client: ENTRIES.client, 'lambda-worker': 'local/lambda-worker.ts' },
    outdir: DIST,
    external: NOT_BUNDLED,
  });
  const runtime = buildSync({
    ...OPTIONS,
    ...MINIFIED,
    entryPoints: { testing: 'local/packed.ts' },
    outdir: DIST,
    external: NOT_BUNDLED,
  });
  writeFileSync(join(DIST, 'cli.js'), CLI, { mode: 0o755 });
  // A file of its own: whoever brings another SQS never loads it.
  const modules = EMBEDDED_SQS.modules.map((path) => `export * from './node_modules/fauxqs/dist/${path}';`);
  const sqs = buildSync({
    ...OPTIONS,
    ...MINIFIED,
    stdin: { contents: modules.join('\n'), resolveDir: PROJECT },
    outfile: join(DIST, EMBEDDED_SQS.packedAs),
    alias: { 'node:sqlite': './package/lazy-sqlite.ts' },
  });
  // The project's own package.json makes .js files ES modules. These are not.
  writeFileSync(join(DIST, 'package.json'), `${JSON.stringify({ type: 'commonjs' }, null, 2)}\n`);
  return [code, runtime, sqs].flatMap(({ metafile }) => Object.keys(metafile.inputs));
};

/** A declaration names the source files that it imports from. What is packed are their declarations. */
const IMPORT_OF_SOURCE = /((?:from|import)\s*\(?\s*['"])(\.{1,2}\/[^'"]+)\.ts(['"])/g;

const buildTypes = (): void => {
  const config = join(DIST, 'tsconfig.json');
  const compilerOptions = {
    noEmit: false,
    declaration: true,
    emitDeclarationOnly: true,
    outDir: 'types',
    rootDir: '..',
  };
  const files = Object.values(ENTRIES).map((file) => join('..', file));
  writeFileSync(config, JSON.stringify({ extends: '../tsconfig.json', compilerOptions, include: [], files }));
  execFileSync(process.execPath, [join(PROJECT, 'node_modules/typescript/bin/tsc'), '-p', config], {
    stdio: 'inherit',
  });
  rmSync(config);
  const declared = new Set<string>();
  for (const [out, file] of Object.entries(ENTRIES)) {
    writeFileSync(join(DIST, `${out}.d.ts`), `export * from './types/${file.replace(/\.ts$/, '.js')}';\n`);
    declare(join(DIST, 'types', file), declared);
  }
  for (const file of globSync('types/**/*.d.ts', { cwd: DIST }).map((each) => join(DIST, each))) {
    if (!declared.has(file)) rmSync(file);
  }
};

/** Lets the declarations of a file, and of all that they import, name each other. */
const declare = (sourceFile: string, declared: Set<string>): void => {
  const file = sourceFile.replace(/\.ts$/, '.d.ts');
  if (declared.has(file)) return;
  declared.add(file);
  const text = readFileSync(file, 'utf8');
  writeFileSync(file, text.replace(IMPORT_OF_SOURCE, '$1$2.js$3'));
  for (const [, , path = ''] of text.matchAll(IMPORT_OF_SOURCE)) declare(join(dirname(file), `${path}.ts`), declared);
};

rmSync(DIST, { recursive: true, force: true });
mkdirSync(DIST, { recursive: true });
const made = [...buildCode(), ...buildBundles(join(DIST, 'bundles'), OWN_LAMBDAS)];
buildTypes();
writeFileSync(join(DIST, 'THIRD-PARTY-LICENSES.txt'), licencesOf(PROJECT, made));
