/** A conditional write in DynamoDB's two languages: as UpdateItem's expressions, and as a PartiQL statement. */
import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import type { Clause, ConditionalWrite } from '../core/moves.ts';
import { attributeOf, type Item } from './item.ts';

/** Expressions of one conditional update, in the form that UpdateItem takes. */
export interface UpdateExpressions {
  readonly UpdateExpression: string;
  readonly ConditionExpression: string;
  readonly ExpressionAttributeNames: Record<string, string>;
  readonly ExpressionAttributeValues: Record<string, AttributeValue> | undefined;
}

/**
 * A conditional write as UpdateItem takes it. UpdateItem would create an item that does not exist: that every condition
 * asks for an attribute's value keeps it from that.
 */
export const updateExpressions = ({ set, remove, condition }: ConditionalWrite): UpdateExpressions => {
  const names: Record<string, string> = {};
  const values: Record<string, AttributeValue> = {};
  const name = (attribute: string): string => {
    names[`#${attribute}`] = attribute;
    return `#${attribute}`;
  };
  const value = (attribute: AttributeValue): string => {
    const placeholder = `:v${Object.keys(values).length}`;
    values[placeholder] = attribute;
    return placeholder;
  };
  const assignments = Object.entries(set).map(
    ([attribute, given]) => `${name(attribute)} = ${value(attributeOf(given))}`,
  );
  const update = [
    ...(assignments.length > 0 ? [`SET ${assignments.join(', ')}`] : []),
    ...(remove.length > 0 ? [`REMOVE ${remove.map(name).join(', ')}`] : []),
  ];
  const clauses = condition.map((clause) =>
    clauseText(clause, name(clause.attribute), value, (attribute) => `attribute_not_exists(${attribute})`),
  );
  return {
    UpdateExpression: update.join(' '),
    ConditionExpression: clauses.join(' AND '),
    ExpressionAttributeNames: names,
    ExpressionAttributeValues: Object.keys(values).length > 0 ? values : undefined,
  };
};

/** A condition on the items of a scan, and the attributes that are asked for, as Scan takes them. */
export const filterExpressions = (condition: readonly Clause[], attributes: readonly string[]) => {
  const { ConditionExpression, ExpressionAttributeNames, ExpressionAttributeValues } = updateExpressions({
    set: {},
    remove: [],
    condition,
  });
  const names = Object.fromEntries(attributes.map((name) => [`#${name}`, name]));
  return {
    FilterExpression: ConditionExpression,
    ProjectionExpression: attributes.map((name) => `#${name}`).join(', '),
    ExpressionAttributeNames: { ...ExpressionAttributeNames, ...names },
    ExpressionAttributeValues,
  };
};

/** One PartiQL statement with its parameters, in the form that BatchExecuteStatement takes. */
export interface Statement {
  readonly Statement: string;
  readonly Parameters: AttributeValue[];
}

/**
 * A conditional write as a PartiQL statement, of which 25 fit into one round trip. What stands beside the key in WHERE is
 * a condition on the write (Amazon DynamoDB Developer Guide, PartiQL update statements). An UPDATE never creates an item:
 * of one that does not exist, the condition fails.
 */
export const statementOf = (tableName: string, key: Item, { set, remove, condition }: ConditionalWrite): Statement => {
  const Parameters: AttributeValue[] = [];
  const name = (attribute: string): string => `"${attribute}"`;
  const value = (attribute: AttributeValue): string => {
    Parameters.push(attribute);
    return '?';
  };
  // In the order in which the statement has them: parameters have no names.
  const assignments = Object.entries(set).map(
    ([attribute, given]) => `${name(attribute)} = ${value(attributeOf(given))}`,
  );
  const keys = Object.entries(key).map(([attribute, given]) => `${name(attribute)} = ${value(given)}`);
  const clauses = condition.map((clause) =>
    clauseText(clause, name(clause.attribute), value, (attribute) => `${attribute} IS MISSING`),
  );
  // Amazon's parser takes no list behind REMOVE; the embedded engine takes nothing else. Where it refuses, an UpdateItem follows.
  const update = [
    ...(assignments.length > 0 ? [`SET ${assignments.join(', ')}`] : []),
    ...remove.map((attribute) => `REMOVE ${name(attribute)}`),
  ];
  return {
    Statement: `UPDATE "${tableName}" ${update.join(' ')} WHERE ${[...keys, ...clauses].join(' AND ')}`,
    Parameters,
  };
};

const clauseText = (
  clause: Clause,
  attribute: string,
  value: (given: AttributeValue) => string,
  absent: (attribute: string) => string,
): string => {
  switch (clause.is) {
    case 'equal':
      return `${attribute} = ${value(attributeOf(clause.value))}`;
    case 'above':
      return `${attribute} > ${value(attributeOf(clause.value))}`;
    case 'between':
      return `${attribute} BETWEEN ${value(attributeOf(clause.from))} AND ${value(attributeOf(clause.through))}`;
    case 'absent':
      return absent(attribute);
  }
};
