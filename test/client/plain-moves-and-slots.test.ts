/** A booking with slots is moved by no plain update, and what only looks like one is moved as ever. */
import { GetCommand, PutCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { describe, expect, test } from 'vitest';
import { type Attributes, InvalidMoveError, tableClient, type UpdateInput } from '../../client/index.ts';
import { useBookingsApi } from '../support/bookings-api.ts';
import { BOOKINGS, FIVE_TABLES } from '../support/five-tables.ts';
import { NO_SLOTS } from '../support/no-slots.ts';

const MINUTE = 60_000;
const api = useBookingsApi();
const client = tableClient();
/** For the application's own table, whose `slotIds` are whatever it likes. */
const without = tableClient({}, { slots: false });

const id = (name: string) => `${name}-${api.sequence()}`;
const key = (name: string) => ({ bookingId: id(name) });

type Moves = Record<'confirm' | 'cancel' | 'extend', (seen?: Attributes) => UpdateInput>;
const movesOf = (name: string, { confirm, cancel, extend }: Moves = plainMoves(name)) => ({ confirm, cancel, extend });
const plainMoves = (name: string, by = client): Moves => ({
  confirm: (seen) => by.confirm({ key: key(name), status: 'CONFIRMED', ...(seen && { seen }) }, api.nowMs()),
  cancel: (seen) => by.cancel({ key: key(name), status: 'CANCELLED', ...(seen && { seen }) }, api.nowMs()),
  extend: (seen) => by.extend({ key: key(name), holdMs: 2 * MINUTE, seen: seen ?? api.nowMs() + MINUTE }, api.nowMs()),
});

describe('a booking with slots', () => {
  test('is neither confirmed nor cancelled nor extended by a plain update, whatever was seen of it', async () => {
    await api.call('POST', '/bookings', { bookingId: id('one'), holdSeconds: 60, slotIds: ['a', 'b'].map(id) });
    const item = await read('one');
    for (const [move, make] of Object.entries(movesOf('one'))) {
      for (const seen of [item, undefined, { ...item, slotIds: undefined }]) {
        expect(await refusalOf(make(seen)), move).toMatchObject({ kind: 'has-slots', slotIds: ['a', 'b'].map(id) });
      }
      expect(await read('one')).toEqual(item);
    }
  });

  test.each([1, 50])('is one with %i slots', async (count) => {
    const slotIds = Array.from({ length: count }, (_, index) => `${index}-${api.sequence()}`);
    await api.call('POST', '/bookings', { bookingId: id('one'), holdSeconds: 60, slotIds });
    expect(await refusalOf(plainMoves('one').confirm())).toMatchObject({ kind: 'has-slots' });
  });

  test('is not held again when it has expired', async () => {
    await api.call('POST', '/bookings', { bookingId: id('one'), holdSeconds: 60, slotIds: [id('a')] });
    api.moveBy(MINUTE);
    const hold = () => client.hold({ key: key('one'), holdMs: MINUTE }, api.nowMs());
    expect(await refusalOf(hold())).toMatchObject({ kind: 'lapsed' });
    await api.call('GET', `/bookings/${id('one')}`);
    expect(await refusalOf(hold())).toMatchObject({ kind: 'settled', status: 'EXPIRED' });
  });

  test('is moved where the table is said to have none', async () => {
    await api.call('POST', '/bookings', { bookingId: id('one'), holdSeconds: 60, slotIds: [id('a')] });
    await send(plainMoves('one', without).confirm());
    expect(await read('one')).toMatchObject({ status: 'CONFIRMED' });
  });
});

describe.each(NO_SLOTS)('an item whose slotIds are $name', ({ name: kind, value, looksLikeSlots }) => {
  const put = async (name: string): Promise<Attributes> => {
    const Item = {
      ...client.newItem({ key: key(name), holdMs: MINUTE }, api.nowMs()).Item,
      ...(value !== undefined && { slotIds: value }),
    };
    const { documents, table } = api.engines();
    await documents.send(new PutCommand({ TableName: table, Item }));
    return Item;
  };

  test('is moved when it was seen', async () => {
    for (const move of ['confirm', 'cancel', 'extend'] as const) {
      const item = await put(move);
      await send(plainMoves(move)[move](item));
      expect(await read(move), kind).not.toEqual(item);
      expect((await read(move))?.slotIds).toEqual(value);
    }
  });

  test(looksLikeSlots ? 'is refused by what does not see it' : 'is moved unseen', async () => {
    for (const move of ['confirm', 'cancel'] as const) {
      await put(move);
      const made = send(plainMoves(move)[move]()).then(
        () => true,
        () => false,
      );
      expect(await made, `${kind}, ${move}`).toBe(!looksLikeSlots);
    }
  });
});

describe('tables of other shapes', () => {
  const others = FIVE_TABLES.filter((make) => make !== BOOKINGS);

  test.each(others)('such as $name keep their very requests', ({ description, keyOf, paid, cancelled, shape }) => {
    const nowMs = 1_790_000_000_000;
    const table = tableClient(description);
    const unguarded = tableClient(description, { slots: false });
    const item = { ...table.newItem({ key: keyOf('one'), holdMs: MINUTE }, nowMs).Item, slotIds: ['a'] };
    const given = { key: keyOf('one'), seen: item };
    const free = { ...item, [shape.status.attribute]: shape.status.expired };
    const requests = (by: typeof table) => [
      by.confirm({ ...given, status: paid }, nowMs),
      by.cancel({ ...given, status: cancelled }, nowMs),
      by.extend({ ...given, holdMs: 2 * MINUTE }, nowMs),
      by.hold({ key: keyOf('one'), seen: free, holdMs: MINUTE }, nowMs),
    ];
    expect(requests(table)).toEqual(requests(unguarded));
    expect(JSON.stringify(requests(table))).not.toContain('attribute_type');
    // The control: where they are said to have slots, the requests are others.
    expect(requests(tableClient(description, { slots: true }))).not.toEqual(requests(table));
  });

  test('the table of the service does not, whatever else is said of it', () => {
    for (const description of [{}, BOOKINGS.description, { onExpire: { remove: ['held_by'] } }]) {
      const { ConditionExpression } = tableClient(description).confirm({ key: { bookingId: 'a' }, status: 'SOLD' });
      expect(ConditionExpression).toContain('attribute_type');
    }
  });

  test('whether there are slots is said by true or false', () => {
    const make = () => tableClient({}, { slots: 'no' as never });
    expect(make).toThrow(InvalidMoveError);
    expect(make).toThrow('slots must be true or false, got "no"');
  });
});

const send = async (input: UpdateInput): Promise<void> => {
  const { documents, table } = api.engines();
  await documents.send(new UpdateCommand({ TableName: table, ...input }));
};

/** Why a move is not made. */
const refusalOf = async (input: UpdateInput) => {
  try {
    await send(input);
  } catch (error) {
    return client.refusalOf(error, {}, api.nowMs());
  }
  throw new Error('it was made');
};

const read = async (name: string): Promise<Record<string, unknown> | undefined> => {
  const { documents, table } = api.engines();
  return (await documents.send(new GetCommand({ TableName: table, Key: key(name), ConsistentRead: true }))).Item;
};
