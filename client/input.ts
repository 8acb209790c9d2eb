/** What callers give: checked before anything is made of it. */
import {
  deadlineOf,
  EARLIEST_DEADLINE_MS,
  InvalidHoldError,
  LATEST_DEADLINE_MS,
  MAX_HOLD_MS,
  MIN_HOLD_MS,
} from '../functions/core/hold-time.ts';
import { MAX_SHARDS } from '../functions/core/pending-shard.ts';
import type { KeyAttribute, TableShape } from '../functions/table/shape.ts';
import { type Attributes, shown } from './values.ts';

/** Thrown for a move that cannot be made of what was given. The message says what is allowed and what was received. */
export class InvalidMoveError extends Error {
  override readonly name = 'InvalidMoveError';
}

/** How long a hold lasts: a length from now on, or the deadline itself. */
export type HoldLength =
  | {
      /** Length of the hold, ms: 1 second to 366 days. */
      readonly holdMs: number;
      readonly expiresAtMs?: never;
    }
  | {
      /** The deadline, epoch ms, later than now. */
      readonly expiresAtMs: number;
      readonly holdMs?: never;
    };

/**
 * The deadline that a hold asks for, before it is rounded to the table's unit, epoch ms.
 *
 * @throws InvalidMoveError
 */
export const askedDeadline = (move: string, { holdMs, expiresAtMs }: HoldLength, nowMs: number): number => {
  if ((holdMs === undefined) === (expiresAtMs === undefined)) {
    throw new InvalidMoveError(
      `${move}: either holdMs or expiresAtMs must be given, got ${holdMs === undefined ? 'none of them' : 'both'}`,
    );
  }
  if (expiresAtMs !== undefined) {
    if (Number.isFinite(expiresAtMs) && expiresAtMs > nowMs && expiresAtMs <= LATEST_DEADLINE_MS) return expiresAtMs;
    throw new InvalidMoveError(
      `${move}: expiresAtMs must be epoch milliseconds later than now (${nowMs}) and at most ${LATEST_DEADLINE_MS}, got ${shown(expiresAtMs)}`,
    );
  }
  try {
    return deadlineOf(holdMs as number, nowMs);
  } catch (error) {
    if (!(error instanceof InvalidHoldError)) throw error;
    throw new InvalidMoveError(
      `${move}: holdMs must be whole milliseconds from ${MIN_HOLD_MS} to ${MAX_HOLD_MS}, got ${shown(holdMs)}`,
    );
  }
};

/**
 * The clock in whole ms: a fraction is dropped, so that nothing lapses early.
 *
 * @throws InvalidMoveError for one in another unit
 */
export const wholeNow = (nowMs: number): number => {
  const isClock = typeof nowMs === 'number' && nowMs >= EARLIEST_DEADLINE_MS && nowMs <= LATEST_DEADLINE_MS;
  if (isClock) return Math.floor(nowMs);
  throw new InvalidMoveError(
    `nowMs must be epoch milliseconds from ${EARLIEST_DEADLINE_MS} to ${LATEST_DEADLINE_MS}, got ${shown(nowMs)}`,
  );
};

/**
 * A key of the table: all of its attributes, and no other.
 *
 * @throws InvalidMoveError
 */
export const wholeKey = (move: string, { key: { partition, sort } }: TableShape, key: Attributes): Attributes => {
  const parts = sort === undefined ? [partition] : [partition, sort];
  const isWhole =
    typeof key === 'object' &&
    key !== null &&
    Object.keys(key).length === parts.length &&
    parts.every((part) => isKeyValue(part, key));
  if (isWhole) return key;
  const wanted = parts.map(({ name, type }) => `${name}: ${type === 'S' ? 'text' : 'a number'}`);
  throw new InvalidMoveError(`${move}: key must be { ${wanted.join(', ')} }, got ${shown(key)}`);
};

/** Plain values only: the DocumentClient would take `{ S: 'x' }` for a map. */
const isKeyValue = ({ name, type }: KeyAttribute, key: Attributes): boolean => {
  const value = Object.hasOwn(key, name) ? key[name] : undefined;
  if (type === 'S') return typeof value === 'string' && value !== '';
  if (typeof value === 'number') return Number.isFinite(value) && Math.abs(value) <= Number.MAX_SAFE_INTEGER;
  return typeof value === 'bigint' || (typeof value === 'object' && 'toAttributeValue' in (value ?? {}));
};

/** @throws InvalidMoveError for a shard count that is none */
export const expectShardCount = (shardCount: number | undefined): void => {
  if (shardCount === undefined || (Number.isInteger(shardCount) && shardCount >= 1 && shardCount <= MAX_SHARDS)) return;
  throw new InvalidMoveError(`shardCount must be a whole number from 1 to ${MAX_SHARDS}, got ${shown(shardCount)}`);
};

/** A word of the status. @throws InvalidMoveError unless it is one and the rule allows it */
export const wordOf = (move: string, given: unknown, rule: string, isAllowed: (word: string) => boolean): string => {
  if (typeof given === 'string' && given !== '' && isAllowed(given)) return given;
  throw new InvalidMoveError(`${move}: status must be ${rule}, got ${shown(given)}`);
};

/** Changes that a caller makes together with a move, to attributes of the application's own. */
export interface OwnChanges {
  /** Attributes that get a value. A name is taken as it is: `a.b` is one attribute, and no path. */
  readonly set?: Attributes;
  /** Attributes that are removed. */
  readonly remove?: readonly string[];
}

/**
 * Only attributes of the application's own: neither the key nor what decides about the hold.
 *
 * @param mayRemove an attribute that may be removed although it is not the application's own
 * @throws InvalidMoveError
 */
export const ownChanges = (
  move: string,
  shape: TableShape,
  { set = {}, remove = [] }: OwnChanges,
  mayRemove?: string,
): Required<OwnChanges> => {
  expectOwn(`${move}: set`, shape, set);
  if (!Array.isArray(remove))
    throw new InvalidMoveError(`${move}: remove must be a list of names, got ${shown(remove)}`);
  for (const name of remove) {
    if (name !== mayRemove) expectOwnName(`${move}: remove`, shape, name);
    if (Object.hasOwn(set, name)) {
      throw new InvalidMoveError(`${move}: an attribute must be either set or removed, got ${shown(name)} in both`);
    }
  }
  return { set, remove: [...new Set(remove)] };
};

/** @throws InvalidMoveError unless all are values of attributes of the application's own */
export const expectOwn = (where: string, shape: TableShape, attributes: Attributes): void => {
  if (typeof attributes !== 'object' || attributes === null || Array.isArray(attributes)) {
    throw new InvalidMoveError(`${where} must be attributes by their names, got ${shown(attributes)}`);
  }
  for (const [name, value] of Object.entries(attributes)) {
    expectOwnName(where, shape, name);
    if (value === undefined) throw new InvalidMoveError(`${where} must have a value for ${shown(name)}, got nothing`);
  }
};

const expectOwnName = (where: string, shape: TableShape, name: unknown): void => {
  if (typeof name !== 'string' || name === '') {
    throw new InvalidMoveError(`${where} must name attributes, got ${shown(name)}`);
  }
  const meaning = meaningOf(shape, name);
  if (meaning === undefined) return;
  throw new InvalidMoveError(`${where} must name attributes of your own only, got ${shown(name)}, which is ${meaning}`);
};

/** What an attribute means to the service; undefined if it is the application's own. */
const meaningOf = ({ key, status, deadline, only, attributes }: TableShape, name: string): string | undefined => {
  if (name === key.partition.name || name === key.sort?.name) return 'a part of the key';
  if (name === status.attribute) return 'the status';
  if (name === deadline.attribute) return 'the deadline';
  if (Object.hasOwn(only, name)) return 'what tells the kind of the item';
  return Object.values<string>({ ...attributes }).includes(name) ? 'kept by the service' : undefined;
};

/**
 * Attributes that the item must have beside what a move asks for: conditions of equality.
 *
 * @throws InvalidMoveError
 */
export const furtherConditions = (move: string, where: Attributes = {}): readonly [name: string, value: unknown][] =>
  Object.entries(where).map(([name, value]) => {
    if (name !== '' && value !== undefined) return [name, value];
    throw new InvalidMoveError(`${move}: where must have a value for ${shown(name)}, got nothing`);
  });

/** The item that a move was decided on, as it was read, or its deadline alone. */
export type Seen = Attributes | string | number | bigint;

/**
 * What was seen, as an item of which only what was seen is known.
 *
 * @throws InvalidMoveError if nothing was
 */
export const seenItem = (move: string, { deadline }: TableShape, seen: Seen | undefined): Attributes => {
  if (typeof seen === 'string' || typeof seen === 'number' || typeof seen === 'bigint') {
    return { [deadline.attribute]: seen };
  }
  if (typeof seen === 'object' && seen !== null) return seen;
  throw new InvalidMoveError(
    `${move}: seen must be the item as it was read, or its ${deadline.attribute}, got ${shown(seen)}`,
  );
};
