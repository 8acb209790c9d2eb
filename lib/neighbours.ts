/** What several constructs in one app must not do to each other. */
import { Stack, Token } from 'aws-cdk-lib';
import type { ITable } from 'aws-cdk-lib/aws-dynamodb';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import type { IConstruct } from 'constructs';
import { InvalidTableError, type TableShape } from '../functions/table/shape.ts';

/** Readers of one stream at once (Amazon DynamoDB Developer Guide, DynamoDB Streams and Lambda). */
const MAX_STREAM_READERS = 2;

/** What makes items of a table expire. */
export interface Neighbour extends IConstruct {
  readonly table: ITable;
  readonly shape: TableShape;
  readonly serviceName: string;
  readonly publishEvents?: IFunction;
}

/**
 * Compares a construct with the others of its app.
 *
 * @param readers how many readers of the table's stream it will have
 * @throws InvalidTableError for the first conflict
 */
export const refuseConflicts = (own: Neighbour, others: readonly Neighbour[], readers: number): void => {
  const namesake = others.find((other) => other.serviceName === own.serviceName && Stack.of(other) === Stack.of(own));
  if (namesake) {
    throw new InvalidTableError(
      `serviceName must be another than that of ${namesake.node.path}, got ${own.serviceName}: their alarms would have the same names`,
    );
  }
  const neighbours = others.filter((other) => isSameTable(own.table, other.table));
  for (const other of neighbours) refuseSharing(own.shape, other);
  const inAll = neighbours.reduce((sum, { publishEvents }) => sum + (publishEvents ? 2 : 1), readers);
  if (inAll > MAX_STREAM_READERS) {
    const paths = neighbours.map(({ node }) => node.path).join(' and ');
    throw new InvalidTableError(
      `the stream of the table ${own.table.node.path} may have ${MAX_STREAM_READERS} readers, got ${inAll} together with ${paths}: write events: false in each, which leaves one reader to each of two`,
    );
  }
};

const refuseSharing = (shape: TableShape, { node, shape: other }: Neighbour): void => {
  if (shape.indexName === other.indexName) {
    throw new InvalidTableError(
      `indexName must be another than that of ${node.path} on the same table, got ${shape.indexName}: each sweep would find the other's items`,
    );
  }
  if (shape.attributes.pendingShard === other.attributes.pendingShard) {
    throw new InvalidTableError(
      `attributes.pendingShard must be another than that of ${node.path} on the same table, got ${shape.attributes.pendingShard}: each index would hold the other's items`,
    );
  }
  const isApart = Object.entries(shape.only).some(
    ([name, value]) => Object.hasOwn(other.only, name) && other.only[name] !== value,
  );
  const shared = shape.status.pending.find((word) => other.status.pending.includes(word));
  if (!isApart && shape.status.attribute === other.status.attribute && shared !== undefined) {
    throw new InvalidTableError(
      `only must distinguish its items from those of ${node.path} on the same table: both would expire those whose ${shape.status.attribute} is ${shared}`,
    );
  }
};

/** Also where it was imported twice. An ARN that is known at deployment only can be compared within a stack alone. */
const isSameTable = (one: ITable, other: ITable): boolean => {
  if (one === other) return true;
  const [arn, otherArn] = [one, other].map((each) => JSON.stringify(Stack.of(each).resolve(each.tableArn)));
  return arn === otherArn && (Stack.of(one) === Stack.of(other) || !Token.isUnresolved(one.tableArn));
};
