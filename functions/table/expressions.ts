/** A conditional write in DynamoDB's two languages: as UpdateItem's expressions, and as a PartiQL statement. */
import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import type { AnyOf, Clause, ConditionalWrite } from './conditional-write.ts';
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
  const names = new Names();
  const values = new Values();
  const assignments = Object.entries(set).map(
    ([attribute, given]) => `${names.of(attribute)} = ${values.of(attributeOf(given))}`,
  );
  const update = [
    ...(assignments.length > 0 ? [`SET ${assignments.join(', ')}`] : []),
    ...(remove.length > 0 ? [`REMOVE ${remove.map((attribute) => names.of(attribute)).join(', ')}`] : []),
  ];
  return {
    UpdateExpression: update.join(' '),
    ConditionExpression: clausesText(condition, names, values),
    ExpressionAttributeNames: names.given,
    ExpressionAttributeValues: values.ifAny,
  };
};

/** Clauses that must all hold, as a condition expression. */
const clausesText = (clauses: readonly Clause[], names: Names, values: Values): string =>
  clauses
    .map((clause) =>
      clauseText(clause, names.of(clause.attribute), (attribute) => values.of(attribute), {
        absent: (attribute) => `attribute_not_exists(${attribute})`,
        among: (attribute, texts) => `${attribute} IN (${texts.join(', ')})`,
      }),
    )
    .join(' AND ');

/** A condition with alternatives, as a write of a transaction takes it. */
export const alternativesExpression = (anyOf: AnyOf) => {
  const names = new Names();
  const values = new Values();
  return {
    ConditionExpression: anyOf.map((clauses) => `(${clausesText(clauses, names, values)})`).join(' OR '),
    ExpressionAttributeNames: names.given,
    ExpressionAttributeValues: values.ifAny,
  };
};

/** A condition alone, as DeleteItem takes it. */
export const conditionExpression = (condition: readonly Clause[]) => {
  const { UpdateExpression: _, ...expression } = updateExpressions({ set: {}, remove: [], condition });
  return expression;
};

/** A condition on the items of a scan, and the attributes that are asked for, as Scan takes them. */
export const filterExpressions = (condition: readonly Clause[], attributes: readonly string[]) => {
  const { ConditionExpression, ExpressionAttributeNames, ExpressionAttributeValues } = updateExpressions({
    set: {},
    remove: [],
    condition,
  });
  const names = new Names(ExpressionAttributeNames);
  return {
    FilterExpression: ConditionExpression,
    ProjectionExpression: attributes.map((name) => names.of(name)).join(', '),
    ExpressionAttributeNames: names.given,
    ExpressionAttributeValues,
  };
};

/** The attributes that are asked for, as a read takes them. */
export const projectionExpression = (attributes: readonly string[]) => {
  const names = new Names();
  return {
    ProjectionExpression: attributes.map((name) => names.of(name)).join(', '),
    ExpressionAttributeNames: names.given,
  };
};

/** Placeholders of names: a name itself may hold what an expression does not take. */
class Names {
  readonly given: Record<string, string>;

  constructor(given: Record<string, string> = {}) {
    this.given = given;
  }

  of(name: string): string {
    const known = Object.entries(this.given).find(([, each]) => each === name)?.[0];
    const placeholder = known ?? `#n${Object.keys(this.given).length}`;
    this.given[placeholder] = name;
    return placeholder;
  }
}

/** Placeholders of values. */
class Values {
  readonly #given: Record<string, AttributeValue> = {};

  of(value: AttributeValue): string {
    const placeholder = `:v${Object.keys(this.#given).length}`;
    this.#given[placeholder] = value;
    return placeholder;
  }

  /** DynamoDB takes no empty map of values. */
  get ifAny(): Record<string, AttributeValue> | undefined {
    return Object.keys(this.#given).length > 0 ? this.#given : undefined;
  }
}

/** One PartiQL statement with its parameters, in the form that BatchExecuteStatement takes. */
export interface Statement {
  readonly Statement: string;
  readonly Parameters: AttributeValue[];
}

/**
 * A conditional write as a PartiQL statement, of which many fit into one round trip. What stands beside the key in WHERE is
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
    clauseText(clause, name(clause.attribute), value, {
      absent: (attribute) => `${attribute} IS MISSING`,
      among: (attribute, texts) => `${attribute} IN [${texts.join(', ')}]`,
    }),
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

/** What the two languages say differently. */
interface Dialect {
  absent(attribute: string): string;
  among(attribute: string, texts: readonly string[]): string;
}

const clauseText = (
  clause: Clause,
  attribute: string,
  value: (given: AttributeValue) => string,
  dialect: Dialect,
): string => {
  switch (clause.is) {
    case 'equal':
      return `${attribute} = ${value(attributeOf(clause.value))}`;
    case 'in':
      return dialect.among(
        attribute,
        clause.values.map((text) => value(attributeOf(text))),
      );
    case 'above':
      return `${attribute} > ${value(attributeOf(clause.value))}`;
    case 'between':
      return `${attribute} BETWEEN ${value(attributeOf(clause.from))} AND ${value(attributeOf(clause.through))}`;
    case 'absent':
      return dialect.absent(attribute);
  }
};
