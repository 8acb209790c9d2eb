/** `npm run verify-deployment` against the local runtime, whole and broken, in a process of its own. */
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ScanCommand } from '@aws-sdk/client-dynamodb';
import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { STEPS } from '../../commands/verification/steps.ts';
import { tableClient } from '../../functions/runtime/clients.ts';
import { LOCAL_CREDENTIALS, REGION } from '../../local/engines.ts';
import { readServiceFile } from '../../service/runtime-file.ts';
import { type OwnRuntime, type OwnRuntimeOptions, startOwnRuntime } from '../../service/service.ts';
import { eventually } from '../support/lambda.ts';
import { expectUsageError, startScript } from '../support/script.ts';
import { TEST_ASSEMBLY } from '../support/synthesize.ts';

const directory = mkdtempSync(join(tmpdir(), 'booking-expiry-'));
process.env.RUNTIME_FILE = join(directory, 'runtime.json');
afterAll(() => {
  delete process.env.RUNTIME_FILE;
  rmSync(directory, { recursive: true, force: true });
});

let runtime: OwnRuntime | undefined;
afterEach(async () => {
  await runtime?.stop();
  runtime = undefined;
});
const givenRuntime = async (options: OwnRuntimeOptions = {}): Promise<OwnRuntime> => {
  runtime = await startOwnRuntime({
    assemblyDirectory: TEST_ASSEMBLY,
    schedulePeriodMs: 'never',
    announce: true,
    ...options,
  });
  return runtime;
};

const start = (args: string[], environment?: Record<string, string>) =>
  startScript('commands/verify-deployment.ts', args, environment);
const run = (args: string[], environment?: Record<string, string>) => start(args, environment).ended;

interface Report {
  readonly steps: readonly { readonly step: string; readonly outcome: string; readonly detail: string }[];
  readonly bookings: number;
  readonly requests: Readonly<Record<string, number>>;
  readonly usdAtMost: number;
  readonly left: readonly string[];
}
const outcomesOf = ({ steps }: Report) => Object.fromEntries(steps.map(({ step, outcome }) => [step, outcome]));
const detailOf = ({ steps }: Report, name: string) => steps.find(({ step }) => step === name)?.detail ?? '';
const skipAllBut = (...names: string[]) => [
  '--skip',
  STEPS.map(({ name }) => name)
    .filter((name) => !names.includes(name))
    .join(','),
];

/** Ids of the run's bookings that are in the table. */
const bookingsLeft = async ({ dynamodbEndpoint, outputs }: OwnRuntime): Promise<string[]> => {
  const client = tableClient({ endpoint: dynamodbEndpoint, region: REGION, credentials: LOCAL_CREDENTIALS });
  const { Items = [] } = await client.send(new ScanCommand({ TableName: outputs.BookingsTableName }));
  client.destroy();
  return Items.flatMap(({ bookingId }) => (bookingId?.S?.startsWith('verify-') ? [bookingId.S] : []));
};

const IMPOSSIBLE_HERE = ['authorization', 'metrics', 'alarm'];

describe('on a local runtime that works', () => {
  test('every step passes that has a counterpart here, nothing else is counted, and nothing is left behind', async () => {
    const working = await givenRuntime({ schedulePeriodMs: 2_000 });
    const { code, out } = await run(['--json', '--hold-seconds', '5']);
    const report: Report = JSON.parse(out);
    expect(outcomesOf(report)).toEqual(
      Object.fromEntries(
        STEPS.map(({ name }) => [name, [...IMPOSSIBLE_HERE, 'far-booking'].includes(name) ? 'not checked' : 'passed']),
      ),
    );
    for (const name of IMPOSSIBLE_HERE) expect(detailOf(report, name)).toContain('not on this machine');
    expect(code).toBe(0);
    expect(report.left).toEqual([]);
    expect(await bookingsLeft(working)).toEqual([]);
    expect(report.bookings).toBeGreaterThan(5);
    expect(report.requests['HTTP API']).toBeGreaterThan(10);
    expect(report.usdAtMost).toBeGreaterThan(0);
    expect(report.usdAtMost).toBeLessThan(0.01);
  });

  test('tells people what it did, what it cost and what is left behind', async () => {
    await givenRuntime();
    const { code, out, err } = await run(['--hold-seconds', '2', ...skipAllBut('bare-booking')]);
    expect(err).toContain(`npm start, process ${process.pid}, run `);
    expect(out).toMatch(/^ok {11}bare-booking {6}adopted; expired \d+ ms after its deadline {2}\(\d/m);
    expect(out).toMatch(/^not checked {2}alarm +left out by --skip$/m);
    expect(out).toContain(`1 passed, 0 failed, ${STEPS.length - 1} not checked`);
    expect(out).toMatch(/did +1 bookings; requests: \d+ DynamoDB/);
    expect(out).toMatch(/cost +at most 0\.00\d+ USD/);
    expect(out).toContain('left behind  nothing but log lines');
    expect(code).toBe(0);
  });

  test('Ctrl-C deletes what was made, and ends with 1', async () => {
    const working = await givenRuntime();
    const { child, ended } = start(['--hold-seconds', '60', ...skipAllBut('bare-booking')]);
    await eventually(
      () => bookingsLeft(working),
      (ids) => ids.length === 1,
    );
    child.kill('SIGINT');
    const { code, out } = await ended;
    expect(out).toContain('stopped; 0 passed');
    expect(code).toBe(1);
    expect(await bookingsLeft(working)).toEqual([]);
  });

  test('with --stack it reads the stack’s outputs and signs its requests', async () => {
    const { dynamodbEndpoint, sqsEndpoint, outputs } = await givenRuntime();
    const cloudFormation = await startCloudFormation('booking-expiry-test', outputs);
    const aws = {
      AWS_ACCESS_KEY_ID: 'local',
      AWS_SECRET_ACCESS_KEY: 'local',
      AWS_REGION: REGION,
      AWS_ENDPOINT_URL_CLOUDFORMATION: cloudFormation.endpoint,
      AWS_ENDPOINT_URL_DYNAMODB: dynamodbEndpoint,
      AWS_ENDPOINT_URL_SQS: sqsEndpoint,
      AWS_ENDPOINT_URL_SECRETS_MANAGER: readServiceFile()?.secretsManager ?? '',
    };
    const steps = skipAllBut('open-routes', 'api-booking', 'bare-booking', 'cron-webhook', 'dead-letters');
    const { code, out } = await run(['--json', '--stack', 'booking-expiry-test', '--hold-seconds', '5', ...steps], aws);
    const report = JSON.parse(out);
    expect(report.deployment).toBe(`stack booking-expiry-test in region ${REGION}`);
    expect(report.steps.filter(({ outcome }: { outcome: string }) => outcome === 'passed')).toHaveLength(5);
    expect(detailOf(report, 'api-booking')).toContain('with a SigV4 signature');
    expect(code).toBe(0);

    const unknown = await run(['--stack', 'no-such-stack'], aws);
    expect(unknown.err).toContain('cannot read the stack no-such-stack: Stack with id no-such-stack does not exist');
    expect(unknown.code).toBe(1);
    await cloudFormation.stop();
  });
});

describe('on a local runtime that does not work', () => {
  test('timers that nobody reads fail the steps that need them, and their bookings are kept; the sweep is seen to work', async () => {
    const broken = await givenRuntime({ assemblyDirectory: assemblyWithoutTimers() });
    const steps = skipAllBut('readers', 'bare-booking', 'found-by-sweep', 'dead-letters');
    const { code, out } = await run(['--json', '--hold-seconds', '2', '--patience', '5', ...steps]);
    const report: Report = JSON.parse(out);
    expect(outcomesOf(report)).toMatchObject({
      readers: 'failed',
      'bare-booking': 'failed',
      'found-by-sweep': 'passed',
      'dead-letters': 'passed',
    });
    expect(detailOf(report, 'readers')).toMatch(/ExpireBookingFunction does not read the timer queue/);
    expect(detailOf(report, 'bare-booking')).toMatch(/verify-\S+ is still PENDING, \d+ s after its deadline/);
    expect(code).toBe(1);
    expect(report.left.join()).toMatch(/bookings of what failed, to be looked at: verify-/);
    expect(await bookingsLeft(broken)).not.toEqual([]);
  });

  test('events that are not delivered and a dead letter are failures, and what works is seen to work', async () => {
    const broken = await givenRuntime({
      changeEnvironment: (environment, logicalId) =>
        logicalId.startsWith('PublishEvents') ? { ...environment, EVENT_BUS_NAME: 'no-such-bus' } : environment,
    });
    const sqs = new SQSClient({ endpoint: broken.sqsEndpoint, region: REGION, credentials: LOCAL_CREDENTIALS });
    const QueueUrl = broken.outputs.SweepDeadLetterQueueUrl;
    await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: 'a sweep that failed' }));
    sqs.destroy();
    const steps = skipAllBut('event', 'bare-booking', 'dead-letters');
    const { code, out } = await run(['--hold-seconds', '2', '--patience', '10', ...steps]);
    expect(out).toMatch(/^FAILED {7}event +4 bookings expired and no BookingExpired of any was heard/m);
    expect(out).toMatch(/^FAILED {7}dead-letters +1 in sweep:/m);
    expect(out).toMatch(/^ok +bare-booking/m);
    expect(out).toContain('1 passed, 2 failed');
    expect(code).toBe(1);
  });

  test('no runtime at all is said, with the ways out', async () => {
    const { code, err } = await run([]);
    expect(err).toContain('no local runtime is running');
    expect(err).toContain('--stack');
    expect(code).toBe(1);
  });
});

describe('wrong usage', () => {
  test.each([
    [['--skip', 'alrm'], 'got alrm'],
    [['--hold-seconds', '1'], '--hold-seconds must be a whole number from 2 to 600, got 1'],
    [['--patience', 'long'], '--patience must be a whole number from 1 to 600, got long'],
    [['--stack', ''], '--stack must be the name of a stack'],
    [['--table', 'bookings'], "Unknown option '--table'"],
  ])('%j is refused with the reason', async (args, reason) => {
    expectUsageError(await run(args), reason, 'npm run verify-deployment');
  });

  test('--help names every step', async () => {
    const { code, out } = await run(['--help']);
    for (const { name, title } of STEPS) expect(out).toMatch(new RegExp(`^ +${name} +${title}$`, 'm'));
    expect(code).toBe(0);
  });
});

/** The template, but nothing reads the timer queue. */
const assemblyWithoutTimers = (): string => {
  const copy = join(directory, 'cdk.out');
  cpSync(TEST_ASSEMBLY, copy, { recursive: true });
  const file = join(copy, readdirSync(copy).find((name) => name.endsWith('.template.json')) ?? '');
  const template = JSON.parse(readFileSync(file, 'utf8'));
  const mappings = Object.values<{ Type: string; Properties: Record<string, unknown> }>(template.Resources).filter(
    ({ Type, Properties }) =>
      Type === 'AWS::Lambda::EventSourceMapping' && JSON.stringify(Properties.EventSourceArn).includes('TimerQueue'),
  );
  expect(mappings).toHaveLength(1);
  for (const { Properties } of mappings) Properties.Enabled = false;
  writeFileSync(file, JSON.stringify(template));
  return copy;
};

/** As much of CloudFormation as tells a stack’s outputs. */
const startCloudFormation = async (stackName: string, outputs: Readonly<Record<string, string>>) => {
  const members = Object.entries(outputs).map(
    ([name, value]) => `<member><OutputKey>${name}</OutputKey><OutputValue>${value}</OutputValue></member>`,
  );
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const asked = new URLSearchParams(Buffer.concat(chunks).toString('utf8')).get('StackName');
    if (asked !== stackName) {
      const message = `Stack with id ${asked} does not exist`;
      response
        .writeHead(400, { 'content-type': 'text/xml' })
        .end(
          `<ErrorResponse><Error><Type>Sender</Type><Code>ValidationError</Code><Message>${message}</Message></Error></ErrorResponse>`,
        );
      return;
    }
    response
      .writeHead(200, { 'content-type': 'text/xml' })
      .end(
        `<DescribeStacksResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/"><DescribeStacksResult><Stacks>` +
          `<member><StackName>${stackName}</StackName><StackStatus>CREATE_COMPLETE</StackStatus>` +
          `<CreationTime>2026-11-25T00:00:00Z</CreationTime><Outputs>${members.join('')}</Outputs></member>` +
          '</Stacks></DescribeStacksResult></DescribeStacksResponse>',
      );
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: () => new Promise<void>((resolve) => server.close(() => resolve())),
  };
};
