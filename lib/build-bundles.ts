/**
 * Builds the Lambdas' bundles, for the package and for a synthesis from this repository's sources. The only file that needs
 * esbuild: the package holds what it has built, and never loads it.
 */
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  globSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { buildSync } from 'esbuild';
import { HERE } from './here.ts';

/** The Lambda that serves the page, and the folder beside its code that the page is in (functions/adapters/page-files.ts). */
const PAGE_OF = 'bookings-api';
const PAGE_DIRECTORY = 'page';

const PROJECT = join(HERE, '..');
/** Where a synthesis from sources finds its bundles. */
const CACHE = join(PROJECT, '.local', 'bundles');
/** The folder that the source maps count from, wherever the bundles are written: the same sources give the same bytes. */
const MAPPED_FROM = CACHE;
/** Bundles of other states of the sources are kept this long, ms: another process may be about to copy them. */
const KEEP_MS = 60 * 60_000;

const UNUSED_CREDENTIAL_PROVIDERS = [
  '@aws-sdk/credential-provider-http',
  '@aws-sdk/credential-provider-ini',
  '@aws-sdk/credential-provider-login',
  '@aws-sdk/credential-provider-process',
  '@aws-sdk/credential-provider-sso',
  '@aws-sdk/credential-provider-web-identity',
  '@smithy/credential-provider-imds',
];

/**
 * Writes `<entry>/index.js` and its source map for each Lambda into a folder.
 *
 * @param leftOut entries that are not wanted there
 * @returns the files that they are made of
 */
export const buildBundles = (outDirectory: string, leftOut: readonly string[] = []): string[] => {
  const { outputFiles, metafile } = buildSync({
    absWorkingDir: PROJECT,
    entryPoints: globSync('functions/*.lambda.ts', { cwd: PROJECT })
      .toSorted()
      .filter((file) => !leftOut.includes(basename(file, '.lambda.ts')))
      .map((file) => ({ in: file, out: `${basename(file, '.lambda.ts')}/index` })),
    outdir: MAPPED_FROM,
    write: false,
    metafile: true,
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'cjs',
    minify: true,
    sourcemap: true,
    sourcesContent: false,
    // The SDK is bundled too: smaller and faster to load than the runtime's own, and the version that was tested.
    // Left out are the credential providers that it loads when the environment holds none, as Lambda's always does.
    external: UNUSED_CREDENTIAL_PROVIDERS,
    mainFields: ['module', 'main'],
    logLevel: 'warning',
  });
  for (const { path, contents } of outputFiles) {
    const file = join(outDirectory, relative(MAPPED_FROM, path));
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, contents);
  }
  const page = leftOut.includes(PAGE_OF) ? [] : buildPage(join(outDirectory, PAGE_OF, PAGE_DIRECTORY));
  return [...Object.keys(metafile.inputs), ...page];
};

/** The page as it is served: its script in one file, everything without comments and spaces. */
const buildPage = (outDirectory: string): string[] => {
  const { metafile } = buildSync({
    absWorkingDir: PROJECT,
    entryPoints: ['page/page.ts', 'page/page.css'],
    outdir: outDirectory,
    metafile: true,
    bundle: true,
    platform: 'browser',
    // What all browsers have had since 2023.
    target: 'es2022',
    format: 'esm',
    charset: 'utf8',
    minify: true,
    logLevel: 'warning',
  });
  for (const name of ['index.html', 'icon.svg']) copyFileSync(join(PROJECT, 'page', name), join(outDirectory, name));
  return Object.keys(metafile.inputs);
};

/**
 * The folder with the bundles of the sources as they are now; built only if no synthesis has done so before. Several processes
 * may ask at once.
 *
 * @param cache where bundles are kept, one folder for each state of the sources
 */
export const bundlesOfSources = (cache: string = CACHE): string => {
  const directory = join(cache, hashOfSources());
  if (existsSync(directory)) return directory;
  const building = `${directory}.${process.pid}`;
  rmSync(building, { recursive: true, force: true });
  buildBundles(building);
  try {
    renameSync(building, directory);
  } catch (error) {
    rmSync(building, { recursive: true, force: true });
    // Another process was faster: what it has built is the same.
    if (!existsSync(directory)) throw error;
  }
  removeOld(cache, directory);
  return directory;
};

/** Everything that the bundles depend on: the sources, how they are built, and which version of each package. */
const hashOfSources = (): string => {
  const files = [
    ...globSync(['functions/**/*.{ts,json}', 'page/*'], { cwd: PROJECT }).toSorted(),
    'lib/build-bundles.ts',
    'package-lock.json',
    'tsconfig.json',
  ];
  const hash = createHash('sha256');
  for (const file of files) {
    const content = readFileSync(join(PROJECT, file));
    hash.update(`${file} ${content.length}\n`).update(content);
  }
  return hash.digest('hex').slice(0, 32);
};

const removeOld = (cache: string, current: string): void => {
  for (const each of globSync('*', { cwd: cache }).map((name) => join(cache, name))) {
    const isOld = (statSync(each, { throwIfNoEntry: false })?.mtimeMs ?? Date.now()) < Date.now() - KEEP_MS;
    if (each !== current && isOld) rmSync(each, { recursive: true, force: true });
  }
};
