/** Slots that an application claims for new bookings, next to those of the service and of strangers. */
import { PutCommand } from '@aws-sdk/lib-dynamodb';
import { beforeEach, describe, expect, test } from 'vitest';
import type { SlotsClient } from '../../client/index.ts';
import { useBookingsApi } from '../support/bookings-api.ts';
import { clientOf, MINUTE, refusal, slotsApplication } from './slots-application.ts';

const api = useBookingsApi();
let client: SlotsClient;
beforeEach(() => {
  client = clientOf(api);
});
const { confirm, create, id, read, slot, slotItems, states, transact } = slotsApplication(api, () => client);

describe('a booking that an application creates', () => {
  test('is what the service creates, with its slots', async () => {
    await create('mine', ['1', '2'], { customerId: 'ann', attributes: { details: { seat: '7A' } } });
    await api.call('POST', '/bookings', {
      bookingId: `theirs-${api.sequence()}`,
      holdSeconds: 60,
      customerId: 'ann',
      details: { seat: '7A' },
      slotIds: [slot('3')],
    });
    const mine = await read(id('mine'));
    const { requestHash: _, ...theirs } = await read(`theirs-${api.sequence()}`);
    const own = { bookingId: id('mine'), slotIds: [slot('1'), slot('2')], pendingShard: expect.any(Number) };
    expect(mine).toEqual({ ...theirs, ...own });
    const [{ slotId: __, bookingId: ___, ...held } = {}] = await slotItems('3');
    expect(await slotItems('1', '2')).toEqual(
      ['1', '2'].map((name) => ({ ...held, slotId: slot(name), bookingId: id('mine') })),
    );
  });

  test('gets all of its slots or is not there, and is told which are whose and until when', async () => {
    await create('first', ['1'], { holdMs: 2 * MINUTE });
    await create('paid', ['2']);
    await confirm('paid');
    expect(await refusal(() => create('second', ['1', '2', '3']))).toEqual({
      kind: 'slots-taken',
      slots: [
        { slotId: slot('1'), bookingId: id('first'), heldUntilMs: api.nowMs() + 2 * MINUTE },
        { slotId: slot('2'), bookingId: id('paid') },
      ],
    });
    expect(await read(id('second'))).toBeUndefined();
    expect(await states('3')).toEqual(['FREE']);
  });

  test('is refused a slot until the millisecond at which its hold lapses, and given it at that one', async () => {
    await create('first', ['1']);
    api.moveBy(MINUTE - 1);
    expect(await refusal(() => create('second', ['1']))).toMatchObject({ kind: 'slots-taken' });
    expect(await states('1')).toEqual(['HELD']);
    api.moveBy(1);
    expect(await states('1')).toEqual(['FREE']);
    await create('second', ['1']);
  });

  test('never takes the place of another with the same id, and recognizes itself', async () => {
    const input = client.create({ bookingId: id('one'), slotIds: [slot('1')], holdMs: MINUTE }, api.nowMs());
    await transact(input);
    expect(await refusal(() => transact(input))).toMatchObject({ kind: 'done' });
    expect(await refusal(() => create('one', ['2']))).toMatchObject({
      kind: 'held',
      expiresAtMs: api.nowMs() + MINUTE,
    });
    expect(await states('2')).toEqual(['FREE']);
  });
});

test('an item of a stranger in the slots table is nobody’s to claim', async () => {
  for (const [name, item] of Object.entries({
    empty: {},
    seconds: { state: 'HELD', heldUntilMs: 1_790_000_000 },
    text: { state: 'HELD', heldUntilMs: 'soon' },
    word: { state: 'FREE', heldUntilMs: 1 },
  })) {
    const { documents, slotsTable } = api.engines();
    await documents.send(new PutCommand({ TableName: slotsTable, Item: { slotId: slot(name), ...item } }));
    expect(await refusal(() => create(name, [name]))).toEqual({ kind: 'slots-taken', slots: [{ slotId: slot(name) }] });
    expect(await states(name)).not.toEqual(['FREE']);
  }
});
