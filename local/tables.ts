/** Makes the tables that the template describes, or finds those of an earlier run. */
import {
  CreateTableCommand,
  type CreateTableCommandInput,
  DeleteTableCommand,
  DescribeTableCommand,
  type DynamoDBClient,
  ResourceInUseException,
  type TableDescription,
  type Tag,
  TagResourceCommand,
  UpdateTableCommand,
} from '@aws-sdk/client-dynamodb';
import { type Assembly, physicalName } from './assembly.ts';
import { References } from './references.ts';
import { tablesOf } from './template.ts';
import { unless } from './unless.ts';

/** Makes all tables and notes their names and ARNs. */
export const createTables = async (
  assembly: Assembly,
  client: DynamoDBClient,
  references: References,
): Promise<void> => {
  const tables = tablesOf(assembly.template);
  // A table's tags may name another table.
  for (const [logicalId, properties] of tables)
    references.set(logicalId, tableName(assembly, logicalId, properties, references));
  for (const [logicalId, properties] of tables) {
    const input = tableInput(tableName(assembly, logicalId, properties, references), references.resolve(properties));
    const { TableName } = input;
    try {
      await client.send(new CreateTableCommand(input));
    } catch (error) {
      if (!(error instanceof ResourceInUseException)) throw error;
    }
    const Table = await withItsIndexes(client, input);
    if (shapeOf(Table) !== shapeOf(input)) {
      throw new Error(
        `table ${TableName} is there already with other keys or indexes: choose another data folder, or delete the table from the engine that DYNAMODB_ENDPOINT names`,
      );
    }
    const Tags = tagsOf(properties, references);
    if (Tags.length > 0) {
      // Not every engine keeps tags. Whoever needs them locally finds them in the runtime's file as well.
      await client
        .send(new TagResourceCommand({ ResourceArn: Table?.TableArn, Tags }))
        .catch(unless('UnknownOperationException'));
    }
    references.set(logicalId, TableName ?? '', {
      Arn: Table?.TableArn ?? '',
      ...(Table?.LatestStreamArn !== undefined && { StreamArn: Table.LatestStreamArn }),
    });
  }
};

/** A table, after the indexes were added that a later template has and the table of an earlier run had not. */
const withItsIndexes = async (
  client: DynamoDBClient,
  { TableName, AttributeDefinitions, GlobalSecondaryIndexes = [] }: CreateTableCommandInput,
): Promise<TableDescription | undefined> => {
  const describe = async () => (await client.send(new DescribeTableCommand({ TableName }))).Table;
  let table = await describe();
  const has = new Set(table?.GlobalSecondaryIndexes?.map(({ IndexName }) => IndexName));
  for (const Create of GlobalSecondaryIndexes.filter(({ IndexName }) => !has.has(IndexName))) {
    const update = { TableName, AttributeDefinitions, GlobalSecondaryIndexUpdates: [{ Create }] };
    await client.send(new UpdateTableCommand(update));
    do table = await describe();
    while (table?.GlobalSecondaryIndexes?.some(({ IndexStatus = 'ACTIVE' }) => IndexStatus !== 'ACTIVE'));
  }
  return table;
};

const tableName = (
  assembly: Assembly,
  logicalId: string,
  { TableName }: Record<string, unknown>,
  references: References,
): string => physicalName(assembly, logicalId, references.resolve(TableName));

interface TableProperties extends Omit<CreateTableCommandInput, 'TableName' | 'StreamSpecification'> {
  readonly StreamSpecification?: { readonly StreamViewType: 'KEYS_ONLY' };
}

/** No table here is limited in what it may read and write, whatever capacity it has on AWS. */
const tableInput = (TableName: string, properties: unknown): CreateTableCommandInput => {
  const { KeySchema, AttributeDefinitions, GlobalSecondaryIndexes, LocalSecondaryIndexes, StreamSpecification } =
    properties as TableProperties;
  return {
    TableName,
    KeySchema,
    AttributeDefinitions,
    BillingMode: 'PAY_PER_REQUEST',
    GlobalSecondaryIndexes: GlobalSecondaryIndexes?.map(withoutCapacity),
    LocalSecondaryIndexes: LocalSecondaryIndexes?.map(withoutCapacity),
    ...(StreamSpecification !== undefined && {
      StreamSpecification: { StreamEnabled: true, StreamViewType: StreamSpecification.StreamViewType },
    }),
  };
};

const withoutCapacity = <Index extends { IndexName?: unknown; KeySchema?: unknown; Projection?: unknown }>({
  IndexName,
  KeySchema,
  Projection,
}: Index): Pick<Index, 'IndexName' | 'KeySchema' | 'Projection'> => ({ IndexName, KeySchema, Projection });

/** Keys and indexes, in a form that engines cannot tell in another order. */
const shapeOf = (
  table: Pick<TableDescription, 'KeySchema' | 'GlobalSecondaryIndexes' | 'LocalSecondaryIndexes'> | undefined,
): string => {
  const keys = ({ KeySchema = [] }: Pick<TableDescription, 'KeySchema'>) =>
    KeySchema.map(({ AttributeName, KeyType }) => `${AttributeName} ${KeyType}`);
  const indexes = [...(table?.GlobalSecondaryIndexes ?? []), ...(table?.LocalSecondaryIndexes ?? [])].map((index) =>
    [index.IndexName, ...keys(index)].join(),
  );
  return [...keys(table ?? {}), ...indexes.sort()].join('; ');
};

/** A table that may have copies in other regions has its tags there, and all regions are this one here. */
const tagsOf = (
  { Tags, Replicas }: { readonly Tags?: unknown; readonly Replicas?: readonly { readonly Tags?: unknown }[] },
  references: References,
): Tag[] => references.resolve(Tags ?? Replicas?.[0]?.Tags ?? []) as Tag[];

/** The tags that the template gives a table, whether or not the engine keeps them. */
export const tableTags = (assembly: Assembly, references: References, tableName: string): Record<string, string> => {
  const table = tablesOf(assembly.template).find(([logicalId]) => references.resolve({ Ref: logicalId }) === tableName);
  return Object.fromEntries(tagsOf(table?.[1] ?? {}, references).map(({ Key = '', Value = '' }) => [Key, Value]));
};

/** Deletes what `createTables` has made so far. */
export const deleteTables = async (
  assembly: Assembly,
  client: DynamoDBClient,
  references = new References(),
): Promise<void> => {
  for (const [logicalId, properties] of tablesOf(assembly.template)) {
    await client
      .send(new DeleteTableCommand({ TableName: tableName(assembly, logicalId, properties, references) }))
      .catch(unless('ResourceNotFoundException'));
  }
};
