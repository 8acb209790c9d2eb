/** A conditional write in a table's own attributes. How it is said to DynamoDB is in expressions.ts. */
import type { AsStored } from '../core/moves.ts';

/** A value of an attribute: text, a number, true or false, or exactly what a table has. */
export type Value = string | number | boolean | AsStored;

/** One part of a condition; all parts of a condition must hold. Numbers compare as numbers, text as text. */
export type Clause =
  | { readonly attribute: string; readonly is: 'equal'; readonly value: Value }
  /** It has one of these texts. */
  | { readonly attribute: string; readonly is: 'in'; readonly values: readonly string[] }
  | { readonly attribute: string; readonly is: 'above'; readonly value: Value }
  | { readonly attribute: string; readonly is: 'between'; readonly from: Value; readonly through: Value }
  | { readonly attribute: string; readonly is: 'absent' };

/** A condition with alternatives: one of them must hold whole. */
export type AnyOf = readonly [readonly Clause[], ...(readonly Clause[])[]];

/** A conditional write of one item. It never creates the item: of one that does not exist, the condition fails. */
export interface ConditionalWrite {
  readonly set: Readonly<Record<string, Value>>;
  readonly remove: readonly string[];
  readonly condition: readonly Clause[];
}

/** That an attribute is exactly as it was seen, or absent if it was. */
export const isAsSeen = (attribute: string, seen: AsStored | undefined): Clause =>
  seen === undefined ? { attribute, is: 'absent' } : { attribute, is: 'equal', value: seen };
