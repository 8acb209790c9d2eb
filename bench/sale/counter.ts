/** Where buyers hold a slot and pay for it: the project's own store, or its HTTP API. */
import { BookingStore } from '../../functions/adapters/booking-store.ts';
import { DynamoDbTable } from '../../functions/adapters/dynamodb-table.ts';
import { DynamoDbTransactions } from '../../functions/adapters/dynamodb-transactions.ts';
import { SlottedBookings } from '../../functions/adapters/slotted-bookings.ts';
import { ContentionError } from '../../functions/api/ports.ts';
import { tableClient } from '../../functions/runtime/clients.ts';
import { BOOKINGS_SHAPE } from '../../functions/table/shape.ts';
import type { TransactionAnswer, Transactions } from '../../functions/table/transaction.ts';
import { LOCAL_CREDENTIALS, REGION } from '../../local/engines.ts';

/** refused: the slot is another booking's, until a time (epoch ms) or for good. */
export type HoldAnswer =
  | { readonly kind: 'held'; readonly untilMs: number }
  | { readonly kind: 'refused'; readonly untilMs: number | undefined };
export type PayAnswer = 'confirmed' | 'too-late';

/** Thrown for 503: others were in the way for all the time. */
export class BusyError extends Error {
  override readonly name = 'BusyError';
}

/** Both throw BusyError, and errors of what they call. */
export interface Counter {
  hold(bookingId: string, slotId: string, holdMs: number): Promise<HoldAnswer>;
  pay(bookingId: string): Promise<PayAnswer>;
}

/** How the transactions of a store were answered, each try by itself. busy: others were at the items, or it was throttled. */
export type TransactionCounts = Record<TransactionAnswer['kind'], number>;

/** What a store with slots is opened on. */
export interface Tables {
  readonly dynamodbEndpoint: string;
  readonly table: string;
  readonly slotsTable: string;
  readonly shardCount: number;
}

export interface OpenStore {
  readonly store: BookingStore;
  readonly slots: SlottedBookings;
  readonly counts: TransactionCounts;
}

/**
 * Where a crowd shares one process, a request waits for a connection longer than one of a Lambda does, which has a process to
 * itself. That is no failure: it is part of what a buyer waits.
 */
const ANY_TIME = { connectionTimeout: 0, requestTimeout: 0 };

/** The store as the API's Lambda makes it, with its transactions counted. */
export const openStore = ({ dynamodbEndpoint, table, slotsTable, shardCount }: Tables): OpenStore => {
  const client = tableClient({
    region: REGION,
    credentials: LOCAL_CREDENTIALS,
    endpoint: dynamodbEndpoint,
    requestHandler: ANY_TIME,
  });
  const counts: TransactionCounts = { made: 0, refused: 0, busy: 0 };
  const made = new DynamoDbTransactions(client);
  const transactions: Transactions = {
    transact: async (writes) => {
      const answer = await made.transact(writes);
      counts[answer.kind] += 1;
      return answer;
    },
  };
  const bookings = new DynamoDbTable(client, table);
  const slots = new SlottedBookings({
    transactions,
    slots: new DynamoDbTable(client, slotsTable),
    slotsTable,
    bookings,
    bookingsTable: table,
    shape: BOOKINGS_SHAPE,
  });
  return { store: new BookingStore(bookings, shardCount, { slotted: slots }), slots, counts };
};

export const storeCounter = (store: BookingStore): Counter => ({
  hold: (bookingId, slotId, holdMs) =>
    withBusyError(async () => {
      const outcome = await store.create({ bookingId, slotIds: [slotId], holdMs }, Date.now());
      if (outcome.kind === 'slots-taken') return { kind: 'refused', untilMs: outcome.slots[0]?.heldUntilMs };
      return { kind: 'held', untilMs: outcome.booking?.expiresAtMs ?? Number.NaN };
    }),
  pay: (bookingId) =>
    withBusyError(async () => {
      const outcome = await store.confirm(bookingId, Date.now());
      return outcome.kind === 'moved' || outcome.kind === 'unchanged' ? 'confirmed' : 'too-late';
    }),
});

const withBusyError = async <T>(work: () => Promise<T>): Promise<T> => {
  try {
    return await work();
  } catch (error) {
    if (error instanceof ContentionError) throw new BusyError(error.message, { cause: error });
    throw error;
  }
};

/** @param apiUrl where the HTTP API listens */
export const httpCounter = (apiUrl: string): Counter => {
  const post = async (path: string, body: object): Promise<Answer> => {
    const response = await fetch(`${apiUrl}/api/v1${path}`, {
      method: 'POST',
      // Each buyer has a connection of its own, as on the way to AWS.
      headers: { 'content-type': 'application/json', connection: 'close' },
      body: JSON.stringify(body),
    }).catch((error) => {
      // fetch itself says no more than that it failed.
      throw new Error(`no answer to ${path}: ${error.cause ?? error}`, { cause: error });
    });
    if (response.status === 503) throw new BusyError(await response.text());
    return { status: response.status, body: (await response.json()) as Answer['body'] };
  };
  return {
    hold: async (bookingId, slotId, holdMs) => {
      const { status, body } = await post('/bookings', { bookingId, slotIds: [slotId], holdSeconds: holdMs / 1_000 });
      // 200: an earlier try of this very hold, whose answer was lost.
      if (status === 201 || status === 200) return { kind: 'held', untilMs: Date.parse(body.expiresAt ?? '') };
      if (status !== 409) throw new Error(`a hold was answered with ${status}: ${JSON.stringify(body)}`);
      const until = body.slots?.[0]?.heldUntil;
      return { kind: 'refused', untilMs: until === undefined ? undefined : Date.parse(until) };
    },
    pay: async (bookingId) => {
      const { status, body } = await post(`/bookings/${bookingId}/confirm`, {});
      if (status !== 200 && status !== 409) {
        throw new Error(`a payment was answered with ${status}: ${JSON.stringify(body)}`);
      }
      return status === 200 ? 'confirmed' : 'too-late';
    },
  };
};

interface Answer {
  readonly status: number;
  readonly body: {
    readonly expiresAt?: string;
    readonly slots?: readonly { readonly slotId: string; readonly heldUntil?: string }[];
  };
}
