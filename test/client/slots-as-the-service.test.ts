/** What an application sends of bookings with slots is what the service sends: the same writes, on the same conditions. */
import { BatchGetCommand, DeleteCommand, GetCommand } from '@aws-sdk/lib-dynamodb';
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
  const [theirs, ...theirClaims] = ofService();
  expect({ Put: { ...condition, Item: { ...Item, ...marshall({ requestHash }) } } }).toEqual(theirs);
  // The service has looked first, and asks for what it saw: that there is none. Or it is this booking's own hold.
  expect(claims.map(itemOf)).toEqual(theirClaims.map(itemOf));
  expect(claims.map(conditionOf)).toEqual(
    theirClaims.map((claim) => `${conditionOf(claim)} OR (#n1 = :v0 AND #n2 = :v1)`),
  );
});

test('a creation that gets what another has held', async () => {
  const first = { bookingId: `first-${api.sequence()}`, holdSeconds: 60, slotIds: slotIds() };
  await api.call('POST', '/bookings', first);
  const { documents, slotsTable } = api.engines();
  const { Responses } = await documents.send(new BatchGetCommand(client().lookUp(slotIds())));
  const slots = Responses?.[slotsTable] ?? [];
  api.moveBy(MINUTE);
  await create();
  const owner = await read(first.bookingId);
  const lapsed = slots.map((slot) => ({ slot, owner }));
  const own = client().create({ bookingId: id(), slotIds: slotIds(), holdMs: MINUTE, lapsed }, api.nowMs());
  expect(slots).toHaveLength(2);
  expect(owner).toMatchObject({ status: 'EXPIRED' });
  expect(stored(own).slice(1)).toEqual(ofService().slice(1));
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
  const revived = await move('confirm', { ifLapsed: 'revive' });
  // A try begins when the service has looked at it first.
  const revivedAtMs = Date.parse(revived.body.revivedAt);
  const [booking, ...slots] = stored(client().revive({ seen }, revivedAtMs));
  const [theirs, ...theirSlots] = ofService();
  expect(booking).toEqual(theirs);
  // It has looked first here too: its own hold, or that there is none.
  expect(slots.map(itemOf)).toEqual(theirSlots.map(itemOf));
  expect(slots.map(conditionOf)).toEqual(slots.map(() => '(attribute_not_exists(#n0)) OR (#n1 = :v0 AND #n2 = :v1)'));
  expect(theirSlots.map(conditionOf)).toEqual(slots.map(() => '(#n0 = :v0 AND #n1 = :v1)'));
});

test('a confirmation that is refused for good', async () => {
  await create();
  const seen = await read();
  // By hand: else nobody else could get it.
  const { documents, slotsTable } = api.engines();
  await documents.send(new DeleteCommand({ TableName: slotsTable, Key: { slotId: slotIds()[1] } }));
  const other = { bookingId: `other-${api.sequence()}`, holdSeconds: 60, slotIds: slotIds().slice(1) };
  await api.call('POST', '/bookings', other);
  expect((await move('confirm')).status).toBe(409);
  const lost = client().loseSlots({ seen, slotIds: slotIds().slice(1) }, api.nowMs());
  expect(storedUpdate(lost)).toEqual(updateOfService());
});

const create = () => api.call('POST', '/bookings', { bookingId: id(), holdSeconds: 60, slotIds: slotIds() });
const move = (name: string, body?: object) => api.call('POST', `/bookings/${id()}/${name}`, body);
const read = async (bookingId = id()): Promise<Attributes> => {
  const { documents, table } = api.engines();
  return (await documents.send(new GetCommand({ TableName: table, Key: { bookingId } }))).Item ?? {};
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

type Entry = Readonly<Record<string, Readonly<Record<string, unknown>>>>;
const itemOf = (entry: unknown): unknown => (entry as Entry).Put?.Item;
const conditionOf = (entry: unknown): unknown => (entry as Entry).Put?.ConditionExpression;

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
