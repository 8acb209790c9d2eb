/** What an application sends of bookings with slots is what the service sends: the same writes, on the same conditions. */
import { GetCommand } from '@aws-sdk/lib-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import { beforeAll, beforeEach, expect, test } from 'vitest';
import { type Attributes, slotsClient, type TransactInput, type UpdateOfTable } from '../../client/index.ts';
import { useBookingsApi } from '../support/bookings-api.ts';
import { SHARD_COUNT } from '../support/engines.ts';

const MINUTE = 60_000;
const api = useBookingsApi();

/** What the service has sent since the test began, by the names of the commands. */
let sent: [command: string, input: Record<string, unknown>][] = [];
beforeAll(() => {
  api.engines().rawClient.middlewareStack.add(
    (next, { commandName }) =>
      (args) => {
        sent.push([String(commandName), args.input as Record<string, unknown>]);
        return next(args);
      },
    { step: 'initialize', name: 'recorder' },
  );
});
beforeEach(() => {
  sent = [];
});

const id = () => `one-${api.sequence()}`;
const slotIds = () => ['a', 'b'].map((name) => `${name}-${api.sequence()}`);
const client = () => {
  const { table, slotsTable } = api.engines();
  return slotsClient({ bookingsTable: table, slotsTable, shardCount: SHARD_COUNT });
};

test('a creation', async () => {
  await create();
  const item = await read();
  const { requestHash } = item;
  const own = client().create({ bookingId: id(), slotIds: slotIds(), holdMs: MINUTE }, api.nowMs());
  const [booking, ...claims] = stored(own);
  // The hash recognizes repetitions of a request over HTTP.
  const { Item, ...condition } = (booking as { Put: { Item: object } }).Put;
  expect([{ Put: { ...condition, Item: { ...Item, ...marshall({ requestHash }) } } }, ...claims]).toEqual(ofService());
});

test('a confirmation', async () => {
  await create();
  const seen = await read();
  await move('confirm');
  expect(stored(client().confirm({ seen }, api.nowMs()))).toEqual(ofService());
});

test('a cancellation before it is paid', async () => {
  await create();
  const seen = await read();
  await move('cancel');
  expect(stored(client().cancel({ seen }, api.nowMs()))).toEqual(ofService());
});

test('a cancellation after it was paid', async () => {
  await create();
  await move('confirm');
  const seen = await read();
  await move('cancel');
  expect(stored(client().cancel({ seen }, api.nowMs()))).toEqual(ofService());
});

test('an extension', async () => {
  await create();
  const seen = await read();
  await move('extend', { holdSeconds: 600 });
  expect(stored(client().extend({ seen, holdMs: 10 * MINUTE }, api.nowMs()))).toEqual(ofService());
});

test('a revival, and the expiry before it', async () => {
  await create();
  const pending = await read();
  api.moveBy(MINUTE);
  await api.call('GET', `/bookings/${id()}`);
  expect(storedUpdate(client().expire({ seen: pending }, api.nowMs()))).toEqual(updateOfService());
  const seen = await read();
  await move('confirm', { ifLapsed: 'revive' });
  expect(stored(client().revive({ seen }, api.nowMs()))).toEqual(ofService());
});

test('a confirmation that is refused for good', async () => {
  await create();
  const seen = await read();
  api.moveBy(MINUTE);
  // Another gets a slot, and the clock that the confirmation goes by is a minute behind.
  const other = { bookingId: `other-${api.sequence()}`, holdSeconds: 60, slotIds: slotIds().slice(1) };
  await api.call('POST', '/bookings', other);
  api.moveBy(-MINUTE);
  expect((await move('confirm')).status).toBe(409);
  const lost = client().loseSlots({ seen, slotIds: slotIds().slice(1) }, api.nowMs());
  expect(storedUpdate(lost)).toEqual(updateOfService());
});

const create = () => api.call('POST', '/bookings', { bookingId: id(), holdSeconds: 60, slotIds: slotIds() });
const move = (name: string, body?: object) => api.call('POST', `/bookings/${id()}/${name}`, body);
const read = async (): Promise<Attributes> => {
  const { documents, table } = api.engines();
  return (await documents.send(new GetCommand({ TableName: table, Key: { bookingId: id() } }))).Item ?? {};
};

/** What the service has sent last by a command. */
const lastBy = (name: string): Record<string, unknown> => {
  const last = sent.findLast(([command]) => command === name);
  if (last === undefined) throw new Error(`the service has sent no ${name}`);
  return last[1];
};

/** The last transaction of the service. */
const ofService = () => (lastBy('TransactWriteItemsCommand').TransactItems as object[]).map(given);
/** The last update of the service, but that it asks for the item as it is then. */
const updateOfService = () => {
  const { ReturnValues: _, ...input } = lastBy('UpdateItemCommand');
  return given(input);
};

/** Without what was not given. */
const given = (input: object): unknown => JSON.parse(JSON.stringify(input));

/** A transaction in the form in which the DocumentClient sends it. */
const stored = ({ TransactItems }: TransactInput) =>
  TransactItems.map((item) =>
    Object.fromEntries(Object.entries(item).map(([kind, write]) => [kind, storedUpdate(write)])),
  );

const storedUpdate = (write: Partial<UpdateOfTable>) =>
  Object.fromEntries(
    Object.entries(write).map(([name, value]) => [
      name,
      ['Item', 'Key', 'ExpressionAttributeValues'].includes(name) ? marshall(value) : value,
    ]),
  );
