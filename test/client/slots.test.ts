/** Bookings with slots, moved by an application itself: on a real engine, next to the service's HTTP API. */
import {
  BatchGetCommand,
  DeleteCommand,
  GetCommand,
  PutCommand,
  TransactWriteCommand,
  type TransactWriteCommandInput,
  UpdateCommand,
  type UpdateCommandInput,
} from '@aws-sdk/lib-dynamodb';
import { beforeEach, describe, expect, test } from 'vitest';
import {
  type Attributes,
  type LapsedSlot,
  type SlotsClient,
  type SlotsRefusal,
  slotsClient,
  type TransactInput,
  type UpdateOfTable,
} from '../../client/index.ts';
import { iso } from '../../functions/runtime/clock.ts';
import { useBookingsApi } from '../support/bookings-api.ts';
import { SHARD_COUNT } from '../support/engines.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

const api = useBookingsApi();
let client: SlotsClient;
beforeEach(() => {
  const { table, slotsTable } = api.engines();
  client = slotsClient({ bookingsTable: table, slotsTable, shardCount: SHARD_COUNT });
});

/** Names that no other test has. */
const id = (name: string) => `${name} №${api.sequence()}`;
const slot = (name: string) => `friday-20h/${name}/${api.sequence()}`;

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

describe('races of applications with the HTTP API', () => {
  const ten = Array.from({ length: 10 }, (_, index) => index);

  test('for one slot: one booking has it, whoever it is of', async () => {
    const own = ten.map((each) => made(() => create(`own-${each}`, ['1'])));
    const others = ten.map(async (each) => {
      const body = { bookingId: `http-${each}-${api.sequence()}`, holdSeconds: 60, slotIds: [slot('1')] };
      return (await api.call('POST', '/bookings', body)).status === 201;
    });
    const winners = (await Promise.all([...own, ...others])).filter(Boolean);
    expect(winners).toHaveLength(1);
    expect(await states('1')).toEqual(['HELD']);
  });

  test('of a confirmation, a cancellation and an expiry: one of them is made, and the slots say the same', async () => {
    for (const each of ten) {
      const name = `race-${each}`;
      await create(name, [name, `${name}b`]);
      await Promise.all([
        made(() => confirm(name)),
        http('POST', name, '/cancel'),
        http('POST', name, '/confirm'),
        made(() => extend(name, HOUR)),
      ]);
      const { status } = (await http('GET', name)).body;
      const state = { PENDING: 'HELD', CONFIRMED: 'TAKEN', CANCELLED: 'FREE' }[status as string];
      expect(await states(name, `${name}b`)).toEqual([state, state]);
    }
  });

  test('with clocks that are hours off: no slot is two bookings’', async () => {
    const clocks = [-3 * HOUR, -1, 0, MINUTE, 3 * HOUR];
    for (const [round, mine] of clocks.entries()) {
      for (const [turn, theirs] of clocks.entries()) {
        const [slow, fast] = [`slow-${round}-${turn}`, `fast-${round}-${turn}`];
        const wanted = `${round}-${turn}`;
        await create(slow, [wanted], {}, api.nowMs() + mine);
        await made(() => create(fast, [wanted], {}, api.nowMs() + theirs));
        for (const [name, clock] of [
          [slow, mine],
          [fast, theirs],
        ] as const) {
          const seen = await read(id(name));
          if (seen) await made(() => transact(client.confirm({ seen }, api.nowMs() + clock)));
        }
        const confirmed = await Promise.all(
          [slow, fast].map(async (name) => (await read(id(name)))?.status === 'CONFIRMED'),
        );
        expect(confirmed.filter(Boolean), `clocks ${mine} and ${theirs}`).toHaveLength(1);
        const [item] = await slotItems(wanted);
        expect(item).toMatchObject({ state: 'TAKEN', bookingId: id(confirmed[0] ? slow : fast) });
      }
    }
  });
});

const create = (
  name: string,
  slots: readonly string[],
  { holdMs = MINUTE, ...given }: { holdMs?: number; customerId?: string; attributes?: Attributes } = {},
  nowMs = api.nowMs(),
) =>
  claim(
    (lapsed) => client.create({ bookingId: id(name), slotIds: slots.map(slot), holdMs, lapsed, ...given }, nowMs),
    nowMs,
  );

/** Asks the bookings whose holds have lapsed, as the text of the refusal says, and then claims their slots. */
const claim = async (make: (lapsed: LapsedSlot[]) => TransactInput, nowMs: number): Promise<void> => {
  let lapsed: LapsedSlot[] = [];
  for (let tries = 0; tries < 10; tries += 1) {
    try {
      await transact(make(lapsed), nowMs);
      return;
    } catch (error) {
      const refused = error instanceof Refused ? error.refusal : client.refusalOf(error, { TransactItems: [] }, nowMs);
      if (refused === undefined) throw error;
      if (refused.kind !== 'slots-lapsed') throw new Refused(refused);
      lapsed = await Promise.all(
        refused.slots.map(async ({ bookingId = '', slot }) => ({ slot, owner: await marked(bookingId, nowMs) })),
      );
    }
  }
  throw new Error('others had it each time');
};

/** A booking that has been marked, if it has lapsed. */
const marked = async (bookingId: string, nowMs: number): Promise<Attributes | undefined> => {
  const seen = await read(bookingId);
  if (seen?.status === 'PENDING') await made(() => update(client.expire({ seen }, nowMs), nowMs));
  return read(bookingId);
};

/** A slot that is held is free then, and its booking does not know. */
const deleteByHand = async (name: string): Promise<void> => {
  const { documents, slotsTable } = api.engines();
  await documents.send(new DeleteCommand({ TableName: slotsTable, Key: { slotId: slot(name) } }));
};

const confirm = async (name: string) => transact(client.confirm({ seen: await read(id(name)) }, api.nowMs()));
const cancel = async (name: string) => transact(client.cancel({ seen: await read(id(name)) }, api.nowMs()));
const revive = async (name: string) => {
  const seen = await read(id(name));
  await claim((lapsed) => client.revive({ seen, lapsed }, api.nowMs()), api.nowMs());
};
const extend = async (name: string, holdMs: number) =>
  transact(client.extend({ seen: await read(id(name)), holdMs }, api.nowMs()));

/** Thrown by what is not made, with the reason. */
class Refused extends Error {
  readonly refusal: SlotsRefusal;
  constructor(refusal: SlotsRefusal) {
    super(`refused: ${refusal.kind}`);
    this.refusal = refusal;
  }
}

const send = async (
  input: TransactInput | UpdateOfTable,
  request: () => Promise<unknown>,
  nowMs: number,
): Promise<void> => {
  for (let tries = 0; ; tries += 1) {
    try {
      await request();
      return;
    } catch (error) {
      const refusal = client.refusalOf(error, input, nowMs);
      if (refusal === undefined) throw error;
      if (refusal.kind !== 'busy' || tries === 50) throw new Refused(refusal);
      await new Promise((resolve) => setTimeout(resolve, 20 * Math.random()));
    }
  }
};

const transact = (input: TransactInput, nowMs = api.nowMs()): Promise<void> => {
  const command = () => new TransactWriteCommand(input satisfies TransactWriteCommandInput);
  return send(input, () => api.engines().documents.send(command()), nowMs);
};
const update = (input: UpdateOfTable, nowMs = api.nowMs()): Promise<void> => {
  const command = () => new UpdateCommand(input satisfies UpdateCommandInput);
  return send(input, () => api.engines().documents.send(command()), nowMs);
};

/** Why a move is not made. */
const refusal = async (move: () => Promise<void>): Promise<SlotsRefusal> => {
  try {
    await move();
  } catch (error) {
    if (error instanceof Refused) return error.refusal;
    throw error;
  }
  throw new Error('it was made');
};

/** Whether it is made. */
const made = async (move: () => Promise<void>): Promise<boolean> => {
  try {
    await move();
    return true;
  } catch (error) {
    if (error instanceof Refused) return false;
    throw error;
  }
};

// biome-ignore lint/suspicious/noExplicitAny: what a test finds, it compares
const read = async (bookingId: string): Promise<any> => {
  const { documents, table } = api.engines();
  const Key = { bookingId };
  return (await documents.send(new GetCommand({ TableName: table, Key, ConsistentRead: true }))).Item;
};

const slotItems = async (...names: string[]): Promise<Attributes[]> => {
  const { documents, slotsTable } = api.engines();
  const wanted = names.map(slot);
  const { Responses } = await documents.send(new BatchGetCommand(client.lookUp(wanted)));
  const items = Responses?.[slotsTable] ?? [];
  return wanted.flatMap((slotId) => items.filter((item) => item.slotId === slotId));
};

const states = async (...names: string[]): Promise<string[]> => {
  const items = await slotItems(...names);
  const owners = await Promise.all(client.ownersOfLapsed(items, api.nowMs()).map(read));
  return client.slotsIn(names.map(slot), items, owners.filter(Boolean), api.nowMs()).map(({ state }) => state);
};

const http = (method: string, name: string, path = '', body?: object) =>
  api.call(method, `/bookings/${encodeURIComponent(id(name))}${path}`, body);
