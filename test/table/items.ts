/** Items, keys and queries as the tests of a table write them. */
import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import type { Item } from '../../functions/table/item.ts';
import type { IndexPage, IndexQuery, Table } from '../../functions/table/table.ts';

export const S = (text: string): AttributeValue => ({ S: text });
export const N = (digits: string | number): AttributeValue => ({ N: String(digits) });
export const keyOf = (bookingId: string): Item => ({ bookingId: S(bookingId) });

export const idOf = ({ bookingId }: Item): string => bookingId?.S ?? '';
export const byId = (items: readonly Item[]): Item[] => [...items].sort((a, b) => (idOf(a) < idOf(b) ? -1 : 1));

/** What a query finds, over all its pages. */
export const allRows = async (table: Table, query: IndexQuery): Promise<Item[]> => {
  const rows: Item[] = [];
  let { cursor } = query;
  do {
    const page: IndexPage = await table.query({ ...query, cursor });
    rows.push(...page.items);
    cursor = page.cursor;
  } while (cursor !== undefined);
  return rows;
};
