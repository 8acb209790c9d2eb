/** Bookings with slots, in tables of Amazon DynamoDB. */
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { TableShape } from '../table/shape.ts';
import { DynamoDbTable } from './dynamodb-table.ts';
import { DynamoDbTransactions } from './dynamodb-transactions.ts';
import { SlottedBookings } from './slotted-bookings.ts';

/**
 * @param client its retries and time-outs are those of each request
 * @param slotsTable the slots table's name
 * @param shape the bookings table's
 */
export const dynamoDbSlots = (
  client: DynamoDBClient,
  bookings: DynamoDbTable,
  slotsTable: string,
  shape: TableShape,
): SlottedBookings =>
  new SlottedBookings({
    transactions: new DynamoDbTransactions(client),
    slots: new DynamoDbTable(client, slotsTable),
    slotsTable,
    bookings,
    bookingsTable: bookings.name,
    shape,
  });
