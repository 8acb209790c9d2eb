/** Items of a table of any shape by the texts of their keys, which is how timers, rows of the index and logs name them. */
import type { ConditionalWrite } from '../table/conditional-write.ts';
import type { Item } from '../table/item.ts';
import { keyOfText, keyText } from '../table/key-text.ts';
import type { TableShape } from '../table/shape.ts';
import type { BatchedWriteAnswer, Table, WriteAnswer } from '../table/table.ts';
import { UnprocessableError } from './permanent-error.ts';

export class KeyedItems {
  readonly #table: Table;
  readonly #shape: TableShape;

  /**
   * @param table the table that the items are in
   * @param shape what it looks like
   */
  constructor(table: Table, shape: TableShape) {
    this.#table = table;
    this.#shape = shape;
  }

  /** Whether a text is a key of this table. */
  isKey(bookingId: string): boolean {
    return keyOfText(this.#shape, bookingId) !== undefined;
  }

  /**
   * Items, read consistently. Those that do not exist are left out.
   *
   * @param attributes which are asked for; all if absent
   * @param settle whether to ask again for items that the engine left unprocessed; else they are left out too
   */
  async read(
    bookingIds: readonly string[],
    { attributes, settle = true }: { readonly attributes?: readonly string[]; readonly settle?: boolean } = {},
  ): Promise<Map<string, Item>> {
    const keys = bookingIds.map((id) => keyOfText(this.#shape, id)).filter((key) => key !== undefined);
    const items = await this.#table.getMany(keys, { consistent: true, settle, ...(attributes && { attributes }) });
    return new Map(items.map((item) => [keyText(this.#shape, item) ?? '', item]));
  }

  /** @throws UnprocessableError for a text that is no key of this table; Error of the engine */
  async write(bookingId: string, write: ConditionalWrite): Promise<WriteAnswer> {
    const key = keyOfText(this.#shape, bookingId);
    if (key === undefined) throw noKey(bookingId);
    return this.#table.write(key, write);
  }

  /**
   * Many conditional writes, each with its answer. Never throws.
   *
   * @param writes no booking twice
   */
  async writeMany(
    writes: readonly { readonly bookingId: string; readonly write: ConditionalWrite }[],
  ): Promise<Map<string, BatchedWriteAnswer>> {
    const keyed = writes.flatMap(({ bookingId, write }) => {
      const key = keyOfText(this.#shape, bookingId);
      return key ? [{ bookingId, key, write }] : [];
    });
    const answers = keyed.length > 0 ? await this.#table.writeMany(keyed) : [];
    const answered = new Map(keyed.map(({ bookingId }, index) => [bookingId, answers[index]]));
    return new Map(
      writes.map(({ bookingId }): [string, BatchedWriteAnswer] => [
        bookingId,
        answered.get(bookingId) ?? { kind: 'failed', error: noKey(bookingId) },
      ]),
    );
  }
}

/** The error of a text that is no key of a table. */
export const noKey = (bookingId: string): Error =>
  new UnprocessableError(`${JSON.stringify(bookingId)} is the key of no item of this table`);
