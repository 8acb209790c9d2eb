/** Runs the shop on this machine: a ticket is held, lapses, is free again, is held by somebody else, and is sold. */
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient, GetCommand, PutCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { tableClient } from 'booking-expiry/client';
import { startRuntime } from 'booking-expiry/testing';
import { TICKETS } from './shape.ts';

const HOLD_MS = 3_000;
const tickets = tableClient(TICKETS, { shardCount: 10 });

const runtime = await startRuntime({ command: 'node app.ts' });
const dynamodb = DynamoDBDocumentClient.from(
  new DynamoDBClient({
    region: 'us-east-1',
    endpoint: runtime.dynamodbEndpoint,
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
  }),
);
const TableName = runtime.nameOf('Shop/Tickets');
const key = { event_id: 'concert-7', ticket_id: 'A-12' };

const read = async () => (await dynamodb.send(new GetCommand({ TableName, Key: key, ConsistentRead: true }))).Item;
const show = async (what: string): Promise<void> => {
  const { status, held_by = 'nobody', expiredAtMs, expires_at } = (await read()) ?? {};
  const lag = expiredAtMs === undefined ? '' : `, ${expiredAtMs - expires_at * 1_000} ms after its deadline`;
  console.log(`${what}: ${status}, held by ${held_by}${lag}`);
};
const hold = (customer: string) =>
  dynamodb.send(
    new UpdateCommand({ TableName, ...tickets.hold({ key, holdMs: HOLD_MS, set: { held_by: customer } }) }),
  );
const sell = (customer: string) =>
  dynamodb.send(
    new UpdateCommand({ TableName, ...tickets.confirm({ key, status: 'sold', where: { held_by: customer } }) }),
  );
const refused = async (attempt: Promise<unknown>): Promise<string> =>
  attempt.then(
    () => 'nothing: it was done',
    (error) => tickets.refusalOf(error)?.kind ?? String(error),
  );

try {
  await dynamodb.send(new PutCommand({ TableName, Item: { ...key, status: 'available', price: 40 } }));
  await hold('ann');
  await show('ann holds it');
  console.log(`bob is refused, because it is: ${await refused(hold('bob'))}`);
  while ((await read())?.status !== 'available') await new Promise((resolve) => setTimeout(resolve, 50));
  await show('ann did not pay');
  console.log(`ann pays late and is refused, because it is: ${await refused(sell('ann'))}`);
  await hold('bob');
  await show('bob holds it');
  await sell('bob');
  await show('bob pays');
} finally {
  await runtime.stop();
}
