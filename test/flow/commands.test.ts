/** The commands as their users call them: in processes of their own. */
import { PutItemCommand } from '@aws-sdk/client-dynamodb';
import { PurgeQueueCommand, SendMessageCommand } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { keepsTags, NO_TAGS } from '../support/abilities.ts';
import { type Engines, SHARD_COUNT, startEngines } from '../support/engines.ts';
import { eventually } from '../support/lambda.ts';
import { expectUsageError, startScript } from '../support/script.ts';

let engines: Engines;
let hasTags: boolean;
beforeAll(async () => {
  engines = await startEngines();
  hasTags = await keepsTags(engines.rawClient, engines.table);
});
afterAll(() => engines.stop());

/** The table, and what its tags would say if the engine keeps none. */
const onTable = () => ['--table', engines.table, ...(hasTags ? [] : ['--shard-count', String(SHARD_COUNT)])];

/** The ordinary AWS configuration, pointed at the engines; and not the runtime that a developer may have running here. */
const awsConfiguration = () => ({
  AWS_ACCESS_KEY_ID: 'local',
  AWS_SECRET_ACCESS_KEY: 'local',
  AWS_REGION: 'us-east-1',
  AWS_ENDPOINT_URL_DYNAMODB: engines.dynamodb.endpoint,
  AWS_ENDPOINT_URL_SQS: engines.sqs.endpoint,
  RUNTIME_FILE: '.local/no-such-runtime.json',
});

const run = (script: string, args: string[], environment: Record<string, string> = {}) =>
  startScript(script, args, { ...awsConfiguration(), ...environment }).ended;
const expireBookings = (...args: string[]) => run('commands/expire-bookings.ts', [...onTable(), ...args]);

const givenOverdue = async (count: number) => {
  const nowMs = Date.now();
  await Promise.all(
    Array.from({ length: count }, (_, index) =>
      engines.store.create({ bookingId: `overdue-${nowMs}-${index}`, holdMs: 5_000 }, nowMs - 60_000),
    ),
  );
};

describe('npm run expire-bookings', () => {
  test('schedules what comes near as the sweep does: the table’s tags tell where', async ({ skip }) => {
    skip(!hasTags, NO_TAGS);
    await engines.store.create({ bookingId: 'far', holdMs: 86_400_000 }, Date.now() - 86_400_000 + 120_000);
    expect(JSON.parse((await expireBookings('--json')).out)).toMatchObject({ scheduled: 1 });
    // Else it would be overdue by the time that a later test looks.
    await engines.store.cancel('far', Date.now());
  });

  test('expires what is overdue and prints the two lines of the old command, exactly', async () => {
    await givenOverdue(3);
    const { code, out, err } = await expireBookings();
    expect(out).toBe('Starting booking expiration process...\nSuccessfully expired 3 booking(s)\n');
    expect(err).toBe(`table ${engines.table} at ${engines.dynamodb.endpoint}\n`);
    expect(code).toBe(0);
    expect((await expireBookings()).out).toContain('Successfully expired 0 booking(s)');
  });

  test('lists with --dry-run what would expire and changes nothing', async () => {
    await givenOverdue(2);
    const { code, out } = await expireBookings('--dry-run');
    expect(code).toBe(0);
    expect(out).toMatch(/overdue \d+\.\d{3} s {2}overdue-/);
    expect(out).toContain('Would expire 2 booking(s)');
    const { out: json } = await expireBookings('--dry-run', '--json');
    expect(JSON.parse(json).wouldExpire).toHaveLength(2);
    expect(JSON.parse((await expireBookings('--json')).out)).toMatchObject({
      expired: 2,
      remaining: false,
      errors: [],
      table: engines.table,
      endpoint: engines.dynamodb.endpoint,
    });
  });

  test.each([
    [['--every-day'], "Unknown option '--every-day'"],
    [['--shard-count', '0'], '--shard-count must be a whole number from 1 to 200, got 0'],
    [['now'], 'Unexpected argument'],
  ])('refuses %j with the reason', async (args, reason) => {
    expectUsageError(await expireBookings(...args), reason, 'npm run expire-bookings');
  });

  test('says so when it cannot reach the table', async () => {
    const missing = await run('commands/expire-bookings.ts', ['--table', 'no-such-table']);
    expect(missing.code).toBe(1);
    expect(missing.err).toContain('cannot reach the table no-such-table');
    const unreachable = await expireBookings('--endpoint-url', 'http://127.0.0.1:1');
    expect(unreachable.code).toBe(1);
    expect(unreachable.err).toContain('cannot reach the table');
    expect(unreachable.err).toContain('ECONNREFUSED');
    expect(unreachable.out).not.toContain('Successfully');
  });
});

describe('what is in no index', () => {
  const writeBare = (bookingId: string, inMs: number) =>
    engines.rawClient.send(
      new PutItemCommand({
        TableName: engines.table,
        Item: {
          bookingId: { S: bookingId },
          status: { S: 'PENDING' },
          expiresAtMs: { N: String(Date.now() + inMs) },
        },
      }),
    );

  test('is told by status, with exit code 1, and taken in by --whole-table: expired, or put into the index', async () => {
    await writeBare('bare-overdue', -60_000);
    await writeBare('bare-running', 3_600_000);
    const before = await run('commands/status.ts', [...onTable(), '--json']);
    expect(JSON.parse(before.out)).toMatchObject({ inNoIndex: 2, wholeTableLookedAt: true });
    expect(before.out).toContain('2 in no index, where no sweep sees them');
    expect(before.code).toBe(1);
    expect(JSON.parse((await expireBookings('--json')).out)).toMatchObject({ expired: 0 });

    const { out, err, code } = await expireBookings('--whole-table');
    expect(out).toBe('Starting booking expiration process...\nSuccessfully expired 1 booking(s)\n');
    expect(err).toContain('2 booking(s) were in no index: 1 expired, 1 put into it');
    expect(code).toBe(0);
    expect((await engines.store.get('bare-overdue'))?.status).toBe('EXPIRED');
    expect((await engines.store.get('bare-running'))?.pendingShard).toBeGreaterThanOrEqual(0);
    const after = await run('commands/status.ts', [...onTable(), '--json']);
    expect(JSON.parse(after.out)).toMatchObject({ inNoIndex: 0 });
  });

  test('is not looked for by a worker or a dry run', async () => {
    const reason = '--whole-table excludes --every and --dry-run';
    expectUsageError(await expireBookings('--whole-table', '--dry-run'), reason, 'npm run expire-bookings');
  });
});

describe('G3: a machine whose clock is wrong', () => {
  const withClock = (aheadMs: number, script: string, ...args: string[]) =>
    run(script, [...args, ...onTable()], {
      NODE_OPTIONS: `--import ${new URL('../support/wrong-clock.ts', import.meta.url)}`,
      CLOCK_AHEAD_MS: String(aheadMs),
    });

  test('expires nothing early: the command refuses, and says by how much', async () => {
    const nowMs = Date.now();
    await engines.store.create({ bookingId: 'in half an hour', holdMs: 1_800_000 }, nowMs);
    const { code, err } = await withClock(3_600_000, 'commands/expire-bookings.ts');
    expect(err).toMatch(/clock is at least 3\d{3}\.\d s ahead of DynamoDB's, and 1 s is allowed/);
    expect(code).toBe(1);
    expect((await engines.store.get('in half an hour'))?.status).toBe('PENDING');
    await engines.store.cancel('in half an hour', Date.now());
  });

  test.each([
    ['commands/bookings.ts', ['create', 'x', '--hold-seconds', '5']],
    ['commands/bookings.ts', ['confirm', 'x']],
    ['commands/bookings.ts', ['get', 'x']],
    ['commands/measure-lag.ts', ['--bookings', '1']],
  ])('does not let %s %j write by it', async (script, args) => {
    const { code, err } = await withClock(-3_600_000, script, ...args);
    expect(err).toContain('behind DynamoDB');
    expect(code).toBe(1);
  });

  test('may look on', async () => {
    const { err } = await withClock(-3_600_000, 'commands/bookings.ts', 'list');
    expect(err).not.toContain('clock');
  });
});

describe('npm run expire-bookings -- --every', () => {
  const startWorker = (args: string[], environment: Record<string, string> = {}) => {
    const { child, printed, ended } = startScript('commands/expire-bookings.ts', [...onTable(), ...args], {
      ...awsConfiguration(),
      ...environment,
    });
    const stop = (signal: 'SIGTERM' | 'SIGINT') => {
      child.kill(signal);
      return ended;
    };
    return { printed, stop };
  };

  test.each(['SIGTERM', 'SIGINT'] as const)(
    'sweeps at its pace until %s, and ends with exit code 0',
    async (signal) => {
      const worker = startWorker(['--every', '1']);
      await givenOverdue(2);
      // It may sweep between the two.
      const expired = () =>
        [...worker.printed.out.matchAll(/Successfully expired (\d+)/g)].map(([, count]) => Number(count));
      await eventually(expired, (counts) => counts.length > 3 && counts.reduce((sum, count) => sum + count, 0) === 2);
      const { code } = await worker.stop(signal);
      expect(code).toBe(0);
    },
  );

  test('survives a table that cannot be reached, says so and tries again later each time', async () => {
    const worker = startWorker(['--every', '300'], { AWS_ENDPOINT_URL_DYNAMODB: 'http://127.0.0.1:1' });
    const err = await eventually(
      () => worker.printed.err,
      (text) => text.includes('trying again in 2 s'),
    );
    expect(err).toContain('cannot reach the table');
    expect(err).toContain('trying again in 1 s');
    expect((await worker.stop('SIGTERM')).code).toBe(0);
  });

  test('prints one line of JSON for each sweep with --json', async () => {
    const worker = startWorker(['--every', '1', '--json']);
    const out = await eventually(
      () => worker.printed.out,
      (text) => text.split('\n').length > 2,
    );
    expect(JSON.parse(out.split('\n')[0] ?? '')).toMatchObject({ expired: expect.any(Number), remaining: false });
    await worker.stop('SIGTERM');
  });
});

describe('npm run bookings', () => {
  const bookings = (...args: string[]) => run('commands/bookings.ts', [...args, ...onTable()]);

  test('creates, shows, extends, lists, confirms, cancels and deletes', async () => {
    const created = await bookings('create', 'by-hand', '--hold-seconds', '600', '--details', '{"seat":1}', '--json');
    expect(JSON.parse(created.out)).toMatchObject({ bookingId: 'by-hand', status: 'PENDING', details: { seat: 1 } });
    expect((await bookings('get', 'by-hand')).out).toMatch(/^PENDING {4}\S+Z {2}by-hand {2}59\d\.\d{3} s left\n$/);
    expect((await bookings('extend', 'by-hand', '--hold-seconds', '900')).out).toMatch(/(89\d|900)\.\d{3} s left/);
    expect((await bookings('list')).out).toContain('by-hand');
    expect((await bookings('confirm', 'by-hand')).out).toContain('CONFIRMED');
    expect((await bookings('cancel', 'by-hand')).out).toContain('CANCELLED');
    const refused = await bookings('confirm', 'by-hand');
    expect(refused.err).toContain('refused: the booking is CANCELLED');
    expect(refused.code).toBe(1);
    const deleted = JSON.parse((await bookings('delete', 'by-hand', '--json')).out);
    expect(deleted).toMatchObject({ bookingId: 'by-hand', deleted: true });
    const again = await bookings('delete', 'by-hand');
    expect([again.code, again.err]).toEqual([1, expect.stringContaining('there is no booking by-hand')]);
  });

  test.each([
    [['fly'], 'the command must be one of create, get, list, confirm, cancel, extend, delete, got "fly"'],
    [['get'], 'get needs the id of a booking'],
    [['create', '--hold-seconds', '0'], '--hold-seconds must be a whole number from 1 to 31622400, got 0'],
    [['create', '--hold-seconds', 'ten'], '--hold-seconds must be a whole number from 1 to 31622400, got "ten"'],
    [['create', '--expires-at', 'soon'], '--expires-at must be an ISO 8601 time'],
    [['create', '--expires-at', '2020-01-01T00:00:00Z'], '--expires-at must be 1 second to 366 days from now'],
    [['extend', 'any', '--expires-at', '2020-01-01T00:00:00Z'], '--expires-at must be 1 second to 366 days from now'],
    [['create', '..', '--hold-seconds', '5'], '<id> must not be . or .. alone'],
    [['create', '--hold-seconds', '5', '--details', '[]'], '--details must be an object, got []'],
    [['create'], 'must have either --hold-seconds or --expires-at'],
    [['create', '--hold-seconds', '5', '--details', '{'], '--details must be JSON, got {'],
    [['list', '--limit', '0'], '--limit must be a whole number from 1 to 100, got 0'],
    [['list', 'by-hand'], 'list does not take "by-hand"'],
  ])('refuses %j with the reason, in the words of the command line', async (args, reason) => {
    expectUsageError(await bookings(...args), reason, 'npm run bookings');
  });

  test('says which table it works on: in JSON, or else on standard error', async () => {
    const where = { table: engines.table, endpoint: engines.dynamodb.endpoint };
    const created = await bookings('create', 'which-table', '--hold-seconds', '9000', '--json');
    expect([JSON.parse(created.out), created.err]).toEqual([expect.objectContaining(where), '']);
    expect(JSON.parse((await bookings('list', '--json')).out)).toMatchObject(where);
    expect((await bookings('get', 'which-table')).err).toBe(`table ${where.table} at ${where.endpoint}\n`);
  });
});

describe('npm run status', () => {
  const status = (...args: string[]) => run('commands/status.ts', [...onTable(), ...args]);
  const problemsNow = async () => {
    const { out, code } = await status('--json');
    return { problems: JSON.parse(out).problems.join('; '), code };
  };

  test('counts what waits and says that all is well, with exit code 0', async () => {
    await expireBookings();
    await engines.drain(engines.timerQueueUrl.replace('TimerQueue', 'TimerDeadLetterQueue'));
    await engines.store.create({ bookingId: 'next', holdMs: 900_000 }, Date.now());
    const { out, code } = await status();
    expect(out).toMatch(/next deadlines \S+Z {2}in \d+\.\d s {2}next/);
    expect(out).toContain('All is well.');
    expect(out).toContain(`table          ${engines.table} at ${engines.dynamodb.endpoint}\n`);
    expect(code).toBe(0);
  });

  test('says what is overdue, and ends with exit code 1 until it is swept', async () => {
    await givenOverdue(2);
    expect(await problemsNow()).toMatchObject({
      problems: expect.stringMatching(/^2 overdue, the oldest for \d+\.\d s$/),
      code: 1,
    });
    await expireBookings();
    expect(await problemsNow()).toEqual({ problems: '', code: 0 });
  });

  test('says which dead letters wait', async ({ skip }) => {
    skip(!hasTags, NO_TAGS);
    const QueueUrl = engines.timerQueueUrl.replace('TimerQueue', 'TimerDeadLetterQueue');
    await engines.sqsClient.send(new SendMessageCommand({ QueueUrl, MessageBody: 'dead' }));
    expect(await problemsNow()).toEqual({ problems: '1 dead letter(s) of timer', code: 1 });
    expect((await status()).out).toContain('dead letters   publish-events 0, schedule-expiry 0, sweep 0, timer 1');
    await engines.sqsClient.send(new PurgeQueueCommand({ QueueUrl }));
  });

  test('refuses what it does not know with the reason', async () => {
    const reason = '--next must be a whole number from 0 to 100, got 101';
    expectUsageError(await status('--next', '101'), reason, 'npm run status');
  });
});

describe('npm start', () => {
  test.each([
    [['--sweep-every', '0'], {}, '--sweep-every must be a whole number of seconds from 1 to 999999, or never, got 0'],
    // 23 bytes, padded to as many letters as 24.
    [
      [],
      { WEBHOOK_SECRET: `whsec_${Buffer.alloc(23).toString('base64')}` },
      'WEBHOOK_SECRET must be whsec_ and base64 of 24',
    ],
    [['--port', '1'], {}, "Unknown option '--port'"],
    [['-c', 'stage'], {}, '--context must be name=value, got stage'],
    [[], { SQS_PORT: 'http' }, 'SQS_PORT must be a port from 0 to 65535, got http'],
  ])('refuses %j %j with the reason', async (args, environment, reason) => {
    expectUsageError(await run('service/start.ts', args, environment as Record<string, string>), reason, 'npm start');
  });

  test('says which variable chooses another port when one is in use', async () => {
    const port = new URL(engines.dynamodb.endpoint).port;
    const { code, err } = await run('service/start.ts', [], {
      DYNAMODB_ENDPOINT: '',
      DYNAMODB_PORT: port,
      SQS_PORT: '0',
    });
    expect(err).toContain(`port ${port} is in use: set DYNAMODB_PORT to another`);
    expect(code).toBe(1);
  });

  test('refuses an engine that is not on this machine', async () => {
    const { code, err } = await run('service/start.ts', [], { DYNAMODB_ENDPOINT: 'https://dynamodb.example.com' });
    expect(err).toContain('DYNAMODB_ENDPOINT must be a URL on loopback');
    expect(code).toBe(1);
  });
});

describe('npm run measure-lag', () => {
  const measureLag = (...args: string[]) =>
    run('commands/measure-lag.ts', [...onTable(), '--per-second', '200', '--hold-seconds', '5', ...args]);

  test('says how many of its bookings are not expired, where nothing expires them', async () => {
    const { code, out } = await measureLag('--bookings', '3', '--patience', '1', '--json');
    expect(JSON.parse(out)).toMatchObject({ bookings: 3, expired: 0, notExpired: 3, early: 0 });
    expect(code).toBe(1);
  });

  test('refuses more than it is meant for, with what is allowed', async () => {
    const reason = '--bookings must be a whole number from 1 to 10000, got 20000';
    expectUsageError(await measureLag('--bookings', '20000'), reason, 'npm run measure-lag');
  });
});

describe.each([
  ['npm run demo', 'demo/main.ts', ['--x'], "Unknown option '--x'"],
  ['npm run bench', 'bench/main.ts', ['--only', 'speed'], '--only must name sections out of lag, '],
  ['npm run bench', 'bench/main.ts', ['--seconds', 'x'], '--seconds must be whole numbers from 1, got x'],
  ['npm run soak', 'bench/soak.ts', ['--minutes', '0'], '--minutes must be a whole number from 1, got 0'],
])('%s', (command, script, args, reason) => {
  test(`refuses ${args.join(' ')} with the reason`, async () => {
    expectUsageError(await run(script, args), reason, command);
  });

  test('shows with --help what is allowed', async () => {
    const { out, code } = await run(script, ['--help']);
    expect([out, code]).toEqual([expect.stringContaining(`Usage: ${command} -- [options]`), 0]);
  });
});

describe('every command that prints JSON', () => {
  test.each([
    'commands/bookings.ts',
    'commands/expire-bookings.ts',
    'commands/status.ts',
    'commands/measure-lag.ts',
    'commands/verify-deployment.ts',
    'bench/main.ts',
    'demo/main.ts',
  ])('%s tells how to pipe it: npm prints lines of its own before it', async (script) => {
    const { out } = await run(script, ['--help']);
    expect(out).toMatch(/npm run --silent \S+ -- .*--json \| jq/);
  });
});
