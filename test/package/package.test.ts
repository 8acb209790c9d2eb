/** The packed package in an empty CDK app that has nothing but aws-cdk-lib and constructs, and no network. */
import { spawn, spawnSync } from 'node:child_process';
import { cpSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PROJECT_DIRECTORY } from '../../service/project.ts';
import { eventually } from '../support/lambda.ts';
import { App, filesIn, pack, temporaryFolder } from './packed.ts';

const folder = temporaryFolder('packed');
const apps: App[] = [];
let packed: string;
beforeAll(() => {
  packed = pack(folder);
});
afterAll(() => {
  for (const app of apps) app.remove();
  rmSync(folder, { recursive: true, force: true });
});
const newApp = (type?: 'commonjs' | 'module'): App => {
  const app = new App(packed, type);
  apps.push(app);
  return app;
};

const STACK = `
const app = new App({ outdir: 'cdk.out' });
const stack = new Stack(app, 'Shop');
const table = new Table(stack, 'Tickets', {
  partitionKey: { name: 'event_id', type: AttributeType.STRING },
  sortKey: { name: 'ticket_id', type: AttributeType.STRING },
  stream: StreamViewType.NEW_AND_OLD_IMAGES,
});
new BookingExpiry(stack, 'Expiry', {
  table,
  status: { pending: 'reserved', expired: 'available' },
  deadline: { attribute: 'expires_at', unit: 'seconds' },
});
app.synth();
`;
const FROM = {
  commonjs: `const { App, Stack } = require('aws-cdk-lib');
const { AttributeType, StreamViewType, Table } = require('aws-cdk-lib/aws-dynamodb');
const { BookingExpiry } = require('booking-expiry');`,
  module: `import { App, Stack } from 'aws-cdk-lib';
import { AttributeType, StreamViewType, Table } from 'aws-cdk-lib/aws-dynamodb';
import { BookingExpiry } from 'booking-expiry';`,
} as const;

describe('the packed file', () => {
  test('holds what was built, its types and its texts, and no sources', () => {
    const files = filesIn(packed);
    const kinds = files.map((file) => file.replace(/^dist\/(bundles|types)\/.*?(\.d\.ts|\.js|\.js\.map)$/, '$1$2'));
    expect([...new Set(kinds)].sort()).toEqual(
      [
        'CHANGELOG.md',
        'LICENSE',
        'README.md',
        'bundles.js',
        'bundles.js.map',
        'dist/THIRD-PARTY-LICENSES.txt',
        'dist/cli.js',
        'dist/client.d.ts',
        'dist/client.js',
        'dist/embedded-sqs.js',
        'dist/index.d.ts',
        'dist/index.js',
        'dist/lambda-worker.js',
        'dist/package.json',
        'dist/testing.d.ts',
        'dist/testing.js',
        'docs/attach.md',
        'docs/testing.md',
        'package.json',
        'types.d.ts',
      ].sort(),
    );
  });

  test('asks for nothing to be installed but what a CDK app has', () => {
    const manifest = JSON.parse(readFileSync(join(PROJECT_DIRECTORY, 'package.json'), 'utf8'));
    expect(manifest.dependencies).toBeUndefined();
    expect(Object.keys(manifest.peerDependencies)).toEqual(['aws-cdk-lib', 'constructs']);
  });

  test('holds the code of the runtime once: the command calls what apps import', () => {
    const dist = join(newApp().directory, 'node_modules/booking-expiry/dist');
    expect(readFileSync(join(dist, 'cli.js'), 'utf8').split('\n')).toEqual([
      '#!/usr/bin/env node',
      expect.stringMatching(/^require\('\.\/testing\.js'\)/),
      '',
    ]);
  });

  test('names no folder of the machine that built it', () => {
    const app = newApp();
    const texts = filesIn(packed).map((file) =>
      readFileSync(join(app.directory, 'node_modules/booking-expiry', file), 'utf8'),
    );
    for (const text of texts) expect(text).not.toContain(PROJECT_DIRECTORY);
  });
});

describe.each(['commonjs', 'module'] as const)('an app of type %s', (type) => {
  test('is synthesized with the package’s own bundles, without esbuild', () => {
    const app = newApp(type);
    app.write('app.js', `${FROM[type]}\n${STACK}`);
    app.run('app.js');
    const template = JSON.parse(readFileSync(join(app.directory, 'cdk.out/Shop.template.json'), 'utf8'));
    const lambdas = Object.values<{ Type: string; Properties: { Code: { S3Key: string } } }>(template.Resources).filter(
      (resource) => resource.Type === 'AWS::Lambda::Function',
    );
    expect(lambdas).toHaveLength(4);
    for (const { Properties } of lambdas) {
      const directory = join(app.directory, 'cdk.out', `asset.${Properties.Code.S3Key.replace(/\.zip$/, '')}`);
      expect(readFileSync(join(directory, 'index.js'), 'utf8')).toContain('handler');
    }
  });

  test('uses the client with nothing else installed', () => {
    const app = newApp(type);
    rmSync(join(app.directory, 'node_modules/aws-cdk-lib'));
    const from = "booking-expiry/client';";
    app.write(
      'client.js',
      `${type === 'module' ? `import { tableClient } from '${from}` : `const { tableClient } = require('booking-expiry/client');`}
      console.log(tableClient().newItem({ key: { bookingId: 'a' }, holdMs: 60000 }, 1800000000000).Item.expiresAtMs);`,
    );
    expect(app.run('client.js').trim()).toBe('1800000060000');
  });

  test('has the types of all that it imports, checked as strictly as can be', () => {
    const app = newApp(type);
    app.write(
      'app.ts',
      `${FROM.module}
      import { tableClient, type UpdateInput } from 'booking-expiry/client';
      ${STACK}
      const update: UpdateInput = tableClient().confirm({ key: { bookingId: 'a' }, status: 'CONFIRMED' });
      // @ts-expect-error a unit that is none
      tableClient({ deadline: { unit: 'minutes' } });
      // @ts-expect-error a prop that is none
      new BookingExpiry(stack, 'Other', { table, statuses: {} });
      export { update };`,
    );
    expect(compile(app, 'app.ts')).toBe('');
  });
});

describe('the texts', () => {
  /** Each piece of code in a text that is TypeScript. */
  const codeIn = (file: string): string[] =>
    [...readFileSync(join(PROJECT_DIRECTORY, file), 'utf8').matchAll(/^```ts\n(.*?)^```/gms)].map(
      ([, code = '']) => code,
    );

  /** What the README's few lines leave to the reader. */
  const GIVEN =
    "declare const stack: import('aws-cdk-lib').Stack; declare const table: import('aws-cdk-lib/aws-dynamodb').Table;";

  test.each(['README.md', 'docs/attach.md', 'docs/slots.md', 'docs/testing.md'])(
    'of %s have code that compiles',
    (file) => {
      const app = newApp('module');
      install(app, '@aws-sdk', '@types');
      const pieces = codeIn(file);
      expect(pieces.length).toBeGreaterThan(0);
      for (const [index, code] of pieces.entries())
        app.write(`piece-${index}.ts`, `${file === 'README.md' ? GIVEN : ''}${code}\nexport {};\n`);
      expect(compile(app, ...pieces.map((_, index) => `piece-${index}.ts`))).toBe('');
    },
  );
});

describe('the example of a ticket shop', () => {
  const EXAMPLE = join(PROJECT_DIRECTORY, 'docs/examples/tickets');
  const shop = (): App => {
    const app = newApp('module');
    install(app, '@aws-sdk', '@types', '@dynoxide');
    cpSync(EXAMPLE, app.directory, { recursive: true });
    return app;
  };

  test('compiles', () => {
    const app = shop();
    expect(compile(app, 'app.ts', 'shape.ts', 'try.ts')).toBe('');
  });

  test('holds a ticket, frees it at its deadline and sells it, run from the packed file', () => {
    const printed = shop().run('try.ts').trim().split('\n');
    expect(printed).toEqual([
      'ann holds it: reserved, held by ann',
      'bob is refused, because it is: held',
      expect.stringMatching(/^ann did not pay: available, held by nobody, \d+ ms after its deadline$/),
      'ann pays late and is refused, because it is: settled',
      'bob holds it: reserved, held by bob',
      'bob pays: sold, held by bob',
    ]);
  });
});

describe('the command', () => {
  test('says how it is used', () => {
    const app = newApp();
    expect(app.run('node_modules/booking-expiry/dist/cli.js', '--help')).toContain('Usage: booking-expiry start');
  });

  test('runs the app, with nothing installed but the embedded DynamoDB', async () => {
    const app = newApp();
    app.write('app.js', `${FROM.commonjs}\n${STACK.replace("{ outdir: 'cdk.out' }", '')}`);
    app.write('cdk.json', '{ "app": "node app.js" }');
    install(app, '@dynoxide');
    const started = spawn(
      process.execPath,
      ['node_modules/booking-expiry/dist/cli.js', 'start', '--dynamodb-port', '0', '--sqs-port', '0'],
      { cwd: app.directory, stdio: ['ignore', 'pipe', 'pipe'] },
    );
    let printed = '';
    for (const stream of [started.stdout, started.stderr]) {
      stream.on('data', (chunk) => {
        printed += chunk;
      });
    }
    const ended = new Promise((resolve) => started.once('close', resolve));
    await eventually(
      () => printed,
      (text) => text.includes('AWS_ENDPOINT_URL_DYNAMODB'),
      60_000,
    );
    started.kill('SIGINT');
    expect(await ended).toBe(0);
  });
});

/** What of this project's packages an app has installed too. */
const install = (app: App, ...names: string[]): void => {
  for (const name of names) {
    symlinkSync(join(PROJECT_DIRECTORY, 'node_modules', name), join(app.directory, 'node_modules', name));
  }
};

/** @returns what the compiler has to say */
const compile = (app: App, ...files: string[]): string => {
  const options = [
    '--strict',
    '--exactOptionalPropertyTypes',
    '--noEmit',
    '--skipLibCheck',
    '--allowImportingTsExtensions',
  ];
  const compiler = join(PROJECT_DIRECTORY, 'node_modules/typescript/bin/tsc');
  const { stdout, stderr } = spawnSync(
    process.execPath,
    [compiler, ...options, '--target', 'es2024', '--module', 'nodenext', '--types', '', ...files],
    { cwd: app.directory, encoding: 'utf8' },
  );
  return stdout + stderr;
};
