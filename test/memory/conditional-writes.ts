/** What a conditional write makes of an item, evaluated as the data that it is. */
import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import type { Clause, ConditionalWrite } from '../../functions/core/moves.ts';
import { attributeOf, type Item } from '../../functions/table/item.ts';
import { compareNumbers, isSame, kept, ValidationException } from './attribute-value.ts';

/**
 * Whether an item fulfils every part of a condition. An attribute of another type than what it is compared with fulfils
 * none; nor does one that is absent, but for `absent`.
 *
 * @param item undefined where there is none
 * @throws ValidationException for a range whose end is before its start
 */
export const fulfils = (item: Item | undefined, condition: readonly Clause[]): boolean => {
  for (const clause of condition) {
    if (clause.is === 'between') expectRange(clause.from, clause.through);
  }
  return condition.every((clause) => fulfilsClause(item?.[clause.attribute], clause));
};

/** @throws ValidationException if a range ends before it starts */
export const expectRange = (from: number, through: number): void => {
  if (from <= through) return;
  throw new ValidationException(
    `The BETWEEN operator requires upper bound to be greater than or equal to lower bound: ${from}, ${through}`,
  );
};

const fulfilsClause = (attribute: AttributeValue | undefined, clause: Clause): boolean => {
  switch (clause.is) {
    case 'absent':
      return attribute === undefined;
    case 'equal':
      return attribute !== undefined && isSame(attribute, kept(attributeOf(clause.value)));
    case 'above':
      return attribute?.N !== undefined && compareNumbers(attribute.N, String(clause.value)) > 0;
    case 'between':
      return (
        attribute?.N !== undefined &&
        compareNumbers(attribute.N, String(clause.from)) >= 0 &&
        compareNumbers(attribute.N, String(clause.through)) <= 0
      );
  }
};

/**
 * The item after a write.
 *
 * @param before the item, or its key alone where there is none
 * @throws ValidationException for a value that DynamoDB does not take
 */
export const changed = (before: Item, { set, remove }: Pick<ConditionalWrite, 'set' | 'remove'>): Item => {
  const after: Record<string, AttributeValue> = { ...before };
  for (const [name, value] of Object.entries(set)) after[name] = kept(attributeOf(value));
  for (const name of remove) delete after[name];
  return after;
};
