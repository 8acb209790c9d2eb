/** `npm run bookings` with slots, in processes of their own. */
import { DescribeTableCommand, TagResourceCommand, UntagResourceCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TABLE_TAGS } from '../../functions/contract.ts';
import { keepsTags, NO_TAGS } from '../support/abilities.ts';
import { type Engines, SHARD_COUNT, startEngines } from '../support/engines.ts';
import { expectUsageError, startScript } from '../support/script.ts';

const MINUTE = 60_000;

let engines: Engines;
let hasTags: boolean;
beforeAll(async () => {
  engines = await startEngines();
  hasTags = await keepsTags(engines.rawClient, engines.table);
});
afterAll(() => engines.stop());

const bookings = (...args: string[]) =>
  startScript(
    'commands/bookings.ts',
    [...args, '--table', engines.table, ...(hasTags ? [] : ['--shard-count', String(SHARD_COUNT)])],
    {
      AWS_ACCESS_KEY_ID: 'local',
      AWS_SECRET_ACCESS_KEY: 'local',
      AWS_REGION: 'us-east-1',
      AWS_ENDPOINT_URL_DYNAMODB: engines.dynamodb.endpoint,
      AWS_ENDPOINT_URL_SQS: engines.sqs.endpoint,
      RUNTIME_FILE: '.local/no-such-runtime.json',
    },
  ).ended;
const stateOf = async (slotId: string) => (await engines.slots.lookUp([slotId], Date.now()))[0]?.state;

/** Does something while the table has other tags. */
const withTags = async (tags: Record<string, string | undefined>, act: () => Promise<void>): Promise<void> => {
  const { rawClient, table } = engines;
  const { Table } = await rawClient.send(new DescribeTableCommand({ TableName: table }));
  const ResourceArn = Table?.TableArn;
  const setTags = async (wanted: Record<string, string | undefined>) => {
    for (const [Key, Value] of Object.entries(wanted)) {
      if (Value === undefined) await rawClient.send(new UntagResourceCommand({ ResourceArn, TagKeys: [Key] }));
      else await rawClient.send(new TagResourceCommand({ ResourceArn, Tags: [{ Key, Value }] }));
    }
  };
  await setTags(tags);
  try {
    await act();
  } finally {
    const before: Record<string, string | undefined> = { [TABLE_TAGS.slotsTable]: engines.slotsTable };
    await setTags(Object.fromEntries(Object.keys(tags).map((name) => [name, before[name]])));
  }
};

describe('npm run bookings', () => {
  test('claims slots, says whose they are, takes them and gives them back', async ({ skip }) => {
    skip(!hasTags, NO_TAGS);
    const created = await bookings(
      'create',
      'ann',
      '--hold-seconds',
      '600',
      '--slot',
      'a 1',
      '--slot',
      'a/2',
      '--json',
    );
    expect(JSON.parse(created.out)).toMatchObject({ bookingId: 'ann', status: 'PENDING', slotIds: ['a 1', 'a/2'] });
    const until = JSON.parse(created.out).expiresAt;
    const refused = await bookings('create', 'bob', '--hold-seconds', '600', '--slot', 'a/2', '--slot', 'a 3');
    expect([refused.code, refused.err]).toEqual([
      1,
      expect.stringContaining(`nothing was created: of another booking: a/2 (held until ${until})`),
    ]);
    expect((await bookings('get', 'bob')).err).toContain('there is no booking bob');
    expect((await bookings('extend', 'ann', '--hold-seconds', '1200')).code).toBe(0);
    expect((await bookings('confirm', 'ann')).out).toContain('CONFIRMED');
    expect(await Promise.all(['a 1', 'a/2', 'a 3'].map(stateOf))).toEqual(['TAKEN', 'TAKEN', undefined]);
    expect((await bookings('cancel', 'ann')).out).toContain('CANCELLED');
    expect(await stateOf('a 1')).toBeUndefined();
  });

  test('revives with --revive what was paid late, and refuses for good what has gone to another', async ({ skip }) => {
    skip(!hasTags, NO_TAGS);
    const nowMs = Date.now();
    for (const name of ['late', 'gone']) {
      await engines.store.create({ bookingId: name, holdMs: 5_000, slotIds: [`${name}-1`] }, nowMs - MINUTE);
    }
    await engines.store.create({ bookingId: 'next', holdMs: 10 * MINUTE, slotIds: ['gone-1'] }, nowMs);
    const without = await bookings('confirm', 'late');
    expect([without.code, without.err]).toEqual([1, expect.stringContaining('refused: the booking is EXPIRED')]);
    const revived = JSON.parse((await bookings('confirm', 'late', '--revive', '--json')).out);
    expect(revived).toMatchObject({ status: 'CONFIRMED', revivedAt: expect.any(String) });
    const refused = await bookings('confirm', 'gone', '--revive');
    expect([refused.code, refused.err]).toEqual([1, expect.stringContaining('refused: of another booking: gone-1')]);
    await engines.store.cancel('next', Date.now());
    expect((await bookings('confirm', 'gone', '--revive')).code).toBe(1);
  });

  test.each([
    [['--slot', ''], '--slot must be 1 to 512 bytes of well-formed Unicode, got ""'],
    [['--slot', 'x'.repeat(513)], '--slot must be 1 to 512 bytes of well-formed Unicode, got "xxx'],
    [['--slot', 'a', '--slot', 'a'], '--slot must be a list of 1 to 50 slots, each of them once, got ["a","a"]'],
    [
      Array.from({ length: 51 }, (_, index) => ['--slot', `${index}`]).flat(),
      '--slot must be a list of 1 to 50 slots, each of them once, got ["0",',
    ],
  ])('refuses %j with the reason', async (slots, reason) => {
    const refused = await bookings('create', 'wrong', '--hold-seconds', '60', ...slots);
    expectUsageError(refused, reason, 'npm run bookings');
  });

  test('extends no longer than the deployment allows, and says until when', async ({ skip }) => {
    skip(!hasTags, NO_TAGS);
    const nowMs = Date.now();
    await engines.store.create({ bookingId: 'long', holdMs: 10 * MINUTE, slotIds: ['long-1'] }, nowMs);
    await engines.store.create({ bookingId: 'long-without', holdMs: 10 * MINUTE }, nowMs);
    await withTags({ [TABLE_TAGS.maxHoldSeconds]: '1200' }, async () => {
      for (const name of ['long', 'long-without']) {
        const refused = await bookings('extend', name, '--hold-seconds', '1201');
        const latest = new Date(nowMs + 20 * MINUTE).toISOString();
        expect([refused.code, refused.err]).toEqual([
          1,
          expect.stringContaining(`refused: it may be held until ${latest} at the longest`),
        ]);
        expect((await bookings('extend', name, '--hold-seconds', '900')).code).toBe(0);
      }
    });
  });
});

describe('on a deployment of the version before, which has no slots', () => {
  const onIt = (act: () => Promise<void>) => withTags({ [TABLE_TAGS.slotsTable]: undefined }, act);

  test('bookings with slots are refused, with what to do; nothing is made', async ({ skip }) => {
    skip(!hasTags, NO_TAGS);
    await engines.store.create({ bookingId: 'has-slots', holdMs: 10 * MINUTE, slotIds: ['before-1'] }, Date.now());
    await onIt(async () => {
      for (const args of [
        ['create', 'wants-slots', '--hold-seconds', '600', '--slot', 'before-2'],
        ['confirm', 'has-slots'],
        ['cancel', 'has-slots'],
        ['extend', 'has-slots', '--hold-seconds', '900'],
      ]) {
        const { code, err } = await bookings(...args);
        expect([code, err], args.join(' ')).toEqual([1, expect.stringContaining('this deployment has no slots table')]);
      }
    });
    expect((await engines.store.get('has-slots'))?.status).toBe('PENDING');
    expect(await engines.store.get('wants-slots')).toBeUndefined();
  });

  test('bookings without slots are made and moved as ever', async ({ skip }) => {
    skip(!hasTags, NO_TAGS);
    await onIt(async () => {
      expect((await bookings('create', 'plain', '--hold-seconds', '600')).code).toBe(0);
      expect((await bookings('extend', 'plain', '--hold-seconds', '900')).code).toBe(0);
      expect((await bookings('confirm', 'plain')).out).toContain('CONFIRMED');
      expect((await bookings('cancel', 'plain')).out).toContain('CANCELLED');
    });
  });
});
