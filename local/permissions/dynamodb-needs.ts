/**
 * What a request to DynamoDB or to its streams needs (Service Authorization Reference, Actions, resources, and condition
 * keys for Amazon DynamoDB).
 */
import type { ArnNames } from './arn-names.ts';
import type { Need } from './need.ts';

interface Input {
  readonly TableName?: string;
  readonly IndexName?: string;
  readonly ResourceArn?: string;
  readonly StreamArn?: string;
  readonly ShardIterator?: string;
  readonly Statement?: string;
  readonly Statements?: readonly { readonly Statement?: string }[];
  readonly RequestItems?: Readonly<Record<string, unknown>>;
  readonly TransactItems?: readonly Readonly<Record<string, { readonly TableName?: string }>>[];
  readonly TransactStatements?: readonly { readonly Statement?: string }[];
}

/** The member of a transaction's item, and the action that it needs. */
const ACTION_OF_TRANSACTED: Readonly<Record<string, string>> = {
  Get: 'dynamodb:GetItem',
  Put: 'dynamodb:PutItem',
  Update: 'dynamodb:UpdateItem',
  Delete: 'dynamodb:DeleteItem',
  ConditionCheck: 'dynamodb:ConditionCheckItem',
};

/** @returns undefined for what is not known here */
export const dynamodbNeeds = (operation: string, input: Input, names: ArnNames): Need[] | undefined => {
  const action = `dynamodb:${operation}`;
  switch (operation) {
    case 'BatchGetItem':
    case 'BatchWriteItem':
      return Object.keys(input.RequestItems ?? {}).map((table) => ({ action, resource: names.table(table) }));
    case 'TransactGetItems':
    case 'TransactWriteItems':
      return allKnown((input.TransactItems ?? []).map((item) => transactedNeed(item, names)));
    case 'ExecuteStatement':
      return allKnown([statementNeed(input.Statement, names)]);
    case 'BatchExecuteStatement':
      return allKnown((input.Statements ?? []).map(({ Statement }) => statementNeed(Statement, names)));
    case 'ExecuteTransaction':
      return allKnown((input.TransactStatements ?? []).map(({ Statement }) => statementNeed(Statement, names)));
    case 'ListTables':
    case 'ListStreams':
      return [{ action, resource: '*' }];
    case 'GetRecords': {
      // An iterator begins with the ARN of its stream.
      const [stream = ''] = (input.ShardIterator ?? '').split('|');
      return stream.startsWith('arn:') ? [{ action, resource: stream }] : undefined;
    }
  }
  if (input.StreamArn !== undefined) return [{ action, resource: input.StreamArn }];
  if (input.ResourceArn !== undefined) return [{ action, resource: input.ResourceArn }];
  if (input.TableName === undefined) return undefined;
  const table = names.table(input.TableName);
  return [{ action, resource: input.IndexName === undefined ? table : `${table}/index/${input.IndexName}` }];
};

const transactedNeed = (
  item: Readonly<Record<string, { readonly TableName?: string }>>,
  names: ArnNames,
): Need | undefined => {
  const [[kind, member] = ['', undefined], ...others] = Object.entries(item);
  const action = ACTION_OF_TRANSACTED[kind];
  if (action === undefined || others.length > 0 || member?.TableName === undefined) return undefined;
  return { action, resource: names.table(member.TableName) };
};

/** A name in quotation marks, in which two stand for one, or a bare one. */
const NAME = `(?:"((?:[^"]|"")+)"|([A-Za-z0-9_.-]+))`;
/**
 * A PartiQL statement's verb, its table, and the index after it (Amazon DynamoDB Developer Guide, PartiQL statements). What
 * a SELECT asks for may be names in quotation marks; a text in it may hold a FROM, and is not known here.
 */
const STATEMENT = new RegExp(
  String.raw`^\s*(?:(update)|(insert)\s+into|(delete)\s+from|(select)\b(?:[^'"]|"[^"]*")*?\bfrom)\s+${NAME}(?:\.${NAME})?`,
  'i',
);

/** Statements of one shape come thousands of times, with other parameters. */
const knownStatements = new Map<string, ParsedStatement | undefined>();
const MAX_KNOWN_STATEMENTS = 1_000;

interface ParsedStatement {
  readonly action: string;
  readonly table: string;
  readonly index: string | undefined;
}

const parseStatement = (statement: string): ParsedStatement | undefined => {
  const [, update, insert, remove, select, quoted, bare, quotedIndex, bareIndex] = STATEMENT.exec(statement) ?? [];
  const verb = [update && 'Update', insert && 'Insert', remove && 'Delete', select && 'Select'].find(Boolean);
  const table = quoted?.replaceAll('""', '"') ?? bare;
  if (verb === undefined || table === undefined) return undefined;
  return { action: `dynamodb:PartiQL${verb}`, table, index: quotedIndex?.replaceAll('""', '"') ?? bareIndex };
};

const statementNeed = (statement: string | undefined, names: ArnNames): Need | undefined => {
  if (statement === undefined) return undefined;
  if (!knownStatements.has(statement)) {
    if (knownStatements.size >= MAX_KNOWN_STATEMENTS) knownStatements.clear();
    knownStatements.set(statement, parseStatement(statement));
  }
  const parsed = knownStatements.get(statement);
  if (parsed === undefined) return undefined;
  const table = names.table(parsed.table);
  return { action: parsed.action, resource: parsed.index === undefined ? table : `${table}/index/${parsed.index}` };
};

const allKnown = (needs: readonly (Need | undefined)[]): Need[] | undefined => {
  const known = needs.flatMap((need) => need ?? []);
  return known.length === needs.length ? known : undefined;
};
