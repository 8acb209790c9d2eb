/**
 * The moves of an application that writes to its table itself, as the input of its own requests. Nothing is sent from here.
 *
 *   none ──newItem──▶ held ──confirm, before the deadline──▶ sold, paid, …
 *   free ──hold─────▶  │ ├───cancel, before the deadline──▶ free, cancelled, …
 *    ▲                 │ └───extend, before the deadline──▶ held, with a new deadline
 *    └──the service────┘ from the deadline on; another `hold` may come before it
 *
 * Each move is one conditional write whose condition holds the whole rule, so that no order of customers, the service and
 * repeated requests can break it. `nowMs` is the caller's clock, read just before the request: DynamoDB has none in its
 * conditions.
 */
import type { DeadlineReading } from '../functions/core/hold-time.ts';
import { shardOf } from '../functions/core/pending-shard.ts';
import { type StoredValue, writtenDeadline } from '../functions/table/deadline.ts';
import { keyText } from '../functions/table/key-text.ts';
import { type TableDescription, type TableShape, tableShape } from '../functions/table/shape.ts';
import { HoldConditions } from './hold-conditions.ts';
import {
  askedDeadline,
  expectOwn,
  expectShardCount,
  furtherConditions,
  type HoldLength,
  InvalidMoveError,
  type OwnChanges,
  ownChanges,
  type Seen,
  wholeKey,
  wholeNow,
  wordOf,
} from './input.ts';
import { Placeholders } from './placeholders.ts';
import { deadlineIn, type HoldState, holdStateOf, statusOf } from './reading.ts';
import { type Refusal, type RefusalOptions, refusalIn } from './refusal.ts';
import { isBookingsTable, slotIdsIn } from './slot-ids.ts';
import { type Attributes, shown, storedIn } from './values.ts';

/** Input of a PutCommand, or of a Put in a TransactWriteCommand, of `@aws-sdk/lib-dynamodb`. The caller adds `TableName`. */
export interface PutInput {
  Item: Record<string, unknown>;
  ConditionExpression: string;
  ExpressionAttributeNames: Record<string, string>;
  ReturnValuesOnConditionCheckFailure: 'ALL_OLD';
}

/** Input of an UpdateCommand, or of an Update in a TransactWriteCommand. The caller adds `TableName`. */
export interface UpdateInput {
  Key: Record<string, unknown>;
  UpdateExpression: string;
  ConditionExpression: string;
  ExpressionAttributeNames: Record<string, string>;
  ExpressionAttributeValues: Record<string, unknown>;
  ReturnValuesOnConditionCheckFailure: 'ALL_OLD';
}

/** What every move of an item takes. */
export interface Move extends OwnChanges {
  /** All attributes of the key, plain: `{ event_id: 'concert-7', ticket_id: 'A-12' }`. */
  readonly key: Attributes;
  /**
   * Attributes that the item must have, each with this value: `{ held_by: customer }`. An item that can be held again
   * under the same key may have been, by somebody else.
   * @default - the item may have any
   */
  readonly where?: Attributes;
}

export type NewItem = HoldLength & {
  readonly key: Attributes;
  /** The word of the new item, one of the pending ones. @default - the first of them */
  readonly status?: string;
  /** Attributes of the application's own. */
  readonly attributes?: Attributes;
};

export type Hold = Move &
  HoldLength & {
    /** The word of the held item, one of the pending ones. @default - the first of them */
    readonly status?: string;
    /** The words of an item that is free. @default - the word of an expired one */
    readonly from?: readonly string[];
    /** The item as it was read, or its deadline. Needed where deadlines are text. */
    readonly seen?: Seen;
  };

export interface Settle extends Move {
  /** The word that the item gets. */
  readonly status: string;
  /**
   * The item as it was read, or its deadline: the item must still have the very hold that was seen. Needed where deadlines
   * are text.
   */
  readonly seen?: Seen;
}

export type Extend = Move &
  HoldLength & {
    /** Another pending word for the item. @default - the one that it has */
    readonly status?: string;
    /** The item as it was read, or its deadline. */
    readonly seen: Seen;
  };

export interface TableClientOptions {
  /**
   * How many shards of the index new holds are spread over: the service's own count, or fewer. With it `newItem`, `hold`
   * and `extend` put the item into the index themselves. Without it the service does, by one write more for each hold.
   * @default - the service chooses the shard
   */
  readonly shardCount?: number;
  /**
   * Whether items may be bookings with slots: their attribute `slotIds` is a list of texts. Those are refused by every move of this
   * client, because they move together with their slots: `slotsClient` makes such moves.
   * @default - true for a table that looks like the bookings table of the service; false for any other
   */
  readonly slots?: boolean;
}

/**
 * A client of one table.
 *
 * @param description the table, described as for the construct
 * @throws InvalidTableError for a table that cannot be described so
 * @throws InvalidMoveError for a shard count that is none
 */
export const tableClient = (description: TableDescription = {}, options: TableClientOptions = {}): TableClient => {
  const { shardCount, slots } = options;
  expectShardCount(shardCount);
  if (slots !== undefined && typeof slots !== 'boolean') {
    throw new InvalidMoveError(`slots must be true or false, got ${shown(slots)}`);
  }
  const shape = tableShape(description);
  return new TableClient(shape, shardCount, slots ?? isBookingsTable(shape));
};

/** Made by `tableClient`. Every time is epoch milliseconds; every method is pure but for the default of its clock. */
export class TableClient {
  readonly #shape: TableShape;
  readonly #shardCount: number | undefined;
  readonly #mayHaveSlots: boolean;

  constructor(shape: TableShape, shardCount: number | undefined, mayHaveSlots: boolean) {
    this.#shape = shape;
    this.#shardCount = shardCount;
    this.#mayHaveSlots = mayHaveSlots;
  }

  /**
   * A new item that is held, on condition that there is none with its key.
   *
   * @throws InvalidMoveError
   */
  newItem(given: NewItem, nowMs: number = Date.now()): PutInput {
    const { status, only } = this.#shape;
    const key = wholeKey('newItem', this.#shape, given.key);
    const attributes = given.attributes ?? {};
    expectOwn('newItem: attributes', this.#shape, attributes);
    for (const [name, value] of Object.entries(only)) {
      if (!Object.hasOwn(key, name) || key[name] === value) continue;
      throw new InvalidMoveError(`newItem: key.${name} must be ${shown(value)}, got ${shown(key[name])}`);
    }
    const placeholders = new Placeholders();
    return {
      Item: {
        ...attributes,
        ...only,
        ...key,
        [status.attribute]: this.#pendingWord('newItem', given.status),
        ...this.#newHold('newItem', key, given, wholeNow(nowMs)),
      },
      ConditionExpression: placeholders.absent(this.#shape.key.partition.name),
      ExpressionAttributeNames: placeholders.names,
      ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
    };
  }

  /**
   * Holds an item that is free: that has the word of an expired one, or one of `from`, or whose hold has lapsed, marked or
   * not. The trace of an earlier expiry is removed.
   *
   * Where deadlines are text, `seen` is needed: a condition cannot tell whether text has lapsed. A hold that was seen as
   * lapsed is taken over on condition that it is still that one.
   *
   * @throws InvalidMoveError
   */
  hold(given: Hold, nowMs: number = Date.now()): UpdateInput {
    const { status, attributes } = this.#shape;
    const now = wholeNow(nowMs);
    const key = wholeKey('hold', this.#shape, given.key);
    const own = ownChanges('hold', this.#shape, given);
    const placeholders = new Placeholders();
    const holdFound = new HoldConditions('hold', this.#shape, placeholders, now);
    return this.#update(placeholders, given, {
      set: {
        ...own.set,
        [status.attribute]: this.#pendingWord('hold', given.status),
        ...this.#newHold('hold', key, given, now),
      },
      remove: [...own.remove, attributes.expiredAtMs, attributes.expiredBy],
      condition: [
        holdFound.free(this.#freeWords(given.from), given.seen),
        ...this.#withoutSlots(holdFound, given.seen),
      ],
      move: 'hold',
    });
  }

  /**
   * Gives a held item the word of one that was paid, before its deadline. What the service added to it is removed, so that
   * it leaves the index at once.
   *
   * @param given `remove` may name the deadline: a settled item needs none
   * @throws InvalidMoveError
   * @throws MoveRefusedError if the hold that was seen has lapsed, or has no usable deadline
   */
  confirm(given: Settle, nowMs: number = Date.now()): UpdateInput {
    const { pending, expired } = this.#shape.status;
    const rule = `a word that is neither pending (${pending.join(', ')}) nor that of an expired item (${expired})`;
    return this.#settle('confirm', given, rule, (word) => word !== expired && !pending.includes(word), [], nowMs);
  }

  /**
   * Gives a held item another word before its deadline, because its customer gives it back. What the service added to it is
   * removed. With the word of an expired item, everything is removed that an expiry removes.
   *
   * @param given `remove` may name the deadline
   * @throws InvalidMoveError
   * @throws MoveRefusedError as for `confirm`
   */
  cancel(given: Settle, nowMs: number = Date.now()): UpdateInput {
    const { status, onExpire } = this.#shape;
    const rule = `a word that is not pending (${status.pending.join(', ')})`;
    const also = given.status === status.expired ? onExpire.remove : [];
    return this.#settle('cancel', given, rule, (word) => !status.pending.includes(word), also, nowMs);
  }

  #settle(
    move: string,
    given: Settle,
    rule: string,
    isAllowed: (word: string) => boolean,
    removeToo: readonly string[],
    nowMs: number,
  ): UpdateInput {
    const { status, deadline, attributes } = this.#shape;
    const now = wholeNow(nowMs);
    const own = ownChanges(move, this.#shape, given, deadline.attribute);
    const removed = new Set([...own.remove, ...removeToo.filter((name) => !Object.hasOwn(own.set, name))]);
    removed.add(attributes.pendingShard).add(attributes.holdStartedAtMs);
    if (deadline.unit !== 'milliseconds') removed.add(attributes.expiresAtMs);
    const placeholders = new Placeholders();
    const holdFound = new HoldConditions(move, this.#shape, placeholders, now);
    return this.#update(placeholders, given, {
      set: { ...own.set, [status.attribute]: wordOf(move, given.status, rule, isAllowed) },
      remove: [...removed],
      condition: [...holdFound.stillHeld(given.seen), ...this.#withoutSlots(holdFound, given.seen)],
      move,
    });
  }

  #withoutSlots(holdFound: HoldConditions, seen: Seen | undefined): string[] {
    return this.#mayHaveSlots ? [holdFound.withoutSlots(seen)] : [];
  }

  /**
   * A new deadline for a held item, on condition of the hold that was seen: so a late duplicate of this request does not
   * undo a newer extension. Given the whole item, the start of its hold is a part of that, because a deadline may come back.
   *
   * @throws InvalidMoveError
   * @throws MoveRefusedError as for `confirm`
   */
  extend(given: Extend, nowMs: number = Date.now()): UpdateInput {
    const { status } = this.#shape;
    const now = wholeNow(nowMs);
    const key = wholeKey('extend', this.#shape, given.key);
    const own = ownChanges('extend', this.#shape, given);
    const placeholders = new Placeholders();
    const holdFound = new HoldConditions('extend', this.#shape, placeholders, now);
    return this.#update(placeholders, given, {
      set: {
        ...own.set,
        ...(given.status !== undefined && { [status.attribute]: this.#pendingWord('extend', given.status) }),
        ...this.#newHold('extend', key, given, now),
      },
      remove: own.remove,
      condition: [
        ...holdFound.stillHeld(given.seen),
        ...holdFound.sameStart(given.seen),
        ...this.#withoutSlots(holdFound, given.seen),
      ],
      move: 'extend',
    });
  }

  /** The deadline that a hold gets if it starts now, epoch ms: it is rounded up to the unit of the table. */
  deadlineAfter(holdMs: number, nowMs: number = Date.now()): number {
    return this.#written(askedDeadline('deadlineAfter', { holdMs }, wholeNow(nowMs))).expiresAtMs;
  }

  /**
   * What every read must report: an item with a pending word whose hold has lapsed has the word of an expired one, marked
   * or not. An item without a usable deadline keeps its word, because nobody acts on it; so does one of another kind.
   *
   * @returns undefined if there is no item, or if it has no status
   */
  effectiveStatus(item: Attributes | undefined, nowMs: number = Date.now()): string | undefined {
    if (item === undefined) return undefined;
    const { kind } = holdStateOf(this.#shape, item, wholeNow(nowMs));
    return kind === 'lapsed' ? this.#shape.status.expired : statusOf(this.#shape, item);
  }

  /** What is known of an item's hold. */
  holdState(item: Attributes, nowMs: number = Date.now()): HoldState {
    return holdStateOf(this.#shape, item, wholeNow(nowMs));
  }

  /** Whether an item has a hold that still runs. */
  isHeld(item: Attributes | undefined, nowMs: number = Date.now()): boolean {
    return item !== undefined && this.holdState(item, nowMs).kind === 'held';
  }

  /** An item's deadline, whatever its status: epoch ms, rounded up. undefined if it has none that anyone acts on. */
  deadlineOf(item: Attributes | undefined): number | undefined {
    const reading = this.readDeadline(item);
    return reading.valid ? reading.expiresAtMs : undefined;
  }

  /** An item's deadline, or the reason why nobody acts on it. */
  readDeadline(item: Attributes | undefined): DeadlineReading {
    return deadlineIn(this.#shape, item ?? {});
  }

  /**
   * Why a move was not made.
   *
   * @param error whatever sending it, or making it, has thrown
   * @returns undefined if it is no refusal: then whether the move was made is not known, and the error is the caller's
   */
  refusalOf(error: unknown, options: RefusalOptions = {}, nowMs: number = Date.now()): Refusal | undefined {
    const refusal = refusalIn(this.#shape, error, options, wholeNow(nowMs));
    if (!this.#mayHaveSlots || refusal?.kind !== 'held') return refusal;
    const slotIds = slotIdsIn(refusal.item);
    return slotIds ? { kind: 'has-slots', slotIds, item: refusal.item } : refusal;
  }

  #pendingWord(move: string, given: string | undefined): string {
    const { pending } = this.#shape.status;
    return wordOf(move, given ?? pending[0], `one of ${pending.join(', ')}`, (word) => pending.includes(word));
  }

  #freeWords(from: readonly string[] | undefined): readonly string[] {
    const { pending, expired } = this.#shape.status;
    const words = from ?? [expired];
    const areFree = Array.isArray(words) && words.length > 0;
    if (areFree && words.every((word) => typeof word === 'string' && word !== '' && !pending.includes(word)))
      return words;
    throw new InvalidMoveError(
      `hold: from must be one or more words that are not pending (${pending.join(', ')}), got ${shown(from)}`,
    );
  }

  /** A deadline as it is written, plain, and the instant that it means after rounding. */
  #written(expiresAtMs: number): { readonly plain: string | number; readonly expiresAtMs: number } {
    const { attribute } = this.#shape.deadline;
    const stored: StoredValue = writtenDeadline(this.#shape, expiresAtMs);
    const reading = deadlineIn(this.#shape, { [attribute]: stored });
    if (!reading.valid) throw new InvalidMoveError(reading.reason);
    return { plain: stored.S ?? Number(stored.N), expiresAtMs: reading.expiresAtMs };
  }

  /** What an item gets with a hold: the deadline, and what the service needs beside it, so that it need not add that. */
  #newHold(move: string, key: Attributes, length: HoldLength, nowMs: number): Record<string, unknown> {
    const { attributes, deadline } = this.#shape;
    const { plain, expiresAtMs } = this.#written(askedDeadline(move, length, nowMs));
    return {
      ...(deadline.unit !== 'milliseconds' && { [attributes.expiresAtMs]: expiresAtMs }),
      [deadline.attribute]: plain,
      [attributes.holdStartedAtMs]: nowMs,
      ...(this.#shardCount !== undefined && { [attributes.pendingShard]: this.#shardOf(key, this.#shardCount) }),
    };
  }

  #shardOf(key: Attributes, shardCount: number): number {
    const stored = Object.fromEntries(Object.keys(key).map((name) => [name, storedIn(key, name)]));
    return shardOf(keyText(this.#shape, stored) ?? '', shardCount);
  }

  #update(
    placeholders: Placeholders,
    { key, where }: Move,
    {
      set,
      remove,
      condition,
      move,
    }: {
      readonly set: Attributes;
      readonly remove: readonly string[];
      readonly condition: readonly string[];
      readonly move: string;
    },
  ): UpdateInput {
    const Key = { ...wholeKey(move, this.#shape, key) };
    const further = [...Object.entries(this.#shape.only), ...furtherConditions(move, where)];
    const clauses = [...condition, ...further.map(([name, value]) => placeholders.equal(name, value))];
    const assignments = Object.entries(set).map(([name, value]) => placeholders.equal(name, value));
    const removals = remove.map((name) => placeholders.name(name));
    return {
      Key,
      UpdateExpression: [
        `SET ${assignments.join(', ')}`,
        ...(removals.length > 0 ? [`REMOVE ${removals.join(', ')}`] : []),
      ].join(' '),
      ConditionExpression: clauses.join(' AND '),
      ExpressionAttributeNames: placeholders.names,
      ExpressionAttributeValues: placeholders.values,
      ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
    };
  }
}
