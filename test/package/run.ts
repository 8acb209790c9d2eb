/**
 * `npm run test:package`: what others think of the packed package (publint, attw), and whether the lowest and the newest
 * aws-cdk-lib that it says it works with synthesize it.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PROJECT_DIRECTORY } from '../../service/project.ts';
import { endIfUsage, parseOptions } from '../../terminal/usage.ts';
import { App, pack, temporaryFolder } from './packed.ts';

const USAGE = `Usage: npm run test:package -- [options]

Packs the package, has publint and attw look at it, and synthesizes an app with the lowest and the newest aws-cdk-lib.
Needs its tools: npm ci --prefix test/package/tools

  -h, --help  this text

Exit codes: 0 all is right; 1 something is wrong, or a tool is missing; 2 wrong usage.`;

const TOOLS = fileURLToPath(new URL('tools/node_modules/', import.meta.url));

const STACK = `
const { App, Stack } = require('aws-cdk-lib');
const dynamodb = require('aws-cdk-lib/aws-dynamodb');
const { BookingExpiry } = require('booking-expiry');
const app = new App({ outdir: 'cdk.out' });
const stack = new Stack(app, 'Shop');
const partitionKey = { name: 'id', type: dynamodb.AttributeType.STRING };
const table = new dynamodb.Table(stack, 'Table', { partitionKey, stream: 'NEW_AND_OLD_IMAGES' });
const tableV2 = new dynamodb.TableV2(stack, 'TableV2', { partitionKey, dynamoStream: 'NEW_AND_OLD_IMAGES' });
new BookingExpiry(stack, 'Expiry', { table, dashboard: true });
new BookingExpiry(stack, 'ExpiryV2', { table: tableV2, events: false });
app.synth();
console.log(require('aws-cdk-lib/package.json').version);
`;

/** Runs a tool, showing what it prints. @returns whether it is content */
const ask = (name: string, ...args: string[]): boolean => {
  console.log(`\n${name}`);
  const bin = join(TOOLS, '.bin', name);
  return spawnSync(bin, args, { stdio: 'inherit' }).status === 0;
};

/** @param folders where aws-cdk-lib and constructs are */
const synthesizes = (packed: string, folders: { readonly cdk: string; readonly constructs: string }): boolean => {
  const app = new App(packed, 'commonjs', folders);
  try {
    app.write('app.js', STACK);
    const version = app.run('app.js').trim();
    const template = JSON.parse(readFileSync(join(app.directory, 'cdk.out/Shop.template.json'), 'utf8'));
    console.log(`aws-cdk-lib ${version} synthesizes it: ${Object.keys(template.Resources).length} resources`);
    return true;
  } catch (error) {
    console.log(`the aws-cdk-lib in ${folders.cdk} does not synthesize it: ${error}`);
    return false;
  } finally {
    app.remove();
  }
};

const check = (): boolean => {
  const folder = temporaryFolder('package');
  try {
    const packed = pack(folder);
    const own = join(PROJECT_DIRECTORY, 'node_modules');
    const answers = [
      ask('publint', 'run', packed, '--strict'),
      ask('attw', packed),
      synthesizes(packed, { cdk: join(TOOLS, 'aws-cdk-lib-lowest'), constructs: join(TOOLS, 'constructs') }),
      synthesizes(packed, { cdk: join(own, 'aws-cdk-lib'), constructs: join(own, 'constructs') }),
    ];
    return answers.every((isRight) => isRight);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
};

try {
  const { values } = parseOptions({ options: { help: { type: 'boolean', short: 'h', default: false } } });
  if (values.help) {
    console.log(USAGE);
  } else if (!existsSync(TOOLS)) {
    console.error('test:package: its tools are not installed: npm ci --prefix test/package/tools');
    process.exitCode = 1;
  } else {
    process.exitCode = check() ? 0 : 1;
  }
} catch (error) {
  endIfUsage('test:package', error);
}
