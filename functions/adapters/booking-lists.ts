/**
 * Lists of bookings from the newest to the oldest, by indexes that hold keys alone. It only reads: a page is half a read unit
 * for each partition of the index that it looks into, and half a read unit for each booking.
 */
import pMap from 'p-map';
import type { CustomerPage, ListPage, NewestFirst, ShardPositions } from '../api/ports.ts';
import type { Booking } from '../core/booking-status.ts';
import { type Item, readBooking } from '../table/item.ts';
import { keyText } from '../table/key-text.ts';
import { LIST_INDEXES, OWN_ATTRIBUTES, type TableShape } from '../table/shape.ts';
import type { ListedTable } from '../table/table.ts';
import { settledList } from '../table/write-of-move.ts';

/** Queries under way at once when a list looks into every shard. */
const CONCURRENT_QUERIES = 16;

/**
 * The lists of a table.
 *
 * @param table the bookings table
 * @param shape what it looks like, with the list of what is over if there is one
 */
export const bookingLists = (table: ListedTable, shape: TableShape): NewestFirst => {
  const keyName = shape.key.partition.name;
  const keyOf = (bookingId: string): Item => ({ [keyName]: { S: bookingId } });

  /** Whole bookings in the order of their ids. What has been deleted since is left out. */
  const read = async (bookingIds: readonly string[]): Promise<Booking[]> => {
    const items = await table.getMany(bookingIds.map(keyOf), { consistent: false, settle: true });
    const found = new Map(
      items.flatMap((item) => readBooking(shape, item) ?? []).map((each) => [each.bookingId, each]),
    );
    return bookingIds.flatMap((bookingId) => found.get(bookingId) ?? []);
  };

  const listOfCustomer: NewestFirst['listOfCustomer'] = async (customerId, { limit, after }): Promise<CustomerPage> => {
    const { listedFor: partition, listedAtMs } = OWN_ATTRIBUTES;
    const { items, cursor } = await table.newestFirst({
      index: LIST_INDEXES.byCustomer,
      partition: [partition, customerId],
      limit,
      cursor: after && { ...keyOf(after[1]), [partition]: { S: customerId }, [listedAtMs]: { N: after[0] } },
    });
    const bookingIds = items.flatMap((item) => keyText(shape, item) ?? []);
    const last = cursor && keyText(shape, cursor);
    const lastListedAtMs = cursor?.[listedAtMs]?.N;
    return {
      bookings: await read(bookingIds),
      ...(last !== undefined && lastListedAtMs !== undefined && { after: [lastListedAtMs, last] as const }),
    };
  };

  /** Every shard is asked for a whole page, because the newest bookings may all be in one of them. */
  const listSettledIn =
    (shards: number): NonNullable<NewestFirst['listSettled']> =>
    async (status, { limit, after }): Promise<ListPage> => {
      const { settledIn: partition, settledAtMs } = OWN_ATTRIBUTES;
      const pages = await pMap(
        Array.from({ length: shards }, (_, shard) => shard),
        async (shard) => {
          const list = settledList(status, shard);
          const [digits, bookingId] = after[shard] ?? [];
          const cursor =
            digits === undefined || bookingId === undefined
              ? undefined
              : { ...keyOf(bookingId), [partition]: { S: list }, [settledAtMs]: { N: digits } };
          const page = await table.newestFirst({
            index: LIST_INDEXES.settled,
            partition: [partition, list],
            limit,
            cursor,
          });
          return { items: page.items.map((item) => ({ item, shard })), isLast: page.cursor === undefined };
        },
        { concurrency: CONCURRENT_QUERIES },
      );
      const rows = pages
        .flatMap(({ items }) => items)
        .flatMap(({ item, shard }) => {
          const bookingId = keyText(shape, item);
          const digits = item[settledAtMs]?.N;
          return bookingId === undefined || digits === undefined ? [] : [{ bookingId, digits, shard }];
        })
        // A stable sort: rows of one shard keep the index's own order, which is what its cursor goes by.
        .sort((a, b) => Number(b.digits) - Number(a.digits));
      const taken = rows.slice(0, limit);
      const isLast = rows.length === taken.length && pages.every((page) => page.isLast);
      const positions: ShardPositions = Object.fromEntries(
        taken.map(({ shard, digits, bookingId }) => [shard, [digits, bookingId]]),
      );
      // The index follows the table: whatever has another status by now belongs to another list.
      const bookings = (await read(taken.map(({ bookingId }) => bookingId))).filter((each) => each.status === status);
      return { bookings, ...(!isLast && { after: { ...after, ...positions } }) };
    };

  const { listShards } = shape.afterwards ?? {};
  return { listOfCustomer, ...(listShards !== undefined && { listSettled: listSettledIn(listShards) }) };
};
