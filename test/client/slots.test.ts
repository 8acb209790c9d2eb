/** Bookings with slots, moved by an application itself: on a real engine, next to the service's HTTP API. */
import { beforeEach, describe, expect, test } from 'vitest';
import { type SlotsClient, slotsClient } from '../../client/index.ts';
import { iso } from '../../functions/runtime/clock.ts';
import { useBookingsApi } from '../support/bookings-api.ts';
import { SHARD_COUNT } from '../support/engines.ts';
import { clientOf, HOUR, MINUTE, refusal, slotsApplication } from './slots-application.ts';

const api = useBookingsApi();
let client: SlotsClient;
beforeEach(() => {
  client = clientOf(api);
});
const { cancel, confirm, create, deleteByHand, extend, http, id, read, revive, slot, states, transact, update } =
  slotsApplication(api, () => client);

describe('a confirmation', () => {
  test('takes the slots for good, and says the same when it is repeated', async () => {
    await create('paid', ['1', '2']);
    const seen = await read(id('paid'));
    await transact(client.confirm({ seen, set: { receipt: 7 } }, api.nowMs() + MINUTE - 1));
    const { body } = await http('GET', 'paid');
    expect(body).toMatchObject({ status: 'CONFIRMED', confirmedAt: iso(api.nowMs() + MINUTE - 1) });
    expect(await read(id('paid'))).toMatchObject({ receipt: 7 });
    expect(await states('1', '2')).toEqual(['TAKEN', 'TAKEN']);
    expect(await refusal(() => transact(client.confirm({ seen }, api.nowMs())))).toMatchObject({ kind: 'done' });
  });

  test('at the deadline is refused', async () => {
    await create('late', ['1']);
    api.moveBy(MINUTE);
    expect(await refusal(() => confirm('late'))).toMatchObject({ kind: 'lapsed', expiresAtMs: api.nowMs() });
    expect(await states('1')).toEqual(['FREE']);
  });

  test('whose slot is another’s by now is refused, and refused for good once that is noted', async () => {
    await create('slow', ['1', '2']);
    await deleteByHand('2');
    await create('fast', ['2']);
    const seen = await read(id('slow'));
    const refused = await refusal(() => transact(client.confirm({ seen }, api.nowMs())));
    expect(refused).toEqual({
      kind: 'slots-taken',
      slots: [{ slotId: slot('2'), bookingId: id('fast'), heldUntilMs: api.nowMs() + MINUTE }],
    });
    await update(client.loseSlots({ seen, slotIds: [slot('2')] }, api.nowMs()));
    await cancel('fast');
    const lost = { kind: 'slots-lost', slotIds: [slot('2')] };
    expect(client.lostSlotsOf(await read(id('slow')))).toEqual([slot('2')]);
    expect(await refusal(() => confirm('slow'))).toMatchObject(lost);
    expect(await refusal(() => extend('slow', HOUR))).toMatchObject(lost);
    expect(await refusal(() => update(client.loseSlots({ seen, slotIds: [slot('2')] }, api.nowMs())))).toMatchObject(
      lost,
    );
    // The service says the same.
    expect((await http('POST', 'slow', '/confirm')).body).toMatchObject({
      status: 409,
      slots: [{ slotId: slot('2') }],
    });
    api.moveBy(MINUTE);
    expect((await http('POST', 'slow', '/confirm', { ifLapsed: 'revive' })).status).toBe(409);
    expect(await refusal(() => revive('slow'))).toMatchObject(lost);
  });

  test('that was refused cannot be noted once somebody has confirmed it after all', async () => {
    await create('one', ['1']);
    const seen = await read(id('one'));
    await confirm('one');
    expect(await refusal(() => update(client.loseSlots({ seen, slotIds: [slot('1')] }, api.nowMs())))).toMatchObject({
      kind: 'settled',
      status: 'CONFIRMED',
    });
  });
});

describe('a cancellation', () => {
  test('gives the slots back at once, held or paid', async () => {
    await create('held', ['1']);
    await cancel('held');
    await create('paid', ['1']);
    await confirm('paid');
    await cancel('paid');
    expect(await states('1')).toEqual(['FREE']);
    expect((await http('GET', 'paid')).body).toMatchObject({ status: 'CANCELLED', cancelledAt: iso(api.nowMs()) });
  });

  test('seen before the payment does not undo it', async () => {
    await create('paid', ['1']);
    const seen = await read(id('paid'));
    await confirm('paid');
    expect(await refusal(() => transact(client.cancel({ seen }, api.nowMs())))).toMatchObject({ status: 'CONFIRMED' });
    expect(await states('1')).toEqual(['TAKEN']);
  });

  test('leaves slots alone that are another’s', async () => {
    await create('slow', ['1', '2']);
    await deleteByHand('2');
    await create('fast', ['2']);
    const seen = await read(id('slow'));
    const refused = await refusal(() => transact(client.cancel({ seen }, api.nowMs())));
    expect(refused).toMatchObject({ kind: 'slots-taken', slots: [{ slotId: slot('2') }] });
    await transact(client.cancel({ seen, except: [slot('2')] }, api.nowMs()));
    expect((await http('GET', 'slow')).body.status).toBe('CANCELLED');
    expect(await states('1', '2')).toEqual(['FREE', 'HELD']);
  });
});

describe('an extension', () => {
  test('holds the slots for as long as the booking', async () => {
    await create('one', ['1']);
    await extend('one', HOUR);
    expect((await http('GET', 'one')).body.expiresAt).toBe(iso(api.nowMs() + HOUR));
    api.moveBy(HOUR - 1);
    expect(await refusal(() => create('two', ['1']))).toMatchObject({ kind: 'slots-taken' });
    await confirm('one');
  });

  test('that arrives late does not undo a newer one', async () => {
    await create('one', ['1']);
    const seen = await read(id('one'));
    const late = client.extend({ seen, holdMs: 2 * MINUTE }, api.nowMs());
    await extend('one', HOUR);
    expect(await refusal(() => transact(late))).toMatchObject({ kind: 'held', expiresAtMs: api.nowMs() + HOUR });
    const same = client.extend({ seen, holdMs: HOUR }, api.nowMs());
    expect(await refusal(() => transact(same))).toMatchObject({ kind: 'done' });
  });

  test('without the count of shards leaves the booking where it is in the index', async () => {
    const { table, slotsTable } = api.engines();
    client = slotsClient({ bookingsTable: table, slotsTable });
    await api.call('POST', '/bookings', { bookingId: `one-${api.sequence()}`, holdSeconds: 60, slotIds: [slot('1')] });
    const seen = await read(`one-${api.sequence()}`);
    await transact(client.extend({ seen, holdMs: HOUR }, api.nowMs()));
    expect(await read(`one-${api.sequence()}`)).toMatchObject({ pendingShard: seen.pendingShard });
    await create('bare', ['2']);
    expect(await read(id('bare'))).not.toHaveProperty('pendingShard');
  });
});

describe('a revival', () => {
  test('confirms what was paid late, while its slots are free or its own', async () => {
    await create('late', ['1', '2']);
    api.moveBy(MINUTE);
    expect(await refusal(() => revive('late'))).toMatchObject({ kind: 'lapsed' });
    await update(client.expire({ seen: await read(id('late')) }, api.nowMs()));
    await create('other', ['2'], { holdMs: 30_000 });
    api.moveBy(30_000);
    await revive('late');
    expect((await http('GET', 'late')).body).toMatchObject({
      status: 'CONFIRMED',
      revivedAt: iso(api.nowMs()),
      expiredAt: iso(api.nowMs() - 30_000),
    });
    expect(await states('1', '2')).toEqual(['TAKEN', 'TAKEN']);
    expect(await refusal(() => revive('other'))).toMatchObject({ kind: 'slots-taken' });
  });

  test('is refused while a slot is another’s', async () => {
    await create('late', ['1', '2']);
    api.moveBy(MINUTE);
    const lapsed = await read(id('late'));
    await update(client.expire({ seen: lapsed }, api.nowMs()));
    await create('other', ['2']);
    expect(await refusal(() => update(client.expire({ seen: lapsed }, api.nowMs())))).toMatchObject({ kind: 'done' });
    expect(await refusal(() => revive('late'))).toMatchObject({ kind: 'slots-taken', slots: [{ slotId: slot('2') }] });
    expect(await states('1')).toEqual(['FREE']);
  });

  test('of a booking that is not lapsed is refused, and so is an expiry', async () => {
    await create('one', ['1']);
    expect(await refusal(() => revive('one'))).toMatchObject({ kind: 'held' });
    const seen = await read(id('one'));
    expect(await refusal(() => update(client.expire({ seen }, api.nowMs() + MINUTE - 1)))).toMatchObject({
      kind: 'held',
    });
  });
});

test('settled bookings get what the deployment has them get: a day to be deleted, a place in the list', async () => {
  const { table, slotsTable } = api.engines();
  await create('one', ['1']);
  client = slotsClient({
    bookingsTable: table,
    slotsTable,
    shardCount: SHARD_COUNT,
    retentionDays: 30,
    listSettled: true,
  });
  await confirm('one');
  expect(await read(id('one'))).toMatchObject({
    purgeAt: Math.ceil(api.nowMs() / 1_000) + 30 * 86_400,
    settledIn: expect.stringMatching(/^CONFIRMED#\d$/),
    settledAtMs: api.nowMs(),
  });
});

describe('what was seen', () => {
  test('may have the form of the DynamoDB API, as refusals give it', async () => {
    await create('one', ['1', '2']);
    const refused = await refusal(() => create('one', ['3']));
    if (refused?.kind !== 'held') throw new Error('it must be held');
    const { item } = refused;
    await transact(client.extend({ seen: item, holdMs: HOUR }, api.nowMs()));
    expect(await states('1', '2')).toEqual(['HELD', 'HELD']);
  });

  test('with other slots than the booking has changes nothing', async () => {
    await create('one', ['1', '2']);
    const seen = { ...(await read(id('one'))), slotIds: [slot('1')] };
    for (const move of [client.confirm({ seen }, api.nowMs()), client.cancel({ seen }, api.nowMs())]) {
      expect(await refusal(() => transact(move))).toMatchObject({ kind: 'held' });
    }
    expect(await states('1', '2')).toEqual(['HELD', 'HELD']);
  });

  test('of a booking that is gone is told as missing', async () => {
    await create('one', ['1']);
    const seen = await read(id('one'));
    await cancel('one');
    await http('DELETE', 'one');
    expect(await refusal(() => transact(client.confirm({ seen }, api.nowMs())))).toEqual({ kind: 'missing' });
  });
});
