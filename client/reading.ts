/** What an item says, to whoever reads it. */
import type { DeadlineReading } from '../functions/core/hold-time.ts';
import { readDeadlineOf } from '../functions/table/deadline.ts';
import type { TableShape } from '../functions/table/shape.ts';
import { type Attributes, isSame, storedIn } from './values.ts';

export const statusOf = ({ status }: TableShape, item: Attributes): string | undefined =>
  storedIn(item, status.attribute)?.S;

/** Whether an item is one that the service looks at, in a table of many kinds. */
export const isOfItsKind = ({ only }: TableShape, item: Attributes): boolean =>
  Object.entries(only).every(([name, value]) => isSame(item, name, value));

export const deadlineIn = (shape: TableShape, item: Attributes): DeadlineReading =>
  readDeadlineOf(shape, storedIn(item, shape.deadline.attribute));

/**
 * What is known of an item, as far as its hold is concerned.
 *
 * held: it has a pending word, and its deadline is still to come. lapsed: it has a pending word, and its deadline has
 * passed, marked or not. settled: it has another word, be it free, expired, sold or one that nobody knows.
 * invalid-deadline: it has a pending word, and a deadline that nobody acts on. other-kind: it is none of the items that
 * the service looks at, or has no status.
 */
export type HoldState =
  | { readonly kind: 'held' | 'lapsed'; readonly expiresAtMs: number }
  | { readonly kind: 'settled'; readonly status: string }
  | { readonly kind: 'invalid-deadline'; readonly reason: string }
  | { readonly kind: 'other-kind' };

export const holdStateOf = (shape: TableShape, item: Attributes, nowMs: number): HoldState => {
  const status = statusOf(shape, item);
  if (status === undefined || !isOfItsKind(shape, item)) return { kind: 'other-kind' };
  if (!shape.status.pending.includes(status)) return { kind: 'settled', status };
  return stateOfDeadline(deadlineIn(shape, item), nowMs);
};

/** The state of a hold of which only the deadline is known. */
export const stateOfDeadline = (reading: DeadlineReading, nowMs: number): HoldState => {
  if (!reading.valid) return { kind: 'invalid-deadline', reason: reading.reason };
  return { kind: nowMs >= reading.expiresAtMs ? 'lapsed' : 'held', expiresAtMs: reading.expiresAtMs };
};
