/**
 * What a move asks of the hold that it finds, as conditions. They hold the whole rule: what was seen of the item before only
 * makes them narrower, so that a request that arrives again, late, does nothing to what has come since.
 */
import { MAX_SLOTS } from '../functions/core/slots.ts';
import { deadlineBounds } from '../functions/table/deadline.ts';
import { OWN_ATTRIBUTES, type TableShape } from '../functions/table/shape.ts';
import { InvalidMoveError, type Seen, seenItem } from './input.ts';
import type { Placeholders } from './placeholders.ts';
import { deadlineIn, holdStateOf, stateOfDeadline, statusOf } from './reading.ts';
import { MoveRefusedError } from './refusal.ts';
import { slotIdsIn } from './slot-ids.ts';
import { type Attributes, plainIn, plainOf, shown, storedIn } from './values.ts';

export class HoldConditions {
  readonly #move: string;
  readonly #shape: TableShape;
  readonly #placeholders: Placeholders;
  readonly #nowMs: number;

  /**
   * @param move what the move is called in messages
   * @param placeholders those of the move's request
   * @param nowMs the caller's clock, whole epoch ms
   */
  constructor(move: string, shape: TableShape, placeholders: Placeholders, nowMs: number) {
    this.#move = move;
    this.#shape = shape;
    this.#placeholders = placeholders;
    this.#nowMs = nowMs;
  }

  /**
   * That the item is held, before its deadline; and by the very hold that was seen, if one was.
   *
   * @throws MoveRefusedError if the hold that was seen has lapsed, or has no usable deadline
   */
  stillHeld(seen: Seen | undefined): string[] {
    const { status, deadline } = this.#shape;
    const isText = deadline.unit === 'iso8601';
    const conditions = [this.#placeholders.oneOf(status.attribute, status.pending)];
    if (!isText) conditions.push(this.#stillRuns());
    if (!isText && seen === undefined) return conditions;
    const item = this.#seenItem(seen);
    this.#expectRunning(item, item === seen);
    return [...conditions, this.#placeholders.equal(deadline.attribute, this.#seenDeadline(item))];
  }

  /** That the hold has the start that was seen, where a whole item was. */
  sameStart(seen: Seen): string[] {
    const item = this.#seenItem(seen);
    return item === seen ? this.#asSeen(item, this.#shape.attributes.holdStartedAtMs) : [];
  }

  /**
   * That the item claims no slots: those of a booking move with it, in one transaction. Another program may have an attribute of
   * this name for something of its own. A list of texts among them looks like slots, unless the item was seen: no condition can
   * tell that it has one of them twice, or something else behind the first.
   */
  withoutSlots(seen: Seen | undefined): string {
    const name = OWN_ATTRIBUTES.slotIds;
    const value = typeof seen === 'object' && seen !== null && Object.hasOwn(seen, name) ? seen[name] : undefined;
    if (Array.isArray(plainOf(value)) && slotIdsIn(seen as Attributes) === undefined) {
      return this.#placeholders.equal(name, plainOf(value));
    }
    const attribute = this.#placeholders.name(name);
    const noTexts = `NOT attribute_type(${attribute}[0], ${this.#placeholders.value('S')})`;
    return `(${noTexts} OR attribute_exists(${attribute}[${MAX_SLOTS}]))`;
  }

  /**
   * That the item is free, or has a hold that has lapsed, marked or not; and that nothing has come since it was seen.
   *
   * @param words the words of an item that is free
   */
  free(words: readonly string[], seen: Seen | undefined): string {
    const { status, deadline, attributes } = this.#shape;
    const item = deadline.unit === 'iso8601' || seen !== undefined ? this.#seenItem(seen) : undefined;
    const word = item && statusOf(this.#shape, item);
    if (item !== undefined && word !== undefined && words.includes(word)) {
      const { holdStartedAtMs, expiredAtMs } = attributes;
      const parts = [deadline.attribute, holdStartedAtMs, expiredAtMs].flatMap((name) => this.#asSeen(item, name));
      return [this.#placeholders.equal(status.attribute, word), ...parts].join(' AND ');
    }
    const isFree = this.#placeholders.oneOf(status.attribute, words);
    const freeSince = item === undefined ? isFree : [isFree, ...this.#endedSince(item)].join(' AND ');
    const lapsed = this.#lapsedUnmarked(item);
    return lapsed === undefined ? freeSince : `((${freeSince}) OR (${lapsed}))`;
  }

  /** That it is the hold that was seen which has ended: its deadline is still there, or was removed. */
  #endedSince(item: Attributes): string[] {
    const { attribute } = this.#shape.deadline;
    const hadOne = storedIn(item, attribute) !== undefined;
    return this.#asSeen(item, attribute).map((same) =>
      hadOne ? `(${same} OR ${this.#placeholders.absent(attribute)})` : same,
    );
  }

  /** That a hold has lapsed which nothing has marked yet; undefined if it was seen to run. */
  #lapsedUnmarked(item: Attributes | undefined): string | undefined {
    const { status, deadline } = this.#shape;
    if (item && stateOfDeadline(deadlineIn(this.#shape, item), this.#nowMs).kind !== 'lapsed') return undefined;
    const clauses = [this.#placeholders.oneOf(status.attribute, status.pending)];
    if (deadline.unit !== 'iso8601') clauses.push(this.#hasLapsed());
    if (item) clauses.push(this.#placeholders.equal(deadline.attribute, this.#seenDeadline(item)));
    return clauses.join(' AND ');
  }

  #seenItem(seen: Seen | undefined): Attributes {
    return seenItem(this.#move, this.#shape, seen);
  }

  /** @param isWhole whether the item itself was seen, and not its deadline alone */
  #expectRunning(seen: Attributes, isWhole: boolean): void {
    const state = stateOfDeadline(deadlineIn(this.#shape, seen), this.#nowMs);
    if (state.kind === 'held') return;
    throw new MoveRefusedError(this.#move, isWhole ? holdStateOf(this.#shape, seen, this.#nowMs) : state, seen);
  }

  #seenDeadline(seen: Attributes): unknown {
    const { attribute } = this.#shape.deadline;
    const plain = plainIn(seen, attribute);
    if (plain !== undefined) return plain;
    throw new InvalidMoveError(
      `${this.#move}: seen.${attribute} must have no more digits than a JavaScript number, or be read with wrapNumbers, got ${shown(seen[attribute])}`,
    );
  }

  /** An attribute as it was seen, or absent if it was. One that no condition can compare with is left out. */
  #asSeen(seen: Attributes, name: string): string[] {
    if (storedIn(seen, name) === undefined) return [this.#placeholders.absent(name)];
    const plain = plainIn(seen, name);
    return plain === undefined ? [] : [this.#placeholders.equal(name, plain)];
  }

  /** The upper bound keeps a deadline in a smaller unit, which is always above now, from being taken for one that runs. */
  #stillRuns(): string {
    const { now, latest } = deadlineBounds(this.#shape, this.#nowMs);
    const attribute = this.#placeholders.name(this.#shape.deadline.attribute);
    const [nowValue, latestValue] = [this.#placeholders.value(Number(now)), this.#placeholders.value(Number(latest))];
    return `${attribute} > ${nowValue} AND ${attribute} <= ${latestValue}`;
  }

  /** The lower bound keeps a deadline in a larger unit, which is always below now, from being taken for a lapsed one. */
  #hasLapsed(): string {
    const { now, earliest } = deadlineBounds(this.#shape, this.#nowMs);
    const attribute = this.#placeholders.name(this.#shape.deadline.attribute);
    const [from, through] = [this.#placeholders.value(Number(earliest)), this.#placeholders.value(Number(now))];
    return `${attribute} BETWEEN ${from} AND ${through}`;
  }
}
