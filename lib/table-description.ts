/**
 * A table as its owner describes it, checked against what is known of the table. Whatever is missing is an error that says what
 * to write.
 */
import { Arn, ArnFormat, Token } from 'aws-cdk-lib';
import { type Attribute, AttributeType, type ITable, ProjectionType } from 'aws-cdk-lib/aws-dynamodb';
import {
  InvalidTableError,
  type KeyAttribute,
  type TableDescription,
  type TableShape,
  tableShape,
} from '../functions/table/shape.ts';
import { isExtensible, type KnownIndex, type KnownKey, type KnownTable, knownTable } from './known-table.ts';

/** A table's key, each attribute by its name alone if it is text. */
export interface TableKey {
  readonly partition: string | KeyAttribute | Attribute;
  /** @default - the table has no sort key */
  readonly sort?: string | KeyAttribute | Attribute;
}

export interface GivenDescription extends Omit<TableDescription, 'key'> {
  readonly key?: TableKey;
}

/**
 * The shape of a table that may belong to anybody.
 *
 * @param given may have other props beside it
 * @throws InvalidTableError for a description that cannot be, or that contradicts what is known of the table
 */
export const describedShape = (table: ITable, { key, ...description }: GivenDescription): TableShape => {
  const known = knownTable(table);
  requireStream(table, known);
  const given =
    key ?? (known && { partition: keyProp(known.partition), ...(known.sort && { sort: keyProp(known.sort) }) });
  const shape = tableShape({
    ...description,
    ...(given && {
      key: {
        partition: keyAttribute(given.partition),
        ...(given.sort !== undefined && { sort: keyAttribute(given.sort) }),
      },
    }),
  });
  if (known) requireKey(table, known, shape);
  return shape;
};

/**
 * Makes the index of held items, or finds that its owner has made it.
 *
 * @param isNamed whether its owner has named it
 * @throws InvalidTableError that says which index to make
 */
export const provideIndex = (table: ITable, shape: TableShape, isNamed: boolean): void => {
  const index = {
    indexName: shape.indexName,
    partitionKey: { name: shape.attributes.pendingShard, type: AttributeType.NUMBER },
    sortKey: { name: shape.attributes.expiresAtMs, type: AttributeType.NUMBER },
    projectionType: ProjectionType.INCLUDE,
    nonKeyAttributes: [shape.attributes.holdStartedAtMs],
  };
  const existing = knownTable(table)?.indexes.find(({ name }) => name === shape.indexName);
  if (existing) {
    if (!isWanted(existing, shape)) {
      throw new InvalidTableError(
        `the index ${shape.indexName} of the table ${table.node.path} must be ${indexText(shape)}, got another: change it, or choose another name with indexName`,
      );
    }
    return;
  }
  if (isExtensible(table)) {
    try {
      table.addGlobalSecondaryIndex(index);
    } catch (error) {
      throw new InvalidTableError(
        `the index of held items could not be added to the table ${table.node.path} (${String(error)}): make it yourself before this construct, as ${indexText(shape)}`,
        { cause: error },
      );
    }
    return;
  }
  if (isNamed) return;
  throw new InvalidTableError(
    `the table ${table.node.path} is imported, so its index of held items must be made by its owner: make ${indexText(shape)}, then give the prop indexName: '${shape.indexName}'`,
  );
};

/** @throws InvalidTableError for a table that is known to be elsewhere */
export const refuseOtherRegion = (region: string, { node, env, tableArn }: ITable): void => {
  const itsRegion = Token.isUnresolved(tableArn)
    ? env.region
    : Arn.split(tableArn, ArnFormat.SLASH_RESOURCE_NAME).region;
  if (itsRegion === undefined || [region, itsRegion].some(Token.isUnresolved) || region === itsRegion) return;
  throw new InvalidTableError(
    `the table ${node.path} must be in the region of the stack, ${region}, got ${itsRegion}: a Lambda reads streams of its own region only`,
  );
};

const requireStream = (table: ITable, known: KnownTable | undefined): void => {
  const { path } = table.node;
  const wanted = 'StreamViewType.NEW_AND_OLD_IMAGES';
  if (known && known.streamViewType !== 'NEW_AND_OLD_IMAGES') {
    throw new InvalidTableError(
      `the table ${path} must have a stream of new and old images, got ${known.streamViewType ?? 'none'}: write ${known.streamProp}: ${wanted} in its props`,
    );
  }
  if (table.tableStreamArn === undefined) {
    throw new InvalidTableError(
      `the table ${path} must have a stream of new and old images, got none: import it with Table.fromTableAttributes and its tableStreamArn`,
    );
  }
};

const requireKey = (table: ITable, { partition, sort }: KnownTable, { key }: TableShape): void => {
  const isSame = (known: KnownKey | undefined, given: KnownKey | undefined) =>
    known?.name === given?.name && known?.type === given?.type;
  if (isSame(partition, key.partition) && isSame(sort, key.sort)) return;
  const found = [key.partition, key.sort].flatMap((each) => (each ? `${each.name} (${each.type})` : []));
  const props = [`partition: ${keyText(partition)}`, ...(sort ? [`sort: ${keyText(sort)}`] : [])];
  throw new InvalidTableError(
    `key must be the key of the table ${table.node.path}, got ${found.join(' and ')}: write key: { ${props.join(', ')} }`,
  );
};

const keyText = ({ name, type }: KnownKey): string =>
  type === 'S' ? `'${name}'` : `{ name: '${name}', type: '${type}' }`;

const keyProp = ({ name, type }: KnownKey): KeyAttribute => ({ name, type: type as KeyAttribute['type'] });

/** CDK's enumeration has DynamoDB's own letters for its values. What is neither S nor N is refused with the shape. */
const keyAttribute = (given: string | KeyAttribute | Attribute): string | KeyAttribute =>
  typeof given === 'string' ? given : { name: given.name, type: given.type as KeyAttribute['type'] };

const isWanted = (
  { partition, sort, projectionType, nonKeyAttributes }: KnownIndex,
  { attributes }: TableShape,
): boolean => {
  const isNumber = (keys: readonly KnownKey[], name: string) =>
    keys.length === 1 && keys[0]?.name === name && keys[0].type === 'N';
  return (
    isNumber(partition, attributes.pendingShard) &&
    isNumber(sort, attributes.expiresAtMs) &&
    (projectionType === 'ALL' || nonKeyAttributes.includes(attributes.holdStartedAtMs))
  );
};

/** The index as its owner writes it. */
const indexText = ({ indexName, attributes }: TableShape): string =>
  [
    `addGlobalSecondaryIndex({ indexName: '${indexName}'`,
    `partitionKey: { name: '${attributes.pendingShard}', type: AttributeType.NUMBER }`,
    `sortKey: { name: '${attributes.expiresAtMs}', type: AttributeType.NUMBER }`,
    'projectionType: ProjectionType.INCLUDE',
    `nonKeyAttributes: ['${attributes.holdStartedAtMs}'] })`,
  ].join(', ');
