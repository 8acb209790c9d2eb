/**
 * A DynamoDB table in memory: its items, its index and its stream, changed by plain calls that take no time. It follows
 * DynamoDB's rules where the service depends on them; test/table holds it beside real engines.
 */
import type { Clause, ConditionalWrite } from '../../functions/table/conditional-write.ts';
import type { Item } from '../../functions/table/item.ts';
import type { IndexPage, IndexQuery, WriteAnswer } from '../../functions/table/table.ts';
import { compareNumbers, isSameItem, keptItem, only, ValidationException } from './attribute-value.ts';
import { changed, expectRange, fulfils } from './conditional-writes.ts';
import { Follower } from './follower.ts';
import { itemBytes, MAX_ITEM_BYTES } from './item-size.ts';
import { type IndexSchema, type Position, SortedIndex } from './sorted-index.ts';

/** Most bytes of a key, and of the items that one page is made of (Amazon DynamoDB Developer Guide, Quotas). */
const MAX_KEY_BYTES = 2_048;
const MAX_PAGE_BYTES = 1_048_576;

/** What a table is made of. Its key is one attribute of type S. */
export interface TableSchema {
  readonly key: string;
  readonly index?: IndexSchema;
}

export interface TableOptions {
  /** Whether every change is kept as a record. @default true */
  readonly hasStream?: boolean;
  /** Items that one page of a query or scan is made of at the most. @default - as many as a megabyte holds */
  readonly pageItems?: number;
}

/** A record of the stream: one change of one item. A write that changes nothing makes none. */
export interface StreamRecord {
  readonly eventName: 'INSERT' | 'MODIFY' | 'REMOVE';
  /** Counts from 1 in the order of the changes. */
  readonly sequence: number;
  readonly key: Item;
  readonly oldImage: Item | undefined;
  readonly newImage: Item | undefined;
}

/** What an update may do besides changing an item: UpdateItem creates one whose condition holds of nothing, PartiQL does not. */
export interface UpdateOptions {
  readonly mayCreate: boolean;
}

export class TableState {
  readonly #schema: TableSchema;
  readonly #options: TableOptions;
  readonly #items = new Map<string, Item>();
  readonly #index: SortedIndex | undefined;
  #records: StreamRecord[] = [];
  #changes = 0;

  /** What queries see. It may be made to lag behind the table. */
  readonly indexFollower: Follower;
  /** What eventually consistent reads see. It may be made to lag behind the table. */
  readonly readFollower = new Follower();

  constructor(schema: TableSchema, options: TableOptions = {}) {
    this.#schema = schema;
    this.#options = options;
    this.#index = schema.index && new SortedIndex(schema.index, schema.key);
    this.indexFollower = new Follower(({ keyText, after }) => this.#index?.put(keyText, after));
  }

  /** The same table once more. What is done to one does not show in the other. */
  copy(): TableState {
    const copy = new TableState(this.#schema, this.#options);
    for (const [keyText, item] of this.#items) copy.#items.set(keyText, item);
    copy.#records = [...this.#records];
    copy.#changes = this.#changes;
    copy.indexFollower.standLike(this.indexFollower);
    copy.readFollower.standLike(this.readFollower);
    const keys = new Set([...this.#items.keys(), ...this.indexFollower.unseen.map(({ keyText }) => keyText)]);
    for (const keyText of keys) {
      copy.#index?.put(keyText, this.indexFollower.seen(keyText, this.#items.get(keyText)));
    }
    return copy;
  }

  /** All items, in the order in which they were created. */
  get items(): Iterable<Item> {
    return this.#items.values();
  }

  /** The changes of all items in their order, as far as they were not taken. */
  get records(): readonly StreamRecord[] {
    return this.#records;
  }

  /** Takes the records out of the stream. */
  takeRecords(): readonly StreamRecord[] {
    const taken = this.#records;
    this.#records = [];
    return taken;
  }

  /** @throws ValidationException for a key that is none of this table */
  get(key: Item): Item | undefined {
    return this.#items.get(this.#keyText(key));
  }

  /** An item as an eventually consistent read sees it. */
  getEventually(key: Item): Item | undefined {
    const keyText = this.#keyText(key);
    return this.readFollower.seen(keyText, this.#items.get(keyText));
  }

  /**
   * Puts an item in place of the one with its key, if that one fulfils a condition.
   *
   * @throws ValidationException for what DynamoDB does not take
   */
  put(item: Item, condition: readonly Clause[] = []): WriteAnswer {
    const keyText = this.#keyText(item);
    const whole = this.itemOf(item);
    const before = this.#items.get(keyText);
    if (!fulfils(before, condition)) return { kind: 'refused', found: before };
    this.#change(keyText, before, whole);
    return { kind: 'made', item: whole };
  }

  /**
   * An item as it is kept when it is put.
   *
   * @throws ValidationException for one that DynamoDB does not take
   */
  itemOf(item: Item): Item {
    this.#keyText(item);
    const whole = keptItem(item);
    this.#expectFitting(whole, 'Item size has exceeded the maximum allowed size');
    return whole;
  }

  /** @throws ValidationException for a key that is none of this table */
  delete(key: Item): void {
    const keyText = this.#keyText(key);
    this.#change(keyText, this.#items.get(keyText), undefined);
  }

  /**
   * Makes a conditional write.
   *
   * @throws ValidationException for what DynamoDB does not take
   */
  update(key: Item, write: ConditionalWrite, { mayCreate }: UpdateOptions): WriteAnswer {
    this.expectNoKeyIn(write);
    const keyText = this.#keyText(key);
    const before = this.#items.get(keyText);
    if ((before === undefined && !mayCreate) || !fulfils(before, write.condition)) {
      return { kind: 'refused', found: before };
    }
    const after = this.updated(key, write);
    this.#change(keyText, before, after);
    return { kind: 'made', item: after };
  }

  /** @throws ValidationException for a write that would change the key */
  expectNoKeyIn({ set, remove }: ConditionalWrite): void {
    if (![...Object.keys(set), ...remove].includes(this.#schema.key)) return;
    throw new ValidationException(`Cannot update attribute ${this.#schema.key}. This attribute is part of the key`);
  }

  /**
   * An item as a write makes it, whatever its condition.
   *
   * @throws ValidationException for what DynamoDB does not take
   */
  updated(key: Item, write: ConditionalWrite): Item {
    const after = changed(this.get(key) ?? key, write);
    this.#expectFitting(after, 'Item size to update has exceeded the maximum allowed size');
    return after;
  }

  /** @throws ValidationException for a range that ends before it starts, and for a cursor outside of the range */
  query({ index, partition, from, through, limit, cursor }: IndexQuery): IndexPage {
    const schema = this.#schema.index;
    if (schema === undefined || schema.name !== index) throw new ValidationException(`there is no index ${index}`);
    expectRange(String(from), String(through));
    const digits = String(partition[schema.partition]);
    const after = cursor && this.#positionIn(schema, cursor, from, through);
    const page = new PageOfItems(limit, this.#options.pageItems);
    for (const { item, sortDigits } of this.#index?.from(digits, String(from), after) ?? []) {
      if (compareNumbers(sortDigits, String(through)) > 0) break;
      page.read(item, item);
      if (!page.isFull) continue;
      return page.upTo(only(item, [this.#schema.key, schema.partition, schema.sort]));
    }
    return { items: page.items };
  }

  #positionIn(schema: IndexSchema, cursor: Item, from: number, through: number): Position {
    const sortDigits = cursor[schema.sort]?.N ?? '';
    if (compareNumbers(sortDigits, String(from)) < 0 || compareNumbers(sortDigits, String(through)) > 0) {
      throw new ValidationException('The provided starting key is outside query boundaries');
    }
    return { sortDigits, keyText: this.#keyText({ [this.#schema.key]: cursor[this.#schema.key] ?? { S: '' } }) };
  }

  /** @throws ValidationException for a range in the condition that ends before it starts */
  scan(condition: readonly Clause[], cursor: Item | undefined): IndexPage {
    const after = cursor && this.#keyText(cursor);
    const page = new PageOfItems(undefined, this.#options.pageItems);
    // Any order will do that stays the same while items come and go.
    for (const keyText of [...this.#items.keys()].sort()) {
      if (after !== undefined && keyText <= after) continue;
      const item = this.#items.get(keyText) ?? {};
      page.read(item, fulfils(item, condition) ? item : undefined);
      if (page.isFull) return page.upTo({ [this.#schema.key]: { S: keyText } });
    }
    return { items: page.items };
  }

  #change(keyText: string, before: Item | undefined, after: Item | undefined): void {
    if (before === after || (before && after && isSameItem(before, after))) return;
    if (after === undefined) this.#items.delete(keyText);
    else this.#items.set(keyText, after);
    const change = { keyText, before, after };
    this.indexFollower.follow(change);
    this.readFollower.follow(change);
    if (this.#options.hasStream === false) return;
    this.#changes += 1;
    this.#records.push({
      eventName: before === undefined ? 'INSERT' : after === undefined ? 'REMOVE' : 'MODIFY',
      sequence: this.#changes,
      key: { [this.#schema.key]: { S: keyText } },
      oldImage: before,
      newImage: after,
    });
  }

  /** The key of an item, alone. */
  keyOf(item: Item): Item {
    return { [this.#schema.key]: { S: this.#keyText(item) } };
  }

  #keyText(key: Item): string {
    const { key: name } = this.#schema;
    const text = key[name]?.S;
    if (text === undefined) throw new ValidationException(`Type mismatch for key ${name}, or no key`);
    if (text === '') throw new ValidationException(`The key ${name} cannot be an empty string`);
    if (Buffer.byteLength(text) > MAX_KEY_BYTES) {
      throw new ValidationException(`Size of hashkey has exceeded the maximum size limit of ${MAX_KEY_BYTES} bytes`);
    }
    return text;
  }

  #expectFitting(item: Item, tooLarge: string): void {
    const { index } = this.#schema;
    for (const name of index ? [index.partition, index.sort] : []) {
      if (item[name] !== undefined && item[name].N === undefined) {
        throw new ValidationException(`Type mismatch for Index Key ${name} Expected: N IndexName: ${index?.name}`);
      }
    }
    if (itemBytes(item) > MAX_ITEM_BYTES) throw new ValidationException(tooLarge);
  }
}

/** A page while it is read: it is full after so many items, or as soon as they make a megabyte. */
class PageOfItems {
  readonly items: Item[] = [];
  readonly #most: number;
  #read = 0;
  #bytes = 0;

  constructor(limit = Number.POSITIVE_INFINITY, pageItems = Number.POSITIVE_INFINITY) {
    this.#most = Math.min(limit, pageItems);
  }

  /** @param shown what the page has of the item; undefined if it does not fulfil the condition */
  read(item: Item, shown: Item | undefined): void {
    this.#read += 1;
    this.#bytes += itemBytes(item);
    if (shown !== undefined) this.items.push(shown);
  }

  get isFull(): boolean {
    return this.#read >= this.#most || this.#bytes >= MAX_PAGE_BYTES;
  }

  upTo(cursor: Item): IndexPage {
    return { items: this.items, cursor };
  }
}
