/** `npm start` and the commands on engines that differ from the embedded ones. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ServiceFile } from '../../service/runtime-file.ts';
import { eventually } from '../support/lambda.ts';
import { OTHER_ACCOUNT_ID, startDynamoDbWithoutTags, startSqsOfAnotherAccount } from '../support/other-makes.ts';
import { type StartedScript, startScript } from '../support/script.ts';

const directory = mkdtempSync(join(tmpdir(), 'booking-expiry-'));
const runtimeFile = join(directory, 'runtime.json');
const stops: (() => Promise<void>)[] = [];
let environment: NodeJS.ProcessEnv;
let service: StartedScript | undefined;

beforeAll(async () => {
  const dynamodb = await startDynamoDbWithoutTags();
  stops.push(dynamodb.stop);
  const sqs = await startSqsOfAnotherAccount();
  stops.push(sqs.stop);
  environment = {
    DYNAMODB_ENDPOINT: dynamodb.endpoint,
    SQS_ENDPOINT: sqs.endpoint,
    RUNTIME_FILE: runtimeFile,
    PORT: '0',
  };
});
afterAll(async () => {
  service?.child.kill('SIGKILL');
  for (const stop of stops.reverse()) await stop();
  rmSync(directory, { recursive: true });
});

const start = (script: string, ...args: string[]) => startScript(script, args, environment);
const run = (script: string, ...args: string[]) => start(script, ...args).ended;

describe('on a DynamoDB without tags and an SQS of another account', () => {
  test('npm start runs, with the queues where SQS_ENDPOINT says', async () => {
    // Others may run their own stages on the same engines.
    const started = start('service/start.ts', '--context', `stage=t${directory.slice(-6).toLowerCase()}`);
    service = started;
    await eventually(
      () => started.printed,
      ({ out }) => out.includes('booking-expiry is running') || started.child.exitCode !== null,
      60_000,
    );
    expect(started.printed.out, started.printed.err).toContain('booking-expiry is running');
    const { timerQueueUrl, tags } = JSON.parse(readFileSync(runtimeFile, 'utf8')) as ServiceFile;
    expect(timerQueueUrl).toContain(`${environment.SQS_ENDPOINT}/${OTHER_ACCOUNT_ID}/`);
    expect(tags).toMatchObject({ 'booking-expiry:timer-queue-url': timerQueueUrl });
  }, 90_000);

  test('a booking expires by its timer', async () => {
    const created = await run('commands/bookings.ts', 'create', 'here', '--hold-seconds', '2');
    expect(created).toMatchObject({ code: 0 });
    const { out } = await eventually(
      () => run('commands/bookings.ts', 'get', 'here', '--json'),
      (answer) => JSON.parse(answer.out).expiredBy !== undefined,
    );
    expect(JSON.parse(out)).toMatchObject({ status: 'EXPIRED', expiredBy: 'timer' });
  });

  test('npm run status knows the queues and the sweep', async () => {
    await run('commands/bookings.ts', 'create', 'far', '--hold-seconds', '86400');
    // The sweep of the start may still be on its way.
    const { out } = await eventually(
      () => run('commands/status.ts', '--json'),
      ({ code }) => code === 0,
    );
    expect(JSON.parse(out)).toMatchObject({
      pending: 1,
      timers: { visible: 0 },
      deadLetters: { timer: 0, sweep: 0 },
      problems: [],
    });
  });

  test('npm run expire-bookings schedules too, and notes how far', async () => {
    const lastSweepAt = async (): Promise<string> =>
      JSON.parse((await run('commands/status.ts', '--json')).out).lastSweepAt;
    const before = await lastSweepAt();
    const { code, out } = await run('commands/expire-bookings.ts', '--json');
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ errors: [], remaining: false });
    expect(Date.parse(await lastSweepAt())).toBeGreaterThan(Date.parse(before));
  });

  test('npm start ends with exit code 0 when it is told to stop', async () => {
    service?.child.kill('SIGTERM');
    const ended = await service?.ended;
    expect(ended?.code).toBe(0);
    expect(`${ended?.out}${ended?.err}`).not.toContain('could not');
  });
});
