import type { RemovalPolicy } from 'aws-cdk-lib';
import { AttributeType, ProjectionType, StreamViewType, Table } from 'aws-cdk-lib/aws-dynamodb';
import type { IGrantable } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { Construct } from 'constructs';
import { BOOKINGS_SHAPE, LIST_INDEXES, OWN_ATTRIBUTES } from '../functions/table/shape.ts';
import { allow } from './grants.ts';
import { keptTable } from './kept-table.ts';

export interface BookingTableProps {
  /** What happens to it when the stack is deleted; a table that is not deleted with it is protected. */
  readonly removalPolicy: RemovalPolicy;
  /** Whether bookings get a time at which DynamoDB may delete them. @default false */
  readonly forgets?: boolean;
  /** @default - a key that AWS owns */
  readonly key?: IKey | undefined;
}

/** The bookings table with its stream. Its index of PENDING bookings comes from `BookingExpiry`. */
export class BookingTable extends Construct {
  readonly table: Table;

  constructor(scope: Construct, id: string, { removalPolicy, forgets = false, key }: BookingTableProps) {
    super(scope, id);
    this.table = new Table(this, 'Table', {
      partitionKey: { name: BOOKINGS_SHAPE.key.partition.name, type: AttributeType.STRING },
      stream: StreamViewType.NEW_AND_OLD_IMAGES,
      ...(forgets && { timeToLiveAttribute: OWN_ATTRIBUTES.purgeAt }),
      ...keptTable(removalPolicy, key),
    });
  }

  /**
   * Gives the table the indexes of lists. They hold keys alone, so that a move of a booking costs nothing in them: a page reads
   * its bookings from the table. After the index of PENDING bookings, which has always been there: CloudFormation makes one new
   * index in one update.
   *
   * @param settled whether there is one of settled and expired bookings, which costs each of them a write unit
   */
  addLists(settled: boolean): void {
    const { listedFor, listedAtMs, settledIn, settledAtMs } = OWN_ATTRIBUTES;
    const addList = (indexName: string, partition: string, sort: string): void =>
      this.table.addGlobalSecondaryIndex({
        indexName,
        partitionKey: { name: partition, type: AttributeType.STRING },
        sortKey: { name: sort, type: AttributeType.NUMBER },
        projectionType: ProjectionType.KEYS_ONLY,
      });
    addList(LIST_INDEXES.byCustomer, listedFor, listedAtMs);
    if (settled) addList(LIST_INDEXES.settled, settledIn, settledAtMs);
  }

  /** Allows to read the lists. */
  grantLists(grantee: IGrantable, settled: boolean): void {
    const indexes = [LIST_INDEXES.byCustomer, ...(settled ? [LIST_INDEXES.settled] : [])];
    for (const index of indexes) allow(grantee, `${this.table.tableArn}/index/${index}`, 'dynamodb:Query');
  }
}
