/** What a conditional write makes of an item, evaluated as the data that it is. */
import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import type { Clause, ConditionalWrite, Value } from '../../functions/table/conditional-write.ts';
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
    if (clause.is === 'between') expectRange(digitsOf(clause.from), digitsOf(clause.through));
  }
  return condition.every((clause) => fulfilsClause(item?.[clause.attribute], clause));
};

/** @throws ValidationException if a range ends before it starts */
export const expectRange = (from: string, through: string): void => {
  if (compareNumbers(from, through) <= 0) return;
  throw new ValidationException(
    `The BETWEEN operator requires upper bound to be greater than or equal to lower bound: ${from}, ${through}`,
  );
};

const digitsOf = (value: Value): string => attributeOf(value).N ?? 'no number';

const fulfilsClause = (attribute: AttributeValue | undefined, clause: Clause): boolean => {
  switch (clause.is) {
    case 'absent':
      return attribute === undefined;
    case 'equal':
      return attribute !== undefined && isSame(attribute, kept(attributeOf(clause.value)));
    case 'in':
      return attribute?.S !== undefined && clause.values.includes(attribute.S);
    case 'above':
      return attribute?.N !== undefined && compareNumbers(attribute.N, digitsOf(clause.value)) > 0;
    case 'between':
      return (
        attribute?.N !== undefined &&
        compareNumbers(attribute.N, digitsOf(clause.from)) >= 0 &&
        compareNumbers(attribute.N, digitsOf(clause.through)) <= 0
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
