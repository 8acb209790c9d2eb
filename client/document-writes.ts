/** Conditional writes of the service as the DocumentClient takes them: values are plain, names stand behind placeholders. */
import type { AnyOf, Clause, ConditionalWrite, Value } from '../functions/table/conditional-write.ts';
import type { SlotDeletion, SlotPut } from '../functions/table/slot-items.ts';
import { Placeholders } from './placeholders.ts';
import { type Attributes, plainOf } from './values.ts';

/** A condition with what its placeholders stand for. */
interface Condition {
  ConditionExpression: string;
  ExpressionAttributeNames: Record<string, string>;
  ExpressionAttributeValues?: Record<string, unknown>;
  ReturnValuesOnConditionCheckFailure: 'ALL_OLD';
}

/** Input of a PutCommand, or of a Put in a TransactWriteCommand, table included. */
export interface PutOfTable extends Condition {
  TableName: string;
  Item: Record<string, unknown>;
}

/** Input of an UpdateCommand, or of an Update in a TransactWriteCommand, table included. */
export interface UpdateOfTable extends Condition {
  TableName: string;
  Key: Record<string, unknown>;
  UpdateExpression: string;
}

/** A Delete in a TransactWriteCommand. */
export interface DeleteOfTable extends Condition {
  TableName: string;
  Key: Record<string, unknown>;
}

/** One entry of a transaction's `TransactItems`. */
export type TransactItem = { Put: PutOfTable } | { Update: UpdateOfTable } | { Delete: DeleteOfTable };

/** Input of a TransactWriteCommand of `@aws-sdk/lib-dynamodb`. Its first entry is the booking, the others are its slots. */
export interface TransactInput {
  TransactItems: TransactItem[];
}

/** A value that was seen, to be compared with as it is. */
export const seenValue = (plain: unknown): { readonly stored: object } => ({ stored: { plain } });

/** A new item, on condition that there is none with its key. */
export const putOfNew = (TableName: string, Item: Record<string, unknown>, keyName: string): PutOfTable => {
  const placeholders = new Placeholders();
  return {
    TableName,
    Item,
    ...conditionIn(placeholders, oneOf(placeholders, [[{ attribute: keyName, is: 'absent' }]])),
  };
};

/** @param own what the application sets beside what the move does */
export const updateOf = (
  TableName: string,
  Key: Record<string, unknown>,
  { set, remove, condition }: ConditionalWrite,
  own: Attributes = {},
): UpdateOfTable => {
  const placeholders = new Placeholders();
  const given = {
    ...own,
    ...Object.fromEntries(Object.entries(set).map(([name, value]) => [name, plainValue(value)])),
  };
  const assignments = Object.entries(given).map(([name, value]) => placeholders.equal(name, value));
  const removals = remove.map((name) => placeholders.name(name));
  return {
    TableName,
    Key,
    UpdateExpression: [
      `SET ${assignments.join(', ')}`,
      ...(removals.length > 0 ? [`REMOVE ${removals.join(', ')}`] : []),
    ].join(' '),
    ...conditionIn(placeholders, allOf(placeholders, condition)),
  };
};

/** What an update that `updateOf` has made sets, by the names of the attributes. */
export const setBy = (update: UpdateOfTable): Record<string, unknown> => {
  const [assignments = ''] = update.UpdateExpression.split(' REMOVE ');
  return Object.fromEntries(
    Array.from(assignments.matchAll(/(#n\d+) = (:v\d+)/g), ([, name = '', value = '']) => [
      update.ExpressionAttributeNames[name],
      update.ExpressionAttributeValues?.[value],
    ]),
  );
};

/** The write of a slot. */
export const slotItemOf = (write: SlotPut | SlotDeletion): TransactItem => {
  const placeholders = new Placeholders();
  const condition = conditionIn(placeholders, oneOf(placeholders, write.anyOf));
  return write.kind === 'put'
    ? { Put: { TableName: write.table, Item: plainItem(write.item), ...condition } }
    : { Delete: { TableName: write.table, Key: plainItem(write.key), ...condition } };
};

const conditionIn = (placeholders: Placeholders, ConditionExpression: string): Condition => ({
  ConditionExpression,
  ExpressionAttributeNames: placeholders.names,
  // DynamoDB takes no empty map of values.
  ...(Object.keys(placeholders.values).length > 0 && { ExpressionAttributeValues: placeholders.values }),
  ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
});

const oneOf = (placeholders: Placeholders, anyOf: AnyOf): string =>
  anyOf.map((clauses) => `(${allOf(placeholders, clauses)})`).join(' OR ');

const allOf = (placeholders: Placeholders, clauses: readonly Clause[]): string =>
  clauses.map((clause) => clauseText(placeholders, clause)).join(' AND ');

const clauseText = (placeholders: Placeholders, clause: Clause): string => {
  const { attribute } = clause;
  const value = (given: Value): string => placeholders.value(plainValue(given));
  switch (clause.is) {
    case 'equal':
      return placeholders.equal(attribute, plainValue(clause.value));
    case 'in':
      return placeholders.oneOf(attribute, clause.values);
    case 'above':
      return `${placeholders.name(attribute)} > ${value(clause.value)}`;
    case 'between':
      return `${placeholders.name(attribute)} BETWEEN ${value(clause.from)} AND ${value(clause.through)}`;
    case 'absent':
      return placeholders.absent(attribute);
  }
};

const plainValue = (value: Value): unknown => {
  if (typeof value !== 'object') return value;
  return 'plain' in value.stored ? value.stored.plain : plainOf(value.stored);
};

export const plainItem = (item: Attributes): Record<string, unknown> =>
  Object.fromEntries(Object.entries(item).map(([name, value]) => [name, plainOf(value)]));
