/** Where the Lambdas' code comes from: from the sources here, ready-made in the package. */
import { execFile, execFileSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { buildSync } from 'esbuild';
import { beforeAll, describe, expect, test } from 'vitest';
import { buildBundles, bundlesOfSources } from '../../lib/build-bundles.ts';
import { PROJECT_DIRECTORY } from '../../service/project.ts';

const temporary = (): string => mkdtempSync(join(tmpdir(), 'bundles-'));
const contentsOf = (directory: string): Record<string, string> =>
  Object.fromEntries(
    globSync('*/**/*.*', { cwd: directory })
      .toSorted()
      .map((file) => [file, readFileSync(join(directory, file), 'utf8')]),
  );

let built: string;
beforeAll(() => {
  built = temporary();
  buildBundles(built);
});

describe('bundles', () => {
  test('are made of every Lambda, each with its source map; the page is beside the one that serves it', () => {
    const entries = globSync('functions/*.lambda.ts', { cwd: PROJECT_DIRECTORY }).map((file) =>
      basename(file, '.lambda.ts'),
    );
    expect(Object.keys(contentsOf(built))).toEqual(
      entries
        .flatMap((entry) => [`${entry}/index.js`, `${entry}/index.js.map`])
        .concat(['icon.svg', 'index.html', 'page.css', 'page.js'].map((name) => `bookings-api/page/${name}`))
        .toSorted(),
    );
  });

  test('have the same bytes wherever they are written', () => {
    const elsewhere = join(temporary(), 'deeper', 'down');
    buildBundles(elsewhere);
    expect(contentsOf(elsewhere)).toEqual(contentsOf(built));
  });

  test('are whole for each of several processes that ask at once', async () => {
    const cache = temporary();
    const script = `import { bundlesOfSources } from './lib/build-bundles.ts'; console.log(bundlesOfSources(${JSON.stringify(cache)}))`;
    const ask = () =>
      promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], { cwd: PROJECT_DIRECTORY });
    const answers = await Promise.all([ask(), ask(), ask()]);
    const [directory = '', ...others] = new Set(answers.map(({ stdout }) => stdout.trim()));
    expect(others).toEqual([]);
    expect(contentsOf(directory)).toEqual(contentsOf(built));
    expect(readdirSync(cache)).toEqual([basename(directory)]);
  });

  test('are built once, and those of other sources are removed after a while', () => {
    const cache = temporary();
    for (const [name, ageSeconds] of [
      ['old', 7_200],
      ['fresh', 60],
    ] as const) {
      mkdirSync(join(cache, name));
      const then = Date.now() / 1_000 - ageSeconds;
      utimesSync(join(cache, name), then, then);
    }
    const directory = bundlesOfSources(cache);
    expect(readdirSync(cache).sort()).toEqual([basename(directory), 'fresh'].sort());
    const mark = join(directory, 'mark');
    writeFileSync(mark, '');
    expect(bundlesOfSources(cache)).toBe(directory);
    expect(existsSync(mark)).toBe(true);
  });
});

test('compiled to CommonJS, with its bundles beside it, the construct needs neither sources nor esbuild', () => {
  const app = temporary();
  const packaged = join(app, 'node_modules', 'booking-expiry');
  buildSync({
    entryPoints: [join(PROJECT_DIRECTORY, 'lib/index.ts')],
    outfile: join(packaged, 'index.js'),
    bundle: true,
    platform: 'node',
    format: 'cjs',
    external: ['aws-cdk-lib', 'constructs'],
    define: { 'import.meta.dirname': '__dirname' },
  });
  cpSync(built, join(packaged, 'bundles'), { recursive: true });
  for (const name of ['aws-cdk-lib', 'constructs']) {
    symlinkSync(join(PROJECT_DIRECTORY, 'node_modules', name), join(app, 'node_modules', name));
  }
  writeFileSync(
    join(app, 'app.js'),
    `const { App, Stack } = require('aws-cdk-lib');
     const { Table } = require('aws-cdk-lib/aws-dynamodb');
     const { BookingExpiry } = require('booking-expiry');
     const app = new App({ outdir: 'out' });
     const stack = new Stack(app, 'Shop');
     const tableArn = 'arn:aws:dynamodb:eu-central-1:123456789012:table/tickets';
     const table = Table.fromTableAttributes(stack, 'Table', { tableArn, tableStreamArn: tableArn + '/stream/1' });
     new BookingExpiry(stack, 'Expiry', { table, indexName: 'held', webhook: { url: 'https://app.example.com/' } });
     app.synth();`,
  );
  execFileSync(process.execPath, ['app.js'], { cwd: app, stdio: 'pipe' });
  const staged = globSync('out/asset.*/index.js', { cwd: app }).map((file) => readFileSync(join(app, file), 'utf8'));
  const wanted = ['schedule-expiry', 'expire-booking', 'sweep', 'publish-events', 'send-webhooks'].map((entry) =>
    readFileSync(join(built, entry, 'index.js'), 'utf8'),
  );
  expect(new Set(staged)).toEqual(new Set(wanted));
});
