/** What a history of slots is played on: the two tables, and a network that loses, delays and repeats what is sent to them. */

import type { Item } from '../../functions/table/item.ts';
import { readSlotIds } from '../../functions/table/item.ts';
import type { DeletingTable, Table } from '../../functions/table/table.ts';
import type { Transactions } from '../../functions/table/transaction.ts';
import type { TryFault } from '../support/unreliable-requests.ts';
import type { HeldBooking, OwnedSlot, State } from './truth.ts';

export type Operation =
  | 'GetItem'
  | 'BatchGetItem'
  | 'PutItem'
  | 'UpdateItem'
  | 'DeleteItem'
  | 'BatchExecuteStatement'
  | 'TransactWriteItems';

export interface Backend {
  readonly bookings: DeletingTable;
  readonly slots: Pick<Table, 'getMany'>;
  readonly transactions: Transactions;
  readonly bookingsTable: string;
  readonly slotsTable: string;
  /** Decides what befalls each try from now on; undefined for nothing. */
  befallBy(faultOf: (operation: string) => TryFault | undefined): void;
  /** How many requests have not arrived yet. */
  readonly lateRequests: number;
  /** They arrive, in the order in which they were sent. Nobody hears the answers. */
  landLate(): Promise<void>;
  items(): Promise<{ readonly bookings: readonly Item[]; readonly slots: readonly Item[] }>;
  /** Whether `items` takes no time, so that it may be asked for after every request. */
  readonly isInstant: boolean;
  deleteSlot(slotId: string): Promise<void>;
  end(): Promise<void>;
}

/** The items as the truth speaks of them. */
export const stateOf = ({ bookings, slots }: Awaited<ReturnType<Backend['items']>>): State => ({
  bookings: Object.fromEntries(bookings.map((item) => [item.bookingId?.S ?? '', bookingOf(item)])),
  slots: Object.fromEntries(slots.map((item) => [item.slotId?.S ?? '', slotOf(item)])),
});

const bookingOf = (item: Item): HeldBooking => {
  const lost = item.lostSlotIds?.L?.map(({ S = '' }) => S);
  return {
    status: item.status?.S ?? '',
    expiresAtMs: Number(item.expiresAtMs?.N),
    slotIds: readSlotIds(item) ?? [],
    ...(item.slotsLostAtMs && { lost: lost ?? [] }),
  };
};

const slotOf = ({ bookingId, state, heldUntilMs }: Item): OwnedSlot => ({
  owner: bookingId?.S ?? '',
  ...(state?.S === 'HELD' && { untilMs: Number(heldUntilMs?.N) }),
});
