/** `booking-expiry start`, as a user types it in a project of their own. */
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { build } from 'esbuild';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { LOCAL_DIRECTORY, PROJECT_DIRECTORY } from '../../service/project.ts';
import { eventually } from '../support/lambda.ts';

let project: string;
let compiled: string;
beforeAll(async () => {
  mkdirSync(LOCAL_DIRECTORY, { recursive: true });
  // Below this project, so that the user's app finds CDK.
  project = mkdtempSync(join(LOCAL_DIRECTORY, 'users-project-'));
  writeFileSync(join(project, 'package.json'), '{ "type": "module" }');
  writeFileSync(join(project, 'cdk.json'), JSON.stringify({ app: 'node app.mjs', context: { rows: 'from-cdk-json' } }));
  writeFileSync(join(project, 'app.mjs'), USERS_APP);
  compiled = mkdtempSync(join(LOCAL_DIRECTORY, 'compiled-'));
  await build({
    entryPoints: ['local/cli.ts', 'local/lambda-worker.ts'].map((file) => join(PROJECT_DIRECTORY, file)),
    outdir: compiled,
    outExtension: { '.js': '.cjs' },
    bundle: true,
    platform: 'node',
    format: 'cjs',
    packages: 'external',
    logLevel: 'error',
    // That is known: in CommonJS it is not asked.
    logOverride: { 'empty-import-meta': 'silent' },
  });
});
afterAll(() => {
  rmSync(project, { recursive: true, force: true });
  rmSync(compiled, { recursive: true, force: true });
});

const USERS_APP = `
import { App, CfnOutput, Stack } from 'aws-cdk-lib';
import { Code, Function, Runtime } from 'aws-cdk-lib/aws-lambda';
import { SqsEventSource } from 'aws-cdk-lib/aws-lambda-event-sources';
import { Bucket } from 'aws-cdk-lib/aws-s3';
import { Queue } from 'aws-cdk-lib/aws-sqs';
const app = new App();
const stack = new Stack(app, 'Shop');
const queue = new Queue(stack, 'Sold');
new Bucket(stack, 'Photos');
const code = Code.fromInline('exports.handler = async ({ Records }) => console.log("heard " + Records[0].body);');
new Function(stack, 'Hear', { runtime: Runtime.NODEJS_24_X, handler: 'index.handler', code }).addEventSource(new SqsEventSource(queue));
new CfnOutput(stack, 'SoldUrl', { value: queue.queueUrl });
new CfnOutput(stack, 'Rows', { value: app.node.tryGetContext('rows') });
new Stack(app, 'Empty');
`;

interface Started {
  readonly printed: { out: string; err: string };
  readonly ended: Promise<number | null>;
  kill(): void;
}

const running: Started[] = [];
afterEach(async () => {
  for (const each of running.splice(0)) {
    each.kill();
    await each.ended;
  }
});

const startIn = (cwd: string, program: string, args: readonly string[]): Started => {
  const child = spawn(process.execPath, [program, ...args], { cwd });
  const printed = { out: '', err: '' };
  child.stdout.setEncoding('utf8').on('data', (chunk) => {
    printed.out += chunk;
  });
  child.stderr.setEncoding('utf8').on('data', (chunk) => {
    printed.err += chunk;
  });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const started = { printed, ended, kill: () => child.kill('SIGINT') };
  running.push(started);
  return started;
};
const source = join(PROJECT_DIRECTORY, 'local/cli.ts');
const ANY_PORTS = ['--dynamodb-port', '0', '--sqs-port', '0'];

describe.each([
  ['from its sources', () => source],
  ['compiled into one CommonJS file', () => join(compiled, 'cli.cjs')],
])('%s', (_, program) => {
  test('it runs the app of cdk.json until Ctrl-C, and says where everything is and what is not run', async () => {
    const runtimeFile = join(project, 'runtime.json');
    const started = startIn(project, program(), [
      'start',
      ...ANY_PORTS,
      '--stack',
      'Shop',
      '-c',
      'rows=from-the-command',
      '--runtime-file',
      runtimeFile,
    ]);
    const { printed } = started;
    await eventually(
      () => printed,
      ({ out, err }) => out.includes('Stop: Ctrl-C.') || err !== '',
    );
    expect(printed.err).toBe('');
    expect(printed.out).toContain('Rows = from-the-command');
    expect(printed.out).toContain('1 AWS::S3::Bucket');
    for (const name of ['AWS_ENDPOINT_URL_DYNAMODB', 'AWS_ENDPOINT_URL_SQS', 'AWS_REGION', 'AWS_ACCESS_KEY_ID']) {
      expect(printed.out).toContain(`export ${name}=`);
    }
    const url = /SoldUrl = (\S+)/.exec(printed.out)?.[1] ?? '';
    const { outputs } = JSON.parse(readFileSync(runtimeFile, 'utf8'));
    expect(outputs.SoldUrl).toBe(url);
    const sqs = new SQSClient({
      region: 'us-east-1',
      endpoint: new URL(url).origin,
      credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
    });
    await sqs.send(new SendMessageCommand({ QueueUrl: url, MessageBody: 'a-sale' }));
    sqs.destroy();
    await eventually(
      () => printed.out,
      (out) => out.includes('heard a-sale'),
    );
    started.kill();
    expect(await started.ended).toBe(0);
    expect(printed.out).toContain('Stopped.');
  });
});

describe('what is typed wrong ends with code 2, the reason and where to read what is allowed', () => {
  test.each([
    [[], 'the command must be start, got none'],
    [['stop'], 'the command must be start, got stop'],
    [['start', '--port', 'x'], '--port must be a port from 0 to 65535, got x'],
    [['start', '--sqs-port', '65536'], '--sqs-port must be a port from 0 to 65535, got 65536'],
    [['start', '--context', 'rows'], '--context must be name=value, got rows'],
    [['start', '--fast'], '--fast'],
  ])('%j', async (args, reason) => {
    const { printed, ended } = startIn(project, source, args);
    expect(await ended).toBe(2);
    expect(printed.err).toContain(reason);
    expect(printed.err).toContain('booking-expiry --help shows what is allowed');
  });
});

describe('what is wrong in the project ends with code 1 and the reason alone', () => {
  test.each([
    ['no cdk.json', () => compiled, ['start'], 'it holds no cdk.json'],
    [
      'an app that fails',
      () => project,
      ['start', ...ANY_PORTS, '--app', 'echo no rows left && exit 3'],
      'no rows left',
    ],
    [
      'a stack that is not there',
      () => project,
      ['start', ...ANY_PORTS, '--stack', 'Sho'],
      'must be one of Shop, Empty, got Sho',
    ],
  ])('%s', async (_, cwd, args, reason) => {
    const { printed, ended } = startIn(cwd(), source, args);
    expect(await ended).toBe(1);
    expect(printed.err).toContain(reason);
    expect(printed.err).not.toContain('    at ');
  });
});

test('--help shows the options', async () => {
  const { printed, ended } = startIn(project, source, ['--help']);
  expect(await ended).toBe(0);
  expect(printed.out).toContain('--stack <name>');
});
