/** What docs/slots.md shows, pasted: by curl, in TypeScript and in Python. */
import { execFile, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { DeleteItemCommand, GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PROJECT_DIRECTORY } from '../../service/project.ts';
import type { OwnRuntime } from '../../service/service.ts';
import { startTestRuntime } from '../support/runtime.ts';
import { patientClient } from '../support/store.ts';

const page = readFileSync(join(PROJECT_DIRECTORY, 'docs/slots.md'), 'utf8');
const blockOf = (language: string): string => {
  const [, block = ''] = new RegExp(`\`\`\`${language}\n([\\s\\S]*?)\`\`\``).exec(page) ?? [];
  return block;
};

let runtime: OwnRuntime;
let folder: string;
beforeAll(async () => {
  // No timer marks what the programs must mark.
  runtime = await startTestRuntime({ schedulePeriodMs: 'never', isLost: () => true });
  mkdirSync(join(PROJECT_DIRECTORY, '.local'), { recursive: true });
  folder = mkdtempSync(join(PROJECT_DIRECTORY, '.local', 'slots-document-'));
});
afterAll(async () => {
  await runtime.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** How programs are told where the tables are. */
const tables = () => {
  const { BookingsTableName = '', SlotsTableName = '' } = runtime.outputs;
  return { BOOKINGS_TABLE: BookingsTableName, SLOTS_TABLE: SlotsTableName };
};

// biome-ignore lint/suspicious/noExplicitAny: what a test finds, it compares
const call = async (method: string, path: string, body?: object): Promise<{ status: number; body: any }> => {
  const response = await fetch(`${runtime.outputs.ApiUrl}/api/v1${path}`, {
    method,
    ...(body && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
  });
  return { status: response.status, body: await response.json() };
};
const stateOf = async (slotId: string) => (await call('GET', `/slots/${encodeURIComponent(slotId)}`)).body.state;

test('the requests by curl are answered as the text says', async () => {
  const commands = blockOf('sh').replace('http://127.0.0.1:3000', runtime.outputs.ApiUrl ?? '');
  const { stdout } = await promisify(execFile)('bash', ['-euc', commands]);
  const answers = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  const until = answers[0].expiresAt;
  expect(answers).toMatchObject([
    { status: 'PENDING', slotIds: [expect.stringMatching(/A-1$/), expect.stringMatching(/A-2$/)] },
    { status: 409, slots: [{ slotId: expect.stringMatching(/A-2$/), heldUntil: until }] },
    { state: 'HELD', heldUntil: until },
    { status: 'CONFIRMED' },
    { slots: [{ state: 'TAKEN' }, { state: 'FREE' }] },
  ]);
});

/** Two programs that hold and confirm. Each answers in words of its own. */
interface Program {
  readonly hold: (bookingId: string, slotIds: string[]) => Promise<'held' | 'taken'>;
  readonly paid: (bookingId: string) => Promise<'confirmed' | 'give the money back'>;
}

const inTypeScript = async (): Promise<Program> => {
  const file = join(folder, 'slots.ts');
  const client = pathToFileURL(join(PROJECT_DIRECTORY, 'client/index.ts')).href;
  const own = {
    'booking-expiry/client': client,
    'shop-bookings': tables().BOOKINGS_TABLE,
    'shop-slots': tables().SLOTS_TABLE,
  };
  let code = blockOf('ts');
  for (const [shown, mine] of Object.entries(own)) code = code.replace(`'${shown}'`, JSON.stringify(mine));
  writeFileSync(file, code);
  // Where the SDK looks for the engine.
  Object.assign(process.env, runtime.environment);
  return import(pathToFileURL(file).href);
};

const hasBoto3 = spawnSync('python3', ['-c', 'import boto3']).status === 0;

const inPython = async (): Promise<Program> => {
  const file = join(folder, 'slots.py');
  writeFileSync(
    file,
    `${blockOf('python')}

import json, sys
move, *given = json.load(sys.stdin)
if move == "create":
    try:
        create(*given)
        print("held")
    except dynamodb.exceptions.TransactionCanceledException as error:
        codes = [reason["Code"] for reason in error.response["CancellationReasons"][1:]]
        print("taken" if "ConditionalCheckFailed" in codes else codes)
else:
    print("confirmed" if confirm(*given) else "give the money back")
`,
  );
  // Not in one go: the guard before the engine is in this process, and has to answer.
  const run = async (...given: unknown[]) => {
    const env = { ...process.env, ...runtime.environment, ...tables() };
    const started = promisify(execFile)('python3', [file], { env, timeout: 60_000 });
    started.child.stdin?.end(JSON.stringify(given));
    return (await started).stdout.trim() as never;
  };
  return {
    hold: async (bookingId, slotIds) => run('create', bookingId, slotIds, 600_000),
    paid: async (bookingId) => run('confirm', bookingId),
  };
};

describe.each([
  ['TypeScript', inTypeScript, true],
  ['Python', inPython, hasBoto3],
] as const)('the program in %s', (language, start, isThere) => {
  test('holds, confirms and refuses as the service does', async ({ skip }) => {
    skip(!isThere, 'it needs Python 3 with boto3: python3 -m pip install boto3');
    const { hold, paid } = await start();
    const id = (name: string) => `${language}/${name}`;
    expect(await hold(id('ann'), ['1', '2'].map(id))).toBe('held');
    expect(await hold(id('bob'), ['2', '3'].map(id))).toBe('taken');
    expect((await call('POST', '/bookings', { holdSeconds: 60, slotIds: [id('1')] })).status).toBe(409);
    expect(await paid(id('ann'))).toBe('confirmed');
    expect(await paid(id('ann'))).toBe('confirmed');
    expect(await Promise.all(['1', '2', '3'].map((name) => stateOf(id(name))))).toEqual(['TAKEN', 'TAKEN', 'FREE']);
    // The service and the program move each other’s bookings.
    const theirs = `theirs-${language}`;
    await call('POST', '/bookings', { bookingId: theirs, holdSeconds: 60, slotIds: [id('4')] });
    expect(await paid(theirs)).toBe('confirmed');
    // A hold that lapsed is given to the next, and one that was settled without its slots is not.
    for (const [name, status] of [
      ['over', 'PENDING'],
      ['paid', 'CONFIRMED'],
    ]) {
      const raw = patientClient(runtime.dynamodbEndpoint);
      const [booking, slotId] = [{ S: `${language}-${name}` }, { S: id(`of ${name}`) }];
      const until = { N: String(Date.now() - 1_000) };
      await raw.send(
        new PutItemCommand({
          TableName: tables().BOOKINGS_TABLE,
          Item: { bookingId: booking, status: { S: status ?? '' }, expiresAtMs: until, slotIds: { L: [slotId] } },
        }),
      );
      const Item = { slotId, bookingId: booking, state: { S: 'HELD' }, heldUntilMs: until };
      await raw.send(new PutItemCommand({ TableName: tables().SLOTS_TABLE, Item }));
    }
    expect(await hold(id('next'), [id('of over')])).toBe('held');
    expect((await call('GET', `/bookings/${language}-over`)).body.status).toBe('EXPIRED');
    expect(await hold(id('next but one'), [id('of paid')])).toBe('taken');
    await hold(id('carl'), [id('5')]);
    expect((await call('POST', `/bookings/${encodeURIComponent(id('carl'))}/confirm`)).body.status).toBe('CONFIRMED');
  });

  test('marks a booking that lapsed before it gives the money back: an earlier try may be on its way', async ({
    skip,
  }) => {
    skip(!isThere, 'it needs Python 3 with boto3: python3 -m pip install boto3');
    const { paid } = await start();
    const [bookingId, slotId] = [`${language}-late`, { S: `${language} of late` }];
    const TableName = tables().BOOKINGS_TABLE;
    const raw = patientClient(runtime.dynamodbEndpoint);
    const until = { N: String(Date.now() - 1_000) };
    const Item = {
      bookingId: { S: bookingId },
      status: { S: 'PENDING' },
      expiresAtMs: until,
      slotIds: { L: [slotId] },
    };
    await raw.send(new PutItemCommand({ TableName, Item }));
    expect(await paid(bookingId)).toBe('give the money back');
    const read = await raw.send(
      new GetItemCommand({ TableName, Key: { bookingId: Item.bookingId }, ConsistentRead: true }),
    );
    expect(read.Item).toMatchObject({ status: { S: 'EXPIRED' }, expiredBy: { S: 'read' } });
  });

  test('gives the money back for good once a slot is another’s', async ({ skip }) => {
    skip(!isThere, 'it needs Python 3 with boto3: python3 -m pip install boto3');
    const { hold, paid } = await start();
    const id = (name: string) => `${language}-lost-${name}`;
    await hold(id('ann'), [id('1')]);
    // By hand: else nobody could claim what is held.
    const Key = { slotId: { S: id('1') } };
    await patientClient(runtime.dynamodbEndpoint).send(new DeleteItemCommand({ TableName: tables().SLOTS_TABLE, Key }));
    await hold(id('bob'), [id('1')]);
    expect(await paid(id('ann'))).toBe('give the money back');
    await call('POST', `/bookings/${id('bob')}/cancel`);
    expect(await stateOf(id('1'))).toBe('FREE');
    expect(await paid(id('ann'))).toBe('give the money back');
    expect((await call('GET', `/bookings/${id('ann')}`)).body).toMatchObject({
      status: 'PENDING',
      slotsLostAt: expect.any(String),
    });
    expect((await call('POST', `/bookings/${id('ann')}/confirm`)).status).toBe(409);
  });
});
