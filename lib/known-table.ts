/** What can be known at synth of a table that an app makes. Of an imported table nothing is known. */
import { CfnResource, Stack } from 'aws-cdk-lib';
import type { CfnGlobalTable, CfnTable, GlobalSecondaryIndexProps, ITable } from 'aws-cdk-lib/aws-dynamodb';

export interface KnownKey {
  readonly name: string;
  /** S, N or B. */
  readonly type: string;
}

export interface KnownIndex {
  readonly name: string;
  readonly partition: readonly KnownKey[];
  readonly sort: readonly KnownKey[];
  readonly projectionType: string;
  readonly nonKeyAttributes: readonly string[];
}

export interface KnownTable {
  readonly partition: KnownKey;
  readonly sort: KnownKey | undefined;
  /** Undefined for a table without a stream. */
  readonly streamViewType: string | undefined;
  readonly indexes: readonly KnownIndex[];
  /** The prop that gives such a table its stream. */
  readonly streamProp: 'stream' | 'dynamoStream';
}

/** A table that takes another index: CDK's Table or TableV2, not an import. */
export interface ExtensibleTable extends ITable {
  addGlobalSecondaryIndex(props: GlobalSecondaryIndexProps): void;
}

export const isExtensible = (table: ITable): table is ExtensibleTable =>
  'addGlobalSecondaryIndex' in table && typeof table.addGlobalSecondaryIndex === 'function';

interface KeySchema {
  readonly attributeName: string;
  readonly keyType: string;
}

/** What the table's resource says. Undefined for a table that is imported, or whose schema is not known before it is deployed. */
export const knownTable = (table: ITable): KnownTable | undefined => {
  const resource = table.node.defaultChild;
  if (resource === undefined || !CfnResource.isCfnResource(resource)) return undefined;
  if (!['AWS::DynamoDB::Table', 'AWS::DynamoDB::GlobalTable'].includes(resource.cfnResourceType)) return undefined;
  const { keySchema, attributeDefinitions, streamSpecification, globalSecondaryIndexes } = resource as
    | CfnTable
    | CfnGlobalTable;
  const stack = Stack.of(table);
  const types = new Map(
    listOf<{ attributeName: string; attributeType: string }>(stack.resolve(attributeDefinitions)).map(
      ({ attributeName, attributeType }) => [attributeName, attributeType],
    ),
  );
  const keysOf = (schema: unknown, keyType: string): KnownKey[] =>
    listOf<KeySchema>(schema)
      .filter((each) => each.keyType === keyType)
      .map(({ attributeName: name }) => ({ name, type: types.get(name) ?? '' }));
  const ownKey = stack.resolve(keySchema);
  const [partition] = keysOf(ownKey, 'HASH');
  if (partition === undefined) return undefined;
  return {
    partition,
    sort: keysOf(ownKey, 'RANGE')[0],
    streamViewType: stack.resolve(streamSpecification)?.streamViewType,
    indexes: listOf<{ indexName: string; keySchema: unknown; projection?: Projection }>(
      stack.resolve(globalSecondaryIndexes),
    ).map(({ indexName, keySchema: schema, projection = {} }) => ({
      name: indexName,
      partition: keysOf(schema, 'HASH'),
      sort: keysOf(schema, 'RANGE'),
      projectionType: projection.projectionType ?? 'ALL',
      nonKeyAttributes: projection.nonKeyAttributes ?? [],
    })),
    streamProp: resource.cfnResourceType === 'AWS::DynamoDB::Table' ? 'stream' : 'dynamoStream',
  };
};

interface Projection {
  readonly projectionType?: string;
  readonly nonKeyAttributes?: readonly string[];
}

const listOf = <Item>(given: unknown): readonly Item[] => (Array.isArray(given) ? given : []);
