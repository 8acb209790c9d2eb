/** Why a move was not made, from the error that its caller got. */
import type { TableShape } from '../functions/table/shape.ts';
import { type HoldState, holdStateOf, statusOf } from './reading.ts';
import { type Attributes, isSame } from './values.ts';

/**
 * What the item was that refused a move. The kinds are those of `HoldState`, and three more. missing: there is no such item.
 * done: it is what this very move makes of it, so that an earlier try was made although its answer was lost. has-slots: it is
 * held, and is a booking with slots, which `slotsClient` moves.
 *
 * `item` is as it was found: in an error of the SDK in the form of the DynamoDB API, whatever client is used.
 */
export type Refusal =
  | { readonly kind: 'missing' }
  | { readonly kind: 'done'; readonly item: Attributes }
  | { readonly kind: 'has-slots'; readonly slotIds: readonly string[]; readonly item: Attributes }
  | (HoldState & { readonly item: Attributes });

/**
 * Thrown instead of making a move that is known to come too late: the hold that was seen has lapsed, or has no deadline.
 * `refusalOf` reads it like an error of the SDK.
 */
export class MoveRefusedError extends Error {
  override readonly name = 'MoveRefusedError';
  readonly refusal: HoldState & { readonly item: Attributes };

  constructor(move: string, state: HoldState, item: Attributes) {
    super(`${move} is refused: ${storyOf(state)}`);
    this.refusal = { ...state, item };
  }
}

const storyOf = (state: HoldState): string => {
  switch (state.kind) {
    case 'lapsed':
      return `the hold that was seen lapsed at ${new Date(state.expiresAtMs).toISOString()}`;
    case 'invalid-deadline':
      return `the hold that was seen has no usable deadline: ${state.reason}`;
    case 'settled':
      return `the item that was seen is ${state.status}`;
    default:
      return 'the item that was seen is not held';
  }
};

/** How a refusal is looked for. */
export interface RefusalOptions {
  /** What the move makes of the item. Found so already, it is told as `done`. */
  readonly done?: { readonly status: string; readonly where?: Attributes };
  /** The move's place in the `TransactItems` of a transaction, from 0. */
  readonly at?: number;
}

interface ConditionFailure {
  readonly item: Attributes | undefined;
}

export const refusalIn = (
  shape: TableShape,
  error: unknown,
  { done, at }: RefusalOptions,
  nowMs: number,
): Refusal | undefined => {
  if (error instanceof MoveRefusedError) {
    const { item } = error.refusal;
    return isDone(shape, item, done, nowMs) ? { kind: 'done', item } : error.refusal;
  }
  const failure = conditionFailureIn(error, at);
  if (failure === undefined) return undefined;
  const { item } = failure;
  if (item === undefined) return { kind: 'missing' };
  return isDone(shape, item, done, nowMs) ? { kind: 'done', item } : { ...holdStateOf(shape, item, nowMs), item };
};

/** A failed condition of a write, or of one write of a transaction. */
export const conditionFailureIn = (error: unknown, at: number | undefined): ConditionFailure | undefined => {
  if (!isObject(error)) return undefined;
  if (error.name === 'ConditionalCheckFailedException') return { item: itemOf(error) };
  if (error.name !== 'TransactionCanceledException' || at === undefined) return undefined;
  const reason = Array.isArray(error.CancellationReasons) ? error.CancellationReasons[at] : undefined;
  return isObject(reason) && reason.Code === 'ConditionalCheckFailed' ? { item: itemOf(reason) } : undefined;
};

const itemOf = ({ Item }: { readonly Item?: unknown }): Attributes | undefined => (isObject(Item) ? Item : undefined);

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;

const isDone = (shape: TableShape, item: Attributes, done: RefusalOptions['done'], nowMs: number): boolean => {
  if (done === undefined || statusOf(shape, item) !== done.status) return false;
  if (!Object.entries(done.where ?? {}).every(([name, value]) => isSame(item, name, value))) return false;
  const { kind } = holdStateOf(shape, item, nowMs);
  return kind === 'settled' || kind === 'held';
};
