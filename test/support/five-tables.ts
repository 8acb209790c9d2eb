/** Tables of five makes, as their owners describe them: whatever is promised is promised for each. */
import type { Item } from '../../functions/table/item.ts';
import { BOOKINGS_TABLE, type TableDescription, type TableShape, tableShape } from '../../functions/table/shape.ts';

export interface TableOfAMake {
  readonly name: string;
  readonly description: TableDescription;
  readonly shape: TableShape;
  /** The key of the item that a name stands for, plain. */
  readonly keyOf: (name: string) => Readonly<Record<string, string | number>>;
  /** The words of an item that was paid, and of one that its customer gave back. */
  readonly paid: string;
  readonly cancelled: string;
  /** What else its owner writes into a held item. */
  readonly others: Item;
}

const make = (given: Omit<TableOfAMake, 'shape'>): TableOfAMake => ({ ...given, shape: tableShape(given.description) });

/** A number of its own for each name, above 2^32. */
const numberOf = (name: string): number =>
  Array.from(name).reduce((sum, character) => (sum * 131 + (character.codePointAt(0) ?? 0)) % 9_007_199_254_740, 1) +
  2 ** 32;

export const BOOKINGS = make({
  name: 'bookings',
  description: BOOKINGS_TABLE,
  keyOf: (name) => ({ bookingId: name }),
  paid: 'CONFIRMED',
  cancelled: 'CANCELLED',
  others: {},
});

export const TICKETS = make({
  name: 'tickets',
  description: {
    key: { partition: 'event_id', sort: 'ticket_id' },
    status: { pending: 'reserved', expired: 'available' },
    deadline: { attribute: 'expires_at', unit: 'seconds' },
    onExpire: { remove: ['held_by'] },
  },
  keyOf: (name) => ({ event_id: 'concert-7', ticket_id: name }),
  paid: 'sold',
  cancelled: 'returned',
  others: { held_by: { S: 'a customer' } },
});

export const DAY_PASSES = make({
  name: 'day-passes',
  description: {
    key: { partition: 'pass' },
    status: { attribute: 'state', pending: 'held', expired: 'lapsed' },
    deadline: { attribute: 'valid until', unit: 'iso8601' },
    attributes: { expiresAtMs: 'expiry-deadline', pendingShard: 'expiry-shard' },
  },
  keyOf: (name) => ({ pass: `PASS/${name}` }),
  paid: 'paid',
  cancelled: 'cancelled',
  others: { holder: { M: { name: { S: 'Ann' } } } },
});

export const SINGLE_TABLE = make({
  name: 'single-table',
  description: {
    key: { partition: 'PK', sort: 'SK' },
    status: { attribute: 'orderStatus', pending: 'HELD', expired: 'OPEN' },
    deadline: { attribute: 'until', unit: 'seconds' },
    only: { entity: 'Ticket' },
    onExpire: { set: { released: true } },
  },
  keyOf: (name) => ({ PK: 'EVENT#7', SK: `TICKET#${name}` }),
  paid: 'SOLD',
  cancelled: 'RETURNED',
  others: { entity: { S: 'Ticket' } },
});

export const ORDERS = make({
  name: 'orders',
  description: {
    key: { partition: { name: 'orderNumber', type: 'N' } },
    status: { attribute: 'phase', pending: ['draft', 'awaiting payment'], expired: 'dropped' },
    deadline: { attribute: 'dropAtMs' },
    indexName: 'held.orders',
  },
  keyOf: (name) => ({ orderNumber: numberOf(name) }),
  paid: 'paid',
  cancelled: 'withdrawn',
  others: { total: { N: '12.50' } },
});

export const FIVE_TABLES: readonly TableOfAMake[] = [BOOKINGS, TICKETS, DAY_PASSES, SINGLE_TABLE, ORDERS];
