import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { BookingStore } from '../../functions/adapters/booking-store.ts';
import { DynamoDbTable } from '../../functions/adapters/dynamodb-table.ts';
import { LOCAL_CREDENTIALS, REGION } from '../../local/engines.ts';

/** A client for a test's own requests. A machine that is busy may answer late: nothing is given up for ten seconds. */
export const patientClient = (endpoint: string): DynamoDBClient =>
  new DynamoDBClient({
    region: REGION,
    credentials: LOCAL_CREDENTIALS,
    endpoint,
    requestHandler: { connectionTimeout: 10_000, requestTimeout: 30_000, throwOnRequestTimeout: true },
  });

/** The booking store of an application that writes to this table. */
export const bookingStoreAt = (endpoint: string, table: string, shardCount: number): BookingStore =>
  new BookingStore(new DynamoDbTable(patientClient(endpoint), table), shardCount);
