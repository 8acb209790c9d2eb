/** Bookings with slots over the HTTP API, on real engines. */
import { DeleteItemCommand, PutItemCommand, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import { describe, expect, test } from 'vitest';
import { iso } from '../../functions/runtime/clock.ts';
import { useBookingsApi } from '../support/bookings-api.ts';

const api = useBookingsApi();
/** Names that no other test has. */
const id = (name: string) => `${name}-${api.sequence()}`;
const slot = (name: string) => `friday-20h/${name}-${api.sequence()}`;

const hold = (name: string, slots: string[], holdSeconds = 60) =>
  api.call('POST', '/bookings', { bookingId: id(name), holdSeconds, slotIds: slots.map(slot) });
const confirm = (name: string, body?: object) => api.call('POST', `/bookings/${id(name)}/confirm`, body);
const revive = (name: string) => confirm(name, { ifLapsed: 'revive' });
const cancel = (name: string) => api.call('POST', `/bookings/${id(name)}/cancel`);
const extend = (name: string, holdSeconds: number) => api.call('POST', `/bookings/${id(name)}/extend`, { holdSeconds });
const stateOf = async (name: string) => (await api.call('GET', `/slots/${encodeURIComponent(slot(name))}`)).body.state;
const taken = (...names: string[]) => names.map((name) => expect.objectContaining({ slotId: slot(name) }));

describe('a slot', () => {
  test('is refused to the next until the millisecond at which its hold lapses, and given at that one', async () => {
    expect((await hold('first', ['1'])).status).toBe(201);
    const untilMs = api.nowMs() + 60_000;
    api.moveBy(59_999);
    const refused = await hold('second', ['1']);
    expect([refused.status, refused.body.type]).toEqual([409, 'urn:booking-expiry:problem:slots-taken']);
    expect(refused.body.slots).toEqual([{ slotId: slot('1'), heldUntil: iso(untilMs) }]);
    expect(await stateOf('1')).toBe('HELD');
    api.moveBy(1);
    expect(await stateOf('1')).toBe('FREE');
    expect((await hold('second', ['1'])).status).toBe(201);
  });

  test.each(['row 1/seat 2', 'a//b', '50%', '100%25', 'a?b#c', '日本', '__proto__', 'lookup', '%2F'])(
    'that is named %s is found by its escaped name',
    async (name) => {
      const slotId = `${id('named')} ${name}`;
      await api.call('POST', '/bookings', { holdSeconds: 60, slotIds: [slotId] });
      const found = await api.call('GET', `/slots/${encodeURIComponent(slotId)}`);
      expect([found.status, found.body]).toMatchObject([200, { slotId, state: 'HELD' }]);
    },
  );

  test('is found too where the gateway has decoded its name', async () => {
    const slotId = `${id('named')}/seat 2`;
    await api.call('POST', '/bookings', { holdSeconds: 60, slotIds: [slotId] });
    expect((await api.call('GET', `/slots/${slotId}`)).body).toMatchObject({ slotId, state: 'HELD' });
    expect((await api.call('POST', `/slots/${slotId}`)).status).toBe(405);
  });

  test('that no URL can end in is looked up', async () => {
    const looked = await api.call('POST', '/slots/lookup', { slotIds: ['.', '..'] });
    expect(looked.body.slots).toEqual([
      { slotId: '.', state: 'FREE' },
      { slotId: '..', state: 'FREE' },
    ]);
  });

  test('that went to the next cannot come back to the booking that nothing has marked', async () => {
    await hold('first', ['1']);
    api.moveBy(60_000);
    await hold('second', ['1']);
    expect((await confirm('first')).body).toMatchObject({ status: 409, found: 'EXPIRED' });
    expect((await extend('first', 60)).body).toMatchObject({ status: 409, found: 'EXPIRED' });
    expect((await revive('first')).body).toMatchObject({ status: 409, slots: taken('1') });
    expect((await confirm('second')).body.status).toBe('CONFIRMED');
  });

  test('is TAKEN once its booking is confirmed, for good', async () => {
    await hold('first', ['1', '2']);
    expect((await confirm('first')).body).toMatchObject({ status: 'CONFIRMED', slotIds: ['1', '2'].map(slot) });
    api.moveBy(400 * 86_400_000);
    expect(await stateOf('1')).toBe('TAKEN');
    expect((await hold('second', ['2', '3'])).body.slots).toEqual([{ slotId: slot('2') }]);
    expect(await stateOf('3')).toBe('FREE');
  });

  test('is free again when its booking is cancelled, held or paid', async () => {
    await hold('held', ['1']);
    await cancel('held');
    await hold('paid', ['1']);
    await confirm('paid');
    await cancel('paid');
    expect(await stateOf('1')).toBe('FREE');
    expect((await hold('next', ['1'])).status).toBe(201);
  });

  test('is held for as long as its booking is extended', async () => {
    await hold('first', ['1']);
    expect((await extend('first', 600)).status).toBe(200);
    api.moveBy(599_999);
    expect((await hold('second', ['1'])).status).toBe(409);
    api.moveBy(1);
    expect((await hold('second', ['1'])).status).toBe(201);
  });

  test('that an item of a stranger makes unreadable is nobody’s to claim', async () => {
    for (const [name, item] of Object.entries({
      empty: {},
      seconds: { state: { S: 'HELD' }, heldUntilMs: { N: '1790000000' } },
      text: { state: { S: 'HELD' }, heldUntilMs: { S: 'soon' } },
      word: { state: { S: 'FREE' }, heldUntilMs: { N: '1' } },
    })) {
      const { rawClient, slotsTable } = api.engines();
      await rawClient.send(new PutItemCommand({ TableName: slotsTable, Item: { slotId: { S: slot(name) }, ...item } }));
      expect((await hold(name, [name])).status).toBe(409);
      expect(await stateOf(name)).not.toBe('FREE');
    }
  });
});

describe('a booking with slots', () => {
  test('gets all of them or is not there', async () => {
    await hold('first', ['2']);
    const refused = await hold('second', ['1', '2', '3']);
    expect(refused.body.slots).toEqual(taken('2'));
    expect((await api.call('GET', `/bookings/${id('second')}`)).status).toBe(404);
    expect([await stateOf('1'), await stateOf('3')]).toEqual(['FREE', 'FREE']);
  });

  test('that is asked for again is answered as it is, and holds no longer for it', async () => {
    const first = await hold('first', ['1']);
    api.moveBy(1_000);
    const again = await hold('first', ['1']);
    expect([again.status, again.body.expiresAt]).toEqual([200, first.body.expiresAt]);
    expect((await hold('first', ['2'])).body.type).toBe('urn:booking-expiry:problem:booking-exists');
    expect(await stateOf('2')).toBe('FREE');
  });

  test('that is confirmed, cancelled and extended again is answered as it is', async () => {
    await hold('paid', ['1']);
    await confirm('paid');
    expect((await confirm('paid')).body.status).toBe('CONFIRMED');
    expect((await extend('paid', 60)).status).toBe(409);
    await cancel('paid');
    await hold('next', ['1']);
    expect((await cancel('paid')).body.status).toBe('CANCELLED');
    // What a late repetition gives back is not the next one’s.
    expect(await stateOf('1')).toBe('HELD');
  });

  test.each([
    ['no list', 'table-7'],
    ['an empty list', []],
    ['a slot twice', ['a', 'a']],
    ['too many', Array.from({ length: 51 }, (_, index) => `seat-${index}`)],
    ['an empty name', ['']],
    ['too long a name', ['é'.repeat(257)]],
    ['half a character', ['\ud800']],
    ['a number', [7]],
  ])('is refused for %s', async (_, slotIds) => {
    const { status, body } = await api.call('POST', '/bookings', { holdSeconds: 60, slotIds });
    expect([status, body.errors[0].pointer]).toEqual([400, expect.stringMatching(/^\/slotIds/)]);
  });

  test('may have fifty', async () => {
    const names = Array.from({ length: 50 }, (_, index) => `seat ${index} 座`);
    expect((await hold('many', names)).status).toBe(201);
    expect((await confirm('many')).body.slotIds).toHaveLength(50);
    expect((await hold('one', names.slice(49))).status).toBe(409);
  });
});

describe('a booking that another program moves by itself, and leaves its slots as they were', () => {
  /** As any program may that knows the rules of bookings, and nothing of slots. */
  const byItself = (name: string, update: string, values: Record<string, { N: string } | { S: string }>) => {
    const { rawClient, table } = api.engines();
    return rawClient.send(
      new UpdateItemCommand({
        TableName: table,
        Key: { bookingId: { S: id(name) } },
        UpdateExpression: update,
        ConditionExpression: '#status = :pending AND expiresAtMs > :now',
        ExpressionAttributeNames: { '#status': 'status' },
        ExpressionAttributeValues: { ':pending': { S: 'PENDING' }, ':now': { N: String(api.nowMs()) }, ...values },
      }),
    );
  };

  test.each(['CONFIRMED', 'paid by voucher'])('keeps its slots when it becomes %s', async (word) => {
    await hold('direct', ['1', '2']);
    await byItself('direct', 'SET #status = :word REMOVE pendingShard', { ':word': { S: word } });
    api.moveBy(60_000);
    expect(await stateOf('1')).toBe('TAKEN');
    expect((await hold('next', ['1'])).body.slots).toEqual([{ slotId: slot('1') }]);
    await hold('late', ['3']);
    api.moveBy(60_000);
    expect((await api.call('POST', '/slots/lookup', { slotIds: ['2', '3'].map(slot) })).body.slots).toMatchObject([
      { state: 'TAKEN', bookingId: id('direct') },
      { state: 'FREE' },
    ]);
  });

  test('keeps its slots for as long as it is extended', async () => {
    await hold('direct', ['1']);
    const untilMs = api.nowMs() + 120_000;
    await byItself('direct', 'SET expiresAtMs = :until', { ':until': { N: String(untilMs) } });
    api.moveBy(119_999);
    expect((await hold('next', ['1'])).body.slots).toEqual([{ slotId: slot('1'), heldUntil: iso(untilMs) }]);
    expect(await stateOf('1')).toBe('HELD');
    api.moveBy(1);
    expect((await hold('next', ['1'])).status).toBe(201);
  });

  test('is marked before its slot goes to another: no payment that is on its way can land any more', async () => {
    await hold('first', ['1']);
    api.moveBy(60_000);
    await hold('next', ['1']);
    const stored = await api.engines().store.get(id('first'));
    expect(stored).toMatchObject({ status: 'EXPIRED', expiredBy: 'read', expiredAtMs: api.nowMs() });
  });

  test('keeps a slot no longer when it is gone, or another booking with its id has other slots', async () => {
    const { rawClient, table } = api.engines();
    for (const name of ['gone', 'other']) await hold(name, [name]);
    await rawClient.send(new DeleteItemCommand({ TableName: table, Key: { bookingId: { S: id('gone') } } }));
    await rawClient.send(new DeleteItemCommand({ TableName: table, Key: { bookingId: { S: id('other') } } }));
    await hold('other', ['elsewhere'], 600);
    api.moveBy(60_000);
    expect([await stateOf('gone'), await stateOf('other')]).toEqual(['FREE', 'FREE']);
    expect((await hold('next', ['gone', 'other'])).status).toBe(201);
  });
});

describe('a revival', () => {
  test('confirms a booking that was paid late, while its slots are free or its own', async () => {
    await hold('late', ['1', '2']);
    api.moveBy(60_000);
    await hold('other', ['2'], 30);
    api.moveBy(30_000);
    const { status, body } = await revive('late');
    expect([status, body]).toMatchObject([
      200,
      { status: 'CONFIRMED', revivedAt: iso(api.nowMs()), confirmedAt: iso(api.nowMs()) },
    ]);
    // It was marked when its slot went to the other.
    expect(body.expiredAt).toBe(iso(api.nowMs() - 30_000));
    expect([await stateOf('1'), await stateOf('2')]).toEqual(['TAKEN', 'TAKEN']);
    expect((await revive('late')).body).toEqual(body);
    expect((await confirm('late')).body).toEqual(body);
    // The one that held it meanwhile has lapsed itself.
    expect((await revive('other')).body.slots).toEqual(taken('2'));
  });

  test('that is refused is refused for good: the money has gone back', async () => {
    await hold('late', ['1', '2']);
    api.moveBy(60_000);
    await hold('other', ['2']);
    const refused = await revive('late');
    expect([refused.status, refused.body.slots]).toEqual([409, [{ slotId: slot('2') }]]);
    await cancel('other');
    expect((await revive('late')).body).toEqual(refused.body);
    expect((await confirm('late')).body).toEqual(refused.body);
    const { body } = await api.call('GET', `/bookings/${id('late')}`);
    expect(body).toMatchObject({ status: 'EXPIRED', slotsLostAt: iso(api.nowMs()) });
    expect(await stateOf('1')).toBe('FREE');
  });

  test('is an ordinary confirmation before the deadline', async () => {
    await hold('paid', ['1']);
    expect((await revive('paid')).body).not.toHaveProperty('revivedAt');
  });

  test('is for bookings with slots only: of others nobody knows who else was given what', async () => {
    await api.create(id('plain'));
    api.moveBy(60_000);
    expect((await revive('plain')).body).toMatchObject({ status: 409, found: 'EXPIRED' });
  });

  test('does not bring back what was cancelled', async () => {
    await hold('gone', ['1']);
    await cancel('gone');
    api.moveBy(60_000);
    expect((await revive('gone')).body).toMatchObject({ status: 409, found: 'CANCELLED' });
    expect(await stateOf('1')).toBe('FREE');
  });

  test.each([{ ifLapsed: 'always' }, { ifLapsed: true }, { iflapsed: 'revive' }, ['revive']])(
    'is refused for %j',
    async (body) => {
      await hold('any', ['1']);
      expect((await confirm('any', body)).status).toBe(400);
    },
  );
});

describe('a lookup', () => {
  test('says of each slot what it is, in the order in which they were asked for', async () => {
    await hold('held', ['1']);
    await hold('paid', ['2']);
    await confirm('paid');
    const slotIds = ['3', '2', '1'].map(slot);
    const { body } = await api.call('POST', '/slots/lookup', { slotIds });
    expect(body).toEqual({
      asOf: iso(api.nowMs()),
      slots: [
        { slotId: slot('3'), state: 'FREE' },
        { slotId: slot('2'), state: 'TAKEN', bookingId: id('paid') },
        { slotId: slot('1'), state: 'HELD', bookingId: id('held'), heldUntil: iso(api.nowMs() + 60_000) },
      ],
    });
  });

  test.each([{}, { slotIds: [] }, { slotIds: Array.from({ length: 101 }, (_, index) => `${index}`) }, undefined])(
    'is refused for %j',
    async (body) => {
      expect((await api.call('POST', '/slots/lookup', body)).status).toBeGreaterThanOrEqual(400);
    },
  );

  test('of a slot that is named like the route finds it', async () => {
    expect((await api.call('GET', '/slots/lookup')).body).toEqual({ slotId: 'lookup', state: 'FREE' });
  });
});
