import { RemovalPolicy } from 'aws-cdk-lib';
import { AttributeType, BillingMode, StreamViewType, Table } from 'aws-cdk-lib/aws-dynamodb';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { Construct } from 'constructs';
import { BOOKINGS_SHAPE } from '../functions/table/shape.ts';
import { tableEncryption } from './sweep-state.ts';

export interface BookingTableProps {
  /** What happens to it when the stack is deleted; a table that is not deleted with it is protected. */
  readonly removalPolicy: RemovalPolicy;
  /** @default - a key that AWS owns */
  readonly key?: IKey | undefined;
}

/** The bookings table with its stream. Its index of PENDING bookings comes from `BookingExpiry`. */
export class BookingTable extends Construct {
  readonly table: Table;

  constructor(scope: Construct, id: string, { removalPolicy, key }: BookingTableProps) {
    super(scope, id);
    this.table = new Table(this, 'Table', {
      partitionKey: { name: BOOKINGS_SHAPE.key.partition.name, type: AttributeType.STRING },
      billingMode: BillingMode.PAY_PER_REQUEST,
      stream: StreamViewType.NEW_AND_OLD_IMAGES,
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      ...tableEncryption(key),
      deletionProtection: removalPolicy !== RemovalPolicy.DESTROY,
      removalPolicy,
    });
  }
}
