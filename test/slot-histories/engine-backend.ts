/** Tables on a real engine, reached by the SDK and the adapters of the service over a network that fails. */
import { randomUUID } from 'node:crypto';
import {
  CreateTableCommand,
  DeleteItemCommand,
  DeleteTableCommand,
  DynamoDBClient,
  ScanCommand,
} from '@aws-sdk/client-dynamodb';
import { DynamoDbTable } from '../../functions/adapters/dynamodb-table.ts';
import { DynamoDbTransactions } from '../../functions/adapters/dynamodb-transactions.ts';
import { BOOKINGS_SHAPE, SLOT_ATTRIBUTES } from '../../functions/table/shape.ts';
import { LOCAL_CREDENTIALS, REGION } from '../../local/engines.ts';
import { UnreliableRequests } from '../support/unreliable-requests.ts';
import type { Backend } from './backend.ts';

const KEYS = { bookings: BOOKINGS_SHAPE.key.partition.name, slots: SLOT_ATTRIBUTES.slotId };

/** Two new tables of an engine. `end` deletes them. */
export const engineBackend = async (endpoint: string): Promise<Backend> => {
  const network = new UnreliableRequests();
  const config = { region: REGION, credentials: LOCAL_CREDENTIALS, endpoint };
  const raw = new DynamoDBClient(config);
  const client = new DynamoDBClient({ ...config, ...network.clientOptions });
  const names = { bookings: `bookings-${randomUUID()}`, slots: `slots-${randomUUID()}` };
  for (const which of ['bookings', 'slots'] as const) {
    await raw.send(
      new CreateTableCommand({
        TableName: names[which],
        BillingMode: 'PAY_PER_REQUEST',
        KeySchema: [{ AttributeName: KEYS[which], KeyType: 'HASH' }],
        AttributeDefinitions: [{ AttributeName: KEYS[which], AttributeType: 'S' }],
      }),
    );
  }
  const scan = async (TableName: string) =>
    (await raw.send(new ScanCommand({ TableName, ConsistentRead: true }))).Items ?? [];
  return {
    bookings: new DynamoDbTable(client, names.bookings),
    slots: new DynamoDbTable(client, names.slots),
    transactions: new DynamoDbTransactions(client),
    bookingsTable: names.bookings,
    slotsTable: names.slots,
    befallBy: (faultOf) => network.befallBy(faultOf),
    get lateRequests() {
      return network.lateRequests;
    },
    landLate: async () => {
      await network.landLate();
    },
    items: async () => ({ bookings: await scan(names.bookings), slots: await scan(names.slots) }),
    isInstant: false,
    deleteSlot: async (slotId) => {
      await raw.send(new DeleteItemCommand({ TableName: names.slots, Key: { [KEYS.slots]: { S: slotId } } }));
    },
    end: async () => {
      for (const TableName of Object.values(names)) await raw.send(new DeleteTableCommand({ TableName }));
      client.destroy();
      raw.destroy();
    },
  };
};
