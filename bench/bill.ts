/** What measured use costs. */

import { MINUTE_MS } from '../functions/core/hold-time.ts';
import { HOURS_A_MONTH, PRICES } from '../measure/prices.ts';
import type { Usage } from './meter.ts';

/** Lambda's work for a number of bookings. */
export interface LambdaUse {
  readonly invocations: number;
  readonly billedMs: number;
  readonly gbSeconds: number;
}

/** What was measured for a number of bookings. */
export interface Measured {
  readonly bookings: number;
  readonly sqs: Usage;
  readonly dynamodb: Usage;
  readonly lambdas: Readonly<Record<string, LambdaUse>>;
}

/** One row of a bill, in USD per million bookings. */
export interface CostItem {
  readonly item: string;
  readonly perBooking: number;
  readonly usdPerMillion: number;
}

const SQS_REQUESTS = ['SendMessage', 'SendMessageBatch', 'ReceiveMessage', 'DeleteMessage', 'DeleteMessageBatch'];
const MONTH_MS = HOURS_A_MONTH * 60 * MINUTE_MS;
/**
 * Bytes of one entry of the index: its attributes and 100 bytes of overhead (Amazon DynamoDB Developer Guide, storage
 * size of an index), for an id of 36 characters.
 */
const INDEX_ENTRY_BYTES = 200;

export interface Bill {
  readonly items: readonly CostItem[];
  readonly usdPerMillion: number;
  /** The same with publish-events and the bus. */
  readonly withEvents: number;
}

/**
 * The bill for a million bookings. Reading a table's stream from Lambda is free. What the application pays for itself (to
 * write the booking, and to confirm it) is not in it, but what the index adds to these writes is.
 *
 * Publishing events is added separately: the booking expires without it.
 *
 * @param holdMs how long the bookings wait in the index: its storage is billed by the hour
 * @param indexUnitsByApplication write units that the index added to the application's own writes, per booking
 */
export const billOf = (measured: Measured, holdMs: number, indexUnitsByApplication: number): Bill => {
  const { bookings, sqs, dynamodb, lambdas } = measured;
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  const requests = sum(SQS_REQUESTS.map((operation) => sqs[operation]?.requests ?? 0));
  const writeUnits = sum(Object.values(dynamodb).map((use) => use.writeUnits));
  const readUnits = sum(Object.values(dynamodb).map((use) => use.readUnits));
  const { PublishEventsFunction: publishing, ...expiring } = lambdas;
  const lambdaUse = Object.values(expiring);
  const storedGbMonths = (INDEX_ENTRY_BYTES / 1e9) * (holdMs / MONTH_MS);
  const rows: [string, number, number][] = [
    ['write units of the index, on the application’s writes', indexUnitsByApplication, PRICES.writeUnit],
    ['write units of the service', writeUnits / bookings, PRICES.writeUnit],
    ['read units', readUnits / bookings, PRICES.readUnit],
    ['SQS requests', requests / bookings, PRICES.sqsRequest],
    ['Lambda requests', sum(lambdaUse.map((use) => use.invocations)) / bookings, PRICES.lambdaRequest],
    ['Lambda GB-seconds', sum(lambdaUse.map((use) => use.gbSeconds)) / bookings, PRICES.lambdaGbSecond],
    ['storage of the index, GB-months', storedGbMonths, PRICES.gbMonth],
  ];
  const items = rows.map(([item, perBooking, price]) => ({
    item,
    perBooking,
    usdPerMillion: perBooking * price * 1e6,
  }));
  const usdPerMillion = sum(items.map((row) => row.usdPerMillion));
  // Each booking that expires is published; the write units of an expiry are two.
  const expired = writeUnits / 2 / bookings;
  const publishingUsd =
    ((publishing?.invocations ?? 0) * PRICES.lambdaRequest + (publishing?.gbSeconds ?? 0) * PRICES.lambdaGbSecond) /
    bookings;
  return {
    items,
    usdPerMillion,
    withEvents: usdPerMillion + (publishingUsd + Math.min(1, expired) * PRICES.event) * 1e6,
  };
};
